// What requests for evaluations ask for, found and with every default filled in.
#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "bitscape/v1/evaluation.pb.h"
#include "engine/emulate/evaluator.h"
#include "server/rpc/lookup.h"
#include "server/scheduler/library.h"

namespace bitscape::server {

// Asks `stop` to stop once the client or the server goes away.
class CancelWatch {
 public:
  CancelWatch(grpc::ServerContext* call, std::stop_token stopping, std::stop_source& stop);

 private:
  std::jthread thread_;  // joined before `stop` goes away
};

// What an evaluation runs on.
struct EvaluationWork {
  std::shared_ptr<const network::Network> network;
  std::shared_ptr<const data::Dataset> dataset;
  data::Split split = data::Split::kTest;
  int64_t images = 0;
  std::shared_ptr<emulate::Evaluator> evaluator;
};

// The fields that requests share; zeros and empty texts stand for the defaults.
struct EvaluationFields {
  std::string_view network, dataset, split;
  int64_t images = 0, calibration_images = 0, seed = 0;
  int64_t default_images = 0;  // 0: the whole split
  std::string_view parent;     // where errors find the fields: "header." of a header's
  template <typename Request>
  static EvaluationFields Of(const Request& request) {
    return {.network = request.network(),
            .dataset = request.dataset(),
            .split = {},
            .images = request.images(),
            .calibration_images = request.calibration_images(),
            .seed = request.seed(),
            .default_images = 0,
            .parent = {}};
  }
};
// Errors: field errors.
absl::StatusOr<EvaluationWork> FindEvaluationWork(const EvaluationFields& fields, Library& library);

// A plan that can be emulated on the network. Errors: field errors.
absl::StatusOr<PlanOnNetwork> FindRunnablePlan(const network::Network& network,
                                               const std::string& plan, std::string_view field);

// What was measured so far.
struct Tally {
  int64_t images = 0, correct = 0;
  double loss_sum = 0, seconds = 0;
};
// Counts, accuracy with its interval, loss.
v1::Evaluation ToProto(const Tally& tally, const std::string& plan, data::Split split);

}  // namespace bitscape::server
