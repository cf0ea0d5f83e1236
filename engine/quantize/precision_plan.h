// A precision plan: which quantizers and accumulator each multiply-accumulate layer computes in.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/quantizer.h"

namespace bitscape::quantize {

// How partial sums are held.
struct Accumulator {
  enum class Kind {
    kFloat32,  // the library's own order of summation; stated as a bound, not bit for bit
    kInt32,    // exact integer sums of integer codes
    kNarrow,   // `format` holds the partial sum after each chunk
  };
  Kind kind = Kind::kFloat32;
  std::optional<formats::Quantizer> format;  // kNarrow: intN, fixedN.F or eXmY, with its overflow
  int chunk = 1;                             // kNarrow: products added exactly before each rounding
  int align_bits = 0;  // kNarrow: width that a chunk's products are aligned to; 0 = exact
  bool operator==(const Accumulator&) const = default;
  std::string ToString() const;  // "fp32", "int32", "int16:wrap:chunk16"
};
absl::StatusOr<Accumulator> ParseAccumulator(std::string_view text);
// Bits of the register that holds a partial sum.
int AccumulatorBits(const Accumulator& accumulator);

struct LayerPrecision {
  formats::Quantizer weights;  // of a product's second operand where both are activations: unused
  formats::Quantizer activations;  // of each activation operand
  Accumulator accumulator;
  bool operator==(const LayerPrecision&) const = default;
  std::string ToString() const;  // "weights=int8:channel,activations=int8,accumulator=int32"
};

// What a rule may match on. One for each MAC layer, in topological order.
struct LayerIdentity {
  std::string name;
  std::string op;  // "conv", "gemm", "matmul"
};

// Values that a rule sets; unset ones keep what earlier rules gave.
struct LayerOverride {
  std::optional<formats::Quantizer> weights;
  std::optional<formats::Quantizer> activations;
  std::optional<Accumulator> accumulator;
  bool operator==(const LayerOverride&) const = default;
};

struct PlanRule {
  // "first", "last", "op:conv", or a glob over layer names ('*', '?').
  std::string match;
  LayerOverride values;
  bool operator==(const PlanRule&) const = default;
};

enum class BatchNormFold { kAlways, kNever };

// Post-training repairs of the whole network, in the order in which they are made: the first two
// give another network of the same function, the others look at what quantization did to it, layer
// by layer (engine/emulate/README.md).
struct Repairs {
  bool equalize = false;         // cross-layer equalization (Nagel et al., ICCV 2019)
  std::optional<double> smooth;  // SmoothQuant (Xiao et al., ICML 2023) with this alpha
  bool adaround = false;         // learned rounding of weights (Nagel et al., ICML 2020)
  bool bias = false;             // bias correction (Nagel et al., ICCV 2019), from data
  bool batchnorm = false;        // batch norm re-estimated: needs it unfolded
  bool operator==(const Repairs&) const = default;
  bool Any() const { return *this != Repairs{}; }
  // "equalize+smooth0.8+adaround+bias+batchnorm"; alpha 0.5 is not printed; "none".
  std::string ToString() const;
};
// Any order. Errors: kInvalidArgument with the column and the nearest name.
absl::StatusOr<Repairs> ParseRepairs(std::string_view text);

struct PrecisionPlan {
  LayerOverride defaults;       // unset: fp32
  std::vector<PlanRule> rules;  // later rules win
  // Unset: kept where a layer has binary or ternary weights, whose methods need it, or where batch
  // norm is repaired; folded elsewhere.
  std::optional<BatchNormFold> fold;
  Repairs repairs;
  formats::Quantizer vector_format = formats::Float32();  // operations between MAC layers
  bool operator==(const PrecisionPlan&) const = default;

  // Canonical text, e.g.
  // "weights=int8:channel,activations=int8,accumulator=int32;[last]weights=fp16,activations=fp16".
  std::string ToString() const;
};

// Reads the text form: comma-separated key=value (weights, activations, accumulator, vector, fold,
// repair), then ';' and '[match]' with key=value for each rule. Errors: kInvalidArgument with
// column and nearest name.
absl::StatusOr<PrecisionPlan> ParsePlan(std::string_view text);

// One assignment for each MAC layer: what is stored, hashed, evaluated and priced.
struct ResolvedPlan {
  std::vector<LayerPrecision> layers;
  BatchNormFold fold = BatchNormFold::kAlways;
  Repairs repairs;
  formats::Quantizer vector_format = formats::Float32();
  bool operator==(const ResolvedPlan&) const = default;

  // One line for each layer; two plans are the same work exactly if these are equal.
  std::string ToString() const;
  std::string Digest() const;  // engine/core/digest.h of ToString(), hexadecimal
};

// Errors: kInvalidArgument for a rule that matches no layer, naming it and the nearest layer; for
// an int32 accumulator under operands that are not integers; and for other combinations without a
// meaning, repairs included.
absl::StatusOr<ResolvedPlan> ResolvePlan(const PrecisionPlan& plan,
                                         const std::vector<LayerIdentity>& layers);

}  // namespace bitscape::quantize
