#include <fmt/format.h>

#include <cmath>

#include "bitscape/v1/front.grpc.pb.h"
#include "engine/core/status.h"
#include "server/rpc/lookup.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/rpc/sweep_proto.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

absl::Status CheckReference(const std::vector<double>& reference, size_t objectives) {
  if (!reference.empty() && reference.size() != objectives) {
    return FieldError("reference_point", fmt::format("{} values; one for each of {} objectives, or "
                                                     "none, is required",
                                                     reference.size(), objectives));
  }
  for (const double value : reference) {
    if (!std::isfinite(value)) {
      return FieldError("reference_point", fmt::format("{} is not finite", value));
    }
  }
  return absl::OkStatus();
}

class FrontServiceImpl final : public v1::FrontService::Service {
 public:
  explicit FrontServiceImpl(Store& store) : store_(store) {}

  grpc::Status QueryFront(grpc::ServerContext*, const v1::QueryFrontRequest* request,
                          v1::Front* response) override {
    return Handle([&] { return Query(*request, response); });
  }

 private:
  absl::Status Query(const v1::QueryFrontRequest& request, v1::Front* response) {
    if (request.sweeps().empty()) {
      return FieldError("sweeps", "required: the name of one sweep or more");
    }
    std::vector<std::string> ids;
    std::vector<std::string> objectives(request.objectives().begin(), request.objectives().end());
    for (int i = 0; i < request.sweeps_size(); ++i) {
      BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep,
                                FindSweep(store_, request.sweeps(i), fmt::format("sweeps[{}]", i)));
      if (objectives.empty()) {
        objectives = sweep.objectives;
      }
      ids.push_back(sweep.id);
    }
    const std::vector<double> reference(request.reference_point().begin(),
                                        request.reference_point().end());
    BITSCAPE_RETURN_IF_ERROR(CheckReference(reference, objectives.size()));
    const absl::StatusOr<FrontResult> front =
        server::QueryFront(store_, ids, objectives, reference);
    if (absl::IsInvalidArgument(front.status())) {
      return AtField("objectives", front.status());  // all else was checked before
    }
    BITSCAPE_RETURN_IF_ERROR(front.status());
    BITSCAPE_ASSIGN_OR_RETURN(*response, ToProto(*front, store_));
    return absl::OkStatus();
  }

  Store& store_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFrontService(ServiceContext& context) {
  return std::make_unique<FrontServiceImpl>(context.store);
}

}  // namespace bitscape::server
