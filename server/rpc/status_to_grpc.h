// The one place where our errors become gRPC's.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <string_view>

namespace bitscape::server {

// Code values are equal. Payloads that are google.rpc messages travel as a google.rpc.Status in the
// error details (trailer grpc-status-details-bin).
grpc::Status ToGrpc(const absl::Status& status);

// A handler's status as gRPC's. What it can't allocate is kResourceExhausted, not the end of the
// call without a word.
grpc::Status Handle(const std::function<absl::Status()>& handler);

// kNotFound and kAlreadyExists about a resource: adds a google.rpc.ResourceInfo. Other errors, and
// OK, stay as they are.
absl::Status AboutResource(const absl::Status& status, std::string_view type,
                           std::string_view name);

// "OK", "InvalidArgument", ...: label of metrics.
std::string_view CodeName(grpc::StatusCode code);

}  // namespace bitscape::server
