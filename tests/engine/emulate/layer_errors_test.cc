// What Capture gives and what MeasureErrors makes of it, against direct computation.
#include "engine/emulate/layer_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "engine/emulate/calibration.h"
#include "engine/formats/codec.h"
#include "engine/quantize/tensor_rounding.h"
#include "tests/engine/emulate/test_support.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::emulate {
namespace {

using bitscape::testing::OnnxBuilder;
using quantize::ResolvedPlan;

constexpr int64_t kImages = 40;  // more than a batch
constexpr int64_t kSize = 6, kHidden = 12;

// Two products with a ReLU between them.
std::string TwoGemms() {
  OnnxBuilder builder;
  std::string x = builder.Node("Flatten", {builder.Input("image", {1, kSize, kSize})});
  x = builder.Node("Relu", {builder.Gemm(x, kSize * kSize, kHidden)});
  builder.Output(builder.Gemm(x, kHidden, 10));
  return builder.Bytes();
}

// A product of two activations.
std::string Product() {
  OnnxBuilder builder;
  const std::string x = builder.Node(
      "Squeeze", {builder.Input("image", {1, kSize, kSize}), builder.Integers("axes", {1})});
  const std::string other =
      builder.Node("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
  builder.Output(builder.Gemm(builder.Node("Flatten", {builder.Node("MatMul", {x, other})}),
                              kSize * kSize, 10));
  return builder.Bytes();
}

class LayerErrorsTest : public ::testing::Test {
 protected:
  explicit LayerErrorsTest(const std::string& model = TwoGemms())
      : network_(Import(model)), dataset_(RandomDataset(64, 1, kSize)) {
    dataset_.validation = RandomImages(kImages, 1, kSize, 2);
    evaluator_ = Evaluator::Create(network_, dataset_, {.keep_logits = true}).value();
  }
  ResolvedPlan Plan(const std::string& text) const { return Resolve(network_, {text})[0]; }
  Captured Capture(const ResolvedPlan& plan) const {
    auto captured = evaluator_->Capture(plan, data::Split::kValidation, {0, kImages});
    EXPECT_TRUE(captured.ok()) << captured.status();
    return *std::move(captured);
  }
  NetworkErrors Measure(const ResolvedPlan& plan) const {
    auto errors = MeasureErrors(*evaluator_, plan, data::Split::kValidation, kImages);
    EXPECT_TRUE(errors.ok()) << errors.status();
    return *std::move(errors);
  }
  PlanResult Evaluate(const ResolvedPlan& plan) const {
    const std::vector<ResolvedPlan> plans = {plan};
    return evaluator_->Evaluate(plans, data::Split::kValidation, {0, kImages}).value()[0];
  }

  network::Network network_;
  data::Dataset dataset_;
  std::unique_ptr<Evaluator> evaluator_;
};

// 10 log10 of mean squares, in double.
double Sqnr(const std::vector<float>& values, const std::vector<float>& changed) {
  double signal = 0, noise = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i], error = static_cast<double>(changed[i]) - value;
    signal += value * value;
    noise += error * error;
  }
  return 10 * std::log10(signal / noise);
}

// rows [images, inputs] times weights [outputs, inputs] and the bias, in double.
std::vector<float> Times(const std::vector<float>& rows, const network::Gemm& gemm,
                         const std::vector<float>& weights, bool relu) {
  const std::vector<float>& bias = gemm.bias->values;
  const size_t outputs = bias.size(), inputs = weights.size() / outputs;
  std::vector<float> result;
  for (size_t row = 0; row < rows.size() / inputs; ++row) {
    for (size_t output = 0; output < outputs; ++output) {
      double sum = bias[output];
      for (size_t i = 0; i < inputs; ++i) {
        sum += static_cast<double>(rows[row * inputs + i]) *
               static_cast<double>(weights[output * inputs + i]);
      }
      result.push_back(static_cast<float>(relu ? std::max(sum, 0.0) : sum));
    }
  }
  return result;
}

void ExpectNear(const std::vector<float>& actual, const std::vector<float>& expected,
                double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  double largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(actual[i]) - expected[i]));
  }
  EXPECT_LT(largest, tolerance);
}

