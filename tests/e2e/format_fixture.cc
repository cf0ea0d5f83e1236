#include "tests/e2e/format_fixture.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace bitscape::e2e {

namespace {

uint32_t BitsOf(float value) { return std::bit_cast<uint32_t>(value); }

}  // namespace

std::unique_ptr<Folder> FormatTest::home_;
std::unique_ptr<ServerProcess> FormatTest::server_;

void FormatTest::SetUpTestSuite() {
  home_ = std::make_unique<Folder>();
  server_ = std::make_unique<ServerProcess>(*home_ / "test.db", *home_ / "s.sock");
  ASSERT_TRUE(server_->WaitUntilServing());
}

void FormatTest::TearDownTestSuite() {
  server_.reset();
  home_.reset();
}

Result FormatTest::Run(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--server", server_->address()});
  return Bitscape(arguments);
}

Floats FormatTest::Round(const std::string& format, const Floats& values, std::string shape) {
  if (shape.empty()) shape = std::to_string(values.size());
  WriteFloats("in.f32", values);
  const Result result = Run({"format", "round", format, "--shape", shape, "--input",
                             folder_ / "in.f32", "--output", folder_ / "out.f32"});
  EXPECT_EQ(result.code, 0) << format << ": " << result.err;
  const std::string bytes = ReadText(folder_ / "out.f32");
  Floats rounded(bytes.size() / sizeof(float));
  std::memcpy(rounded.data(), bytes.data(), rounded.size() * sizeof(float));
  EXPECT_EQ(rounded.size(), values.size()) << format;
  rounded.resize(values.size());
  return rounded;
}

void FormatTest::WriteFloats(const std::string& name, const Floats& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  WriteText(folder_ / name, bytes);
}

void FormatTest::ExpectRounds(const std::string& format, const Floats& values,
                              const Floats& expected, const std::string& shape) {
  const Floats rounded = Round(format, values, shape);
  ASSERT_EQ(rounded.size(), expected.size());
  int wrong = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(expected[i]) ? std::isnan(rounded[i])
                                : BitsOf(rounded[i]) == BitsOf(expected[i])) {
      continue;
    }
    if (++wrong <= 5) {
      ADD_FAILURE() << format << ": value " << i << ", " << values[i] << ", became " << rounded[i]
                    << " instead of " << expected[i];
    }
  }
  EXPECT_EQ(wrong, 0) << format << ", of " << values.size();
}

}  // namespace bitscape::e2e
