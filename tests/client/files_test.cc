#include "client/cli/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace bitscape::cli {
namespace {

using testing::HasSubstr;

TEST(Files, ComeBackAsTheyWereWritten) {
  const auto path = std::filesystem::path(testing::TempDir()) / "cli_files_test.bin";
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(WriteOutput(path, bytes).ok());
  const auto read = ReadInput(path, 100);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, bytes);
  EXPECT_THAT(std::string(ReadInput(path, 3).status().message()),
              HasSubstr("more than 3 bytes, the limit"));
  std::filesystem::remove(path);
}

TEST(Files, NameWhatIsWrong) {
  EXPECT_EQ(ReadInput("/nonexistent/file", 10).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ReadInput("/tmp", 10).status().message()), HasSubstr("is a folder"));
  EXPECT_THAT(std::string(WriteOutput("/nonexistent/file", "x").message()),
              HasSubstr("can't write /nonexistent/file"));
}

}  // namespace
}  // namespace bitscape::cli
