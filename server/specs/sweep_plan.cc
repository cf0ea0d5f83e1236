#include <fmt/format.h>

#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/evaluator.h"
#include "engine/quantize/precision_plan.h"
#include "engine/search/searcher.h"
#include "server/specs/convert.h"
#include "server/specs/sweep_fields.h"
#include "server/trials/identity.h"

namespace bitscape::server {
namespace {

constexpr int64_t kMaxTrials = 100'000;

// Collects distinct trials.
class TrialCollector {
 public:
  TrialCollector(const SweepContext& context, const EvaluationSpec& evaluation);

  // One trial for each accelerator, unless it is there already. Marks them with `reference` unless
  // that is empty.
  absl::Status Add(const quantize::PrecisionPlan& plan, const std::string& reference,
                   const std::string& field);
  std::vector<TrialSpec> Take() { return std::move(trials_); }
  bool empty() const { return trials_.empty(); }

 private:
  const SweepContext& context_;
  const EvaluationSpec& evaluation_;
  std::vector<quantize::LayerIdentity> layers_;
  std::string network_digest_;
  std::vector<std::string> accelerator_digests_;
  std::vector<TrialSpec> trials_;
  std::unordered_map<std::string, size_t> by_digest_;
};

TrialCollector::TrialCollector(const SweepContext& context, const EvaluationSpec& evaluation)
    : context_(context),
      evaluation_(evaluation),
      layers_(LayerIdentities(*context.network)),
      network_digest_(context.network->Digest()) {
  for (const cost_models::Accelerator* accelerator : context.accelerators) {
    accelerator_digests_.push_back(accelerator->Digest());
  }
}

absl::Status TrialCollector::Add(const quantize::PrecisionPlan& plan, const std::string& reference,
                                 const std::string& field) {
  absl::StatusOr<quantize::ResolvedPlan> resolved = quantize::ResolvePlan(plan, layers_);
  const std::string text = plan.ToString();
  if (!resolved.ok()) {
    return AtField(field, Annotate(resolved.status(), text));
  }
  if (const absl::Status status = emulate::CheckPlan(*context_.network, *resolved); !status.ok()) {
    return AtField(field, status);
  }
  const std::string key = AccuracyKey(network_digest_, *context_.dataset, evaluation_, *resolved);
  for (size_t i = 0; i < context_.accelerators.size(); ++i) {
    const std::string digest = TrialDigest(key, accelerator_digests_[i]);
    const auto [known, is_new] = by_digest_.emplace(digest, trials_.size());
    if (is_new) {
      if (static_cast<int64_t>(trials_.size()) == kMaxTrials) {
        return FieldError(field, fmt::format("the sweep has more than {} trials", kMaxTrials));
      }
      trials_.push_back({.plan_text = text,
                         .plan = *resolved,
                         .accelerator = context_.accelerators[i]->name,
                         .reference = "",
                         .accuracy_key = key,
                         .digest = digest});
    }
    if (reference.empty()) {
      continue;
    }
    std::string& label = trials_[known->second].reference;
    if (!label.empty()) {
      return FieldError(field, fmt::format("{} is the same work as reference '{}'", text, label));
    }
    label = reference;
  }
  return absl::OkStatus();
}

absl::Status AddPlan(const std::string& text, const std::string& reference,
                     const std::string& field, TrialCollector& trials) {
  if (text.empty()) {
    return FieldError(field, "required: a plan such as weights=int8:channel,activations=int8");
  }
  const absl::StatusOr<quantize::PrecisionPlan> plan = quantize::ParsePlan(text);
  if (!plan.ok()) {
    return AtField(field, plan.status());
  }
  return trials.Add(*plan, reference, field);
}

using Quantizers = std::vector<formats::Quantizer>;

absl::StatusOr<Quantizers> ParseAll(
    const google::protobuf::RepeatedPtrField<std::string>& notations, const std::string& field,
    absl::Status (*check)(const formats::Quantizer&)) {
  if (notations.empty()) {
    return FieldError(field, "required: one format or more");
  }
  Quantizers quantizers;
  for (int i = 0; i < notations.size(); ++i) {
    absl::StatusOr<formats::Quantizer> quantizer = formats::ParseQuantizer(notations[i]);
    const absl::Status status = quantizer.ok() ? check(*quantizer) : quantizer.status();
    if (!status.ok()) {
      return AtField(fmt::format("{}[{}]", field, i), status);
    }
    quantizers.push_back(*std::move(quantizer));
  }
  return quantizers;
}

// One entry at least; an unset one leaves the plan's default, fp32.
absl::StatusOr<std::vector<std::optional<quantize::Accumulator>>> ParseAccumulators(
    const google::protobuf::RepeatedPtrField<std::string>& texts, const std::string& field) {
  std::vector<std::optional<quantize::Accumulator>> accumulators;
  for (int i = 0; i < texts.size(); ++i) {
    absl::StatusOr<quantize::Accumulator> accumulator = quantize::ParseAccumulator(texts[i]);
    const absl::Status status =
        accumulator.ok() ? emulate::CheckAccumulator(*accumulator) : accumulator.status();
    if (!status.ok()) {
      return AtField(fmt::format("{}[{}]", field, i), status);
    }
    accumulators.push_back(*std::move(accumulator));
  }
  if (accumulators.empty()) {
    accumulators.emplace_back();
  }
  return accumulators;
}

// One entry at least: none.
absl::StatusOr<std::vector<quantize::Repairs>> ParseAllRepairs(
    const google::protobuf::RepeatedPtrField<std::string>& texts, const std::string& field) {
  std::vector<quantize::Repairs> repairs;
  for (int i = 0; i < texts.size(); ++i) {
    const absl::StatusOr<quantize::Repairs> parsed = quantize::ParseRepairs(texts[i]);
    if (!parsed.ok()) {
      return AtField(fmt::format("{}[{}]", field, i), parsed.status());
    }
    repairs.push_back(*parsed);
  }
  if (repairs.empty()) {
    repairs.emplace_back();
  }
  return repairs;
}

absl::Status AddGrid(const v1::SweepSpec::Space::Grid& grid, const std::string& algorithm,
                     uint64_t seed, const std::string& field, TrialCollector& trials) {
  BITSCAPE_ASSIGN_OR_RETURN(const Quantizers weights,
                            ParseAll(grid.weights(), field + ".weights", emulate::CheckWeights));
  BITSCAPE_ASSIGN_OR_RETURN(
      const Quantizers activations,
      ParseAll(grid.activations(), field + ".activations", emulate::CheckActivations));
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<std::optional<quantize::Accumulator>> accumulators,
                            ParseAccumulators(grid.accumulators(), field + ".accumulators"));
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<quantize::Repairs> repairs,
                            ParseAllRepairs(grid.repairs(), field + ".repairs"));
  const search::Space space{{static_cast<int>(weights.size()), static_cast<int>(activations.size()),
                             static_cast<int>(accumulators.size()),
                             static_cast<int>(repairs.size())}};
  absl::StatusOr<std::unique_ptr<search::Searcher>> searcher =
      search::CreateSearcher(algorithm, space, seed);
  if (!searcher.ok()) {
    return AtField(field, searcher.status());
  }
  constexpr int kAtOnce = 1000;
  for (std::vector<search::Choice> choices = (*searcher)->Ask(kAtOnce); !choices.empty();
       choices = (*searcher)->Ask(kAtOnce)) {
    for (const search::Choice& choice : choices) {
      quantize::PrecisionPlan plan;
      plan.defaults.weights = weights[static_cast<size_t>(choice[0])];
      plan.defaults.activations = activations[static_cast<size_t>(choice[1])];
      plan.defaults.accumulator = accumulators[static_cast<size_t>(choice[2])];
      plan.repairs = repairs[static_cast<size_t>(choice[3])];
      BITSCAPE_RETURN_IF_ERROR(trials.Add(plan, "", field));
    }
  }
  return absl::OkStatus();
}

