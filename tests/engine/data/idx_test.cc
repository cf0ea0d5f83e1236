#include "engine/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/core/random.h"
#include "tests/engine/data/idx_writer.h"

namespace bitscape::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kFile = IdxBytes({2, 3}, "abcdef");

void ExpectError(const std::string& bytes, const std::string& message,
                 absl::StatusCode code = absl::StatusCode::kInvalidArgument,
                 int64_t max_bytes = kMaxIdxBytes) {
  const auto array = ParseIdx(bytes, "images", max_bytes);
  EXPECT_EQ(array.status().code(), code) << array.status();
  EXPECT_THAT(std::string(array.status().message()), HasSubstr("images: "));
  EXPECT_THAT(std::string(array.status().message()), HasSubstr(message));
}

TEST(Idx, ReadsPlainAndGzip) {
  for (const std::string& bytes : {kFile, Gzip(kFile)}) {
    const auto array = ParseIdx(bytes, "images");
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_THAT(array->shape, ElementsAre(2, 3));
    EXPECT_EQ(std::string(array->values.begin(), array->values.end()), "abcdef");
  }
}

TEST(Idx, RefusesBadMagicNumbers) {
  ExpectError("", "ends 4 bytes before");
  ExpectError("hello, world", "bad magic number 68656c6c");
  std::string floats = kFile;
  floats[2] = '\x0d';
  ExpectError(floats, "bad magic number 00000d02");
  std::string scalar = kFile;
  scalar[3] = '\0';
  ExpectError(scalar, "bad magic number 00000800");
  std::string deep = kFile;
  deep[3] = '\x05';
  ExpectError(deep, "D = 1 to 4");
  ExpectError(Gzip("hello, world"), "bad magic number");
}

TEST(Idx, RefusesSizesThatDoNotMatch) {
  for (size_t size = 4; size < kFile.size(); ++size) {
    ExpectError(kFile.substr(0, size), "the content ends");
    ExpectError(Gzip(kFile.substr(0, size)), "the content ends");
  }
  ExpectError(kFile + "g", "bytes follow the 2x3 elements");
  ExpectError(Gzip(kFile + "g"), "bytes follow the 2x3 elements");
  ExpectError(Gzip(kFile) + "g", "bytes follow the 2x3 elements");
  ExpectError(IdxBytes({2, 0}, ""), "dimension 1 is 0");
}

TEST(Idx, NamesTheLimit) {
  ExpectError(kFile, "limit is 5 bytes", absl::StatusCode::kResourceExhausted, 5);
  ExpectError(IdxBytes({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, ""),
              "limit is 4294967296 bytes", absl::StatusCode::kResourceExhausted);
  // A header alone claims no memory: 3 GB stated, nothing there.
  ExpectError(IdxBytes({3'000'000'000}, "abc"), "the content ends");
}

TEST(Idx, RefusesDamagedGzip) {
  const std::string packed = Gzip(IdxBytes({2000}, std::string(2000, 'x')));
  for (size_t size = 3; size < packed.size(); ++size) {
    EXPECT_FALSE(ParseIdx(packed.substr(0, size), "images").ok()) << size;
  }
  ExpectError(packed.substr(0, packed.size() - 4), "cut short");
  std::string checksum = packed;
  checksum[packed.size() - 6] = static_cast<char>(checksum[packed.size() - 6] ^ 1);
  ExpectError(checksum, "damaged gzip file: incorrect data check");
}

// Content behind a checksum: no damage may pass for data, and none may crash.
TEST(Idx, SurvivesDamage) {
  std::string values(5000, '\0');
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<char>(RandomBits(1, 0, i));
  const std::string plain = IdxBytes({50, 10, 10}, values);
  const std::string packed = Gzip(plain);
  const auto original = ParseIdx(packed, "images");
  ASSERT_TRUE(original.ok()) << original.status();
  for (uint64_t round = 0; round < 3000; ++round) {
    std::string bytes = packed;
    const size_t position = RandomBelow(bytes.size(), 2, 0, round);
    bytes[position] = static_cast<char>(bytes[position] ^ (1 << RandomBelow(8, 3, 0, round)));
    const auto array = ParseIdx(bytes, "images");
    // Bytes 4 to 9 of the gzip header (time, system) mean nothing to the content.
    if (array.ok()) {
      EXPECT_EQ(array->values, original->values) << position;
    }
    bytes = plain;
    bytes[position % 16] = static_cast<char>(RandomBits(4, 0, round));
    const auto other = ParseIdx(bytes, "images");
    if (other.ok()) {
      EXPECT_EQ(other->values.size(), 5000);
    }
  }
}

TEST(Idx, NamesAMissingFile) {
  const auto array = ReadIdx("/nonexistent/images");
  EXPECT_EQ(array.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(array.status().message()), HasSubstr("/nonexistent/images"));
}

}  // namespace
}  // namespace bitscape::data
