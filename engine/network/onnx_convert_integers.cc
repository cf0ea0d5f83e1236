// Shape arithmetic that exporters leave in the graph (x.view(x.size(0), -1)), computed here. The
// batch counts as 1, as everywhere.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/core/status.h"
#include "engine/network/onnx_axes.h"
#include "engine/network/onnx_operators.h"

namespace bitscape::network {

constexpr int64_t kMaxListSize = 1024;  // shapes are short; joining a list with itself doubles it

absl::Status ConvertShape(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
  Shape shape;
  if (node.IsConstant(0)) {
    BITSCAPE_ASSIGN_OR_RETURN(const OnnxConstantPtr constant, node.Constant(0, "data"));
    shape = constant->shape();
  } else {
    BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
    shape = node.ShapeOf(src);
  }
  const auto rank = static_cast<int64_t>(shape.size());
  BITSCAPE_ASSIGN_OR_RETURN(int64_t start, node.attributes().Int("start", 0));
  BITSCAPE_ASSIGN_OR_RETURN(int64_t end, node.attributes().Int("end", rank));
  // Both count from the end where negative, and are clamped (opset 15).
  const auto clamp = [rank](int64_t axis) {
    return std::clamp<int64_t>(axis < 0 && axis >= -rank ? axis + rank : axis, 0, rank);
  };
  start = clamp(start);
  end = std::max(start, clamp(end));
  std::vector<int64_t> sizes(shape.begin() + start, shape.begin() + end);
  const auto count = static_cast<int64_t>(sizes.size());
  return node.EmitConstant(MakeIntegerConstant({count}, std::move(sizes)));
}

// Elements of a list of integers; other uses of Gather are table look-ups.
absl::Status ConvertGather(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(2, 2));
  BITSCAPE_ASSIGN_OR_RETURN(const OnnxConstantPtr data, node.Constant(0, "data"));
  BITSCAPE_ASSIGN_OR_RETURN(const OnnxConstantPtr indices, node.Constant(1, "indices"));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t axis, node.attributes().Int("axis", 0));
  if (!data->is_integer || data->shape().size() != 1 || !indices->is_integer) {
    return absl::UnimplementedError("only elements of a list of integers are supported");
  }
  BITSCAPE_RETURN_IF_ERROR(NormalizeAxis(axis, 1).status());
  std::vector<int64_t> gathered;
  for (const int64_t index : indices->integers) {
    absl::StatusOr<int64_t> position = NormalizeAxis(index, data->integers.size());
    if (!position.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("index {} into a list of {}", index, data->integers.size()));
    }
    gathered.push_back(data->integers[static_cast<size_t>(*position)]);
  }
  return node.EmitConstant(MakeIntegerConstant(indices->shape(), std::move(gathered)));
}

absl::Status ConcatIntegers(OnnxNode& node) {
  std::vector<int64_t> joined;
  for (int i = 0; i < node.input_count(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(const OnnxConstantPtr constant, node.Constant(i, "list"));
    if (!constant->is_integer || constant->shape().size() != 1) {
      return absl::UnimplementedError(
          "constants only; lists of integers are supported, export others with constants folded");
    }
    if (static_cast<int64_t>(joined.size()) + constant->size() > kMaxListSize) {
      return absl::ResourceExhaustedError(
          fmt::format("a list of more than {} integers, the limit", kMaxListSize));
    }
    joined.insert(joined.end(), constant->integers.begin(), constant->integers.end());
  }
  const auto count = static_cast<int64_t>(joined.size());
  return node.EmitConstant(MakeIntegerConstant({count}, std::move(joined)));
}

}  // namespace bitscape::network
