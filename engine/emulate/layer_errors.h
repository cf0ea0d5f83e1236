// What a plan's rounding does to each layer of a network: noise of weights, activations and
// results, and how much the layer alone costs in accuracy.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/emulate/evaluator.h"
#include "engine/formats/describe.h"
#include "engine/quantize/sum_width.h"

namespace bitscape::emulate {

struct LayerErrors {
  std::string layer;
  // Of the rounded weights; none where both operands are activations.
  std::optional<formats::RoundingError> weights;
  // Of the layer's own rounding on its operands in the unquantized network.
  formats::RoundingError activations;
  // Of the layer's result (with what is fused into it) under the whole plan, against the
  // unquantized network.
  formats::RoundingError output;
  // With this layer alone quantized: rise of the mean cross-entropy, and correct images lost.
  double loss_increase = 0;
  int64_t correct_lost = 0;
  quantize::LayerWidths widths;  // bits that exact sums need
  int rank = 0;                  // 1: the largest loss_increase; ties by layer order
};

struct NetworkErrors {
  std::vector<LayerErrors> layers;  // in topological order
  formats::RoundingError logits;
  int64_t images = 0, unquantized_correct = 0, correct = 0;
  double unquantized_loss = 0, loss = 0;  // means
};

// On the first `images` of the split. Errors: those of Evaluate and Capture.
absl::StatusOr<NetworkErrors> MeasureErrors(Evaluator& evaluator,
                                            const quantize::ResolvedPlan& plan, data::Split split,
                                            int64_t images, std::stop_token stop = {});

// The plan that quantizes MAC layer `layer` as `plan` does, and leaves the others and what stands
// between layers alone.
quantize::ResolvedPlan OnlyLayer(const quantize::ResolvedPlan& plan, size_t layer);

}  // namespace bitscape::emulate
