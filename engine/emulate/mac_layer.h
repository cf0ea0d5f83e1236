// A MAC layer of a plan, ready to be turned into steps: its operands' rounding and its arithmetic.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/emulate/graph.h"
#include "engine/emulate/kernels.h"
#include "engine/emulate/path.h"
#include "engine/emulate/plan_support.h"
#include "engine/emulate/rounded_weights.h"

namespace bitscape::emulate {

// What plans of one network share; outlives compilers and programs.
struct SharedState {
  uint64_t seed = 1;                              // of stochastic rounding
  std::shared_ptr<Engine> engine = MakeEngine();  // oneDNN counts its owners
  PackCache packs;
  RoundedWeightsCache weights;
  std::map<std::string, CalibrationStatistics> calibrations;      // by NamedGraph::variant
  std::map<std::pair<std::string, ElementKind>, bool> fast_macs;  // by graph and layer: HasFastMac
};

// A graph under the name that keys use for it.
struct NamedGraph {
  std::string name;
  Graph graph;
  // The network whose calibration it takes: empty for the given one, folded, fused or not. Variants
  // whose activations differ have names of their own.
  std::string variant = {};
};

// A MAC layer's tensors under the name that RoundedWeightsCache takes.
std::string LayerName(const NamedGraph& graph, const network::Node& node);

// Equal scalings have equal keys.
std::string ScalingKey(const quantize::ActivationScaling& calibrated);

struct MacLayer {
  const Operation* operation = nullptr;
  const network::Node* node = nullptr;
  formats::Quantizer weights_quantizer;  // of MatMul: the activations'
  formats::Quantizer activations_quantizer;
  quantize::Accumulator accumulator;
  std::vector<quantize::ActivationScaling> scalings;  // of each activation operand
  std::shared_ptr<const RoundedWeights> weights;      // null for MatMul; shared with the cache
  Decision decision;
  ElementKind operands = ElementKind::kFloat32;  // of the activations
  uint64_t seed = 1;                             // of stochastic rounding
  // To apply to sums: weight scale * activation scale, one or one a channel; none where operands
  // are values or all scales are 1.
  std::vector<float> scales;

  // Two layers of one node with equal keys and equal inputs are the same work.
  std::string Key() const;
  // The sums are scaled by numbers that the image gives, before the bias: XNOR-Net's, or the scales
  // of integer codes.
  bool HasPositions() const {
    return activations_quantizer.granularity == formats::Granularity::kPosition;
  }
  bool HasImageCodes() const { return quantize::IsDynamic(activations_quantizer) && !UsesValues(); }
  bool ScalesSums() const { return HasPositions() || HasImageCodes(); }
  bool UsesValues() const {
    return decision.arithmetic == Arithmetic::kFloat32Values ||
           decision.arithmetic == Arithmetic::kNarrowValues;
  }
  bool HasNarrowSums() const { return decision.path == Path::kNarrow; }
  std::span<const float> bias() const;  // empty, or one a channel
  const std::vector<float>& operand_weights() const {
    return UsesValues() ? weights->values : weights->codes;
  }
};

// `vector_format` is what the values between layers are rounded to. Errors: those of rounding
// weights and of activation scales.
absl::StatusOr<MacLayer> PlanMacLayer(SharedState& shared, const NamedGraph& graph, int64_t images,
                                      const Operation& operation,
                                      const quantize::LayerPrecision& precision,
                                      const formats::Quantizer& vector_format);

}  // namespace bitscape::emulate
