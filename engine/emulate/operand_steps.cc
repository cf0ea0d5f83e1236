#include "engine/emulate/operand_steps.h"

#include <fmt/format.h>

#include <numeric>
#include <utility>
#include <vector>

#include "engine/core/status.h"
#include "engine/emulate/plain_ops.h"
#include "engine/emulate/round_codes.h"

namespace bitscape::emulate {
namespace {

using formats::Quantizer;

LayoutPtr PlainLayoutOf(const OperandValue& operand) {
  Shape shape = operand.shape;
  if (operand.batched) {
    shape[0] *= operand.images;
  }
  return PlainLayout(shape);
}

// Each layer and operand draws numbers of its own; those of constants are the same for every image.
struct Draws {
  formats::RandomKey key;
  int64_t image_elements = 0;
};
Draws DrawsOf(const MacLayer& layer, const OperandValue& operand) {
  return {{.seed = layer.seed,
           .stream = StreamOf(layer.node->name, fmt::format("activations{}", operand.index))},
          operand.batched ? network::ElementCount(operand.shape) : 0};
}

// Static scales, random numbers: by the plain order of elements.
int EmitStochasticRound(ProgramBuilder& builder, const MacLayer& layer, const OperandValue& operand,
                        int plain, ElementKind elements, RoundTo to) {
  const Draws draws = DrawsOf(layer, operand);
  const quantize::ActivationScaling& calibrated = layer.scalings[operand.index];
  const std::string key = fmt::format(
      "round|{}|{}|{}|{}|{}|{}", plain, layer.activations_quantizer.ToString(),
      ScalingKey(calibrated), static_cast<int>(elements), static_cast<int>(to), draws.key.stream);
  if (const std::optional<int> known = builder.Find(key)) {
    return *known;
  }
  const RoundSpec spec{.quantizer = layer.activations_quantizer,
                       .scaling = calibrated.scaling,
                       .to = to,
                       .random = draws.key,
                       .image_elements = draws.image_elements};
  return builder.Emit(key, MakeRound(spec, builder.value(plain).layout, elements), {plain},
                      layer.node->name);
}

RoundImagesSpec ImagesSpec(const MacLayer& layer, const OperandValue& operand) {
  const Quantizer& quantizer = layer.activations_quantizer;
  const bool stochastic = quantizer.rounding == formats::Rounding::kStochastic;
  const Draws draws = stochastic ? DrawsOf(layer, operand) : Draws{};
  return {.quantizer = quantizer,
          .calibrated = layer.scalings[operand.index],
          .layout = OperandLayout(*layer.node, operand.index, operand.shape),
          .images = operand.batched ? operand.images : 1,
          .random = draws.key,
          .image_elements = draws.image_elements};
}

std::string ImagesKey(std::string_view what, const RoundImagesSpec& spec, int plain) {
  return fmt::format("{}|{}|{}|{}|{}x{}x{}/{}|{}", what, plain, spec.quantizer.ToString(),
                     ScalingKey(spec.calibrated), spec.layout.outer, spec.layout.axis,
                     spec.layout.inner, spec.layout.segment, spec.random.stream);
}

int EmitRoundImages(ProgramBuilder& builder, const MacLayer& layer, const OperandValue& operand,
                    int plain) {
  RoundImagesSpec spec = ImagesSpec(layer, operand);
  const bool codes = layer.HasImageCodes();
  const std::string key = ImagesKey(codes ? "image_codes" : "round_images", spec, plain);
  if (const std::optional<int> known = builder.Find(key)) {
    return *known;
  }
  const LayoutPtr layout = builder.value(plain).layout;
  return builder.Emit(
      key,
      codes ? MakeImageCodes(std::move(spec), layout) : MakeRoundImages(std::move(spec), layout),
      {plain}, layer.node->name);
}

// Scales of an operand's groups for each image, spread by `group_of` over `shape` (of all images).
absl::StatusOr<int> EmitImageScales(ProgramBuilder& builder, const MacLayer& layer,
                                    const OperandValue& operand, std::vector<int64_t> group_of,
                                    const Shape& shape) {
  BITSCAPE_ASSIGN_OR_RETURN(const int plain,
                            builder.Convert(operand.value, PlainLayoutOf(operand)));
  RoundImagesSpec spec = ImagesSpec(layer, operand);
  const std::string key = fmt::format("{}|{}|{}", ImagesKey("image_scales", spec, plain),
                                      layer.node->name, operand.index);
  if (const std::optional<int> known = builder.Find(key)) {
    return *known;
  }
  return builder.Emit(
      key,
      MakeImageScales(std::move(spec), builder.value(plain).layout, std::move(group_of), shape),
      {plain}, layer.node->name);
}

// [rows, 1, height, width] of one image: the group whose scale each output position has; -1 where a
// token lies in the padding.
std::vector<int64_t> OutputGroups(const quantize::PositionWindow& window, int64_t rows,
                                  bool by_token) {
  std::vector<int64_t> groups;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t p = 0; p < window.output_height; ++p) {
      for (int64_t q = 0; q < window.output_width; ++q) {
        const int64_t y = p * window.stride_y - window.pad_top;
        const int64_t x = q * window.stride_x - window.pad_left;
        const bool inside = y >= 0 && y < window.height && x >= 0 && x < window.width;
        const int64_t token = inside ? (row * window.height + y) * window.width + x : -1;
        groups.push_back(by_token ? token : 0);
      }
    }
  }
  return groups;
}

