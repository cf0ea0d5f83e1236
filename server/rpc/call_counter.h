// Counts answered calls for the metrics: a gRPC interceptor, so that no handler can forget it.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <atomic>
#include <memory>

#include "server/telemetry/telemetry.h"

namespace bitscape::server {

// `active` is the number of our calls that are under way. Both must outlive the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallCounter(
    Telemetry& telemetry, std::atomic<int>& active);
// Makes every method of our services appear at 0.
void AddMethods(Telemetry& telemetry);

}  // namespace bitscape::server
