// Files whose weights are elsewhere, or nowhere: their shapes are all that is read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/network/mac_shape.h"
#include "engine/network/onnx_import.h"
#include "engine/network/passes.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::network {
namespace {

using ::bitscape::testing::OnnxBuilder;
using ::testing::HasSubstr;

absl::StatusOr<Network> Import(const OnnxBuilder& builder, const ImportLimits& limits = {}) {
  return ImportOnnx(builder.Bytes(), "model.onnx", "net", {{0.5F}, {0.25F}}, limits);
}

void ExpectError(const absl::Status& status, absl::StatusCode code,
                 const std::vector<std::string>& parts) {
  EXPECT_EQ(status.code(), code) << status;
  for (const std::string& part : parts) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

// Takes the data of every floating initializer away, as `strip` does it.
template <typename Strip>
OnnxBuilder Without(OnnxBuilder builder, Strip strip) {
  for (onnx::TensorProto& tensor : *builder.model().mutable_graph()->mutable_initializer()) {
    if (tensor.data_type() != onnx::TensorProto::FLOAT) continue;
    tensor.clear_raw_data();
    tensor.clear_float_data();
    strip(tensor);
  }
  return builder;
}

// Grouped convolution, batch norm, products with bias both ways, a constant that is transposed.
OnnxBuilder ModelOfEverything() {
  OnnxBuilder b;
  std::string x = b.Conv(b.Input("image", {4, 8, 8}), 4, 6, 3, {{"group", int64_t{2}}}, "conv");
  x = b.Node("Flatten", {b.BatchNorm(x, 6)});
  x = b.Gemm(x, 6 * 6 * 6, 12, "gemm");
  x = b.Node("MatMul", {x, b.Random("matrix", {12, 10}, 1)}, {}, "product");
  x = b.Node("Add", {x, b.Random("bias", {10}, 1)});
  const std::string turned = b.Node("Transpose", {b.Random("turned", {5, 10}, 1)});
  b.Output(b.Node("MatMul", {x, turned}, {}, "last"));
  return b;
}

TEST(OnnxWithoutData, KeepsTheShapesOfWeights) {
  const auto whole = Import(ModelOfEverything());
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto stripped = Import(Without(ModelOfEverything(), [](onnx::TensorProto&) {}));
  const auto external = Import(Without(ModelOfEverything(), [](onnx::TensorProto& tensor) {
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    auto& location = *tensor.add_external_data();
    location.set_key("location");
    location.set_value("weights.bin");
  }));
  for (const auto* network : {&stripped, &external}) {
    ASSERT_TRUE(network->ok()) << network->status();
    EXPECT_FALSE((*network)->HasWeights());
    EXPECT_EQ(ParameterCount(**network), ParameterCount(*whole));
    const std::vector<MacShape> shapes = MacShapes(**network);
    const std::vector<MacShape> expected = MacShapes(*whole);
    ASSERT_EQ(shapes.size(), 4);
    ASSERT_EQ(expected.size(), 4);
    for (size_t i = 0; i < shapes.size(); ++i) {
      EXPECT_EQ(shapes[i].name, expected[i].name);
      EXPECT_EQ(shapes[i].groups, expected[i].groups);
      EXPECT_EQ(shapes[i].Macs(), expected[i].Macs());
      EXPECT_EQ(shapes[i].WeightElements(), expected[i].WeightElements());
    }
    const Network folded = FoldBatchNorm(**network);
    EXPECT_TRUE(Validate(folded).ok()) << Validate(folded);
    EXPECT_EQ(ParameterCount(folded), ParameterCount(FoldBatchNorm(*whole)));
  }
  EXPECT_EQ(stripped->Digest(), external->Digest());
  EXPECT_NE(stripped->Digest(), whole->Digest());
}

TEST(OnnxWithoutData, CountsWeights) {
  const OnnxBuilder model = Without(ModelOfEverything(), [](onnx::TensorProto&) {});
  EXPECT_TRUE(Import(model, {.max_total_elements = 1}).ok());
  ExpectError(Import(model, {.max_shape_elements = 2800}).status(),
              absl::StatusCode::kResourceExhausted,
              {"weights without data", "the limit for one network is 2800"});
}

TEST(OnnxWithoutData, NeedsTheNumbersThatShapeTheGraph) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {2, 8, 8});
  b.Output(b.Node("Clip", {image, b.Floats("low", {}, {0}), b.Floats("high", {}, {6})}));
  EXPECT_TRUE(Import(b).ok());
  ExpectError(Import(Without(std::move(b), [](onnx::TensorProto&) {})).status(),
              absl::StatusCode::kInvalidArgument, {"Clip", "its data is not in the file"});
}

}  // namespace
}  // namespace bitscape::network
