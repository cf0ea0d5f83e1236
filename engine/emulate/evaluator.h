// The central interface: evaluates many precision plans of one network jointly.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/network/network.h"
#include "engine/quantize/precision_plan.h"
#include "engine/quantize/sum_width.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::emulate {

struct EvaluateOptions {
  int threads = 0;                   // 0: every available processor
  uint64_t seed = 1;                 // of stochastic rounding
  int64_t calibration_images = 512;  // the first of the calibration split; capped by its size
  bool keep_logits = false;          // fill PlanResult::logits (small ranges only)
};

// Which arithmetic ran a MAC layer.
enum class Path { kFloat32, kInt8, kBfloat16, kReference, kNarrow };
std::string_view ToString(Path path);  // "fp32", "int8", "bf16", "reference", "narrow"

struct LayerPath {
  std::string layer;
  Path path = Path::kFloat32;
  bool exact = false;  // the sums are exact: no rounding but the plan's own
  std::string reason;  // the condition that chose the path
};

struct PlanResult {
  // One an image of the range: 1 if the largest logit (the first of ties) is the label's.
  std::vector<uint8_t> correct;
  double loss_sum = 0;  // cross-entropy, each a multiple of 2^-20: the sum is exact, in any order
  std::vector<LayerPath> layers;
  std::vector<float> logits;  // [images, classes] where keep_logits
  int64_t images = 0;         // images evaluated: the range's size unless the plan was retired
  int64_t Correct() const;
};

struct PlanProgress {
  int64_t images = 0, correct = 0;
};

// Images one after another, each row-major.
struct CapturedTensor {
  network::Shape shape;  // of one image
  std::vector<float> values;
};

// What a MAC layer takes and gives under a plan.
struct CapturedLayer {
  std::string layer;
  // Before they are rounded; and what rounds them: scalings, and how one image lies.
  std::vector<CapturedTensor> operands;
  std::vector<quantize::ActivationScaling> scalings;
  std::vector<quantize::TensorLayout> layouts;
  // As they are in the network that the plan runs on, and rounded; empty where both operands are
  // activations.
  std::vector<float> weights, rounded_weights;
  quantize::TensorLayout weights_layout;
  CapturedTensor result;         // with what is fused into the layer
  quantize::LayerWidths widths;  // that its sums need
};

struct Captured {
  std::vector<CapturedLayer> layers;  // in topological order
  CapturedTensor logits;
};

// Called after each group of batches, from one thread at a time. May retire plans: a retired plan
// is not evaluated further.
class Observer {
 public:
  virtual ~Observer() = default;
  // `progress[i]` belongs to plans[i]. Set retire[i] to retire it.
  virtual void OnProgress(std::span<const PlanProgress> progress, std::vector<bool>& retire) = 0;
};

// Images of one batch. Ranges that begin at multiples of it split a data set without changing any
// result.
inline constexpr int64_t kBatchSize = 32;

// Holds what is shared between evaluations of one network: folded graph, calibration statistics,
// rounded weights, primitives. Thread-safe; one evaluation at a time uses all cores (others wait).
class Evaluator {
 public:
  // Errors: kInvalidArgument for a network without weights, or whose input or classes don't fit the
  // dataset. Both must outlive the evaluator.
  static absl::StatusOr<std::unique_ptr<Evaluator>> Create(const network::Network& network,
                                                           const data::Dataset& dataset,
                                                           const EvaluateOptions& options);
  virtual ~Evaluator() = default;

  // Evaluates `plans` over images [range) of `split`; range.begin is a multiple of kBatchSize.
  // Results do not depend on threads, on the other plans, or on how a set is cut into ranges.
  // Errors: kInvalidArgument (range, number of layers), kUnimplemented (a quantizer this build
  // can't run; the layer is named), kCancelled (stop requested; nothing is returned),
  // kResourceExhausted (the buffers of all threads are larger than this machine's memory).
  virtual absl::StatusOr<std::vector<PlanResult>> Evaluate(
      std::span<const quantize::ResolvedPlan> plans, data::Split split, data::ImageRange range,
      Observer* observer = nullptr, std::stop_token stop = {}) = 0;

  // The tensors of `plan` on images [range), all in memory: ranges are short. Errors: those of
  // Evaluate.
  virtual absl::StatusOr<Captured> Capture(const quantize::ResolvedPlan& plan, data::Split split,
                                           data::ImageRange range, std::stop_token stop = {}) = 0;

  // Which path each MAC layer of `plan` takes, without evaluating it. Calibrates where that has not
  // been done yet.
  virtual absl::StatusOr<std::vector<LayerPath>> Paths(const quantize::ResolvedPlan& plan) = 0;
};

// Whether Evaluate can run `plan`, found without weights or images. Errors: kInvalidArgument for
// another number of layers than the network has or operands that an accumulator can't add;
// kUnimplemented for what this build can't run. The layer is named.
absl::Status CheckPlan(const network::Network& network, const quantize::ResolvedPlan& plan);
// The parts of CheckPlan that do not depend on a layer.
absl::Status CheckWeights(const formats::Quantizer& quantizer);
absl::Status CheckActivations(const formats::Quantizer& quantizer);
absl::Status CheckAccumulator(const quantize::Accumulator& accumulator);

// The slow obvious version: plain loops in float32 and int32, one plan at a time, no oneDNN. Test
// oracle.
absl::StatusOr<std::unique_ptr<Evaluator>> CreateReferenceEvaluator(const network::Network& network,
                                                                    const data::Dataset& dataset,
                                                                    const EvaluateOptions& options);

}  // namespace bitscape::emulate
