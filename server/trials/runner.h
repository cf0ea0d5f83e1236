// Runs one slice of images for a batch of trials that share network and dataset.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <stop_token>
#include <variant>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "engine/emulate/evaluator.h"
#include "server/trials/trial.h"

namespace bitscape::server {

// What one plan's slice measured. correct has one byte an image.
struct SliceResult {
  std::vector<uint8_t> correct;
  double loss_sum = 0;
};

// Joint accuracy of `plans` over images [range): where the central interface of the engine meets
// the server.
absl::StatusOr<std::vector<SliceResult>> RunSlice(emulate::Evaluator& evaluator,
                                                  std::span<const quantize::ResolvedPlan> plans,
                                                  data::Split split, data::ImageRange range,
                                                  std::stop_token stop);

// Cost of one trial, or why the machine can't run it.
absl::StatusOr<std::variant<TrialCost, cost_models::Infeasible>> PriceTrial(
    std::span<const network::MacShape> layers, const quantize::ResolvedPlan& plan,
    const cost_models::Accelerator& accelerator);
// The same under another reading of the cost model's sources.
absl::StatusOr<std::variant<TrialCost, cost_models::Infeasible>> PriceTrial(
    std::span<const network::MacShape> layers, const quantize::ResolvedPlan& plan,
    const cost_models::Accelerator& accelerator, const cost_models::TechnologyOptions& options);

TrialMetrics MakeMetrics(const TrialCost& cost, int64_t correct, int64_t images, double loss_sum);

}  // namespace bitscape::server