const network::Gemm& GemmOf(const network::Network& network, size_t layer) {
  const int node = network::MacLayers(network).at(layer);
  return std::get<network::Gemm>(network.nodes[static_cast<size_t>(node)].op);
}

TEST_F(LayerErrorsTest, CapturesWhatLayersTakeAndGive) {
  const Captured captured = Capture(Plan("weights=fp32,activations=fp32"));
  ASSERT_EQ(captured.layers.size(), 2U);
  const CapturedLayer& first = captured.layers[0];
  const CapturedLayer& second = captured.layers[1];
  ASSERT_EQ(first.operands.size(), 1U);
  const data::ImageSet& images = dataset_.validation;
  std::vector<float> pixels;
  for (const uint8_t pixel : images.pixels) {
    pixels.push_back(static_cast<float>((pixel / 255.0 - 0.4) / 0.3));
  }
  ExpectNear(first.operands[0].values, pixels, 1e-5);
  EXPECT_EQ(first.weights, GemmOf(network_, 0).weights->values);
  EXPECT_EQ(first.rounded_weights, first.weights);
  ExpectNear(first.result.values,
             Times(first.operands[0].values, GemmOf(network_, 0), first.weights, true), 1e-4);
  EXPECT_EQ(second.operands.at(0).values, first.result.values);
  ExpectNear(second.result.values,
             Times(first.result.values, GemmOf(network_, 1), second.weights, false), 1e-4);
  EXPECT_EQ(captured.logits.values, second.result.values);
  EXPECT_EQ(captured.logits.values, Evaluate(Plan("weights=fp32,activations=fp32")).logits);
  EXPECT_EQ(captured.logits.values.size(), static_cast<size_t>(kImages) * 10);
}

TEST_F(LayerErrorsTest, CapturesRoundedWeightsAndTheLogitsOfAPlan) {
  for (const char* const text :
       {"weights=int4:channel,activations=int8,accumulator=int32",
        "weights=mxfp4_e2m1,activations=mxfp8_e4m3", "weights=fp8_e4m3,activations=fp8_e5m2",
        "weights=int8,activations=int8,accumulator=int14"}) {
    SCOPED_TRACE(text);
    const ResolvedPlan plan = Plan(text);
    const Captured captured = Capture(plan);
    EXPECT_EQ(captured.logits.values, Evaluate(plan).logits);
    for (size_t i = 0; i < 2; ++i) {
      const CapturedLayer& layer = captured.layers[i];
      EXPECT_EQ(layer.rounded_weights,
                quantize::RoundWeights(plan.layers[i].weights, layer.weights_layout, layer.weights)
                    .value()
                    .values);
      EXPECT_NE(layer.rounded_weights, layer.weights);
    }
  }
}

TEST_F(LayerErrorsTest, CapturesARangeOfImages) {
  const ResolvedPlan plan = Plan("weights=int4,activations=int6:dynamic");
  const Captured whole = Capture(plan);
  const Captured rest =
      evaluator_->Capture(plan, data::Split::kValidation, {kBatchSize, kImages}).value();
  const size_t begin = static_cast<size_t>(kBatchSize) * 10;
  EXPECT_EQ(rest.logits.values,
            std::vector<float>(whole.logits.values.begin() + begin, whole.logits.values.end()));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(evaluator_->Capture(plan, data::Split::kValidation, {0, kImages}, stop.get_token())
                .status()
                .code(),
            absl::StatusCode::kCancelled);
}

