#include <absl/strings/cord.h>
#include <fmt/format.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

constexpr size_t kLongestField = 200;

}  // namespace

std::string_view Excerpt(std::string_view text, size_t most) {
  if (text.size() <= most) {
    return text;
  }
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) {
    --most;  // inside a character (UTF-8)
  }
  return text.substr(0, most);
}

std::string Shortened(std::string_view text, size_t most) {
  const std::string_view kept = Excerpt(text, most);
  return kept.size() == text.size()
             ? std::string(text)
             : fmt::format("{}... ({} more bytes)", kept, text.size() - kept.size());
}

absl::Status FieldError(std::string_view field, std::string_view description) {
  return AtField(
      field, absl::InvalidArgumentError(absl::string_view(description.data(), description.size())));
}

absl::Status AtField(std::string_view field, const absl::Status& status) {
  if (status.ok()) {
    return status;
  }
  google::rpc::BadRequest details;
  google::rpc::BadRequest::FieldViolation& violation = *details.add_field_violations();
  violation.set_field(Shortened(field, kLongestField));
  violation.set_description(Shortened({status.message().data(), status.message().size()}));
  absl::Status result(status.code(),
                      fmt::format("{}: {}", violation.field(), violation.description()));
  result.SetPayload("type.googleapis.com/google.rpc.BadRequest",
                    absl::Cord(details.SerializeAsString()));
  return result;
}

}  // namespace bitscape::server
