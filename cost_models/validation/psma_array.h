// Arrays of Ibrahim, Mei, Verhelst, Taxonomy and Benchmarking of Precision-Scalable MAC Arrays
// Under Enhanced DNN Dataflow Representation, arXiv 2108.04773, as sums of the technology's blocks.
//
// 4096 multipliers of 2 x 2 bits: level 2 groups 4 x 4 of them (one product of 8 x 8), level 3
// groups 4 x 4 of those, level 4 again. A level shares inputs (its outputs stay apart), outputs
// (all are added) or one of the two along each axis (hybrid). The 2-bit groups of a wide product
// come together in level 2, in level 3, or one after the other (serial). Subword-unrolled arrays
// (SWU) use the diagonal of a level 2 alone at narrow widths. Registers stand at inputs and
// accumulators only: between them all is one combinational path. Levels, widths and registers are
// those of the authors' RTL (https://github.com/KULeuven-MICAS/PSMA-benchmark, rtl/helper.sv).
#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {

struct PsmaDesign {
  enum class Groups { kLevel2, kLevel3, kSerial };
  // Whether outputs are added along the axis of the weights, and of the activations.
  struct Sharing {
    bool add_weights = false, add_activations = false;
  };
  Groups groups = Groups::kLevel2;
  bool subword = false;
  Sharing level4, level3, level2;
};

// "BG_L2_L4_00_L3_11_L2_11_DVAFS_0", the source's name. Errors: kInvalidArgument.
absl::StatusOr<PsmaDesign> ParsePsmaDesign(std::string_view name);

struct PsmaPrecision {
  int activation_bits = 8, weight_bits = 8;  // 8, 4 or 2, the activation's not below the weight's
};

// The accumulators' registers of the whole array: what is built, what a precision uses, and how
// many cycles a sum takes.
struct PsmaSums {
  int built_bits = 0, used_bits = 0, cycles = 1;
};
PsmaSums SumsOf(const PsmaDesign& design, PsmaPrecision precision);

struct PsmaCost {
  double area_um2 = 0;
  double fj_per_op = 0;  // a multiply-accumulate is two operations
};

// Transitions that each level of adders adds to those that follow it in the same path, relative to
// the useful ones: what a deep path without registers makes of inputs that do not arrive together.
// One parameter, fitted on these arrays: of 0, 0.2, 0.5, 1 and 2 the one whose lowest rank
// correlation of energy is best, at either clock alone: each checks the other's fit. Without it the
// lowest is 0.28, with it 0.64.
inline constexpr double kSpuriousPerLevel = 1;

PsmaCost PricePsma(const PsmaDesign& design, PsmaPrecision precision, const Technology& technology,
                   double spurious_per_level = kSpuriousPerLevel);

}  // namespace bitscape::cost_models