TEST_F(LayerErrorsTest, MeasuresWeightsActivationsAndResults) {
  const ResolvedPlan plan = Plan("weights=int4:channel,activations=int5,accumulator=int32");
  const NetworkErrors errors = Measure(plan);
  const Captured plain = Capture(UnquantizedPlan(2));
  const Captured rounded = Capture(plan);
  ASSERT_EQ(errors.layers.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    const LayerErrors& layer = errors.layers[i];
    EXPECT_EQ(layer.layer, plain.layers[i].layer);
    ASSERT_TRUE(layer.weights.has_value());
    EXPECT_NEAR(layer.weights->SqnrDb(),
                Sqnr(plain.layers[i].weights, rounded.layers[i].rounded_weights), 1e-9);
    EXPECT_NEAR(layer.output.SqnrDb(),
                Sqnr(plain.layers[i].result.values, rounded.layers[i].result.values), 1e-9);
    const std::vector<float>& operand = plain.layers[i].operands[0].values;
    std::vector<float> changed(operand.size());
    formats::RoundReference(plan.layers[i].activations.format.element,
                            formats::Rounding::kNearestEven, formats::Overflow::kSaturate,
                            rounded.layers[i].scalings[0].scaling, operand, changed);
    EXPECT_NEAR(layer.activations.SqnrDb(), Sqnr(operand, changed), 1e-9);
    EXPECT_EQ(layer.activations.count, static_cast<int64_t>(operand.size()));
  }
  EXPECT_NEAR(errors.logits.SqnrDb(), Sqnr(plain.logits.values, rounded.logits.values), 1e-9);
}

TEST_F(LayerErrorsTest, MeasuresEachLayerAlone) {
  const ResolvedPlan plan = Plan("weights=int3,activations=int4,accumulator=int32,vector=e4m3");
  const NetworkErrors errors = Measure(plan);
  const PlanResult plain = Evaluate(UnquantizedPlan(2));
  const PlanResult whole = Evaluate(plan);
  EXPECT_EQ(errors.images, kImages);
  EXPECT_EQ(errors.correct, whole.Correct());
  EXPECT_EQ(errors.unquantized_correct, plain.Correct());
  EXPECT_EQ(errors.loss, whole.loss_sum / kImages);
  EXPECT_EQ(errors.unquantized_loss, plain.loss_sum / kImages);
  const char* const alone[] = {
      "weights=fp32,activations=fp32;[first]weights=int3,activations=int4,accumulator=int32",
      "weights=fp32,activations=fp32;[last]weights=int3,activations=int4,accumulator=int32"};
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(OnlyLayer(plan, i), Plan(alone[i]));
    const PlanResult result = Evaluate(Plan(alone[i]));
    EXPECT_EQ(errors.layers[i].loss_increase, (result.loss_sum - plain.loss_sum) / kImages);
    EXPECT_EQ(errors.layers[i].correct_lost, plain.Correct() - result.Correct());
  }
  const bool first_is_worse = errors.layers[0].loss_increase >= errors.layers[1].loss_increase;
  EXPECT_EQ(errors.layers[0].rank, first_is_worse ? 1 : 2);
  EXPECT_EQ(errors.layers[1].rank, first_is_worse ? 2 : 1);
}

TEST_F(LayerErrorsTest, FindsNoErrorWhereNothingIsRounded) {
  const NetworkErrors errors = Measure(Plan("weights=fp32,activations=fp32"));
  EXPECT_EQ(errors.loss, errors.unquantized_loss);
  EXPECT_TRUE(std::isinf(errors.logits.SqnrDb()));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(std::isinf(errors.layers[i].weights->SqnrDb()));
    EXPECT_TRUE(std::isinf(errors.layers[i].activations.SqnrDb()));
    EXPECT_TRUE(std::isinf(errors.layers[i].output.SqnrDb()));
    EXPECT_EQ(errors.layers[i].loss_increase, 0);
    EXPECT_EQ(errors.layers[i].rank, static_cast<int>(i) + 1) << "ties by layer order";
    EXPECT_GT(errors.layers[i].widths.tight_bits, 550) << "a register for every sum of float32";
  }
}

