#include "server/scheduler/pricing.h"

#include <map>
#include <utility>

#include "engine/core/status.h"
#include "engine/network/mac_shape.h"
#include "server/scheduler/sweep_records.h"
#include "server/trials/runner.h"

namespace bitscape::server {
namespace {

void End(TrialState state, const std::string& reason, Trial& trial) {
  trial.state = state;
  trial.reason = reason;
  trial.start_time_us = trial.end_time_us = NowUs();
}

}  // namespace

absl::StatusOr<std::vector<Trial>> PriceTrials(const std::string& sweep, const SweepPlan& plan,
                                               Library& library) {
  BITSCAPE_ASSIGN_OR_RETURN(const auto network, library.GetNetwork(plan.network));
  const std::vector<network::MacShape> layers = network::MacShapes(*network);
  std::map<std::string, std::shared_ptr<const cost_models::Accelerator>> accelerators;
  std::vector<Trial> trials;
  trials.reserve(plan.trials.size());
  for (const TrialSpec& spec : plan.trials) {
    auto& accelerator = accelerators[spec.accelerator];
    if (accelerator == nullptr) {
      BITSCAPE_ASSIGN_OR_RETURN(accelerator, library.GetAccelerator(spec.accelerator));
    }
    Trial& trial = trials.emplace_back();
    trial.sweep = sweep;
    trial.ordinal = static_cast<int64_t>(trials.size()) - 1;
    trial.spec = spec;
    const auto outcome = PriceTrial(layers, spec.plan, *accelerator);
    if (!outcome.ok()) {
      End(TrialState::kFailed, std::string(outcome.status().message()), trial);
    } else if (const auto* infeasible = std::get_if<cost_models::Infeasible>(&*outcome)) {
      End(TrialState::kInfeasible, infeasible->reason, trial);
    } else {
      trial.cost = std::get<TrialCost>(*outcome);
    }
  }
  return trials;
}

}  // namespace bitscape::server
