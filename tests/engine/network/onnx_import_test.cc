// What the importer says about graphs: order, names, and every way a file can be wrong.
#include "engine/network/onnx_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/network/mac_shape.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::network {
namespace {

using ::bitscape::testing::OnnxBuilder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const InputScaling kScaling{{0.5F}, {0.25F}};

absl::StatusOr<Network> Import(const OnnxBuilder& builder, const ImportLimits& limits = {}) {
  return ImportOnnx(builder.Bytes(), "model.onnx", "net", kScaling, limits);
}

absl::Status ImportError(const OnnxBuilder& builder, const ImportLimits& limits = {}) {
  return Import(builder, limits).status();
}

void ExpectError(const absl::Status& status, absl::StatusCode code,
                 const std::vector<std::string>& parts) {
  EXPECT_EQ(status.code(), code) << status;
  for (const std::string& part : parts) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

// image -> Conv "conv" -> Relu -> output
OnnxBuilder SmallModel() {
  OnnxBuilder b;
  b.Output(b.Node("Relu", {b.Conv(b.Input("image", {2, 8, 8}), 2, 4, 3, {}, "conv")}));
  return b;
}

TEST(OnnxImport, KeepsNameScalingAndSource) {
  const auto network = Import(SmallModel());
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->name, "net");
  EXPECT_EQ(network->source, "model.onnx");
  EXPECT_THAT(network->input_scaling.mean, ElementsAre(0.5F));
  EXPECT_THAT(network->input_scaling.std, ElementsAre(0.25F));
  EXPECT_EQ(network->nodes[0].shape, (Shape{1, 2, 8, 8}));
  EXPECT_EQ(network->nodes[0].name, "image");
  EXPECT_EQ(network->nodes.back().shape, (Shape{1, 4, 6, 6}));
  EXPECT_TRUE(network->HasWeights());
}

TEST(OnnxImport, SortsAFileThatIsNot) {
  OnnxBuilder b = SmallModel();
  b.model().mutable_graph()->mutable_node()->SwapElements(0, 1);
  const auto network = Import(b);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(OperatorName(network->nodes[1].op), "conv");
}

TEST(OnnxImport, LeavesOutWhatTheOutputDoesNotNeed) {
  OnnxBuilder b;
  const std::string image = b.Input("image", {2, 8, 8});
  const std::string x = b.Node("Relu", {image});
  b.Node("NonMaxSuppression", {x}, {}, "unused");
  b.Output(b.Node("Tanh", {x}));
  const auto network = Import(b);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->nodes.size(), 3);
}

TEST(OnnxImport, TakesInitializersThatAreListedAsInputs) {
  OnnxBuilder b = SmallModel();
  for (const auto& initializer : b.model().graph().initializer()) {
    b.model().mutable_graph()->add_input()->set_name(initializer.name());
  }
  EXPECT_TRUE(Import(b).ok()) << ImportError(b);
}

TEST(OnnxImport, GivesUniqueNames) {
  OnnxBuilder b;
  std::string x = b.Input("image", {2, 8, 8});
  x = b.Node("Relu", {x}, {}, "same");
  x = b.Node("Tanh", {x}, {}, "same");
  x = b.Node("Sigmoid", {x}, {}, "same_2");
  x = b.Node("Relu", {x}, {}, "");
  x = b.Node("Relu", {x}, {}, std::string("bad\x01\xff", 5));
  x = b.Node("Relu", {x}, {}, "same");
  b.Output(x);
  const auto network = Import(b);
  ASSERT_TRUE(network.ok()) << network.status();
  std::vector<std::string> names;
  for (const Node& node : network->nodes) names.push_back(node.name);
  EXPECT_THAT(names,
              ElementsAre("image", "same", "same_2", "same_2_2", "Relu_3", "bad??", "same_3"));
}

