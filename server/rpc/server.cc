#include "server/rpc/server.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "cost_models/accelerators/cost_model.h"
#include "engine/core/files.h"
#include "engine/core/status.h"
#include "server/rpc/addresses.h"
#include "server/rpc/call_counter.h"
#include "server/rpc/connect.h"
#include "server/rpc/grpc_port.h"
#include "server/rpc/http_port.h"
#include "server/rpc/services.h"
#include "server/rpc/version.h"
#include "server/scheduler/library.h"
#include "server/scheduler/scheduler.h"
#include "server/store/store.h"
#include "server/telemetry/log.h"
#include "server/telemetry/telemetry.h"
#include "server/trials/identity.h"

namespace bitscape::server {
namespace {

int64_t NowUs() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Where the server is to listen, checked as far as it can be without listening.
struct Plan {
  std::vector<Address> grpc;
  std::optional<Address> http;
};

absl::StatusOr<Plan> ParseAddresses(const ServerOptions& options) {
  if (options.listen.empty()) {
    return absl::InvalidArgumentError("no address to listen on");
  }
  Plan plan;
  for (const std::string& text : options.listen) {
    BITSCAPE_ASSIGN_OR_RETURN(Address address, ParseAddress(text));
    plan.grpc.push_back(std::move(address));
  }
  if (!options.http_listen.empty()) {
    BITSCAPE_ASSIGN_OR_RETURN(plan.http, ParseAddress(options.http_listen));
  }
  return plan;
}

absl::Status ProbeAll(const Plan& plan) {
  for (const Address& address : plan.grpc) {
    BITSCAPE_RETURN_IF_ERROR(Probe(address));
  }
  return plan.http ? Probe(*plan.http) : absl::OkStatus();
}

// share/bitscape/web if it holds a page.
std::filesystem::path WebFolder() {
  const absl::StatusOr<std::filesystem::path> data = DataDirectory();
  if (!data.ok() || !std::filesystem::exists(*data / "web" / "index.html")) {
    return {};
  }
  return *data / "web";
}

class ServerImpl : public Server {
 public:
  explicit ServerImpl(std::unique_ptr<Log> log)
      : log_(std::move(log)),
        telemetry_({.version = std::string(Version()),
                    .engine_version = std::string(EngineVersion()),
                    .cost_model_version = std::string(cost_models::CostModelVersion())}) {}
  ~ServerImpl() override { Shutdown(); }

  absl::Status Open(const ServerOptions& options, const Plan& plan);
  std::vector<std::string> Addresses() const override { return addresses_; }
  std::string HttpAddress() const override { return http_address_; }
  void Shutdown() override;
  void Wait() override;

 private:
  absl::Status OpenPorts(const ServerOptions& options, const Plan& plan);
  void WatchLoad();

  std::unique_ptr<Log> log_;
  Telemetry telemetry_;
  std::stop_source stopping_;
  // In the order in which each uses those before it.
  std::unique_ptr<Store> store_;
  std::unique_ptr<Library> library_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<ServiceContext> context_;
  std::unique_ptr<GrpcPort> grpc_;
  std::unique_ptr<ConnectGateway> gateway_;
  std::unique_ptr<HttpPort> http_;
  std::vector<std::string> addresses_;
  std::string http_address_;
  bool serving_ = false;  // started as a whole; a start that failed has its own message

