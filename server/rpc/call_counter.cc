#include "server/rpc/call_counter.h"

#include <google/protobuf/descriptor.h>

#include <string>

#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"

namespace bitscape::server {
namespace {

using grpc::experimental::InterceptionHookPoints;

// Lives as long as its call.
class Counter : public grpc::experimental::Interceptor {
 public:
  Counter(Telemetry& telemetry, std::atomic<int>& active, std::string service, std::string method)
      : telemetry_(telemetry),
        active_(active),
        service_(std::move(service)),
        method_(std::move(method)) {
    ++active_;
  }
  ~Counter() override { --active_; }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      telemetry_.OnRpcHandled(service_, method_, CodeName(methods->GetSendStatus().error_code()));
    }
    methods->Proceed();
  }

 private:
  Telemetry& telemetry_;
  std::atomic<int>& active_;
  const std::string service_, method_;
};

class CounterFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  CounterFactory(Telemetry& telemetry, std::atomic<int>& active)
      : telemetry_(telemetry), active_(active) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    // "/bitscape.v1.SweepService/GetSweep". Unknown names aren't counted: anybody may invent them.
    const std::string_view path = info->method();
    const size_t slash = path.rfind('/');
    if (!path.starts_with("/bitscape.v1.") || slash == 0) {
      return nullptr;
    }
    std::string full_name(path.substr(1));
    full_name[slash - 1] = '.';
    if (google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(full_name) ==
        nullptr) {
      return nullptr;
    }
    return new Counter(telemetry_, active_, std::string(path.substr(1, slash - 1)),
                       std::string(path.substr(slash + 1)));
  }

 private:
  Telemetry& telemetry_;
  std::atomic<int>& active_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallCounter(
    Telemetry& telemetry, std::atomic<int>& active) {
  return std::make_unique<CounterFactory>(telemetry, active);
}

void AddMethods(Telemetry& telemetry) {
  for (const std::string& name : ServiceNames()) {
    const google::protobuf::ServiceDescriptor* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
      telemetry.AddRpcMethod(name, service->method(i)->name());
    }
  }
}

}  // namespace bitscape::server
