#include "server/rpc/evaluation_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "engine/core/status.h"
#include "server/rpc/status_to_grpc.h"
#include "server/specs/convert.h"
#include "server/trials/trial.h"

namespace bitscape::server {
namespace {

constexpr int64_t kCalibrationImages = 512;

absl::StatusOr<int64_t> CountOr(int64_t value, int64_t fallback, int64_t limit,
                                std::string_view field) {
  if (value < 0 || value > limit) {
    return FieldError(field,
                      fmt::format("{} is out of range: 0 (for {}) to {}", value, fallback, limit));
  }
  return value == 0 ? fallback : value;
}

}  // namespace

CancelWatch::CancelWatch(grpc::ServerContext* call, std::stop_token stopping,
                         std::stop_source& stop)
    : thread_([call, stopping, &stop](const std::stop_token& done) {
        while (!done.stop_requested()) {
          if (call->IsCancelled() || stopping.stop_requested()) {
            stop.request_stop();
            return;
          }
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
      }) {}

absl::StatusOr<EvaluationWork> FindEvaluationWork(const EvaluationFields& fields,
                                                  Library& library) {
  EvaluationWork work;
  const auto at = [&](std::string_view field) { return fmt::format("{}{}", fields.parent, field); };
  BITSCAPE_ASSIGN_OR_RETURN(work.network, FindNetwork(library, fields.network, at("network")));
  if (!work.network->HasWeights()) {
    return FieldError(at("network"), fmt::format("'{}' has shapes only, no weights: it can be "
                                                 "priced, but not evaluated",
                                                 work.network->name));
  }
  BITSCAPE_ASSIGN_OR_RETURN(work.dataset, FindDataset(library, fields.dataset, at("dataset")));
  if (!fields.split.empty()) {
    const absl::StatusOr<data::Split> split = data::ParseSplit(fields.split);
    if (!split.ok()) {
      return AtField(at("split"), split.status());
    }
    work.split = *split;
  }
  const int64_t split_images = work.dataset->split(work.split).size();
  const int64_t images =
      fields.default_images > 0 ? std::min(fields.default_images, split_images) : split_images;
  BITSCAPE_ASSIGN_OR_RETURN(work.images,
                            CountOr(fields.images, images, split_images, at("images")));
  const int64_t calibration = work.dataset->calibration.size();
  BITSCAPE_ASSIGN_OR_RETURN(
      const int64_t calibration_images,
      CountOr(fields.calibration_images, std::min(kCalibrationImages, calibration), calibration,
              at("calibration_images")));
  if (fields.seed < 0) {
    return FieldError(at("seed"), fmt::format("{} is negative", fields.seed));
  }
  const uint64_t seed = fields.seed == 0 ? 1 : static_cast<uint64_t>(fields.seed);
  BITSCAPE_ASSIGN_OR_RETURN(
      work.evaluator,
      library.GetEvaluator(work.network->name, work.dataset->name, calibration_images, seed));
  return work;
}

absl::StatusOr<PlanOnNetwork> FindRunnablePlan(const network::Network& network,
                                               const std::string& plan, std::string_view field) {
  BITSCAPE_ASSIGN_OR_RETURN(PlanOnNetwork found, FindPlan(network, plan, field));
  if (const absl::Status status = emulate::CheckPlan(network, found.resolved); !status.ok()) {
    return AtField(field, status);
  }
  return found;
}

v1::Evaluation ToProto(const Tally& tally, const std::string& plan, data::Split split) {
  v1::Evaluation proto;
  const auto images = static_cast<double>(tally.images);
  const Interval interval = WilsonInterval(tally.correct, tally.images);
  proto.set_correct(static_cast<int32_t>(tally.correct));
  proto.set_images(static_cast<int32_t>(tally.images));
  proto.set_accuracy(static_cast<double>(tally.correct) / images);
  proto.set_accuracy_low(interval.low);
  proto.set_accuracy_high(interval.high);
  proto.set_loss(tally.loss_sum / images);
  proto.set_plan(plan);
  proto.set_split(std::string(data::ToString(split)));
  return proto;
}

}  // namespace bitscape::server