absl::Status AddReferences(const v1::SweepSpec& spec, TrialCollector& trials) {
  std::set<std::string> labels;
  for (int i = 0; i < spec.references_size(); ++i) {
    const std::string field = fmt::format("spec.references[{}]", i);
    const std::string& label = spec.references(i).label();
    constexpr size_t kLongestLabel = 63;
    if (label.empty() || label.size() > kLongestLabel) {
      return FieldError(field + ".label", fmt::format("required: 1 to {} bytes", kLongestLabel));
    }
    if (!labels.insert(label).second) {
      return FieldError(field + ".label", fmt::format("'{}' is given twice", label));
    }
    BITSCAPE_RETURN_IF_ERROR(AddPlan(spec.references(i).plan(), label, field + ".plan", trials));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SweepPlan> ToSweepPlan(const v1::SweepSpec& spec, const SweepContext& context) {
  if (context.network == nullptr) {
    return FieldError("spec.network", "required: the name of a network");
  }
  if (context.dataset == nullptr) {
    return FieldError("spec.dataset", "required: the name of a dataset");
  }
  if (context.accelerators.empty()) {
    return FieldError("spec.accelerators", "required: the name of one accelerator or more");
  }
  SweepPlan plan;
  plan.network = context.network->name;
  plan.dataset = context.dataset->name;
  std::set<std::string> names;
  for (size_t i = 0; i < context.accelerators.size(); ++i) {
    plan.accelerators.push_back(context.accelerators[i]->name);
    if (!names.insert(plan.accelerators.back()).second) {
      return FieldError(fmt::format("spec.accelerators[{}]", i),
                        fmt::format("'{}' is given twice", plan.accelerators.back()));
    }
  }
  BITSCAPE_RETURN_IF_ERROR(CheckFits(*context.network, *context.dataset));
  BITSCAPE_ASSIGN_OR_RETURN(plan.evaluation, ToEvaluationSpec(spec.evaluation(), *context.dataset));
  BITSCAPE_ASSIGN_OR_RETURN(plan.objectives, ToObjectives(spec));
  BITSCAPE_RETURN_IF_ERROR(CheckAlgorithm(spec));

  TrialCollector trials(context, plan.evaluation);
  for (int i = 0; i < spec.space().plans_size(); ++i) {
    BITSCAPE_RETURN_IF_ERROR(
        AddPlan(spec.space().plans(i), "", fmt::format("spec.space.plans[{}]", i), trials));
  }
  const std::string algorithm = spec.algorithm().empty() ? "grid" : spec.algorithm();
  for (int i = 0; i < spec.space().grids_size(); ++i) {
    BITSCAPE_RETURN_IF_ERROR(AddGrid(spec.space().grids(i), algorithm, plan.evaluation.seed,
                                     fmt::format("spec.space.grids[{}]", i), trials));
  }
  if (trials.empty()) {
    return FieldError("spec.space", "required: one plan or grid, or more");
  }
  BITSCAPE_RETURN_IF_ERROR(AddReferences(spec, trials));
  plan.trials = trials.Take();
  return plan;
}

}  // namespace bitscape::server
