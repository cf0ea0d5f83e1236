#include "server/specs/sweep_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "engine/emulate/evaluator.h"
#include "engine/search/searcher.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

constexpr int64_t kDefaultCalibrationImages = 512;
constexpr int64_t kDefaultSliceImages = 1024;

// A count that may be left out (0).
absl::StatusOr<int64_t> CountOr(int64_t value, int64_t fallback, int64_t limit,
                                std::string_view field) {
  if (value < 0 || value > limit) {
    return FieldError(field,
                      fmt::format("{} is out of range: 0 (for {}) to {}", value, fallback, limit));
  }
  return value == 0 ? fallback : value;
}

std::string Join(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

absl::StatusOr<EvaluationSpec> ToEvaluationSpec(const v1::SweepSpec::Evaluation& spec,
                                                const data::Dataset& dataset) {
  EvaluationSpec evaluation;
  if (!spec.split().empty()) {
    const absl::StatusOr<data::Split> split = data::ParseSplit(spec.split());
    if (!split.ok() || *split == data::Split::kCalibration) {
      return FieldError("spec.evaluation.split",
                        fmt::format("'{}' is not a split to measure on; allowed: test, validation",
                                    spec.split()));
    }
    evaluation.split = *split;
  }
  const int64_t split_images = dataset.split(evaluation.split).size();
  const int64_t calibration = dataset.calibration.size();
  BITSCAPE_ASSIGN_OR_RETURN(evaluation.images, CountOr(spec.images(), split_images, split_images,
                                                       "spec.evaluation.images"));
  BITSCAPE_ASSIGN_OR_RETURN(
      evaluation.calibration_images,
      CountOr(spec.calibration_images(), std::min(kDefaultCalibrationImages, calibration),
              calibration, "spec.evaluation.calibration_images"));
  if (spec.seed() < 0) {
    return FieldError("spec.evaluation.seed", fmt::format("{} is negative", spec.seed()));
  }
  evaluation.seed = spec.seed() == 0 ? 1 : static_cast<uint64_t>(spec.seed());
  constexpr int64_t kMaxSlice = int64_t{1} << 24;
  BITSCAPE_ASSIGN_OR_RETURN(
      const int64_t slice,
      CountOr(spec.slice_images(), kDefaultSliceImages, kMaxSlice, "spec.evaluation.slice_images"));
  evaluation.slice_images =
      (slice + emulate::kBatchSize - 1) / emulate::kBatchSize * emulate::kBatchSize;
  return evaluation;
}

absl::StatusOr<std::vector<std::string>> ToObjectives(const v1::SweepSpec& spec) {
  if (spec.objectives().empty()) {
    return std::vector<std::string>{"accuracy", "energy_pj", "area_um2", "latency_seconds",
                                    "weight_bytes"};
  }
  constexpr int kFewest = 2;
  constexpr int kMost = 6;
  if (spec.objectives_size() < kFewest || spec.objectives_size() > kMost) {
    return FieldError("spec.objectives", fmt::format("{} objectives; a front takes {} to {}",
                                                     spec.objectives_size(), kFewest, kMost));
  }
  std::vector<std::string> objectives;
  for (int i = 0; i < spec.objectives_size(); ++i) {
    const std::string& name = spec.objectives(i);
    const std::string field = fmt::format("spec.objectives[{}]", i);
    const std::vector<std::string>& known = ObjectiveNames();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return FieldError(field, fmt::format("unknown objective '{}'; allowed: {}{}", name,
                                           Join(known), DidYouMean(name, known)));
    }
    if (std::find(objectives.begin(), objectives.end(), name) != objectives.end()) {
      return FieldError(field, fmt::format("'{}' is given twice", name));
    }
    objectives.push_back(name);
  }
  return objectives;
}

absl::Status CheckAlgorithm(const v1::SweepSpec& spec) {
  std::vector<std::string> names;
  for (const std::string_view name : search::SearcherNames()) {
    names.emplace_back(name);
  }
  const std::string& algorithm = spec.algorithm();
  if (algorithm.empty() || std::find(names.begin(), names.end(), algorithm) != names.end()) {
    return absl::OkStatus();
  }
  return FieldError("spec.algorithm",
                    fmt::format("unknown algorithm '{}'; allowed: {}{}", algorithm, Join(names),
                                DidYouMean(algorithm, names)));
}

absl::Status CheckFits(const network::Network& network, const data::Dataset& dataset) {
  if (!network.HasWeights()) {
    return FieldError("spec.network", fmt::format("'{}' has shapes only, no weights: it can be "
                                                  "priced, but not evaluated",
                                                  network.name));
  }
  const data::ImageSet& images = dataset.test;
  const network::Shape shape = {1, images.channels, images.height, images.width};
  if (network.nodes[0].shape != shape) {
    return FieldError("spec.dataset",
                      fmt::format("images of '{}' are {}, network '{}' takes {}", dataset.name,
                                  network::ToString(shape), network.name,
                                  network::ToString(network.nodes[0].shape)));
  }
  const network::Shape& output = network.nodes[static_cast<size_t>(network.output)].shape;
  if (network::ElementCount(output) < images.classes) {
    return FieldError("spec.dataset",
                      fmt::format("'{}' has {} classes, network '{}' tells {} apart", dataset.name,
                                  images.classes, network.name, network::ElementCount(output)));
  }
  return absl::OkStatus();
}

}  // namespace bitscape::server
