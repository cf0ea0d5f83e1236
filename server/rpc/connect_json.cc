#include "server/rpc/connect_json.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "engine/core/suggest.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/specs/convert.h"
#include "server/telemetry/log.h"

namespace bitscape::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

struct CodeRow {
  const char* name;
  int http_status;
};
// In the order of the codes' values. Source: connectrpc.com/docs/protocol, error codes.
constexpr std::array<CodeRow, 17> kCodes = {{{"ok", 200},
                                             {"canceled", 499},
                                             {"unknown", 500},
                                             {"invalid_argument", 400},
                                             {"deadline_exceeded", 504},
                                             {"not_found", 404},
                                             {"already_exists", 409},
                                             {"permission_denied", 403},
                                             {"resource_exhausted", 429},
                                             {"failed_precondition", 400},
                                             {"aborted", 409},
                                             {"out_of_range", 400},
                                             {"unimplemented", 501},
                                             {"internal", 500},
                                             {"unavailable", 503},
                                             {"data_loss", 500},
                                             {"unauthenticated", 401}}};

const CodeRow& RowOf(grpc::StatusCode code) {
  const auto index = static_cast<size_t>(code);
  return kCodes[index < kCodes.size() ? index : 2];
}

std::unique_ptr<Message> NewMessage(const Descriptor& type) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

absl::StatusOr<std::string> Flatten(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) {
    return absl::InternalError("a message can't be read");
  }
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// The library's message about JSON that doesn't fit, as a sentence with the field's path in front.
// Its forms: "(a.b[0]) c: Cannot find field.", "(a.b[0].c): invalid value 2 for type TYPE_INT32",
// ": Root element must be a message.", and for syntax errors an explanation, the text, and a caret.
std::string JsonProblem(std::string_view message) {
  std::string parent;
  if (const size_t end = message.find(')'); message.starts_with('(') && end != message.npos) {
    parent = message.substr(1, end - 1);
    message.remove_prefix(end + 1);
  }
  constexpr std::string_view kUnknown = ": Cannot find field.";
  if (message.ends_with(kUnknown)) {
    message.remove_suffix(kUnknown.size());
    message.remove_prefix(message.starts_with(' ') ? 1 : 0);
    return fmt::format("{}unknown field '{}'", parent.empty() ? "" : parent + ": ",
                       Excerpt(message));
  }
  message.remove_prefix(std::min(message.size(), message.find_first_not_of(": ")));
  message = message.substr(0, message.find('\n'));
  if (message.ends_with('.')) {
    message.remove_suffix(1);
  }
  std::string text(message);
  // "type.googleapis.com/bitscape.v1.SweepSpec" and "TYPE_INT32" are the library's own names.
  absl::StrReplaceAll({{"type.googleapis.com/", ""}, {"for type TYPE_", "for type "}}, &text);
  return fmt::format("{}{}", parent.empty() ? "" : parent + ": ", text);
}

// JSON of the details in a grpc-status-details-bin.
std::string DetailsJson(const std::string& bytes) {
  google::rpc::Status details;
  std::string json;
  if (!details.ParseFromString(bytes)) {
    return json;
  }
  for (const google::protobuf::Any& detail : details.details()) {
    std::string value;
    absl::Base64Escape(detail.value(), &value);
    while (!value.empty() && value.back() == '=') {
      value.pop_back();  // the protocol wants it without padding
    }
    const absl::string_view type = absl::StripPrefix(detail.type_url(), "type.googleapis.com/");
    json += fmt::format("{}{{\"type\":{},\"value\":{}}}", json.empty() ? "" : ",",
                        QuoteJson({type.data(), type.size()}), QuoteJson(value));
  }
  return json;
}

}  // namespace

absl::StatusOr<const MethodDescriptor*> FindMethod(const ConnectRequest& request) {
  const std::vector<std::string>& services = ServiceNames();
  const ServiceDescriptor* service = nullptr;
  for (const std::string& name : services) {
    if (name == request.service) {
      service = DescriptorPool::generated_pool()->FindServiceByName(name);
    }
  }
  if (service == nullptr) {
    return absl::NotFoundError(fmt::format("there is no service '{}'{}", request.service,
                                           DidYouMean(request.service, services)));
  }
  const MethodDescriptor* method = service->FindMethodByName(request.method);
  if (method == nullptr) {
    std::vector<std::string> methods;
    for (int i = 0; i < service->method_count(); ++i) {
      methods.push_back(service->method(i)->name());
    }
    return absl::NotFoundError(fmt::format("{} has no method '{}'; it has {}{}", request.service,
                                           request.method, fmt::join(methods, ", "),
                                           DidYouMean(request.method, methods)));
  }
  return method;
}

absl::StatusOr<grpc::ByteBuffer> ToBytes(std::string_view json, const Descriptor& type) {
  const std::unique_ptr<Message> message = NewMessage(type);
  const auto status = google::protobuf::util::JsonStringToMessage(
      std::string(json.empty() ? "{}" : json), message.get());
  if (!status.ok()) {
    const auto text = status.message();
    return absl::InvalidArgumentError("body: " + JsonProblem({text.data(), text.size()}));
  }
  const grpc::Slice slice(message->SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

absl::StatusOr<std::string> ToJson(const grpc::ByteBuffer& bytes, const Descriptor& type) {
  const absl::StatusOr<std::string> flat = Flatten(bytes);
  const std::unique_ptr<Message> message = NewMessage(type);
  if (!flat.ok() || !message->ParseFromString(*flat)) {
    return absl::InternalError(fmt::format("the answer is no {}", type.name()));
  }
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(*message, &json, options);
  if (!status.ok()) {
    return absl::InternalError(
        fmt::format("the answer can't be written as JSON: {}", status.ToString()));
  }
  return json;
}

std::string ErrorJson(const grpc::Status& status) {
  const std::string details = DetailsJson(status.error_details());
  return fmt::format("{{\"code\":\"{}\",\"message\":{}{}}}", RowOf(status.error_code()).name,
                     QuoteJson(status.error_message()),
                     details.empty() ? "" : fmt::format(",\"details\":[{}]", details));
}

int HttpStatusOf(grpc::StatusCode code) { return RowOf(code).http_status; }

HttpAnswer ToAnswer(const grpc::Status& status) {
  return {HttpStatusOf(status.error_code()), "application/json", ErrorJson(status)};
}

HttpAnswer ConnectError(int code, std::string_view message) {
  return ToAnswer(grpc::Status(static_cast<grpc::StatusCode>(code), std::string(message)));
}

}  // namespace bitscape::server
