// Operators that move or rename values: Pad, Reshape and its relatives, Transpose, Identity,
// Dropout, Constant. On constants they are computed here.
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/core/status.h"
#include "engine/network/element_count.h"
#include "engine/network/onnx_axes.h"
#include "engine/network/onnx_operators.h"

namespace bitscape::network {

absl::StatusOr<int64_t> NormalizeAxis(int64_t axis, size_t rank) {
  const auto signed_rank = static_cast<int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) {
    return absl::InvalidArgumentError(
        fmt::format("axis {} is not in {}..{}", axis, -signed_rank, signed_rank - 1));
  }
  return axis < 0 ? axis + signed_rank : axis;
}

namespace {

// The shape of input 0, whether constant or not.
absl::StatusOr<Shape> InputShape(const OnnxNode& node) {
  if (node.IsConstant(0)) {
    BITSCAPE_ASSIGN_OR_RETURN(const OnnxConstantPtr constant, node.Constant(0, "data"));
    return constant->shape();
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  return node.ShapeOf(src);
}

absl::Status EmitShape(OnnxNode& node, Shape shape) {
  if (node.IsConstant(0)) {
    BITSCAPE_ASSIGN_OR_RETURN(const OnnxConstantPtr constant, node.Constant(0, "data"));
    return node.EmitConstant(WithShape(constant, std::move(shape)));
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  return node.EmitReshape(src, std::move(shape));
}

// Axes as an attribute up to opset 12, as input 1 from opset 13; sorted, without doubles. Nothing
// where neither is given.
absl::StatusOr<std::optional<std::vector<int64_t>>> ReadAxisList(OnnxNode& node, size_t rank) {
  std::optional<std::vector<int64_t>> axes;
  if (node.opset() < 13) {
    BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
    BITSCAPE_ASSIGN_OR_RETURN(axes, node.attributes().Ints("axes"));
  } else {
    BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 2));
    if (node.Has(1)) {
      BITSCAPE_ASSIGN_OR_RETURN(axes, node.IntegerConstant(1, "axes"));
    }
  }
  if (!axes.has_value()) return axes;
  for (int64_t& axis : *axes) {
    BITSCAPE_ASSIGN_OR_RETURN(axis, NormalizeAxis(axis, rank));
  }
  std::ranges::sort(*axes);
  if (std::ranges::adjacent_find(*axes) != axes->end()) {
    return absl::InvalidArgumentError("an axis is given twice");
  }
  return axes;
}

absl::Status RefuseBatchAxis(const OnnxNode& node, const std::vector<int64_t>& axes) {
  if (node.IsConstant(0) || axes.empty() || axes[0] != 0) return absl::OkStatus();
  return absl::UnimplementedError("axis 0 is the batch and has to stay");
}

// Replaces 0 (copy) and -1 (what is left) of a Reshape's target.
absl::StatusOr<Shape> ResolveTarget(std::vector<int64_t> target, const Shape& src, bool allow_zero,
                                    int64_t declared_batch, int64_t max_elements) {
  const std::string given = fmt::format("[{}]", fmt::join(target, ", "));
  const int64_t elements = ElementCount(src);
  // The file's own batch number means "all images"; shapes here are for one.
  if (!target.empty() && target[0] == declared_batch && !src.empty() && src[0] == 1) target[0] = 1;
  int64_t known = 1;
  int64_t* open = nullptr;
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] == 0 && !allow_zero && i < src.size()) target[i] = src[i];
    if (target[i] == -1 && open == nullptr) {
      open = &target[i];
      continue;
    }
    if (target[i] < 1 || target[i] > max_elements / known) {
      return absl::InvalidArgumentError(
          fmt::format("{} is not a target shape for the input {}", given, ToString(src)));
    }
    known *= target[i];
  }
  if (open != nullptr) *open = elements / known;
  if (known * (open != nullptr ? *open : 1) != elements) {
    return absl::InvalidArgumentError(fmt::format(
        "the input {} has {} elements, which {} can't hold", ToString(src), elements, given));
  }
  return target;
}

// pads: begins of all axes, then ends.
absl::StatusOr<std::vector<int64_t>> ReadPadList(OnnxNode& node, float& value) {
  if (node.opset() < 11) {
    BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
    BITSCAPE_ASSIGN_OR_RETURN(value, node.attributes().Float("value", 0.0F));
    BITSCAPE_ASSIGN_OR_RETURN(const auto pads, node.attributes().Ints("pads"));
    if (!pads.has_value()) return absl::InvalidArgumentError("attribute 'pads' is missing");
    return *pads;
  }
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(2, 3));
  if (node.Has(2)) {
    BITSCAPE_ASSIGN_OR_RETURN(value, node.ScalarConstant(2, "constant_value"));
  }
  return node.IntegerConstant(1, "pads");
}

