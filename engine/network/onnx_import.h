// Reads ONNX models, opset 7 to 17.
#pragma once

#include <absl/status/statusor.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "engine/network/network.h"

namespace bitscape::network {

struct ImportLimits {
  int64_t max_file_bytes = int64_t{1} << 30;
  int64_t max_elements = int64_t{1} << 28;        // of one tensor of weights or constants
  int64_t max_total_elements = int64_t{1} << 28;  // of all weights and constants
  // Of all whose data is not in the file, so that no count overflows.
  int64_t max_shape_elements = int64_t{1} << 38;
  int max_nodes = 100'000;
  // Of one activation of one image: evaluation holds whole batches of them.
  int64_t max_activation_elements = int64_t{1} << 24;
};

// A file may lack the data of its weights (external data, or none): the network then has shapes
// only. `bytes` is the file; `file` names it in messages. Every initializer and attribute is
// checked before use. Errors: kInvalidArgument (malformed: what, node, file), kUnimplemented
// (operator, node, file), kResourceExhausted (a limit, named).
absl::StatusOr<Network> ImportOnnx(std::string_view bytes, std::string_view file,
                                   std::string_view name, const InputScaling& scaling,
                                   const ImportLimits& limits = {});
absl::StatusOr<Network> ImportOnnxFile(const std::filesystem::path& path, std::string_view name,
                                       const InputScaling& scaling,
                                       const ImportLimits& limits = {});

}  // namespace bitscape::network
