#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "engine/data/dataset.h"

namespace bitscape::data {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FashionMnist, HasItsKnownContent) {
  const auto dataset = LoadBuiltinDataset("fashion-mnist");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->name, "fashion-mnist");
  EXPECT_EQ(dataset->test.size(), 10'000);
  EXPECT_EQ(dataset->validation.size(), 5000);
  EXPECT_EQ(dataset->calibration.size(), 512);
  EXPECT_EQ(dataset->test.classes, 10);
  EXPECT_EQ(dataset->test.image_elements(), 784);
  EXPECT_EQ(&dataset->split(Split::kCalibration), &dataset->calibration);
  // The data set's own order: ankle boot, pullover, trouser, trouser, shirt; 1,000 of each class.
  const auto& labels = dataset->test.labels;
  EXPECT_THAT(std::vector<int32_t>(labels.begin(), labels.begin() + 5), ElementsAre(9, 2, 1, 1, 6));
  std::vector<int> counts(10, 0);
  for (const int32_t label : labels) ++counts[static_cast<size_t>(label)];
  EXPECT_THAT(counts, Each(1000));
}

// Stored results carry this digest: if it changes, they are of another split.
TEST(FashionMnist, HasAStableDigest) {
  const auto dataset = LoadBuiltinDataset("fashion-mnist");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->digest, "7b00a8d2e77c50a85789fb619accea3687cdcac9bd1eae388b1280370c1d5f07");
}

TEST(Builtin, SuggestsAName) {
  const auto dataset = LoadBuiltinDataset("fashion-mnits");
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr("did you mean 'fashion-mnist'?"));
  EXPECT_THAT(BuiltinDatasetNames(), ElementsAre("fashion-mnist"));
}

TEST(Builtin, NamesThePackageThatIsMissing) {
  ASSERT_EQ(setenv("BITSCAPE_DATASETS_DIR", "/nonexistent", 1), 0);
  const auto dataset = LoadBuiltinDataset("fashion-mnist");
  ASSERT_EQ(unsetenv("BITSCAPE_DATASETS_DIR"), 0);
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr("/nonexistent/fashion-mnist/"));
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr("dataset-fashion-mnist"));
}

}  // namespace
}  // namespace bitscape::data