template <typename Element>
std::vector<Element> Permute(const std::vector<Element>& values, const Shape& src,
                             const std::vector<int64_t>& permutation) {
  const size_t rank = src.size();
  std::vector<size_t> stride(rank, 1);  // of the source's axes
  for (size_t i = rank; i-- > 1;) stride[i - 1] = stride[i] * static_cast<size_t>(src[i]);
  std::vector<Element> permuted;
  permuted.reserve(values.size());
  std::vector<int64_t> index(rank, 0);  // in the result
  for (size_t count = 0; count < values.size(); ++count) {
    size_t from = 0;
    for (size_t i = 0; i < rank; ++i) {
      from += static_cast<size_t>(index[i]) * stride[static_cast<size_t>(permutation[i])];
    }
    permuted.push_back(values[from]);
    for (size_t i = rank; i-- > 0;) {
      if (++index[i] < src[static_cast<size_t>(permutation[i])]) break;
      index[i] = 0;
    }
  }
  return permuted;
}

absl::Status TransposeConstant(OnnxNode& node, const OnnxConstantPtr& constant,
                               const std::vector<int64_t>& permutation) {
  const Shape& src = constant->shape();
  Shape dst;
  for (const int64_t axis : permutation) dst.push_back(src[static_cast<size_t>(axis)]);
  if (constant->is_integer) {
    return node.EmitConstant(
        MakeIntegerConstant(std::move(dst), Permute(constant->integers, src, permutation)));
  }
  return node.EmitConstant(
      MakeFloatConstant(std::move(dst), Permute(constant->tensor->values, src, permutation)));
}

}  // namespace

absl::Status ConvertPad(OnnxNode& node) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string mode, node.attributes().String("mode", "constant"));
  if (mode != "constant") {
    return absl::UnimplementedError(
        fmt::format("mode '{}'; only 'constant' is supported", PrintableName(mode)));
  }
  Pad pad;
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<int64_t> pads, ReadPadList(node, pad.value));
  BITSCAPE_ASSIGN_OR_RETURN(const int src, node.Activation(0));
  const size_t rank = node.ShapeOf(src).size();
  if (pads.size() != 2 * rank) {
    return absl::InvalidArgumentError(fmt::format("{} pads for the input {}, {} are expected",
                                                  pads.size(), ToString(node.ShapeOf(src)),
                                                  2 * rank));
  }
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(rank);
  pad.before.assign(pads.begin(), middle);
  pad.after.assign(middle, pads.end());
  return node.Emit(std::move(pad), {src});
}

absl::Status ConvertFlatten(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t given, node.attributes().Int("axis", 1));
  BITSCAPE_ASSIGN_OR_RETURN(const Shape src, InputShape(node));
  int64_t axis = static_cast<int64_t>(src.size());  // one past the last axis is allowed, too
  if (given != axis) {
    BITSCAPE_ASSIGN_OR_RETURN(axis, NormalizeAxis(given, src.size()));
  }
  if (axis == 0 && !node.IsConstant(0)) {
    return absl::UnimplementedError("axis 0 would flatten the batch");
  }
  const auto middle = src.begin() + axis;
  return EmitShape(
      node, {ElementCount(Shape(src.begin(), middle)), ElementCount(Shape(middle, src.end()))});
}

absl::Status ConvertReshape(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(2, 2));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t allow_zero, node.attributes().Int("allowzero", 0));
  BITSCAPE_ASSIGN_OR_RETURN(const Shape src, InputShape(node));
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<int64_t> target, node.IntegerConstant(1, "shape"));
  if (target.size() > kMaxOnnxRank) {
    return absl::InvalidArgumentError(
        fmt::format("a target of {} dimensions, at most {} are "
                    "allowed",
                    target.size(), kMaxOnnxRank));
  }
  const int64_t batch = node.IsConstant(0) ? 1 : node.declared_batch();
  BITSCAPE_ASSIGN_OR_RETURN(Shape shape, ResolveTarget(std::move(target), src, allow_zero != 0,
                                                       batch, node.limits().max_elements));
  return EmitShape(node, std::move(shape));
}

absl::Status ConvertTranspose(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
  BITSCAPE_ASSIGN_OR_RETURN(const Shape src, InputShape(node));
  BITSCAPE_ASSIGN_OR_RETURN(const auto given, node.attributes().Ints("perm"));
  std::vector<int64_t> permutation(src.size());
  std::iota(permutation.rbegin(), permutation.rend(), 0);  // the default reverses the axes
  if (given.has_value()) {
    if (!std::is_permutation(permutation.begin(), permutation.end(), given->begin(),
                             given->end())) {
      return absl::InvalidArgumentError(
          fmt::format("perm ({}) is not a permutation of the axes of "
                      "{}",
                      fmt::join(*given, ", "), ToString(src)));
    }
    permutation = *given;
  }
  if (node.IsConstant(0)) {
    BITSCAPE_ASSIGN_OR_RETURN(const OnnxConstantPtr constant, node.Constant(0, "data"));
    return TransposeConstant(node, constant, permutation);
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int input, node.Activation(0));
  return node.Emit(Transpose{std::move(permutation)}, {input});
}

