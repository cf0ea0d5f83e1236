// Figures of multiply-accumulate datapaths.
#include <fmt/format.h>

#include "cost_models/mac/scalable.h"
#include "cost_models/validation/figures.h"
#include "cost_models/validation/operands_of.h"
#include "cost_models/validation/scalable_relations.h"
#include "engine/core/status.h"
#include "engine/network/mac_shape.h"
#include "engine/network/shape_networks.h"

namespace bitscape::cost_models {
namespace {

constexpr std::string_view kReference = "45nm";

double Quantity(const Figure& figure, const BlockCost& cost) {
  return figure.Text("quantity") == "area" ? cost.area_um2 : cost.energy_pj;
}

// An element of BitFusion's systolic array: n x n bits into a sum of 2n, or its column's tree.
absl::StatusOr<BlockCost> Element(int bits, int lanes, const Technology& technology) {
  const int headroom = lanes > 1 ? 4 : 0;
  const MacOperands operands =
      OperandsOf(IntegerOperand(bits), IntegerOperand(bits), IntegerOperand(2 * bits + headroom));
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost cost,
                            PriceMac("dot_product", operands, {.dot_length = lanes}, technology));
  return BlockCost{.energy_pj = cost.energy_pj, .area_um2 = cost.area_um2};
}

// What one element more adds to a column, whatever its accumulator.
absl::StatusOr<BlockCost> Lane(int bits, int, const Technology& technology) {
  BITSCAPE_ASSIGN_OR_RETURN(const BlockCost eight, Element(bits, 8, technology));
  BITSCAPE_ASSIGN_OR_RETURN(const BlockCost sixteen, Element(bits, 16, technology));
  return BlockCost{.energy_pj = 2 * sixteen.energy_pj - eight.energy_pj,
                   .area_um2 = 2 * sixteen.area_um2 - eight.area_um2};
}

absl::StatusOr<BlockCost> Column(int bits, int, const Technology& technology) {
  constexpr int kElements = 16;
  BITSCAPE_ASSIGN_OR_RETURN(const BlockCost element, Element(bits, kElements, technology));
  return Copies(kElements, element);
}

using Piece = absl::StatusOr<BlockCost> (*)(int bits, int lanes, const Technology& technology);

template <Piece kPiece>
absl::StatusOr<double> Value(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(kReference));
  BITSCAPE_ASSIGN_OR_RETURN(const BlockCost cost, kPiece(figure.Integer("bits"), 1, technology));
  return Quantity(figure, cost);
}

template <Piece kPiece>
absl::StatusOr<double> OverEightBits(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(kReference));
  BITSCAPE_ASSIGN_OR_RETURN(const BlockCost cost, kPiece(figure.Integer("bits"), 1, technology));
  BITSCAPE_ASSIGN_OR_RETURN(const BlockCost eight, kPiece(8, 1, technology));
  return Quantity(figure, cost) / Quantity(figure, eight);
}

absl::StatusOr<double> Relation(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(kReference));
  return ScalableRelation(figure.Text("key"), technology);
}

// From the fitted share back to what the lowered supply alone would give.
absl::StatusOr<double> MoonsAllScaled(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(kReference));
  const int wide = figure.Integer("built_bits"), narrow = figure.Integer("bits");
  const auto integers = [](int bits) {
    return OperandsOf(IntegerOperand(bits), IntegerOperand(bits), IntegerOperand(2 * bits + 8));
  };
  const auto price = [&](int bits, bool scales) {
    return PriceMac("data_gated", integers(wide), integers(bits), {.scales_voltage = scales},
                    technology);
  };
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost full, price(wide, false));
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost gated, price(narrow, false));
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost scaled, price(narrow, true));
  const double supply =
      (scaled.energy_pj / gated.energy_pj - kUnscaledShare) / (1 - kUnscaledShare);
  return full.energy_pj / (gated.energy_pj * supply);
}