TEST_F(LayerErrorsTest, TheOnlyQuantizedLayerIsTheMostSensitive) {
  // Labels that the unquantized network gives: rounding can't win many.
  const std::vector<float> logits = Evaluate(UnquantizedPlan(2)).logits;
  for (size_t i = 0; i < dataset_.validation.labels.size(); ++i) {
    const auto begin = logits.begin() + static_cast<std::ptrdiff_t>(10 * i);
    dataset_.validation.labels[i] =
        static_cast<int32_t>(std::max_element(begin, begin + 10) - begin);
  }
  const NetworkErrors errors = Measure(Plan("weights=fp32,activations=fp32;[last]weights=binary"));
  EXPECT_EQ(errors.unquantized_correct, kImages);
  ASSERT_GT(errors.layers[1].loss_increase, 0);
  EXPECT_GT(errors.layers[1].correct_lost, 0);
  EXPECT_EQ(errors.layers[1].rank, 1);
  EXPECT_EQ(errors.layers[0].rank, 2);
  EXPECT_EQ(errors.layers[0].loss_increase, 0);
  EXPECT_TRUE(std::isinf(errors.layers[0].output.SqnrDb()));
  EXPECT_NEAR(errors.loss - errors.unquantized_loss, errors.layers[1].loss_increase, 1e-12);
}

TEST_F(LayerErrorsTest, TellsWhatSumsNeed) {
  const ResolvedPlan plan = Plan("weights=int8:channel,activations=uint4:asym,accumulator=int32");
  const NetworkErrors errors = Measure(plan);
  // 36 products: ceil(log2 36) = 6. uint4 less a zero point has 5 bits.
  EXPECT_EQ(errors.layers[0].widths.reduction_length, kSize * kSize);
  EXPECT_EQ(errors.layers[0].widths.lecture_bits, 8 + 5 + 6);
  // Codes within +-127 and +-15: 36 * 127 * 15 = 68580 < 2^17, with the sign 18 bits.
  EXPECT_EQ(errors.layers[0].widths.tight_bits, 18);
  EXPECT_LE(errors.layers[0].widths.weight_bits, 18);
  EXPECT_GT(errors.layers[0].widths.weight_bits, 0);
  EXPECT_EQ(errors.layers[1].widths.lecture_bits, 8 + 5 + 4) << "12 products";
  EXPECT_EQ(errors.layers[1].widths.tight_bits, 16) << "12 * 127 * 15 = 22860 < 2^15";
}

class ProductErrorsTest : public LayerErrorsTest {
 protected:
  ProductErrorsTest() : LayerErrorsTest(Product()) {}
};

TEST_F(ProductErrorsTest, LayersOfTwoActivationsHaveNoWeights) {
  const ResolvedPlan plan = Plan("weights=int8,activations=int8,accumulator=int32");
  const Captured captured = Capture(plan);
  ASSERT_EQ(captured.layers[0].operands.size(), 2U);
  EXPECT_TRUE(captured.layers[0].weights.empty());
  EXPECT_EQ(captured.layers[0].scalings.size(), 2U);
  const NetworkErrors errors = Measure(plan);
  EXPECT_FALSE(errors.layers[0].weights.has_value());
  EXPECT_TRUE(errors.layers[1].weights.has_value());
  EXPECT_EQ(errors.layers[0].activations.count, 2 * kImages * kSize * kSize);
  // Both operands are the image: their errors are the same.
  std::vector<float> changed(captured.layers[0].operands[0].values.size());
  formats::RoundReference(plan.layers[0].activations.format.element,
                          formats::Rounding::kNearestEven, formats::Overflow::kSaturate,
                          captured.layers[0].scalings[0].scaling,
                          captured.layers[0].operands[0].values, changed);
  EXPECT_NEAR(errors.layers[0].activations.SqnrDb(),
              Sqnr(captured.layers[0].operands[0].values, changed), 1e-6);
}

TEST_F(LayerErrorsTest, PassesErrorsOn) {
  std::stop_source stop;
  stop.request_stop();
  const ResolvedPlan plan = Plan("weights=int8,activations=int8");
  EXPECT_EQ(MeasureErrors(*evaluator_, plan, data::Split::kValidation, kImages, stop.get_token())
                .status()
                .code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(MeasureErrors(*evaluator_, plan, data::Split::kValidation, kImages + 1).status().code(),
            absl::StatusCode::kInvalidArgument);
  ResolvedPlan shorter = plan;
  shorter.layers.pop_back();
  EXPECT_EQ(MeasureErrors(*evaluator_, shorter, data::Split::kValidation, kImages).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bitscape::emulate
