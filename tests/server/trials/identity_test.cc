#include "server/trials/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace bitscape::server {
namespace {

using ::testing::MatchesRegex;

struct Work {
  std::string network_digest = "network";
  data::Dataset dataset;
  EvaluationSpec evaluation;
  std::string plan = "weights=int8:channel,activations=int8,accumulator=int32";

  std::string Key() const { return AccuracyKey(network_digest, dataset, evaluation, Resolved()); }
  quantize::ResolvedPlan Resolved() const {
    return quantize::ResolvePlan(quantize::ParsePlan(plan).value(),
                                 {{"conv1", "conv"}, {"fc", "gemm"}})
        .value();
  }
};

data::ImageSet Images(int64_t count, std::string digest) {
  data::ImageSet set;
  set.labels.resize(static_cast<size_t>(count));
  set.digest = std::move(digest);
  return set;
}

Work ExampleWork() {
  Work work;
  work.dataset.name = "first";
  work.dataset.test = Images(100, "test");
  work.dataset.validation = Images(60, "validation");
  work.dataset.calibration = Images(40, "calibration");
  work.evaluation.calibration_images = 32;
  return work;
}

TEST(AccuracyKey, ChangesWithContent) {
  const std::vector<std::function<void(Work&)>> changes = {
      [](Work&) {},
      [](Work& work) { work.network_digest = "other"; },
      [](Work& work) { work.dataset.test.digest = "other"; },
      [](Work& work) { work.dataset.calibration.digest = "other"; },
      [](Work& work) { work.evaluation.split = data::Split::kValidation; },
      [](Work& work) { work.evaluation.images = 50; },
      [](Work& work) { work.evaluation.calibration_images = 16; },
      [](Work& work) { work.evaluation.seed = 2; },
      [](Work& work) { work.plan = "weights=int7:channel,activations=int8,accumulator=int32"; },
      [](Work& work) { work.plan = "weights=int8:channel,activations=int8,accumulator=fp32"; },
      [](Work& work) { work.plan += ";[last]weights=int4"; },
  };
  std::set<std::string> keys;
  for (size_t i = 0; i < changes.size(); ++i) {
    Work work = ExampleWork();
    changes[i](work);
    const std::string key = work.Key();
    EXPECT_THAT(key, MatchesRegex("[0-9a-f]{64}"));
    EXPECT_TRUE(keys.insert(key).second) << "change " << i << " made no difference";
  }
}

TEST(AccuracyKey, DoesNotChangeWithNamesOrTheWayTheWorkIsDone) {
  const std::vector<std::function<void(Work&)>> changes = {
      [](Work& work) { work.dataset.name = "second"; },
      [](Work& work) { work.dataset.source = "elsewhere"; },
      [](Work& work) { work.dataset.validation.digest = "unused"; },
      [](Work& work) { work.evaluation.slice_images = 64; },
      [](Work& work) { work.evaluation.images = 100; },  // the whole split by its number
      [](Work& work) { work.evaluation.images = 200; },
      // Another text of the same resolved plan.
      [](Work& work) {
        work.plan =
            "activations=int8,weights=fp16,accumulator=int32;[first]weights=int8:channel;"
            "[fc]weights=int8:channel";
      },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    Work work = ExampleWork();
    changes[i](work);
    EXPECT_EQ(work.Key(), ExampleWork().Key()) << "change " << i;
  }
}

TEST(AccuracyKey, CapsCalibrationAtWhatThereIs) {
  Work work = ExampleWork();
  work.evaluation.calibration_images = 512;
  Work all = ExampleWork();
  all.evaluation.calibration_images = 40;
  EXPECT_EQ(work.Key(), all.Key());
}

TEST(EvaluatedImages, IsCappedByTheSplit) {
  Work work = ExampleWork();
  EXPECT_EQ(EvaluatedImages(work.dataset, work.evaluation), 100);
  work.evaluation.images = 10;
  EXPECT_EQ(EvaluatedImages(work.dataset, work.evaluation), 10);
  work.evaluation.split = data::Split::kValidation;
  work.evaluation.images = 61;
  EXPECT_EQ(EvaluatedImages(work.dataset, work.evaluation), 60);
}

TEST(TrialDigest, HoldsAccuracyAndAccelerator) {
  EXPECT_EQ(TrialDigest("key", "machine"), TrialDigest("key", "machine"));
  EXPECT_NE(TrialDigest("key", "machine"), TrialDigest("key", "other"));
  EXPECT_NE(TrialDigest("key", "machine"), TrialDigest("other", "machine"));
  EXPECT_NE(TrialDigest("ab", "c"), TrialDigest("a", "bc"));
}

}  // namespace
}  // namespace bitscape::server
