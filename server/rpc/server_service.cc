#include "bitscape/v1/server.grpc.pb.h"
#include "cost_models/accelerators/cost_model.h"
#include "engine/core/status.h"
#include "engine/core/thread_pool.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/rpc/version.h"
#include "server/trials/identity.h"

namespace bitscape::server {

std::string_view Version() { return BITSCAPE_VERSION; }

namespace {

void AddCpuFeatures(v1::ServerStatus* status) {
#if defined(__x86_64__)
  // The ones that change which primitive is fastest.
  if (__builtin_cpu_supports("avx2")) {
    status->add_cpu_features("avx2");
  }
  if (__builtin_cpu_supports("avx512f")) {
    status->add_cpu_features("avx512f");
  }
  if (__builtin_cpu_supports("avx512vnni")) {
    status->add_cpu_features("avx512_vnni");
  }
  if (__builtin_cpu_supports("avx512bf16")) {
    status->add_cpu_features("avx512_bf16");
  }
#endif
}

class ServerServiceImpl final : public v1::ServerService::Service {
 public:
  explicit ServerServiceImpl(ServiceContext& context) : context_(context) {}

  grpc::Status GetServerStatus(grpc::ServerContext*, const v1::GetServerStatusRequest*,
                               v1::ServerStatus* response) override {
    return Handle([&] { return Fill(response); });
  }

 private:
  absl::StatusOr<int64_t> CountSweeps() {
    constexpr int64_t kPage = 1000;
    int64_t count = 0;
    std::string after;
    while (true) {
      BITSCAPE_ASSIGN_OR_RETURN(const std::vector<Sweep> sweeps,
                                context_.store.ListSweeps(after, kPage));
      count += static_cast<int64_t>(sweeps.size());
      if (static_cast<int64_t>(sweeps.size()) < kPage) {
        return count;
      }
      after = sweeps.back().id;
    }
  }

  absl::Status Fill(v1::ServerStatus* status) {
    BITSCAPE_ASSIGN_OR_RETURN(const int64_t sweeps, CountSweeps());
    const Store::Statistics statistics = context_.store.GetStatistics();
    const Scheduler::Load load = context_.scheduler.GetLoad();
    status->set_version(std::string(Version()));
    status->set_engine_version(std::string(EngineVersion()));
    status->set_cost_model_version(std::string(cost_models::CostModelVersion()));
    status->mutable_start_time()->set_seconds(context_.start_time_us / 1'000'000);
    status->mutable_start_time()->set_nanos(
        static_cast<int32_t>(context_.start_time_us % 1'000'000 * 1000));
    status->set_database(statistics.path);
    status->set_database_bytes(static_cast<double>(statistics.size_bytes));
    status->set_schema_version(statistics.schema_version);
    for (std::string& address : context_.listeners.Get()) {
      status->add_listeners(std::move(address));
    }
    status->set_sweeps(static_cast<int32_t>(sweeps));
    status->set_sweeps_running(static_cast<int32_t>(load.sweeps_running));
    status->set_trials_queued(static_cast<int32_t>(load.trials_queued));
    status->set_trials_running(static_cast<int32_t>(load.trials_running));
    status->set_threads(AvailableProcessors());
    AddCpuFeatures(status);
    status->set_embedded(context_.embedded);
    return absl::OkStatus();
  }

  ServiceContext& context_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeServerService(ServiceContext& context) {
  return std::make_unique<ServerServiceImpl>(context);
}

}  // namespace bitscape::server
