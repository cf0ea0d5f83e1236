#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <variant>

#include "bitscape/v1/evaluation.grpc.pb.h"
#include "engine/core/status.h"
#include "engine/emulate/evaluator.h"
#include "server/rpc/evaluation_work.h"
#include "server/rpc/lookup.h"
#include "server/rpc/many_plans.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

using Clock = std::chrono::steady_clock;

// An EvaluateRequest with everything found and every default filled in.
struct Work : EvaluationWork {
  PlanOnNetwork plan;
};

absl::StatusOr<Work> FindWork(const v1::EvaluateRequest& request, Library& library) {
  EvaluationFields fields = EvaluationFields::Of(request);
  fields.split = request.split();
  Work work;
  BITSCAPE_ASSIGN_OR_RETURN(static_cast<EvaluationWork&>(work),
                            FindEvaluationWork(fields, library));
  BITSCAPE_ASSIGN_OR_RETURN(work.plan, FindRunnablePlan(*work.network, request.plan(), "plan"));
  return work;
}

struct LayerTally : Tally {
  std::vector<emulate::LayerPath> layers;
};

v1::Evaluation ToProto(const Work& work, const LayerTally& tally) {
  v1::Evaluation proto = ToProto(tally, work.plan.text, work.split);
  proto.set_images_per_second(static_cast<double>(tally.images) / tally.seconds);
  for (size_t i = 0; i < tally.layers.size(); ++i) {
    const quantize::LayerPrecision& precision = work.plan.resolved.layers[i];
    v1::Evaluation::Layer& layer = *proto.add_layers();
    layer.set_name(tally.layers[i].layer);
    layer.set_path(std::string(emulate::ToString(tally.layers[i].path)));
    layer.set_exact(tally.layers[i].exact);
    layer.set_reason(tally.layers[i].reason);
    layer.set_weights(precision.weights.ToString());
    layer.set_activations(precision.activations.ToString());
    layer.set_accumulator(precision.accumulator.ToString());
  }
  return proto;
}

// Evaluates slice by slice, each of about half a second, and tells the progress after each.
absl::StatusOr<LayerTally> Run(const Work& work, std::stop_token stop,
                               const std::function<bool(int64_t images)>& progress) {
  constexpr int64_t kLargestSlice = 4096;
  constexpr double kSliceSeconds = 0.5;
  LayerTally tally;
  for (int64_t slice = 4 * emulate::kBatchSize; tally.images < work.images;) {
    const data::ImageRange range{tally.images, std::min(tally.images + slice, work.images)};
    const Clock::time_point begin = Clock::now();
    BITSCAPE_ASSIGN_OR_RETURN(
        std::vector<emulate::PlanResult> results,
        work.evaluator->Evaluate({&work.plan.resolved, 1}, work.split, range, nullptr, stop));
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    tally.seconds += seconds;
    tally.images += range.size();
    tally.correct += results[0].Correct();
    tally.loss_sum += results[0].loss_sum;
    tally.layers = std::move(results[0].layers);
    if (!progress(tally.images)) {
      return absl::CancelledError("the client went away");
    }
    if (seconds < kSliceSeconds) {
      slice = std::min(2 * slice, kLargestSlice);
    } else if (seconds > 2 * kSliceSeconds) {
      slice = std::max(slice / 2 / emulate::kBatchSize, int64_t{1}) * emulate::kBatchSize;
    }
  }
  return tally;
}

class EvaluationServiceImpl final : public v1::EvaluationService::Service {
 public:
  explicit EvaluationServiceImpl(ServiceContext& context) : context_(context) {}

  grpc::Status Evaluate(grpc::ServerContext* call, const v1::EvaluateRequest* request,
                        grpc::ServerWriter<v1::EvaluateResponse>* writer) override {
    return Handle([&] { return DoEvaluate(call, *request, writer); });
  }
  grpc::Status EvaluatePlans(grpc::ServerContext* call, const v1::EvaluatePlansRequest* request,
                             grpc::ServerWriter<v1::EvaluatePlansResponse>* writer) override {
    return Handle([&] { return EvaluateMany(context_, call, *request, writer); });
  }
  grpc::Status MeasureErrors(grpc::ServerContext* call, const v1::MeasureErrorsRequest* request,
                             v1::QuantizationErrors* response) override {
    return Handle([&] { return MeasureLayerErrors(context_, call, *request, response); });
  }

 private:
  absl::Status DoEvaluate(grpc::ServerContext* call, const v1::EvaluateRequest& request,
                          grpc::ServerWriter<v1::EvaluateResponse>* writer);

  ServiceContext& context_;
};

absl::Status EvaluationServiceImpl::DoEvaluate(grpc::ServerContext* call,
                                               const v1::EvaluateRequest& request,
                                               grpc::ServerWriter<v1::EvaluateResponse>* writer) {
  BITSCAPE_ASSIGN_OR_RETURN(const StreamSlots::Slot slot, context_.evaluations.Take("evaluations"));
  BITSCAPE_ASSIGN_OR_RETURN(const Work work, FindWork(request, context_.library));
  std::stop_source stop;
  const CancelWatch watch(call, context_.stopping, stop);
  v1::EvaluateResponse response;
  response.set_images(static_cast<int32_t>(work.images));
  absl::StatusOr<LayerTally> tally = Run(work, stop.get_token(), [&](int64_t images) {
    response.set_images_evaluated(static_cast<int32_t>(images));
    return images == work.images || writer->Write(response);
  });
  if (!tally.ok()) {
    return context_.stopping.stop_requested() ? absl::UnavailableError("the server is going down")
                                              : tally.status();
  }
  *response.mutable_result() = ToProto(work, *tally);
  writer->Write(response);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<grpc::Service> MakeEvaluationService(ServiceContext& context) {
  return std::make_unique<EvaluationServiceImpl>(context);
}

}  // namespace bitscape::server
