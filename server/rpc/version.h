#pragma once

#include <string_view>

namespace bitscape::server {

// Of the project, e.g. "0.1.0".
std::string_view Version();

}  // namespace bitscape::server
