// The trained networks that ship with bitscape (share/bitscape/zoo).
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/network/network.h"

namespace bitscape::network {

std::vector<std::string> ZooNames();  // sorted
// Errors: kNotFound with the nearest name.
absl::StatusOr<Network> LoadZooNetwork(std::string_view name);

}  // namespace bitscape::network
