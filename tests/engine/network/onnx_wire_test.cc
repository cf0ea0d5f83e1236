#include "engine/network/onnx_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <string>

#include "engine/network/onnx_import.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::network {
namespace {

using ::testing::HasSubstr;

TEST(OnnxWire, CountsAtLeastWhatParsingTakes) {
  for (const std::string& bytes :
       {bitscape::testing::GroupedConvModel(), bitscape::testing::BranchesModel(),
        bitscape::testing::MlpModel(), bitscape::testing::AttentionModel()}) {
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(bytes));
    const auto taken = static_cast<int64_t>(model.SpaceUsedLong());
    EXPECT_EQ(CheckParsedSize(bytes, taken / 2).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(CheckParsedSize(bytes, 4 * taken).ok());
  }
}

// Two bytes for each empty node: 4 MB of file would be 400 MB of objects.
TEST(OnnxWire, RefusesAFileOfEmptyMessages) {
  onnx::ModelProto model;
  for (int i = 0; i < 2'000'000; ++i) model.mutable_graph()->add_node();
  const std::string bytes = model.SerializeAsString();
  EXPECT_GT(model.SpaceUsedLong(), 200'000'000);
  EXPECT_LT(bytes.size(), 5'000'000);
  const auto network = ImportOnnx(bytes, "bomb.onnx", "net", {{0.5F}, {0.5F}});
  EXPECT_EQ(network.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(network.status().message()), HasSubstr("bomb.onnx: unpacked it takes"));
}

TEST(OnnxWire, RefusesDeepNesting) {
  // Graphs within attributes of nodes within graphs.
  onnx::ModelProto model;
  onnx::GraphProto* graph = model.mutable_graph();
  for (int i = 0; i < 60; ++i) graph = graph->add_node()->add_attribute()->mutable_g();
  const absl::Status status = CheckParsedSize(model.SerializeAsString(), 1 << 30);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nested more than 100 deep"));
}

TEST(OnnxWire, RefusesLengthsBeyondTheFile) {
  EXPECT_THAT(std::string(CheckParsedSize("\x3a\x7f", 1 << 30).message()), HasSubstr("cut short"));
  EXPECT_THAT(std::string(CheckParsedSize("\x3a", 1 << 30).message()), HasSubstr("cut short"));
}

}  // namespace
}  // namespace bitscape::network
