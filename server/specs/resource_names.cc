#include "server/specs/resource_names.h"

#include <fmt/format.h>

#include <optional>

#include "server/specs/convert.h"
#include "server/trials/trial.h"

namespace bitscape::server {
namespace {

std::string Join(std::string_view collection, std::string_view id) {
  return fmt::format("{}/{}", collection, id);
}

}  // namespace

std::string NetworkName(std::string_view id) { return Join("networks", id); }
std::string DatasetName(std::string_view id) { return Join("datasets", id); }
std::string AcceleratorName(std::string_view id) { return Join("accelerators", id); }
std::string SweepName(std::string_view id) { return Join("sweeps", id); }
std::string TrialName(std::string_view sweep_id, int64_t ordinal) {
  return fmt::format("{}/trials/{}", SweepName(sweep_id), TrialId(ordinal));
}

absl::StatusOr<std::string> ParseName(std::string_view collection, std::string_view name,
                                      std::string_view field) {
  std::string_view id = name;
  const std::string prefix = fmt::format("{}/", collection);
  if (id.starts_with(prefix)) {
    id.remove_prefix(prefix.size());
  }
  if (id.empty() || id.find('/') != std::string_view::npos) {
    return FieldError(field,
                      fmt::format("'{}' is not a name of the form '{}ID'", Excerpt(name), prefix));
  }
  return std::string(id);
}

absl::StatusOr<TrialKey> ParseTrialName(std::string_view name, std::string_view field) {
  constexpr std::string_view kSweeps = "sweeps/";
  constexpr std::string_view kTrials = "/trials/";
  const size_t middle = name.find(kTrials);
  if (name.starts_with(kSweeps) && middle != std::string_view::npos && middle > kSweeps.size()) {
    const std::string_view sweep = name.substr(kSweeps.size(), middle - kSweeps.size());
    const std::optional<int64_t> ordinal = ParseTrialId(name.substr(middle + kTrials.size()));
    if (ordinal && sweep.find('/') == std::string_view::npos) {
      return TrialKey{std::string(sweep), *ordinal};
    }
  }
  return FieldError(
      field, fmt::format("'{}' is not a name of the form 'sweeps/ID/trials/ID'", Excerpt(name)));
}

absl::Status CheckId(std::string_view id, bool underscore, std::string_view field) {
  constexpr size_t kLongestId = 63;
  bool valid = !id.empty() && id.size() <= kLongestId && id[0] >= 'a' && id[0] <= 'z';
  for (const char c : id) {
    valid = valid && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                      (underscore && c == '_'));
  }
  if (valid) {
    return absl::OkStatus();
  }
  return FieldError(field, fmt::format("'{}' is not an id: 1 to {} of [a-z0-9{}-], starting with a "
                                       "letter",
                                       Excerpt(id), kLongestId, underscore ? "_" : ""));
}

}  // namespace bitscape::server