TEST(OnnxImport, NamesAnUnsupportedOperatorNodeAndFile) {
  OnnxBuilder b;
  b.Output(b.Node("Einsum", {b.Input("image", {2, 8, 8})}, {}, "mystery"));
  ExpectError(ImportError(b), absl::StatusCode::kUnimplemented,
              {"model.onnx", "node 'mystery' (Einsum)", "operator Einsum is not supported"});
}

TEST(OnnxImport, NamesTheDomainOfAForeignOperator) {
  OnnxBuilder b;
  b.Output(b.Node("Relu", {b.Input("image", {2, 8, 8})}, {}, "fused"));
  b.model().mutable_graph()->mutable_node(0)->set_domain("com.example");
  ExpectError(ImportError(b), absl::StatusCode::kUnimplemented,
              {"operator com.example.Relu is not supported"});
}

TEST(OnnxImport, RefusesWhatIsNoModel) {
  for (const std::string bytes : {"", "\x89PNG\r\n", "hello, world"}) {
    const auto network = ImportOnnx(bytes, "model.onnx", "net", kScaling);
    ExpectError(network.status(), absl::StatusCode::kInvalidArgument, {"model.onnx: "});
  }
}

TEST(OnnxImport, RefusesATruncatedFile) {
  const std::string bytes = SmallModel().Bytes();
  const auto network = ImportOnnx(std::string_view(bytes).substr(0, bytes.size() - 10),
                                  "model.onnx", "net", kScaling);
  ExpectError(network.status(), absl::StatusCode::kInvalidArgument, {"cut short"});
}

TEST(OnnxImport, ReadsOpsets7To17) {
  for (const int opset : {6, 7, 17, 18}) {
    OnnxBuilder b(opset);
    b.Output(b.Node("Relu", {b.Input("image", {2, 8, 8})}));
    if (opset == 7 || opset == 17) {
      EXPECT_TRUE(Import(b).ok()) << ImportError(b);
    } else {
      ExpectError(ImportError(b), absl::StatusCode::kUnimplemented, {"opset", "7 to 17"});
    }
  }
}

TEST(OnnxImport, RefusesCycles) {
  OnnxBuilder b = SmallModel();
  auto* nodes = b.model().mutable_graph()->mutable_node();
  nodes->Mutable(0)->set_input(0, nodes->Get(1).output(0));
  ExpectError(ImportError(b), absl::StatusCode::kInvalidArgument,
              {"model.onnx", "'conv' (Conv)", "cycle"});
}

TEST(OnnxImport, RefusesMissingInputs) {
  OnnxBuilder b = SmallModel();
  b.model().mutable_graph()->mutable_node(0)->set_input(1, "lost");
  ExpectError(ImportError(b), absl::StatusCode::kInvalidArgument,
              {"model.onnx", "'conv'", "'lost' is made by no node"});
}

TEST(OnnxImport, RefusesAValueMadeTwice) {
  OnnxBuilder b = SmallModel();
  auto* nodes = b.model().mutable_graph()->mutable_node();
  nodes->Mutable(1)->set_output(0, nodes->Get(0).output(0));
  ExpectError(ImportError(b), absl::StatusCode::kInvalidArgument, {"made twice"});
}

TEST(OnnxImport, RefusesTwoInputsOrNone) {
  OnnxBuilder two = SmallModel();
  two.Input("second", {2, 8, 8});
  ExpectError(ImportError(two), absl::StatusCode::kUnimplemented,
              {"two graph inputs, 'image' and 'second'"});
  OnnxBuilder none = SmallModel();
  none.model().mutable_graph()->clear_input();
  ExpectError(ImportError(none), absl::StatusCode::kInvalidArgument, {"no input"});
}

TEST(OnnxImport, RefusesAnOutputThatIsMissingOrConstant) {
  OnnxBuilder none = SmallModel();
  none.model().mutable_graph()->clear_output();
  ExpectError(ImportError(none), absl::StatusCode::kInvalidArgument, {"no output"});
  OnnxBuilder constant = SmallModel();
  constant.model().mutable_graph()->mutable_output(0)->set_name("image");
  ExpectError(ImportError(constant), absl::StatusCode::kInvalidArgument,
              {"output 'image' is not computed from the input"});
}