absl::Status ConvertSqueeze(OnnxNode& node) {
  BITSCAPE_ASSIGN_OR_RETURN(const Shape src, InputShape(node));
  BITSCAPE_ASSIGN_OR_RETURN(auto axes, ReadAxisList(node, src.size()));
  if (!axes.has_value()) {  // every axis of one element; the batch isn't one for all files
    axes.emplace();
    for (size_t i = node.IsConstant(0) ? 0 : 1; i < src.size(); ++i) {
      if (src[i] == 1) axes->push_back(static_cast<int64_t>(i));
    }
  }
  BITSCAPE_RETURN_IF_ERROR(RefuseBatchAxis(node, *axes));
  Shape dst = src;
  for (auto axis = axes->rbegin(); axis != axes->rend(); ++axis) {
    if (src[static_cast<size_t>(*axis)] != 1) {
      return absl::InvalidArgumentError(
          fmt::format("axis {} of {} is not 1", *axis, ToString(src)));
    }
    dst.erase(dst.begin() + *axis);
  }
  return EmitShape(node, std::move(dst));
}

absl::Status ConvertUnsqueeze(OnnxNode& node) {
  BITSCAPE_ASSIGN_OR_RETURN(const Shape src, InputShape(node));
  size_t added = 0;
  if (node.opset() < 13) {
    BITSCAPE_ASSIGN_OR_RETURN(const auto axes, node.attributes().Ints("axes"));
    added = axes.has_value() ? axes->size() : 0;
  } else if (node.Has(1)) {
    BITSCAPE_ASSIGN_OR_RETURN(const auto axes, node.IntegerConstant(1, "axes"));
    added = axes.size();
  }
  if (added == 0) return absl::InvalidArgumentError("no axes are given");
  if (src.size() + added > kMaxOnnxRank) {
    return absl::InvalidArgumentError(fmt::format("{} axes added to {}, at most {} are allowed",
                                                  added, ToString(src), kMaxOnnxRank));
  }
  BITSCAPE_ASSIGN_OR_RETURN(const auto axes, ReadAxisList(node, src.size() + added));
  BITSCAPE_RETURN_IF_ERROR(RefuseBatchAxis(node, *axes));
  Shape dst = src;
  for (const int64_t axis : *axes) dst.insert(dst.begin() + axis, 1);
  return EmitShape(node, std::move(dst));
}

absl::Status ConvertIdentity(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, 1));
  return node.EmitAlias(0);
}

absl::Status ConvertDropout(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(1, node.opset() < 12 ? 1 : 3));
  node.attributes().Ignore("ratio");
  node.attributes().Ignore("seed");
  if (node.Has(2)) {
    BITSCAPE_ASSIGN_OR_RETURN(const auto training, node.IntegerConstant(2, "training_mode"));
    if (training != std::vector<int64_t>{0}) {
      return absl::UnimplementedError("training_mode is on; export for inference");
    }
  }
  return node.EmitAlias(0);
}

absl::Status ConvertConstant(OnnxNode& node) {
  BITSCAPE_RETURN_IF_ERROR(node.CheckInputCount(0, 0));
  OnnxAttributes& attributes = node.attributes();
  BITSCAPE_ASSIGN_OR_RETURN(const onnx::TensorProto* tensor, attributes.Tensor("value"));
  if (tensor != nullptr) {
    BITSCAPE_ASSIGN_OR_RETURN(OnnxConstantPtr constant, ReadOnnxTensor(*tensor, node.limits()));
    return node.EmitConstant(std::move(constant));
  }
  if (attributes.Has("value_float")) {
    BITSCAPE_ASSIGN_OR_RETURN(const float value, attributes.Float("value_float", 0));
    return node.EmitConstant(MakeFloatConstant({}, {value}));
  }
  if (attributes.Has("value_floats")) {
    BITSCAPE_ASSIGN_OR_RETURN(std::vector<float> values, attributes.Floats("value_floats"));
    const auto count = static_cast<int64_t>(values.size());
    return node.EmitConstant(MakeFloatConstant({count}, std::move(values)));
  }
  if (attributes.Has("value_int")) {
    BITSCAPE_ASSIGN_OR_RETURN(const int64_t value, attributes.Int("value_int", 0));
    return node.EmitConstant(MakeIntegerConstant({}, {value}));
  }
  if (attributes.Has("value_ints")) {
    BITSCAPE_ASSIGN_OR_RETURN(const auto values, attributes.Ints("value_ints"));
    return node.EmitConstant(MakeIntegerConstant({static_cast<int64_t>(values->size())}, *values));
  }
  return absl::UnimplementedError(
      "only value, value_float, value_floats, value_int and value_ints are supported");
}

}  // namespace bitscape::network
