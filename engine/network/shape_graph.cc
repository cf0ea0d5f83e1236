#include "engine/network/shape_graph.h"

#include <memory>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::network {
namespace {

TensorPtr WithoutValues(Shape shape) {
  return std::make_shared<const Tensor>(Tensor{std::move(shape), {}});
}

}  // namespace

ShapeGraph::ShapeGraph(Shape input) {
  network_.nodes.push_back({"input", Input{}, {}, std::move(input)});
  network_.input_scaling = {{0.0F}, {1.0F}};
}

int ShapeGraph::Add(std::string name, Operator op, std::vector<int> inputs) {
  std::vector<Shape> shapes;
  for (const int input : inputs) shapes.push_back(ShapeOf(input));
  absl::StatusOr<Shape> shape = InferShape(op, shapes);
  BITSCAPE_CHECK(shape.ok(), shape.status().ToString().c_str());
  network_.nodes.push_back({std::move(name), std::move(op), std::move(inputs), *std::move(shape)});
  return static_cast<int>(network_.nodes.size()) - 1;
}

int ShapeGraph::Reshape(std::string name, int input, Shape shape) {
  BITSCAPE_CHECK(ElementCount(shape) == ElementCount(ShapeOf(input)), name.c_str());
  network_.nodes.push_back({std::move(name), network::Reshape{}, {input}, std::move(shape)});
  return static_cast<int>(network_.nodes.size()) - 1;
}

int ShapeGraph::Constant(std::string name, Shape shape) {
  return Add(std::move(name), network::Constant{WithoutValues(std::move(shape))}, {});
}

int ShapeGraph::Conv(std::string name, int input, int64_t out_channels, Window window, bool bias) {
  network::Conv conv;
  conv.weights = WithoutValues(
      {out_channels, ShapeOf(input)[1] / window.groups, window.kernel, window.kernel});
  if (bias) conv.bias = WithoutValues({out_channels});
  conv.groups = window.groups;
  conv.stride = {window.stride, window.stride};
  conv.pad = {window.pad, window.pad, window.pad, window.pad};
  return Add(std::move(name), std::move(conv), {input});
}

int ShapeGraph::Gemm(std::string name, int input, int64_t out_features, bool bias) {
  network::Gemm gemm;
  gemm.weights = WithoutValues({out_features, ShapeOf(input).back()});
  if (bias) gemm.bias = WithoutValues({out_features});
  return Add(std::move(name), std::move(gemm), {input});
}

int ShapeGraph::MaxPool(std::string name, int input, int64_t kernel, int64_t stride, int64_t pad,
                        int64_t pad_end) {
  Pool pool;
  pool.kernel = {kernel, kernel};
  pool.stride = {stride, stride};
  pool.pad = {pad, pad, pad + pad_end, pad + pad_end};
  return Add(std::move(name), pool, {input});
}

int ShapeGraph::Flatten(std::string name, int input) {
  return Reshape(std::move(name), input, {1, ElementCount(ShapeOf(input))});
}

const Shape& ShapeGraph::ShapeOf(int value) const {
  return network_.nodes[static_cast<size_t>(value)].shape;
}

Network ShapeGraph::Finish(std::string_view name, std::string_view source, int output) && {
  network_.name = name;
  network_.source = source;
  network_.output = output;
  return std::move(network_);
}

}  // namespace bitscape::network
