#include "engine/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "engine/core/files.h"
#include "tests/engine/data/idx_writer.h"

namespace bitscape::data {
namespace {

using ::testing::HasSubstr;

// Files in a folder of the test's own.
class IdxDataset : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        std::filesystem::path(::testing::TempDir()) / (std::string("bitscape_") + test->name());
    std::filesystem::create_directories(folder_);
    files_ = {Write("train-images", Images(100, 0)), Write("train-labels", Labels(100)),
              Write("test-images", Gzip(Images(20, 100))), Write("test-labels", Labels(20))};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path Write(const std::string& name, const std::string& bytes) const {
    EXPECT_TRUE(WriteFileAtomically(folder_ / name, bytes).ok());
    return folder_ / name;
  }
  // Images of 2x3 whose first pixel is their own number.
  static std::string Images(uint32_t count, uint32_t first) {
    std::string values;
    for (uint32_t i = 0; i < count; ++i) {
      values += static_cast<char>(first + i);
      values += "abcde";
    }
    return IdxBytes({count, 2, 3}, values);
  }
  static std::string Labels(uint32_t count) {
    std::string values;
    for (uint32_t i = 0; i < count; ++i) values += static_cast<char>(i % 7);
    return IdxBytes({count}, values);
  }
  static std::set<int> Numbers(const ImageSet& set) {
    std::set<int> numbers;
    for (int64_t i = 0; i < set.size(); ++i) {
      numbers.insert(set.pixels[static_cast<size_t>(i * set.image_elements())]);
    }
    return numbers;
  }
  void ExpectError(const std::string& message,
                   absl::StatusCode code = absl::StatusCode::kInvalidArgument,
                   SplitSizes sizes = {30, 8}) const {
    const auto dataset = LoadIdxDataset("small", files_, sizes);
    EXPECT_EQ(dataset.status().code(), code) << dataset.status();
    EXPECT_THAT(std::string(dataset.status().message()), HasSubstr(message));
  }

  std::filesystem::path folder_;
  IdxFiles files_;
};

TEST_F(IdxDataset, DrawsDisjointSplits) {
  const auto dataset = LoadIdxDataset("small", files_, {30, 8});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->name, "small");
  EXPECT_EQ(dataset->test.size(), 20);
  EXPECT_EQ(dataset->validation.size(), 30);
  EXPECT_EQ(dataset->calibration.size(), 8);
  std::set<int> all = Numbers(dataset->test);
  all.merge(Numbers(dataset->validation));
  all.merge(Numbers(dataset->calibration));
  EXPECT_EQ(all.size(), 58);
  EXPECT_EQ(dataset->test.classes, 7);
  EXPECT_EQ(dataset->calibration.classes, 7);
}

TEST_F(IdxDataset, KeepsTheTestFilesOrderAndLabels) {
  const auto dataset = LoadIdxDataset("small", files_, {30, 8});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(dataset->test.pixels[i * 6], 100 + i);
    EXPECT_EQ(dataset->test.labels[i], i % 7);
  }
  for (size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(dataset->validation.labels[i], dataset->validation.pixels[i * 6] % 7);
  }
  EXPECT_FALSE(
      std::is_sorted(dataset->validation.labels.begin(), dataset->validation.labels.end()));
}

TEST_F(IdxDataset, IsTheSameEachTime) {
  const auto first = LoadIdxDataset("small", files_, {30, 8});
  const auto second = LoadIdxDataset("renamed", files_, {30, 8});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->digest, second->digest);
  EXPECT_EQ(first->digest.size(), 64);
  EXPECT_NE(first->validation.digest, first->calibration.digest);
  EXPECT_NE(LoadIdxDataset("small", files_, {30, 9})->digest, first->digest);
}

TEST_F(IdxDataset, CapsTheSplits) {
  const auto dataset = LoadIdxDataset("small", files_, {5000, 512});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->validation.size(), 50);
  EXPECT_EQ(dataset->calibration.size(), 50);
}

TEST_F(IdxDataset, SplitsTrainingFilesThreeWays) {
  files_.test_images.clear();
  files_.test_labels.clear();
  const auto dataset = LoadIdxDataset("small", files_, {30, 8});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->test.size(), 16);
  std::set<int> all = Numbers(dataset->test);
  all.merge(Numbers(dataset->validation));
  all.merge(Numbers(dataset->calibration));
  EXPECT_EQ(all.size(), 16 + 30 + 8);
}

TEST_F(IdxDataset, ReadsChannels) {
  std::string values(static_cast<size_t>(100 * 3 * 2 * 2), '\x01');
  files_.train_images = Write("colour", IdxBytes({100, 3, 2, 2}, values));
  files_.test_images.clear();
  files_.test_labels.clear();
  const auto dataset = LoadIdxDataset("small", files_, {30, 8});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->test.channels, 3);
  EXPECT_EQ(dataset->test.image_elements(), 12);
}

TEST_F(IdxDataset, NamesWhatDoesNotMatch) {
  const IdxFiles good = files_;
  files_.train_labels = Write("few", Labels(99));
  ExpectError("has 99 labels");
  ExpectError("has 100 images");
  files_ = good;
  files_.train_images = files_.train_labels;
  ExpectError("images have 3 (n, h, w) or 4");
  files_ = good;
  files_.train_labels = files_.train_images;
  ExpectError("labels have 1");
  files_ = good;
  files_.test_images = Write("wide", IdxBytes({20, 3, 3}, std::string(180, 'x')));
  ExpectError("has images of 1x3x3");
  files_ = good;
  files_.test_labels = Write("beyond", IdxBytes({20}, std::string(20, '\xff')));
  ExpectError("label 255 of image 0");
  files_ = good;
  files_.test_labels.clear();
  ExpectError("give both files, or neither");
  files_ = good;
  files_.test_images = folder_ / "absent";
  ExpectError("absent", absl::StatusCode::kNotFound);
  files_ = good;
  ExpectError("validation split of 0", absl::StatusCode::kInvalidArgument, {0, 8});
  files_.train_images = Write("one", Images(1, 0));
  files_.train_labels = Write("one-label", Labels(1));
  ExpectError("at least 2 are needed");
}

TEST(Split, HasNames) {
  for (const Split split : {Split::kTest, Split::kValidation, Split::kCalibration}) {
    EXPECT_EQ(*ParseSplit(ToString(split)), split);
  }
  EXPECT_THAT(std::string(ParseSplit("validatoin").status().message()),
              HasSubstr("did you mean 'validation'?"));
}

}  // namespace
}  // namespace bitscape::data
