#include "server/trials/runner.h"

#include <fmt/format.h>

#include <utility>

#include "engine/core/status.h"

namespace bitscape::server {

absl::StatusOr<std::vector<SliceResult>> RunSlice(emulate::Evaluator& evaluator,
                                                  std::span<const quantize::ResolvedPlan> plans,
                                                  data::Split split, data::ImageRange range,
                                                  std::stop_token stop) {
  BITSCAPE_ASSIGN_OR_RETURN(
      std::vector<emulate::PlanResult> measured,
      evaluator.Evaluate(plans, split, range, /*observer=*/nullptr, std::move(stop)));
  if (measured.size() != plans.size()) {
    return absl::InternalError(
        fmt::format("evaluation of {} plans gave {} results", plans.size(), measured.size()));
  }
  std::vector<SliceResult> results;
  results.reserve(measured.size());
  for (emulate::PlanResult& plan : measured) {
    if (static_cast<int64_t>(plan.correct.size()) != range.size()) {
      return absl::InternalError(fmt::format("evaluation of images {} to {} gave {} results",
                                             range.begin, range.end, plan.correct.size()));
    }
    results.push_back({std::move(plan.correct), plan.loss_sum});
  }
  return results;
}

absl::StatusOr<std::variant<TrialCost, cost_models::Infeasible>> PriceTrial(
    std::span<const network::MacShape> layers, const quantize::ResolvedPlan& plan,
    const cost_models::Accelerator& accelerator) {
  return PriceTrial(layers, plan, accelerator, cost_models::TechnologyOf(accelerator));
}

absl::StatusOr<std::variant<TrialCost, cost_models::Infeasible>> PriceTrial(
    std::span<const network::MacShape> layers, const quantize::ResolvedPlan& plan,
    const cost_models::Accelerator& accelerator, const cost_models::TechnologyOptions& options) {
  BITSCAPE_ASSIGN_OR_RETURN(
      const cost_models::CostOutcome outcome,
      cost_models::AnalyticCostModel().Estimate(layers, plan, accelerator, options));
  if (const auto* infeasible = std::get_if<cost_models::Infeasible>(&outcome)) {
    return *infeasible;
  }
  const auto& report = std::get<cost_models::CostReport>(outcome);
  return TrialCost{.energy_pj = report.EnergyPj(),
                   .area_um2 = report.AreaUm2(),
                   .latency_seconds = report.LatencySeconds(),
                   .latency_cycles = report.LatencyCycles(),
                   .weight_bytes = report.WeightBytes()};
}

TrialMetrics MakeMetrics(const TrialCost& cost, int64_t correct, int64_t images, double loss_sum) {
  const Interval interval = WilsonInterval(correct, images);
  const double count = images > 0 ? static_cast<double>(images) : 1;
  return TrialMetrics{.accuracy = static_cast<double>(correct) / count,
                      .accuracy_low = interval.low,
                      .accuracy_high = interval.high,
                      .correct = correct,
                      .images = images,
                      .loss = loss_sum / count,
                      .energy_pj = cost.energy_pj,
                      .area_um2 = cost.area_um2,
                      .latency_seconds = cost.latency_seconds,
                      .latency_cycles = cost.latency_cycles,
                      .weight_bytes = cost.weight_bytes};
}

}  // namespace bitscape::server
