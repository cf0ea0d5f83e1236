// Axis numbers of ONNX attributes.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>

namespace bitscape::network {

// `axis` counted from the front; negative ones count from the end.
// Errors: kInvalidArgument outside -rank..rank-1.
absl::StatusOr<int64_t> NormalizeAxis(int64_t axis, size_t rank);

}  // namespace bitscape::network
