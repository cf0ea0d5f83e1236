#include "server/scheduler/sweep_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "engine/core/status.h"
#include "server/scheduler/sweep_records.h"
#include "server/trials/identity.h"

namespace bitscape::server {
namespace {

// Resolves plan texts of one network; equal texts once.
class PlanResolver {
 public:
  explicit PlanResolver(const network::Network& network) : layers_(LayerIdentities(network)) {}

  const absl::StatusOr<quantize::ResolvedPlan>& Resolve(const std::string& text) {
    const auto [found, is_new] = resolved_.try_emplace(text, absl::UnknownError("not resolved"));
    if (is_new) {
      const absl::StatusOr<quantize::PrecisionPlan> plan = quantize::ParsePlan(text);
      found->second = plan.ok() ? quantize::ResolvePlan(*plan, layers_)
                                : absl::StatusOr<quantize::ResolvedPlan>(plan.status());
    }
    return found->second;
  }

 private:
  std::vector<quantize::LayerIdentity> layers_;
  std::map<std::string, absl::StatusOr<quantize::ResolvedPlan>> resolved_;
};

void Fail(std::string reason, Trial& trial) {
  trial.state = TrialState::kFailed;
  trial.reason = std::move(reason);
  trial.end_time_us = NowUs();
}

absl::Status LoadRecord(Store& store, Work& work) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::optional<AccuracyRecord> record,
                            store.GetAccuracy(work.key));
  if (record.has_value()) {
    work.images = record->images;
    work.correct = std::accumulate(record->correct.begin(), record->correct.end(), int64_t{0});
    work.loss_sum = std::accumulate(record->loss_sums.begin(), record->loss_sums.end(), 0.0);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SweepWork> LoadWork(Store& store, const Sweep& sweep,
                                   const network::Network& network, const data::Dataset& dataset) {
  BITSCAPE_ASSIGN_OR_RETURN(
      std::vector<Trial> open,
      AllTrials(store, sweep.id, {TrialState::kQueued, TrialState::kRunning}));
  const std::string network_digest = network.Digest();
  PlanResolver resolver(network);
  SweepWork result;
  result.images = EvaluatedImages(dataset, sweep.evaluation);
  std::map<std::string, size_t> by_key;
  for (Trial& trial : open) {
    const absl::StatusOr<quantize::ResolvedPlan>& plan = resolver.Resolve(trial.spec.plan_text);
    if (!plan.ok()) {
      Fail(std::string(plan.status().message()), trial);
      result.failed.push_back(std::move(trial));
      continue;
    }
    const std::string& key = trial.spec.accuracy_key;
    const auto [known, is_new] = by_key.emplace(key, result.works.size());
    if (is_new) {
      if (AccuracyKey(network_digest, dataset, sweep.evaluation, *plan) != key) {
        by_key.erase(known);
        Fail(fmt::format("network '{}', dataset '{}' or the engine has changed since the sweep was "
                         "submitted: submit it again",
                         sweep.network, sweep.dataset),
             trial);
        result.failed.push_back(std::move(trial));
        continue;
      }
      Work& work = result.works.emplace_back();
      work.key = key;
      work.plan = *plan;
      work.order = plan->ToString();
      BITSCAPE_RETURN_IF_ERROR(LoadRecord(store, work));
    }
    Work& work = result.works[known->second];
    work.reference = work.reference || !trial.spec.reference.empty();
    work.trials.push_back(std::move(trial));
  }
  // References first: everything else is compared with them.
  std::sort(result.works.begin(), result.works.end(), [](const Work& a, const Work& b) {
    return std::tie(b.reference, a.order) < std::tie(a.reference, b.order);
  });
  return result;
}

}  // namespace bitscape::server
