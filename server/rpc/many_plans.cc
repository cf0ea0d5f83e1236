#include "server/rpc/many_plans.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/core/status.h"
#include "engine/emulate/layer_errors.h"
#include "server/rpc/evaluation_work.h"
#include "server/rpc/status_to_grpc.h"

namespace bitscape::server {
namespace {

constexpr int kMaxPlans = 4096;
// Plans of one joint evaluation: more share more, but their results come later.
constexpr size_t kPlansPerGroup = 16;

struct Candidate {
  int32_t index = 0;
  PlanOnNetwork plan;
};

// The plans that can run, neighbours alike so that they share work. The others go into `response`.
std::vector<Candidate> FindCandidates(const network::Network& network,
                                      const v1::EvaluatePlansRequest& request,
                                      v1::EvaluatePlansResponse& response) {
  std::vector<Candidate> candidates;
  for (int i = 0; i < request.plans_size(); ++i) {
    absl::StatusOr<PlanOnNetwork> plan =
        FindRunnablePlan(network, request.plans(i), fmt::format("plans[{}]", i));
    if (plan.ok()) {
      candidates.push_back({i, *std::move(plan)});
      continue;
    }
    v1::EvaluatePlansResponse::Result& result = *response.add_results();
    result.set_index(i);
    result.set_error(std::string(plan.status().message()));
  }
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const Candidate& a, const Candidate& b) { return a.plan.text < b.plan.text; });
  return candidates;
}

absl::Status StoppedStatus(const ServiceContext& context, const absl::Status& status) {
  return context.stopping.stop_requested() ? absl::UnavailableError("the server is going down")
                                           : status;
}

// A group whose joint evaluation fails is tried one by one, so that one plan doesn't take others
// along.
void EvaluateGroup(const EvaluationWork& work, std::span<const Candidate> group,
                   const std::stop_token& stop, v1::EvaluatePlansResponse& response) {
  std::vector<quantize::ResolvedPlan> plans;
  for (const Candidate& candidate : group) {
    plans.push_back(candidate.plan.resolved);
  }
  const absl::StatusOr<std::vector<emulate::PlanResult>> results =
      work.evaluator->Evaluate(plans, work.split, {0, work.images}, nullptr, stop);
  if (!results.ok() && group.size() > 1 && !stop.stop_requested()) {
    for (size_t i = 0; i < group.size(); ++i) {
      EvaluateGroup(work, group.subspan(i, 1), stop, response);
    }
    return;
  }
  for (size_t i = 0; i < group.size(); ++i) {
    v1::EvaluatePlansResponse::Result& result = *response.add_results();
    result.set_index(group[i].index);
    if (!results.ok()) {
      result.set_error(std::string(results.status().message()));
      continue;
    }
    const emulate::PlanResult& measured = (*results)[i];
    *result.mutable_evaluation() = ToProto(Tally{.images = measured.images,
                                                 .correct = measured.Correct(),
                                                 .loss_sum = measured.loss_sum},
                                           group[i].plan.text, work.split);
  }
}

}  // namespace

absl::Status EvaluateMany(ServiceContext& context, grpc::ServerContext* call,
                          const v1::EvaluatePlansRequest& request,
                          grpc::ServerWriter<v1::EvaluatePlansResponse>* writer) {
  BITSCAPE_ASSIGN_OR_RETURN(const StreamSlots::Slot slot, context.evaluations.Take("evaluations"));
  if (request.plans_size() < 1 || request.plans_size() > kMaxPlans) {
    return FieldError("plans",
                      fmt::format("{} plans; allowed: 1 to {}", request.plans_size(), kMaxPlans));
  }
  EvaluationFields fields = EvaluationFields::Of(request);
  fields.split = request.split();
  BITSCAPE_ASSIGN_OR_RETURN(const EvaluationWork work, FindEvaluationWork(fields, context.library));
  v1::EvaluatePlansResponse response;
  const std::vector<Candidate> candidates = FindCandidates(*work.network, request, response);
  std::stop_source stop;
  const CancelWatch watch(call, context.stopping, stop);
  int done = response.results_size();
  for (size_t begin = 0;; begin += kPlansPerGroup) {
    response.set_plans(request.plans_size());
    response.set_plans_evaluated(done);
    if (done > 0 && !writer->Write(response)) {
      return absl::CancelledError("the client went away");
    }
    if (begin >= candidates.size()) {
      return absl::OkStatus();
    }
    response.Clear();
    const size_t count = std::min(kPlansPerGroup, candidates.size() - begin);
    EvaluateGroup(work, std::span(candidates).subspan(begin, count), stop.get_token(), response);
    if (stop.stop_requested()) {
      return StoppedStatus(context, absl::CancelledError("the client went away"));
    }
    done += static_cast<int>(count);
  }
}

absl::Status MeasureLayerErrors(ServiceContext& context, grpc::ServerContext* call,
                                const v1::MeasureErrorsRequest& request,
                                v1::QuantizationErrors* response) {
  constexpr int64_t kImages = 1000;
  BITSCAPE_ASSIGN_OR_RETURN(const StreamSlots::Slot slot, context.evaluations.Take("evaluations"));
  EvaluationFields fields = EvaluationFields::Of(request);
  fields.split = "validation";
  fields.default_images = kImages;
  BITSCAPE_ASSIGN_OR_RETURN(const EvaluationWork work, FindEvaluationWork(fields, context.library));
  BITSCAPE_ASSIGN_OR_RETURN(const PlanOnNetwork plan,
                            FindRunnablePlan(*work.network, request.plan(), "plan"));
  std::stop_source stop;
  const CancelWatch watch(call, context.stopping, stop);
  const absl::StatusOr<emulate::NetworkErrors> errors = emulate::MeasureErrors(
      *work.evaluator, plan.resolved, work.split, work.images, stop.get_token());
  if (!errors.ok()) {
    return StoppedStatus(context, errors.status());
  }
  response->set_plan(plan.text);
  response->set_images(static_cast<int32_t>(errors->images));
  response->set_unquantized_loss(errors->unquantized_loss);
  response->set_loss(errors->loss);
  response->set_unquantized_correct(static_cast<int32_t>(errors->unquantized_correct));
  response->set_correct(static_cast<int32_t>(errors->correct));
  response->set_logits_sqnr_db(errors->logits.SqnrDb());
  for (size_t i = 0; i < errors->layers.size(); ++i) {
    const emulate::LayerErrors& layer = errors->layers[i];
    const quantize::LayerPrecision& precision = plan.resolved.layers[i];
    v1::QuantizationErrors::Layer& proto = *response->add_layers();
    proto.set_name(layer.layer);
    proto.set_weights(precision.weights.ToString());
    proto.set_activations(precision.activations.ToString());
    proto.set_accumulator(precision.accumulator.ToString());
    if (layer.weights.has_value()) {
      proto.set_weights_sqnr_db(layer.weights->SqnrDb());
    }
    proto.set_activations_sqnr_db(layer.activations.SqnrDb());
    proto.set_output_sqnr_db(layer.output.SqnrDb());
    proto.set_loss_increase(layer.loss_increase);
    proto.set_correct_lost(static_cast<int32_t>(layer.correct_lost));
    proto.set_rank(layer.rank);
    proto.set_lecture_sum_bits(layer.widths.lecture_bits);
    proto.set_tight_sum_bits(layer.widths.tight_bits);
    proto.set_weight_sum_bits(layer.widths.weight_bits);
  }
  return absl::OkStatus();
}

}  // namespace bitscape::server
