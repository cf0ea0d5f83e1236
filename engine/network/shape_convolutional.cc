#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "engine/network/shape_families.h"
#include "engine/network/shape_graph.h"

namespace bitscape::network {
namespace {

using Row = ConvolutionalRow;
using Window = ShapeGraph::Window;

constexpr int64_t kClasses = 1000;

int ConvRelu(ShapeGraph& graph, const std::string& name, int input, int64_t channels,
             Window window) {
  const int conv = graph.Conv(name, input, channels, window, /*bias=*/true);
  return graph.Add(fmt::format("{}.relu", name), Relu{}, {conv});
}

int ConvNorm(ShapeGraph& graph, const std::string& name, int input, int64_t channels,
             Window window) {
  const int conv = graph.Conv(name, input, channels, window, /*bias=*/false);
  return graph.Add(fmt::format("{}.norm", name), BatchNorm{}, {conv});
}

// The global mean and the last layer.
Network FinishWithMean(ShapeGraph graph, const Row& row, int input) {
  const int mean = graph.Add("mean", GlobalAveragePool{}, {input});
  const int flat = graph.Flatten("flatten", mean);
  const int fc = graph.Gemm("fc", flat, kClasses, /*bias=*/true);
  return std::move(graph).Finish(row.name, row.source, fc);
}

Network AlexNet(const Row& row) {
  ShapeGraph graph({1, 3, 227, 227});
  int x = ConvRelu(graph, "conv1", 0, 96, {.kernel = 11, .stride = 4});
  x = graph.MaxPool("pool1", x, 3, 2, 0, 0);
  x = ConvRelu(graph, "conv2", x, 256, {.kernel = 5, .pad = 2, .groups = 2});
  x = graph.MaxPool("pool2", x, 3, 2, 0, 0);
  x = ConvRelu(graph, "conv3", x, 384, {.kernel = 3, .pad = 1});
  x = ConvRelu(graph, "conv4", x, 384, {.kernel = 3, .pad = 1, .groups = 2});
  x = ConvRelu(graph, "conv5", x, 256, {.kernel = 3, .pad = 1, .groups = 2});
  x = graph.Flatten("flatten", graph.MaxPool("pool5", x, 3, 2, 0, 0));
  for (const char* name : {"fc6", "fc7"}) {
    const int fc = graph.Gemm(name, x, 4096, /*bias=*/true);
    x = graph.Add(fmt::format("{}.relu", name), Relu{}, {fc});
  }
  const int fc8 = graph.Gemm("fc8", x, kClasses, /*bias=*/true);
  return std::move(graph).Finish(row.name, row.source, fc8);
}

Network Vgg16(const Row& row) {
  constexpr std::array<std::pair<int64_t, int>, 5> kBlocks = {
      {{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}}};  // channels, convolutions
  ShapeGraph graph({1, 3, 224, 224});
  int x = 0;
  for (size_t block = 0; block < kBlocks.size(); ++block) {
    const auto [channels, convolutions] = kBlocks[block];
    for (int i = 1; i <= convolutions; ++i) {
      x = ConvRelu(graph, fmt::format("conv{}_{}", block + 1, i), x, channels,
                   {.kernel = 3, .pad = 1});
    }
    x = graph.MaxPool(fmt::format("pool{}", block + 1), x, 2, 2, 0, 0);
  }
  x = graph.Flatten("flatten", x);
  for (const char* name : {"fc6", "fc7"}) {
    const int fc = graph.Gemm(name, x, 4096, /*bias=*/true);
    x = graph.Add(fmt::format("{}.relu", name), Relu{}, {fc});
  }
  const int fc8 = graph.Gemm("fc8", x, kClasses, /*bias=*/true);
  return std::move(graph).Finish(row.name, row.source, fc8);
}

// Filters of the six convolutions of an inception module, in the paper's columns.
struct Inception {
  const char* name;
  int64_t one, three_reduce, three, five_reduce, five, pool;
};

int AddInception(ShapeGraph& graph, const Inception& module, int input) {
  const auto named = [&](const char* branch) { return fmt::format("{}_{}", module.name, branch); };
  const int one = ConvRelu(graph, named("1x1"), input, module.one, {});
  const int three_reduce = ConvRelu(graph, named("3x3r"), input, module.three_reduce, {});
  const int three =
      ConvRelu(graph, named("3x3"), three_reduce, module.three, {.kernel = 3, .pad = 1});
  const int five_reduce = ConvRelu(graph, named("5x5r"), input, module.five_reduce, {});
  const int five = ConvRelu(graph, named("5x5"), five_reduce, module.five, {.kernel = 5, .pad = 2});
  const int pooled = graph.MaxPool(named("maxpool"), input, 3, 1, 1, 0);
  const int pool = ConvRelu(graph, named("pool"), pooled, module.pool, {});
  return graph.Add(named("concat"), Concat{1}, {one, three, five, pool});
}

// Pools round up, as the published sizes (112, 56, 28, 14, 7) need.
Network GoogLeNet(const Row& row) {
  ShapeGraph graph({1, 3, 224, 224});
  int x = ConvRelu(graph, "conv1", 0, 64, {.kernel = 7, .stride = 2, .pad = 3});
  x = graph.MaxPool("pool1", x, 3, 2, 0, 1);
  x = ConvRelu(graph, "conv2_reduce", x, 64, {});
  x = ConvRelu(graph, "conv2", x, 192, {.kernel = 3, .pad = 1});
  x = graph.MaxPool("pool2", x, 3, 2, 0, 1);
  x = AddInception(graph, {"3a", 64, 96, 128, 16, 32, 32}, x);
  x = AddInception(graph, {"3b", 128, 128, 192, 32, 96, 64}, x);
  x = graph.MaxPool("pool3", x, 3, 2, 0, 1);
  x = AddInception(graph, {"4a", 192, 96, 208, 16, 48, 64}, x);
  x = AddInception(graph, {"4b", 160, 112, 224, 24, 64, 64}, x);
  x = AddInception(graph, {"4c", 128, 128, 256, 24, 64, 64}, x);
  x = AddInception(graph, {"4d", 112, 144, 288, 32, 64, 64}, x);
  x = AddInception(graph, {"4e", 256, 160, 320, 32, 128, 128}, x);
  x = graph.MaxPool("pool4", x, 3, 2, 0, 1);
  x = AddInception(graph, {"5a", 256, 160, 320, 32, 128, 128}, x);
  x = AddInception(graph, {"5b", 384, 192, 384, 48, 128, 128}, x);
  return FinishWithMean(std::move(graph), row, x);
}

int AddResidual(ShapeGraph& graph, const std::string& block, int left, int right) {
  const int sum = graph.Add(fmt::format("{}_add", block), Add{}, {left, right});
  return graph.Add(fmt::format("{}_relu", block), Relu{}, {sum});
}

// A block of two 3x3 convolutions, or of 1x1, 3x3 (which carries the stride) and 1x1.
int AddResidualBlock(ShapeGraph& graph, const std::string& block, int input, int64_t width,
                     int64_t stride, bool bottleneck) {
  const auto named = [&](const char* layer) { return fmt::format("{}_{}", block, layer); };
  const auto relu = [&](const char* layer, int value) {
    return graph.Add(fmt::format("{}_{}.relu", block, layer), Relu{}, {value});
  };
  const int64_t channels = bottleneck ? 4 * width : width;
  int x = input;
  if (bottleneck) {
    x = relu("1x1a", ConvNorm(graph, named("1x1a"), x, width, {}));
    x = relu("3x3",
             ConvNorm(graph, named("3x3"), x, width, {.kernel = 3, .stride = stride, .pad = 1}));
    x = ConvNorm(graph, named("1x1b"), x, channels, {});
  } else {
    x = relu("a", ConvNorm(graph, named("a"), x, width, {.kernel = 3, .stride = stride, .pad = 1}));
    x = ConvNorm(graph, named("b"), x, width, {.kernel = 3, .pad = 1});
  }
  int shortcut = input;
  if (graph.ShapeOf(input) != graph.ShapeOf(x)) {
    shortcut = ConvNorm(graph, named("proj"), input, channels, {.stride = stride});
  }
  return AddResidual(graph, block, x, shortcut);
}

Network ResNet(const Row& row, const std::array<int, 4>& blocks, bool bottleneck) {
  ShapeGraph graph({1, 3, 224, 224});
  int x = ConvNorm(graph, "conv1", 0, 64, {.kernel = 7, .stride = 2, .pad = 3});
  x = graph.Add("conv1.relu", Relu{}, {x});
  x = graph.MaxPool("pool1", x, 3, 2, 1, 0);
  int64_t width = 64;
  for (size_t stage = 0; stage < blocks.size(); ++stage) {  // conv2_x to conv5_x of the paper
    for (int block = 0; block < blocks[stage]; ++block) {
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      x = AddResidualBlock(graph, fmt::format("s{}b{}", stage + 2, block), x, width, stride,
                           bottleneck);
    }
    width *= 2;
  }
  return FinishWithMean(std::move(graph), row, x);
}

Network ResNet18(const Row& row) { return ResNet(row, {2, 2, 2, 2}, /*bottleneck=*/false); }
Network ResNet50(const Row& row) { return ResNet(row, {3, 4, 6, 3}, /*bottleneck=*/true); }

Network MobileNetV1(const Row& row) {
  constexpr std::array<std::pair<int64_t, int64_t>, 13> kPairs = {{{64, 1},
                                                                   {128, 2},
                                                                   {128, 1},
                                                                   {256, 2},
                                                                   {256, 1},
                                                                   {512, 2},
                                                                   {512, 1},
                                                                   {512, 1},
                                                                   {512, 1},
                                                                   {512, 1},
                                                                   {512, 1},
                                                                   {1024, 2},
                                                                   {1024, 1}}};  // filters, stride
  ShapeGraph graph({1, 3, 224, 224});
  const auto layer = [&](const std::string& name, int input, int64_t channels, Window window) {
    const int norm = ConvNorm(graph, name, input, channels, window);
    return graph.Add(fmt::format("{}.relu", name), Relu{}, {norm});
  };
  int x = layer("conv1", 0, 32, {.kernel = 3, .stride = 2, .pad = 1});
  for (size_t i = 0; i < kPairs.size(); ++i) {
    const auto [filters, stride] = kPairs[i];
    const int64_t channels = graph.ShapeOf(x)[1];
    x = layer(fmt::format("dw{}", i + 1), x, channels,
              {.kernel = 3, .stride = stride, .pad = 1, .groups = channels});
    x = layer(fmt::format("pw{}", i + 1), x, filters, {});
  }
  return FinishWithMean(std::move(graph), row, x);
}

Network MobileNetV2(const Row& row) {
  struct Group {
    int64_t expansion, channels;
    int blocks;
    int64_t stride;  // of the first block
  };
  constexpr std::array<Group, 7> kGroups = {{{1, 16, 1, 1},
                                             {6, 24, 2, 2},
                                             {6, 32, 3, 2},
                                             {6, 64, 4, 2},
                                             {6, 96, 3, 1},
                                             {6, 160, 3, 2},
                                             {6, 320, 1, 1}}};
  ShapeGraph graph({1, 3, 224, 224});
  const auto layer = [&](const std::string& name, int input, int64_t channels, Window window) {
    const int norm = ConvNorm(graph, name, input, channels, window);
    return graph.Add(fmt::format("{}.relu6", name), Clip{0, 6}, {norm});
  };
  int x = layer("conv1", 0, 32, {.kernel = 3, .stride = 2, .pad = 1});
  int index = 0;
  for (const Group& group : kGroups) {
    for (int i = 0; i < group.blocks; ++i) {
      const std::string block = fmt::format("b{}", ++index);
      const int64_t stride = i == 0 ? group.stride : 1;
      const int64_t width = group.expansion * graph.ShapeOf(x)[1];
      const int input = x;
      if (group.expansion > 1) x = layer(fmt::format("{}_exp", block), x, width, {});
      x = layer(fmt::format("{}_dw", block), x, width,
                {.kernel = 3, .stride = stride, .pad = 1, .groups = width});
      x = ConvNorm(graph, fmt::format("{}_proj", block), x, group.channels, {});
      if (graph.ShapeOf(x) == graph.ShapeOf(input)) {
        x = graph.Add(fmt::format("{}_add", block), Add{}, {input, x});
      }
    }
  }
  x = layer("conv_last", x, 1280, {});
  return FinishWithMean(std::move(graph), row, x);
}

constexpr std::string_view kNoResponseNorm =
    "local response normalization (no weights, no MAC layer)";

constexpr Row kRows[] = {
    {"alexnet", "Krizhevsky et al., NIPS 2012, with its two groups and an input of 227x227",
     kNoResponseNorm, AlexNet},
    {"googlenet", "Szegedy et al., CVPR 2015 (arXiv 1409.4842), table 1",
     "local response normalization (no weights, no MAC layer); the two auxiliary classifiers, "
     "which serve training only",
     GoogLeNet},
    {"mobilenet_v1", "Howard et al., arXiv 1704.04861, table 1", "", MobileNetV1},
    {"mobilenet_v2", "Sandler et al., CVPR 2018 (arXiv 1801.04381), table 2", "", MobileNetV2},
    {"resnet18", "He et al., CVPR 2016 (arXiv 1512.03385), table 1", "", ResNet18},
    {"resnet50",
     "He et al., CVPR 2016 (arXiv 1512.03385), table 1, with the strides in the 3x3 convolutions "
     "(known as v1.5)",
     "", ResNet50},
    {"vgg16", "Simonyan and Zisserman, ICLR 2015 (arXiv 1409.1556), table 1, column D", "", Vgg16},
};

}  // namespace

std::span<const ConvolutionalRow> ConvolutionalRows() { return kRows; }

}  // namespace bitscape::network