TEST(OnnxImport, RefusesBadInputShapes) {
  const auto with_dimension = [](int64_t value) {
    OnnxBuilder b = SmallModel();
    b.model()
        .mutable_graph()
        ->mutable_input(0)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(2)
        ->set_dim_value(value);
    return ImportError(b);
  };
  ExpectError(with_dimension(0), absl::StatusCode::kInvalidArgument,
              {"'image'", "dimension 2 is 0"});
  ExpectError(with_dimension(-3), absl::StatusCode::kInvalidArgument, {"dimension 2 is -3"});
  ExpectError(with_dimension(int64_t{1} << 62), absl::StatusCode::kResourceExhausted,
              {"'image'", "elements, the limit"});

  OnnxBuilder symbolic = SmallModel();
  symbolic.model()
      .mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(3)
      ->set_dim_param("width");
  ExpectError(ImportError(symbolic), absl::StatusCode::kUnimplemented,
              {"dimension 3 is symbolic ('width')"});

  OnnxBuilder deep;
  deep.Output(deep.Node("Relu", {deep.Input("image", {1, 2, 3, 4})}));
  ExpectError(ImportError(deep), absl::StatusCode::kUnimplemented, {"5 dimensions"});
}

TEST(OnnxImport, RefusesBadScaling) {
  const std::string bytes = SmallModel().Bytes();
  const auto with = [&](const InputScaling& scaling) {
    return ImportOnnx(bytes, "model.onnx", "net", scaling).status();
  };
  ExpectError(with({{0.1F, 0.2F, 0.3F}, {1.0F}}), absl::StatusCode::kInvalidArgument,
              {"mean has 3 values, 1 or 2"});
  ExpectError(with({{0.1F}, {0.0F}}), absl::StatusCode::kInvalidArgument, {"std 0"});
  ExpectError(with({{NAN}, {1.0F}}), absl::StatusCode::kInvalidArgument, {"mean 0 is nan"});
}

TEST(OnnxImport, NamesTheLimitThatIsExceeded) {
  ExpectError(ImportError(SmallModel(), {.max_file_bytes = 10}),
              absl::StatusCode::kResourceExhausted, {"bytes, the limit is 10"});
  ExpectError(ImportError(SmallModel(), {.max_nodes = 1}), absl::StatusCode::kResourceExhausted,
              {"2 nodes, the limit is 1"});
  ExpectError(ImportError(SmallModel(), {.max_elements = 71}), absl::StatusCode::kResourceExhausted,
              {"'conv'", "4x2x3x3", "71 elements"});
  ExpectError(ImportError(SmallModel(), {.max_activation_elements = 130}),
              absl::StatusCode::kResourceExhausted,
              {"'conv'", "1x4x6x6", "130 elements, the limit for one activation"});
  ExpectError(ImportError(SmallModel(), {.max_total_elements = 71}),
              absl::StatusCode::kResourceExhausted, {"72 elements", "is 71"});
}

// A batch of what this would be does not fit in memory.
TEST(OnnxImport, RefusesAnActivationThatPaddingBlowsUp) {
  OnnxBuilder b;
  const std::string x = b.Input("image", {1, 28, 28});
  b.Output(b.Node("Pad", {x, b.Integers("pads", {0, 0, 0, 0, 0, 0, 4068, 4070})}, {}, "pad"));
  ExpectError(ImportError(b), absl::StatusCode::kResourceExhausted,
              {"'pad'", "1x1x4096x4098", "16777216 elements, the limit for one activation"});
}

