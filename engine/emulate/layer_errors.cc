#include "engine/emulate/layer_errors.h"

#include <algorithm>
#include <cfloat>
#include <numeric>
#include <span>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/calibration.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::emulate {
namespace {

using formats::RoundingError;
using quantize::ResolvedPlan;

// Images whose tensors are held at a time.
constexpr int64_t kImagesAtOnce = 4 * kBatchSize;

// Changes that no saturation is asked of.
RoundingError Noise(std::span<const float> values, std::span<const float> changed) {
  constexpr formats::ValueLimits kAll[] = {{-FLT_MAX, FLT_MAX}};
  return formats::MeasureError(values, changed, kAll);
}

class Measurement {
 public:
  Measurement(Evaluator& evaluator, const ResolvedPlan& plan) : evaluator_(evaluator), plan_(plan) {
    // Kept batch norm stays kept and moved scales moved, so that the results of layers compare.
    unquantized_ = UnquantizedPlan(plan.layers.size());
    unquantized_.fold = plan.fold;
    unquantized_.repairs.equalize = plan.repairs.equalize;
    unquantized_.repairs.smooth = plan.repairs.smooth;
  }

  absl::StatusOr<NetworkErrors> Run(data::Split split, int64_t images, std::stop_token stop) {
    errors_.images = images;
    errors_.layers.resize(plan_.layers.size());
    BITSCAPE_RETURN_IF_ERROR(MeasureLosses(split, images, stop));
    for (int64_t begin = 0; begin < images; begin += kImagesAtOnce) {
      const data::ImageRange range{begin, std::min(begin + kImagesAtOnce, images)};
      BITSCAPE_ASSIGN_OR_RETURN(const Captured plain,
                                evaluator_.Capture(unquantized_, split, range, stop));
      BITSCAPE_ASSIGN_OR_RETURN(const Captured rounded,
                                evaluator_.Capture(plan_, split, range, stop));
      for (size_t layer = 0; layer < plan_.layers.size(); ++layer) {
        AddLayer(plain.layers[layer], rounded.layers[layer], layer, begin);
      }
      errors_.logits.Merge(Noise(plain.logits.values, rounded.logits.values));
    }
    return std::move(errors_);
  }

 private:
  absl::Status MeasureLosses(data::Split split, int64_t images, const std::stop_token& stop);
  void AddLayer(const CapturedLayer& plain, const CapturedLayer& rounded, size_t layer,
                int64_t first_image);

  Evaluator& evaluator_;
  const ResolvedPlan& plan_;
  ResolvedPlan unquantized_;
  NetworkErrors errors_;
};

absl::Status Measurement::MeasureLosses(data::Split split, int64_t images,
                                        const std::stop_token& stop) {
  std::vector<ResolvedPlan> plans = {unquantized_, plan_};
  for (size_t layer = 0; layer < plan_.layers.size(); ++layer) {
    plans.push_back(OnlyLayer(plan_, layer));
  }
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<PlanResult> results,
                            evaluator_.Evaluate(plans, split, {0, images}, nullptr, stop));
  const double count = static_cast<double>(images);
  errors_.unquantized_correct = results[0].Correct();
  errors_.unquantized_loss = results[0].loss_sum / count;
  errors_.correct = results[1].Correct();
  errors_.loss = results[1].loss_sum / count;
  for (size_t layer = 0; layer < plan_.layers.size(); ++layer) {
    const PlanResult& alone = results[2 + layer];
    errors_.layers[layer].loss_increase = (alone.loss_sum - results[0].loss_sum) / count;
    errors_.layers[layer].correct_lost = errors_.unquantized_correct - alone.Correct();
  }
  std::vector<size_t> order(plan_.layers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return errors_.layers[a].loss_increase > errors_.layers[b].loss_increase;
  });
  for (size_t i = 0; i < order.size(); ++i) {
    errors_.layers[order[i]].rank = static_cast<int>(i) + 1;
  }
  return absl::OkStatus();
}

// `rounded` tells how the plan rounds; its own operands have the noise of the layers before, so
// those of the unquantized network are rounded here.
void Measurement::AddLayer(const CapturedLayer& plain, const CapturedLayer& rounded, size_t layer,
                           int64_t first_image) {
  LayerErrors& errors = errors_.layers[layer];
  errors.layer = plain.layer;
  errors.widths = rounded.widths;
  if (!rounded.weights.empty()) {
    errors.weights = Noise(rounded.weights, rounded.rounded_weights);
  }
  errors.output.Merge(Noise(plain.result.values, rounded.result.values));
  const formats::Quantizer& quantizer = plan_.layers[layer].activations;
  std::vector<float> scratch, changed;
  for (size_t operand = 0; operand < rounded.scalings.size(); ++operand) {
    const std::vector<float>& values = plain.operands[operand].values;
    const size_t elements = static_cast<size_t>(rounded.layouts[operand].elements());
    changed.resize(values.size());
    for (size_t begin = 0; begin < values.size(); begin += elements) {
      const formats::RandomKey key{.first = static_cast<uint64_t>(first_image) * elements + begin};
      quantize::RoundActivations(quantizer, rounded.scalings[operand], rounded.layouts[operand],
                                 std::span(values).subspan(begin, elements),
                                 std::span(changed).subspan(begin, elements), key, scratch);
    }
    errors.activations.Merge(Noise(values, changed));
  }
}

}  // namespace

ResolvedPlan OnlyLayer(const ResolvedPlan& plan, size_t layer) {
  ResolvedPlan only = plan;
  only.layers = UnquantizedPlan(plan.layers.size()).layers;
  only.layers[layer] = plan.layers[layer];
  only.vector_format = formats::Float32();
  return only;
}

absl::StatusOr<NetworkErrors> MeasureErrors(Evaluator& evaluator, const ResolvedPlan& plan,
                                            data::Split split, int64_t images,
                                            std::stop_token stop) {
  return Measurement(evaluator, plan).Run(split, images, stop);
}

}  // namespace bitscape::emulate