absl::StatusOr<int> EmitPositionMap(ProgramBuilder& builder, const MacLayer& layer,
                                    const OperandValue& operand) {
  const quantize::PositionWindow window = PositionWindowOf(*layer.node, operand.shape);
  const int64_t rows =
      network::ElementCount(operand.shape) / (window.channels * window.height * window.width);
  if (layer.HasImageCodes()) {
    const bool by_token = layer.activations_quantizer.granularity == formats::Granularity::kToken;
    return EmitImageScales(builder, layer, operand, OutputGroups(window, rows, by_token),
                           {operand.images * rows, 1, window.output_height, window.output_width});
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int input,
                            builder.Convert(operand.value, PlainLayoutOf(operand)));
  const std::string key = fmt::format("position|{}|{}", input, layer.node->name);
  if (const std::optional<int> known = builder.Find(key)) {
    return *known;
  }
  return builder.Emit(key,
                      MakePositionMap(window, operand.images * rows, builder.value(input).layout),
                      {input}, layer.node->name);
}

// A product of two activations: its sums times the scale of its row and that of its column, each
// broadcast.
absl::StatusOr<int> EmitProductScales(ProgramBuilder& builder, const MacLayer& layer,
                                      const std::vector<OperandValue>& operands, int sums) {
  for (const OperandValue& operand : operands) {
    Shape shape = operand.shape;
    if (layer.activations_quantizer.granularity == formats::Granularity::kToken) {
      shape[shape.size() - (operand.index == 0 ? 1 : 2)] = 1;
    } else {
      shape.assign(shape.size(), 1);
    }
    std::vector<int64_t> group_of(static_cast<size_t>(network::ElementCount(shape)));
    std::iota(group_of.begin(), group_of.end(), int64_t{0});
    Shape batch = shape;
    batch[0] *= operand.batched ? operand.images : 1;
    BITSCAPE_ASSIGN_OR_RETURN(const int scales,
                              EmitImageScales(builder, layer, operand, std::move(group_of), batch));
    const std::string key = fmt::format("product_scale|{}|{}", sums, scales);
    if (const std::optional<int> known = builder.Find(key)) {
      sums = *known;
      continue;
    }
    const network::Node scale{layer.node->name, network::Mul{}, {}, layer.node->shape};
    KernelPtr kernel =
        MakePlain(scale, operand.images, {layer.node->shape, shape}, {true, operand.batched});
    BITSCAPE_ASSIGN_OR_RETURN(const int plain, builder.Convert(sums, kernel->sources[0]));
    sums = builder.Emit(key, std::move(kernel), {plain, scales}, layer.node->name);
  }
  return sums;
}

}  // namespace

int EmitRound(ProgramBuilder& builder, int value, const Quantizer& quantizer,
              const quantize::ActivationScaling& calibrated, ElementKind elements, RoundTo to,
              const std::string& where) {
  const std::string key =
      fmt::format("round|{}|{}|{}|{}|{}", value, quantizer.ToString(), ScalingKey(calibrated),
                  static_cast<int>(elements), static_cast<int>(to));
  if (const std::optional<int> known = builder.Find(key)) {
    return *known;
  }
  return builder.Emit(key,
                      MakeRound({.quantizer = quantizer, .scaling = calibrated.scaling, .to = to},
                                builder.value(value).layout, elements),
                      {value}, where);
}

absl::StatusOr<int> EmitOperand(ProgramBuilder& builder, const MacLayer& layer,
                                const OperandValue& operand, const LayoutPtr& layout) {
  const Quantizer& quantizer = layer.activations_quantizer;
  const ElementKind elements = ElementsOf(*layout);
  const RoundTo to = layer.UsesValues() ? RoundTo::kValues : RoundTo::kCodes;
  const bool by_image = quantize::IsDynamic(quantizer);
  if (!by_image && quantizer.rounding != formats::Rounding::kStochastic) {
    BITSCAPE_ASSIGN_OR_RETURN(
        const int value,
        builder.Convert(operand.value, WithElements(layout, ElementKind::kFloat32)));
    return formats::IsFloat32(quantizer.format)
               ? value
               : EmitRound(builder, value, quantizer, layer.scalings[operand.index], elements, to,
                           layer.node->name);
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int plain,
                            builder.Convert(operand.value, PlainLayoutOf(operand)));
  const int rounded = by_image ? EmitRoundImages(builder, layer, operand, plain)
                               : EmitStochasticRound(builder, layer, operand, plain, elements, to);
  return builder.Convert(rounded, layout);
}

absl::StatusOr<int> EmitSumScales(ProgramBuilder& builder, const MacLayer& layer,
                                  const std::vector<OperandValue>& operands, int sums) {
  if (layer.weights == nullptr) {
    return EmitProductScales(builder, layer, operands, sums);
  }
  if (!operands[0].batched) {
    return absl::UnimplementedError("scales from the image for an input that no image changes");
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int map, EmitPositionMap(builder, layer, operands[0]));
  const LayoutPtr plain = PlainLayout(DimensionsOf(*builder.value(sums).layout));
  BITSCAPE_ASSIGN_OR_RETURN(const int plain_sums, builder.Convert(sums, plain));
  const std::string key = fmt::format("sum_scale|{}|{}", plain_sums, map);
  if (const std::optional<int> known = builder.Find(key)) {
    return *known;
  }
  const std::span<const float> bias = layer.bias();
  KernelPtr kernel = MakePositionScale(builder.value(map).layout, plain,
                                       std::vector<float>(bias.begin(), bias.end()));
  return builder.Emit(key, std::move(kernel), {plain_sums, map}, layer.node->name);
}

}  // namespace bitscape::emulate