// One initializer read by many nodes may not multiply in memory.
TEST(OnnxImport, CountsSharedWeightsForEachReader) {
  OnnxBuilder b;
  std::string x = b.Input("image", {4, 8, 8});
  const std::string weights = b.Random("weights", {4, 4, 1, 1}, 0.5F);
  for (int i = 0; i < 100; ++i) x = b.Node("Conv", {x, weights});
  b.Output(x);
  EXPECT_TRUE(Import(b).ok());
  ExpectError(ImportError(b, {.max_total_elements = 1000}), absl::StatusCode::kResourceExhausted,
              {"the limit for one network is 1000"});
}

TEST(OnnxImport, CountsSharedBatchNormStatisticsForEachReader) {
  OnnxBuilder b;
  std::string x = b.Input("image", {4, 8, 8});
  const std::string ones = b.Floats("ones", {4}, {1, 1, 1, 1});
  for (int i = 0; i < 100; ++i) x = b.Node("BatchNormalization", {x, ones, ones, ones, ones});
  b.Output(x);
  EXPECT_TRUE(Import(b).ok());
  ExpectError(ImportError(b, {.max_total_elements = 799}), absl::StatusCode::kResourceExhausted,
              {"800 elements", "the limit for one network is 799"});
}

TEST(OnnxImport, RefusesFilesThatAreMissing) {
  const auto network = ImportOnnxFile("/nonexistent/model.onnx", "net", kScaling);
  ExpectError(network.status(), absl::StatusCode::kNotFound, {"/nonexistent/model.onnx"});
}

TEST(OnnxImport, TakesTheBatchFromTheFirstDimension) {
  for (const int64_t batch : {0, 1, 4}) {
    OnnxBuilder b;
    std::string x = b.Input("image", {2, 8, 8}, batch);
    x = b.Node("Reshape", {x, b.Integers("shape", {batch == 0 ? 1 : batch, 128})});
    b.Output(x);
    const auto network = Import(b);
    ASSERT_TRUE(network.ok()) << network.status();
    EXPECT_EQ(network->nodes.back().shape, (Shape{1, 128}));
  }
}

TEST(OnnxImport, RefusesToMixImages) {
  OnnxBuilder reshape;
  std::string x = reshape.Input("image", {2, 8, 8});
  reshape.Output(reshape.Node("Reshape", {x, reshape.Integers("shape", {-1, 64})}, {}, "split"));
  ExpectError(ImportError(reshape), absl::StatusCode::kInvalidArgument,
              {"node 'split'", "2x64", "batch"});
  OnnxBuilder add;
  x = add.Input("image", {2, 8, 8});
  const std::string flat = add.Node("Flatten", {add.Node("GlobalAveragePool", {x})});
  add.Output(add.Node("Add", {add.Node("Reshape", {x, add.Integers("shape", {1, 64, 2})}), flat},
                      {}, "sum"));
  ExpectError(ImportError(add), absl::StatusCode::kInvalidArgument, {"node 'sum'", "batch"});
}

struct Generated {
  const char* name;
  std::string (*build)();
  size_t macs_layers;
};

class GeneratedModel : public ::testing::TestWithParam<Generated> {};

TEST_P(GeneratedModel, ImportsAndValidates) {
  const auto network = ImportOnnx(GetParam().build(), "generated", GetParam().name, kScaling);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(MacLayers(*network).size(), GetParam().macs_layers);
  EXPECT_EQ(network->nodes[static_cast<size_t>(network->output)].shape, (Shape{1, 10}));
  EXPECT_TRUE(Validate(*network).ok());
  EXPECT_TRUE(network->HasWeights());
  EXPECT_GT(ParameterCount(*network), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Models, GeneratedModel,
    ::testing::Values(Generated{"grouped", bitscape::testing::GroupedConvModel, 5},
                      Generated{"branches", bitscape::testing::BranchesModel, 8},
                      Generated{"mlp", bitscape::testing::MlpModel, 3},
                      Generated{"attention", bitscape::testing::AttentionModel, 6}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace bitscape::network
