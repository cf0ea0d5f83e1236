// Resource names: the only place that parses and builds "networks/lenet5",
// "sweeps/s1/trials/t000042".
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace bitscape::server {

std::string NetworkName(std::string_view id);
std::string DatasetName(std::string_view id);
std::string AcceleratorName(std::string_view id);
std::string SweepName(std::string_view id);
std::string TrialName(std::string_view sweep_id, int64_t ordinal);

// The last part of "COLLECTION/ID"; the bare id is taken, too. `collection` is "networks",
// "datasets", "accelerators", or "sweeps". Errors: a field error of `field` that shows the form.
absl::StatusOr<std::string> ParseName(std::string_view collection, std::string_view name,
                                      std::string_view field);

struct TrialKey {
  std::string sweep;
  int64_t ordinal = 0;
};
absl::StatusOr<TrialKey> ParseTrialName(std::string_view name, std::string_view field);

// 1 to 63 of [a-z0-9-] (and '_' where `underscore`), starting with a letter.
absl::Status CheckId(std::string_view id, bool underscore, std::string_view field);

}  // namespace bitscape::server
