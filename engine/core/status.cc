#include "engine/core/status.h"

#include <fmt/format.h>

#include <string>

namespace bitscape {

absl::Status Annotate(const absl::Status& status, const std::string& where) {
  if (status.ok()) {
    return status;
  }
  absl::Status annotated(status.code(),
                         fmt::format("{}: {}", where, std::string(status.message())));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    annotated.SetPayload(type, payload);
  });
  return annotated;
}

}  // namespace bitscape
