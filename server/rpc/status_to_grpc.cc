#include "server/rpc/status_to_grpc.h"

#include <absl/strings/cord.h>

#include <array>
#include <new>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

constexpr size_t kLongestPrefix = 200;  // "FIELD: " before a message
constexpr std::string_view kTypePrefix = "type.googleapis.com/";

// In the order of the codes' values.
constexpr std::array<std::string_view, 17> kCodeNames = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) {
    return grpc::Status::OK;
  }
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(Shortened({status.message().data(), status.message().size()},
                                kLongestMessage + kLongestPrefix));
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    if (std::string_view(type_url.data(), type_url.size()).starts_with(kTypePrefix)) {
      google::protobuf::Any& detail = *details.add_details();
      detail.set_type_url(std::string(type_url));
      detail.set_value(std::string(payload));
    }
  });
  const auto code = static_cast<grpc::StatusCode>(status.code());
  if (details.details().empty()) {
    return grpc::Status(code, details.message());
  }
  return grpc::Status(code, details.message(), details.SerializeAsString());
}

grpc::Status Handle(const std::function<absl::Status()>& handler) {
  try {
    return ToGrpc(handler());
  } catch (const std::bad_alloc&) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                        "the server has not enough memory for this request");
  }
}

absl::Status AboutResource(const absl::Status& status, std::string_view type,
                           std::string_view name) {
  if (!absl::IsNotFound(status) && !absl::IsAlreadyExists(status)) {
    return status;
  }
  google::rpc::ResourceInfo info;
  info.set_resource_type(std::string(type));
  info.set_resource_name(Shortened(name, kLongestPrefix));
  info.set_description(Shortened({status.message().data(), status.message().size()}));
  absl::Status result = status;
  result.SetPayload("type.googleapis.com/google.rpc.ResourceInfo",
                    absl::Cord(info.SerializeAsString()));
  return result;
}

std::string_view CodeName(grpc::StatusCode code) {
  const auto index = static_cast<size_t>(code);
  return index < kCodeNames.size() ? kCodeNames[index] : "Unknown";
}

}  // namespace bitscape::server
