#include "server/rpc/grpc_port.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "engine/core/status.h"
#include "server/rpc/call_counter.h"

namespace bitscape::server {
namespace {

// Each call runs on a thread of its own. Streams may hold half of them (ServiceContext's slots), so
// unary calls always find one.
constexpr int kMaxThreads = 256;
constexpr int kMaxMessageBytes = 8 << 20;  // a spec of 4 MiB and what it expands to

// Files made while it lives belong to this user alone.
class PrivateUmask {
 public:
  PrivateUmask() : before_(umask(S_IRWXG | S_IRWXO)) {}
  ~PrivateUmask() { umask(before_); }
  PrivateUmask(const PrivateUmask&) = delete;
  PrivateUmask& operator=(const PrivateUmask&) = delete;

 private:
  const mode_t before_;
};

class GrpcPortImpl : public GrpcPort {
 public:
  GrpcPortImpl(ServiceContext& context, Telemetry& telemetry)
      : services_(MakeServices(context)), telemetry_(telemetry) {}
  ~GrpcPortImpl() override { Stop(); }

  absl::Status Listen(const std::vector<Address>& addresses);
  const std::vector<std::string>& addresses() const override { return addresses_; }
  std::shared_ptr<grpc::Channel> InProcessChannel() override {
    return server_->InProcessChannel(grpc::ChannelArguments());
  }
  void Stop() override;

 private:
  std::vector<std::unique_ptr<grpc::Service>> services_;
  Telemetry& telemetry_;
  std::atomic<int> active_calls_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
  bool stopped_ = false;
};

absl::Status GrpcPortImpl::Listen(const std::vector<Address>& addresses) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  // Else a second server would take half of the first one's connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetResourceQuota(grpc::ResourceQuota("server").SetMaxThreads(kMaxThreads));
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(MakeCallCounter(telemetry_, active_calls_));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  for (const auto& service : services_) {
    builder.RegisterService(service.get());
  }
  std::vector<int> ports(addresses.size(), 0);
  for (size_t i = 0; i < addresses.size(); ++i) {
    // An absolute path after "unix:" is what clients dial, too.
    builder.AddListeningPort(addresses[i].text, grpc::InsecureServerCredentials(), &ports[i]);
  }
  {
    const PrivateUmask umask;
    server_ = builder.BuildAndStart();
  }
  for (size_t i = 0; i < addresses.size(); ++i) {
    if (ports[i] == 0) {
      if (server_ != nullptr) {
        server_->Shutdown(std::chrono::system_clock::now());
      }
      const absl::Status reason = Probe(addresses[i]);
      return reason.ok()
                 ? absl::UnavailableError(fmt::format("can't listen on {}", addresses[i].text))
                 : reason;
    }
    addresses_.push_back(addresses[i].WithPort(ports[i]));
  }
  if (server_ == nullptr) {
    return absl::InternalError("the gRPC server did not start");
  }
  for (const std::string& name : ServiceNames()) {
    server_->GetHealthCheckService()->SetServingStatus(name, true);
  }
  return absl::OkStatus();
}

void GrpcPortImpl::Stop() {
  if (server_ == nullptr || stopped_) {
    return;
  }
  stopped_ = true;
  server_->GetHealthCheckService()->Shutdown();
  // gRPC's own deadline would also wait for idle clients to hang up.
  constexpr std::chrono::seconds kGrace{5};
  const auto end = std::chrono::steady_clock::now() + kGrace;
  while (active_calls_ > 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcPort>> GrpcPort::Start(const std::vector<Address>& addresses,
                                                          ServiceContext& context,
                                                          Telemetry& telemetry) {
  auto port = std::make_unique<GrpcPortImpl>(context, telemetry);
  BITSCAPE_RETURN_IF_ERROR(port->Listen(addresses));
  return port;
}

}  // namespace bitscape::server
