#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <random>

#include "bitscape/v1/sweep.grpc.pb.h"
#include "engine/core/status.h"
#include "server/rpc/lookup.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/rpc/sweep_proto.h"
#include "server/rpc/tokens.h"
#include "server/rpc/watch.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

constexpr size_t kLongestRequestId = 128;

// "s20261124-131500-1f2e3d": sorts by time, does not collide in practice.
std::string NewSweepId() {
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  std::random_device random;
  return fmt::format("s{:%Y%m%d-%H%M%S}-{:06x}", fmt::gmtime(now), random() & 0xffffffu);
}

class SweepServiceImpl final : public v1::SweepService::Service {
 public:
  explicit SweepServiceImpl(ServiceContext& context) : context_(context) {}

  grpc::Status CreateSweep(grpc::ServerContext*, const v1::CreateSweepRequest* request,
                           v1::Sweep* response) override {
    return Answer([&] { return Create(*request); }, response);
  }
  grpc::Status GetSweep(grpc::ServerContext*, const v1::GetSweepRequest* request,
                        v1::Sweep* response) override {
    return Answer([&] { return Get(request->name()); }, response);
  }
  grpc::Status ListSweeps(grpc::ServerContext*, const v1::ListSweepsRequest* request,
                          v1::ListSweepsResponse* response) override {
    return Handle([&] { return List(*request, response); });
  }
  grpc::Status CancelSweep(grpc::ServerContext*, const v1::CancelSweepRequest* request,
                           v1::Sweep* response) override {
    return Answer([&] { return Change(request->name(), &Scheduler::Cancel); }, response);
  }
  grpc::Status PauseSweep(grpc::ServerContext*, const v1::PauseSweepRequest* request,
                          v1::Sweep* response) override {
    return Answer([&] { return Change(request->name(), &Scheduler::Pause); }, response);
  }
  grpc::Status ResumeSweep(grpc::ServerContext*, const v1::ResumeSweepRequest* request,
                           v1::Sweep* response) override {
    return Answer([&] { return Change(request->name(), &Scheduler::Resume); }, response);
  }
  grpc::Status WatchSweep(grpc::ServerContext* call, const v1::WatchSweepRequest* request,
                          grpc::ServerWriter<v1::SweepEvent>* writer) override {
    return Handle([&] {
      return server::WatchSweep(
          *request, context_, [call] { return call->IsCancelled(); },
          [writer](const v1::SweepEvent& event) { return writer->Write(event); });
    });
  }

 private:
  static grpc::Status Answer(const std::function<absl::StatusOr<v1::Sweep>()>& handler,
                             v1::Sweep* response) {
    return Handle([&]() -> absl::Status {
      BITSCAPE_ASSIGN_OR_RETURN(*response, handler());
      return absl::OkStatus();
    });
  }

  absl::StatusOr<v1::Sweep> Create(const v1::CreateSweepRequest& request);
  absl::StatusOr<v1::Sweep> Validated(const v1::CreateSweepRequest& request, const SweepPlan& plan);
  absl::StatusOr<v1::Sweep> Get(const std::string& name);
  absl::Status List(const v1::ListSweepsRequest& request, v1::ListSweepsResponse* response);
  absl::StatusOr<v1::Sweep> Change(const std::string& name,
                                   absl::StatusOr<Sweep> (Scheduler::*change)(std::string_view));

  ServiceContext& context_;
  // A request id is looked up and remembered in one step.
  std::mutex create_mutex_;
};

absl::StatusOr<v1::Sweep> SweepServiceImpl::Validated(const v1::CreateSweepRequest& request,
                                                      const SweepPlan& plan) {
  v1::Sweep sweep;
  if (!request.sweep_id().empty()) {
    if (const absl::StatusOr<Sweep> known = context_.store.GetSweep(request.sweep_id());
        !absl::IsNotFound(known.status())) {
      BITSCAPE_RETURN_IF_ERROR(known.status());
      return absl::AlreadyExistsError(
          fmt::format("there is a sweep '{}' already", request.sweep_id()));
    }
    sweep.set_name(SweepName(request.sweep_id()));
  }
  *sweep.mutable_spec() = request.spec();
  sweep.mutable_progress()->set_trials(static_cast<int32_t>(plan.trials.size()));
  return sweep;
}