  std::mutex mutex_;
  std::condition_variable ended_;
  bool shut_down_ = false, down_ = false;
};

absl::Status ServerImpl::Open(const ServerOptions& options, const Plan& plan) {
  // A start that fails for its ports must not leave a new database; one that fails for its database
  // should say so, not that the ports of the server which holds it are in use.
  std::error_code error;
  const bool is_new = !std::filesystem::exists(options.database, error);
  if (is_new) {
    BITSCAPE_RETURN_IF_ERROR(ProbeAll(plan));
  }
  BITSCAPE_ASSIGN_OR_RETURN(store_, OpenSqliteStore(options.database));
  if (!is_new) {
    BITSCAPE_RETURN_IF_ERROR(ProbeAll(plan));
  }
  library_ = std::make_unique<Library>(*store_);
  BITSCAPE_ASSIGN_OR_RETURN(scheduler_, CreateScheduler(*store_, *library_, &telemetry_));
  WatchLoad();
  AddMethods(telemetry_);
  return OpenPorts(options, plan);
}

void ServerImpl::WatchLoad() {
  telemetry_.SetScrapeSource([this] {
    const Scheduler::Load load = scheduler_->GetLoad();
    const Store::Statistics statistics = store_->GetStatistics();
    return ScrapeValues{.trials_queued = load.trials_queued,
                        .trials_running = load.trials_running,
                        .sqlite_writes = statistics.writes,
                        .sqlite_write_seconds = statistics.write_seconds,
                        .sqlite_size_bytes = statistics.size_bytes,
                        .sqlite_wal_bytes = statistics.wal_bytes};
  });
}

absl::Status ServerImpl::OpenPorts(const ServerOptions& options, const Plan& plan) {
  context_.reset(new ServiceContext{.store = *store_,
                                    .library = *library_,
                                    .scheduler = *scheduler_,
                                    .stopping = stopping_.get_token(),
                                    .embedded = options.embedded,
                                    .start_time_us = NowUs()});
  for (const Address& address : plan.grpc) {
    if (address.is_unix()) {
      BITSCAPE_RETURN_IF_ERROR(PrepareSocketFolder(address.unix_path));
    }
  }
  BITSCAPE_ASSIGN_OR_RETURN(grpc_, GrpcPort::Start(plan.grpc, *context_, telemetry_));
  addresses_ = grpc_->addresses();
  std::vector<std::string> listeners = addresses_;
  if (plan.http) {
    gateway_ = std::make_unique<ConnectGateway>(grpc_->InProcessChannel());
    BITSCAPE_ASSIGN_OR_RETURN(http_,
                              HttpPort::Start(*plan.http, *gateway_, telemetry_, WebFolder()));
    http_address_ = http_->address();
    listeners.push_back(fmt::format("http://{}", http_address_));
  }
  context_->listeners.Set(listeners);
  serving_ = true;
  log_->Info("serving", {{"version", std::string(Version())},
                         {"database", options.database.string()},
                         {"listen", fmt::format("{}", fmt::join(listeners, " "))}});
  return absl::OkStatus();
}

void ServerImpl::Shutdown() {
  {
    std::unique_lock lock(mutex_);
    if (shut_down_) {
      ended_.wait(lock, [this] { return down_; });
      return;
    }
    shut_down_ = true;
  }
  if (serving_) {
    log_->Info("shutting down");
  }
  stopping_.request_stop();  // streams end
  telemetry_.SetScrapeSource(nullptr);
  http_.reset();
  gateway_.reset();
  grpc_.reset();
  context_.reset();
  scheduler_.reset();  // stops at the next batch; what is unfinished resumes at the next start
  library_.reset();
  store_.reset();
  if (serving_) {
    log_->Info("shut down");
  }
  const std::lock_guard lock(mutex_);
  down_ = true;
  ended_.notify_all();
}

void ServerImpl::Wait() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return down_; });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  BITSCAPE_ASSIGN_OR_RETURN(std::unique_ptr<Log> log,
                            Log::Create(options.log_level, options.log_to_stderr));
  BITSCAPE_ASSIGN_OR_RETURN(const Plan plan, ParseAddresses(options));
  // Without it there would be no networks and no machines: better no server than an empty one.
  BITSCAPE_RETURN_IF_ERROR(DataDirectory().status());
  auto server = std::make_unique<ServerImpl>(std::move(log));
  ServerOptions absolute = options;
  absolute.database = std::filesystem::absolute(options.database).lexically_normal();
  BITSCAPE_RETURN_IF_ERROR(server->Open(absolute, plan));
  return server;
}

}  // namespace bitscape::server
