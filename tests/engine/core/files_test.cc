#include "engine/core/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace bitscape {
namespace {

using ::testing::HasSubstr;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("bitscape_files_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(Files, WriteThenReadGivesTheSameBytes) {
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "f", bytes).ok());
  EXPECT_EQ(*ReadFile(folder_ / "f", 4), bytes);
}

TEST_F(Files, WriteReplacesAndLeavesNothingBeside) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "f", "old").ok());
  ASSERT_TRUE(WriteFileAtomically(folder_ / "f", "new").ok());
  EXPECT_EQ(*ReadFile(folder_ / "f", 100), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Files, ManyThreadsWriteWithTheProcessesUmask) {
  const mode_t before = umask(027);
  std::vector<std::thread> writers;
  for (int thread = 0; thread < 8; ++thread) {
    writers.emplace_back([this, thread] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(WriteFileAtomically(folder_ / std::to_string(thread), "bytes").ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(umask(before), 027U);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    EXPECT_EQ(static_cast<int>(entry.status().permissions()), 0640) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 8);
}

TEST_F(Files, WritingIntoAMissingFolderIsNamed) {
  const absl::Status status = WriteFileAtomically(folder_ / "missing" / "f", "bytes");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("missing/f"));
}

TEST_F(Files, LimitIsNamed) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "f", "12345").ok());
  const auto read = ReadFile(folder_ / "f", 4);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("limit of 4 bytes"));
}

TEST_F(Files, MissingFileAndFolderAreNamed) {
  EXPECT_EQ(ReadFile(folder_ / "none", 1).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ReadFile(folder_ / "none", 1).status().message()), HasSubstr("none"));
  EXPECT_THAT(std::string(ReadFile(folder_, 1).status().message()), HasSubstr("is a folder"));
  EXPECT_EQ(WriteFileAtomically(folder_ / "no" / "f", "x").code(), absl::StatusCode::kNotFound);
}

TEST_F(Files, DataDirectoryFollowsTheEnvironment) {
  const char* before = std::getenv("BITSCAPE_DATA_DIR");
  const std::string kept = before == nullptr ? "" : before;
  setenv("BITSCAPE_DATA_DIR", folder_.c_str(), 1);
  EXPECT_EQ(*DataDirectory(), folder_);
  setenv("BITSCAPE_DATA_DIR", "/nowhere/at/all", 1);
  EXPECT_THAT(std::string(DataDirectory().status().message()), HasSubstr("/nowhere/at/all"));
  setenv("BITSCAPE_DATA_DIR", kept.c_str(), 1);
}

}  // namespace
}  // namespace bitscape
