// ONNX tensors, checked and converted.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/network/network.h"
#include "engine/network/onnx_import.h"

namespace onnx {
class TensorProto;
}

namespace bitscape::network {

// Most dimensions a tensor may have.
inline constexpr int kMaxOnnxRank = 16;

// A constant of an ONNX file: `tensor` holds float values for the floating types; `integers` the
// values of the integer types (shapes, axes). Just one of the two is filled; `tensor->shape` is
// always set. Floats whose data is not in the file have a shape only.
struct OnnxConstant {
  TensorPtr tensor;
  std::vector<int64_t> integers;
  bool is_integer = false;

  int64_t size() const;  // of the values held here
  const Shape& shape() const { return tensor->shape; }
};
using OnnxConstantPtr = std::shared_ptr<const OnnxConstant>;

// Reads float, double, float16, int32, int64 and bool tensors, from raw_data or the typed field.
// The data's size is compared with the dimensions before anything is allocated. Floating types
// without data, or with data in an external file, keep their shape alone.
// Errors: kInvalidArgument (sizes that disagree, negative dimensions, NaN or infinity, integers in
// an external file), kUnimplemented (element type), kResourceExhausted (more than
// limits.max_elements, or limits.max_shape_elements without data).
absl::StatusOr<OnnxConstantPtr> ReadOnnxTensor(const onnx::TensorProto& proto,
                                               const ImportLimits& limits);

OnnxConstantPtr MakeFloatConstant(Shape shape, std::vector<float> values);
OnnxConstantPtr MakeIntegerConstant(Shape shape, std::vector<int64_t> integers);
// The same values under another shape of as many elements.
OnnxConstantPtr WithShape(const OnnxConstantPtr& constant, Shape shape);

}  // namespace bitscape::network