// In percent over int8 with 32-bit sums, areas by gate counts as the paper's.
absl::StatusOr<double> Fp8OverInt8(const Figure& figure, const Session& session) {
  Session counted = session;
  counted.reading.areas = AreaSource::kGateCounts;
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, counted.Node(kReference));
  const MacDesign design = {.dot_length = figure.Integer("lanes")};
  const Operand fp8 = FloatOperand(4, 3), int8 = IntegerOperand(8);
  const Operand sum =
      figure.Text("accumulator") == "exact" ? IntegerOperand(48) : FloatOperand(8, 23);
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost more,
                            PriceMac("dot_product", OperandsOf(fp8, fp8, sum), design, technology));
  BITSCAPE_ASSIGN_OR_RETURN(
      const MacCost base,
      PriceMac("dot_product", OperandsOf(int8, int8, IntegerOperand(32)), design, technology));
  return 100 * (figure.Text("quantity") == "area" ? more.area_um2 / base.area_um2 - 1
                                                  : more.energy_pj / base.energy_pj - 1);
}

// Area times memory of FP8 over that of a format with 16 elements a scale and, for each two of
// them, a shift by at most one place: their sum moves by up to 2.
absl::StatusOr<double> Microexponents(const Figure& figure, const Session& session) {
  constexpr MacDesign kDot = {.dot_length = 64};
  constexpr int kFp8Bits = 8;
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(kReference));
  Operand element = IntegerOperand(1 + figure.Integer("mantissa_bits"));
  element.block = 16;
  element.block_scale = Operand::BlockScale::kPowerOfTwo;
  element.block_scale_bits = 8;
  element.block_scale_significand_bits = 1;
  const Operand fp32 = FloatOperand(8, 23), fp8 = FloatOperand(4, 3);
  BITSCAPE_ASSIGN_OR_RETURN(
      const MacCost blocks,
      PriceMac("dot_product", OperandsOf(element, element, fp32), kDot, technology));
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost floats,
                            PriceMac("dot_product", OperandsOf(fp8, fp8, fp32), kDot, technology));
  const double pairs = technology.Shifter(2 * element.bits + 3, 2).area_um2 / 2;
  return floats.area_um2 * kFp8Bits / ((blocks.area_um2 + pairs) * figure.Number("stored_bits"));
}

struct DotPrices {
  MacCost fp16, format;
};
absl::StatusOr<DotPrices> PriceTensorCore(const Figure& figure, const Session& session) {
  constexpr MacDesign kDot = {.dot_length = 8};
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node("7nm"));
  const std::string& weights = figure.Text("weights");
  BITSCAPE_ASSIGN_OR_RETURN(const MacOperands format,
                            OperandsOfFormats(weights, weights, figure.Text("accumulator")));
  BITSCAPE_ASSIGN_OR_RETURN(const MacOperands fp16, OperandsOfFormats("fp16", "fp16", "fp32"));
  DotPrices prices;
  BITSCAPE_ASSIGN_OR_RETURN(prices.fp16, PriceMac("dot_product", fp16, kDot, technology));
  BITSCAPE_ASSIGN_OR_RETURN(prices.format, PriceMac("dot_product", format, kDot, technology));
  return prices;
}

absl::StatusOr<double> DotAreaRatio(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const DotPrices prices, PriceTensorCore(figure, session));
  return prices.fp16.area_um2 / prices.format.area_um2;
}

absl::StatusOr<double> DotEnergyRatio(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const DotPrices prices, PriceTensorCore(figure, session));
  return prices.fp16.energy_pj / prices.format.energy_pj;
}

// fp16 multiplication and addition over an int8 addition, which ternary weights leave.
absl::StatusOr<double> TernaryArithmetic(const Figure&, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node("7nm"));
  return (technology.FloatMultiplier(5, 11, 11).energy_pj +
          technology.FloatAdder(5, 10).energy_pj) /
         technology.Adder(8).energy_pj;
}

absl::StatusOr<double> BrainTta(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node("28nm"));
  const std::string& format = figure.Text("format");
  const auto price = [&](const std::string& name) -> absl::StatusOr<double> {
    BITSCAPE_ASSIGN_OR_RETURN(const MacOperands operands, OperandsOfFormats(name, name, "int32"));
    BITSCAPE_ASSIGN_OR_RETURN(const MacCost cost,
                              PriceMac("dot_product", operands, {.dot_length = 32}, technology));
    return cost.energy_pj;
  };
  BITSCAPE_ASSIGN_OR_RETURN(const double narrow, price(format));
  BITSCAPE_ASSIGN_OR_RETURN(const double int8, price("int8"));
  return narrow / int8;
}