absl::StatusOr<v1::Sweep> SweepServiceImpl::Create(const v1::CreateSweepRequest& request) {
  std::string id = request.sweep_id();
  if (!id.empty()) {
    BITSCAPE_RETURN_IF_ERROR(CheckId(id, /*underscore=*/false, "sweep_id"));
  }
  if (request.request_id().size() > kLongestRequestId) {
    return FieldError("request_id", fmt::format("has {} bytes; at most {} are allowed",
                                                request.request_id().size(), kLongestRequestId));
  }
  const std::unique_lock lock = request.request_id().empty() ? std::unique_lock<std::mutex>()
                                                             : std::unique_lock(create_mutex_);
  if (!request.request_id().empty() && !request.validate_only()) {
    BITSCAPE_ASSIGN_OR_RETURN(const std::optional<std::string> known,
                              context_.store.FindRequest(request.request_id()));
    if (known) {
      BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, context_.store.GetSweep(*known));
      if (sweep.spec != request.spec().SerializeAsString()) {
        return AboutResource(
            absl::AlreadyExistsError(fmt::format(
                "request_id '{}' made sweep '{}' from another spec; use a new request_id",
                Excerpt(request.request_id()), *known)),
            "bitscape.v1.Sweep", SweepName(*known));
      }
      return ToProto(sweep, context_.scheduler);
    }
  }
  BITSCAPE_ASSIGN_OR_RETURN(const SweepResources resources,
                            FindResources(context_.library, request.spec()));
  BITSCAPE_ASSIGN_OR_RETURN(const SweepPlan plan, ToSweepPlan(request.spec(), resources.Context()));
  if (request.validate_only()) {
    return Validated(request, plan);
  }
  if (id.empty()) {
    id = NewSweepId();
  }
  const absl::StatusOr<Sweep> sweep =
      context_.scheduler.Submit(id, request.spec().SerializeAsString(), plan, request.request_id());
  if (!sweep.ok()) {
    return AboutResource(sweep.status(), "bitscape.v1.Sweep", SweepName(id));
  }
  return ToProto(*sweep, context_.scheduler);
}

absl::StatusOr<v1::Sweep> SweepServiceImpl::Get(const std::string& name) {
  BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, FindSweep(context_.store, name, "name"));
  return ToProto(sweep, context_.scheduler);
}

absl::Status SweepServiceImpl::List(const v1::ListSweepsRequest& request,
                                    v1::ListSweepsResponse* response) {
  constexpr std::string_view kScope = "sweeps";
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t size, PageSize(request.page_size()));
  std::string after;
  if (!request.page_token().empty()) {
    BITSCAPE_ASSIGN_OR_RETURN(after, ReadToken(kScope, request.page_token(), "page_token"));
  }
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<Sweep> sweeps, context_.store.ListSweeps(after, size + 1));
  if (static_cast<int64_t>(sweeps.size()) > size) {
    sweeps.pop_back();
    response->set_next_page_token(MakeToken(kScope, sweeps.back().id));
  }
  size_t bytes = 0;
  for (const Sweep& sweep : sweeps) {
    if (bytes > kMaxPageBytes) {
      const std::string& last = response->sweeps(response->sweeps_size() - 1).name();
      BITSCAPE_ASSIGN_OR_RETURN(const std::string id, ParseName("sweeps", last, "name"));
      response->set_next_page_token(MakeToken(kScope, id));
      return absl::OkStatus();
    }
    BITSCAPE_ASSIGN_OR_RETURN(*response->add_sweeps(), ToProto(sweep, context_.scheduler));
    bytes += response->sweeps(response->sweeps_size() - 1).ByteSizeLong();
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Sweep> SweepServiceImpl::Change(
    const std::string& name, absl::StatusOr<Sweep> (Scheduler::*change)(std::string_view)) {
  BITSCAPE_ASSIGN_OR_RETURN(const Sweep known, FindSweep(context_.store, name, "name"));
  BITSCAPE_ASSIGN_OR_RETURN(const Sweep changed, (context_.scheduler.*change)(known.id));
  return ToProto(changed, context_.scheduler);
}

}  // namespace

std::unique_ptr<grpc::Service> MakeSweepService(ServiceContext& context) {
  return std::make_unique<SweepServiceImpl>(context);
}

}  // namespace bitscape::server
