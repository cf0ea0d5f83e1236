// Messages and errors of the Connect protocol as JSON.
#pragma once

#include <absl/status/statusor.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "server/rpc/connect.h"

namespace bitscape::server {

// Errors: kNotFound for an unknown service or method, with what there is.
absl::StatusOr<const google::protobuf::MethodDescriptor*> FindMethod(const ConnectRequest& request);
// Errors: kInvalidArgument with what is wrong in the JSON.
absl::StatusOr<grpc::ByteBuffer> ToBytes(std::string_view json,
                                         const google::protobuf::Descriptor& type);
absl::StatusOr<std::string> ToJson(const grpc::ByteBuffer& bytes,
                                   const google::protobuf::Descriptor& type);
// {"code": "not_found", "message": ..., "details": [...]}
std::string ErrorJson(const grpc::Status& status);
int HttpStatusOf(grpc::StatusCode code);
HttpAnswer ToAnswer(const grpc::Status& status);

}  // namespace bitscape::server