// Speed of serial multipliers, as many as take 16 x 16 bits as fast as parallel ones do, over the
// network's convolutions. `weight_bits` > 0: both operands are serial.
absl::StatusOr<double> SerialSpeed(const Figure& figure, const Session& session) {
  constexpr int kFull = 16;
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(kReference));
  BITSCAPE_ASSIGN_OR_RETURN(const network::ShapeNetwork found,
                            network::FindShapeNetwork(figure.Text("network")));
  const std::vector<double>& bits = figure.lists.find("bits")->second;
  const int weight_bits = static_cast<int>(figure.NumberOr("weight_bits", 0));
  const std::string_view family = weight_bits > 0 ? "serial_both" : "serial_activations";
  const auto rate = [&](int weight, int activation) -> absl::StatusOr<double> {
    const MacOperands built =
        OperandsOf(IntegerOperand(kFull), IntegerOperand(kFull), IntegerOperand(40));
    const MacOperands used =
        OperandsOf(IntegerOperand(weight), IntegerOperand(activation), IntegerOperand(40));
    BITSCAPE_ASSIGN_OR_RETURN(const MacCost cost, PriceMac(family, built, used, {}, technology));
    return cost.macs_per_cycle;
  };
  BITSCAPE_ASSIGN_OR_RETURN(const double full, rate(kFull, kFull));
  double macs = 0, serial = 0;
  size_t index = 0;
  for (const network::MacShape& layer : network::MacShapes(found.network)) {
    if (layer.op != "conv") continue;
    if (index == bits.size()) break;
    BITSCAPE_ASSIGN_OR_RETURN(const double narrow, rate(weight_bits > 0 ? weight_bits : kFull,
                                                        static_cast<int>(bits[index])));
    const double count = static_cast<double>(layer.Macs());
    macs += count;
    serial += count * full / narrow;
    ++index;
  }
  if (index != bits.size()) {
    return absl::InvalidArgumentError(
        fmt::format("bits has {} entries; the network has {} convolutions", bits.size(), index));
  }
  return macs / serial;
}

// Serial weights of `bits` with inputs of 16 bits, over multipliers of bits x 16.
absl::StatusOr<double> UnpuOverFixed(const Figure& figure, const Session& session) {
  constexpr MacDesign kDot = {.dot_length = 4};
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node("65nm"));
  const int bits = figure.Integer("bits");
  const Operand input = IntegerOperand(16);
  const MacOperands built = OperandsOf(IntegerOperand(16), input, IntegerOperand(40));
  Operand weight = IntegerOperand(bits);
  if (bits == 1) weight.kind = Operand::Kind::kBinary;
  const MacOperands used = OperandsOf(weight, input, IntegerOperand(bits + 24));
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost serial,
                            PriceMac("serial_weights", built, used, kDot, technology));
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost fixed, PriceMac("dot_product", used, kDot, technology));
  return serial.energy_pj / fixed.energy_pj;
}

}  // namespace

std::span<const Model> MacModels() {
  static const auto* const kModels = new std::vector<Model>{
      {"bitfusion_element", {"bits", "quantity"}, Value<Element>},
      {"bitfusion_element_over_8", {"bits", "quantity"}, OverEightBits<Element>},
      {"bitfusion_column", {"bits", "quantity"}, Value<Column>},
      {"bitfusion_column_over_8", {"bits", "quantity"}, OverEightBits<Column>},
      {"bitfusion_lane", {"bits", "quantity"}, Value<Lane>},
      {"bitfusion_lane_over_8", {"bits", "quantity"}, OverEightBits<Lane>},
      {"scalable_relation", {"key"}, Relation},
      {"moons_all_scaled", {"bits", "built_bits"}, MoonsAllScaled},
      {"fp8_over_int8", {"lanes", "accumulator", "quantity"}, Fp8OverInt8},
      {"microexponents", {"mantissa_bits", "stored_bits"}, Microexponents},
      {"dot_area_ratio", {"weights", "accumulator"}, DotAreaRatio},
      {"dot_energy_ratio", {"weights", "accumulator"}, DotEnergyRatio},
      {"ternary_arithmetic", {}, TernaryArithmetic},
      {"braintta", {"format"}, BrainTta},
      {"serial_speed", {"network", "bits"}, SerialSpeed},
      {"serial_both_speed", {"network", "bits", "weight_bits"}, SerialSpeed},
      {"unpu_over_fixed", {"bits"}, UnpuOverFixed},
  };
  return *kModels;
}

}  // namespace bitscape::cost_models
