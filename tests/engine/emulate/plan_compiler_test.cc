#include "engine/emulate/plan_compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/network/passes.h"
#include "tests/engine/emulate/test_support.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::emulate {
namespace {

class PlanCompilerTest : public ::testing::Test {
 protected:
  PlanCompilerTest() {
    for (const int mac : network::MacLayers(network_)) {
      const network::Node& node = network_.nodes[static_cast<size_t>(mac)];
      layers_.push_back(node.name);
      quantize::RangeStatistics statistics;
      statistics.Observe(std::vector<float>{-1, 1});
      shared_.calibrations[""].emplace_back(node.inputs.size(),
                                            OperandStatistics{quantize::Distribution(statistics)});
    }
  }

  Program Compile(const std::vector<std::string>& texts) {
    const SingleThreaded single;
    Shape images = network_.nodes[0].shape;
    images[0] = kBatchSize;
    PlanCompiler compiler(shared_, images);
    std::vector<int> outputs;
    for (const quantize::ResolvedPlan& plan : Resolve(network_, texts)) {
      outputs.push_back(compiler.Add(graph_, plan).value().logits);
    }
    return std::move(compiler.builder()).Finish(outputs);
  }

  // Steps that belong to a layer: its product and the rounding of its operands.
  static int64_t StepsOf(const Program& program, const std::string& layer) {
    return std::count_if(program.steps().begin(), program.steps().end(),
                         [&](const Step& step) { return step.where == layer; });
  }

  network::Network network_ = network::FoldBatchNorm(Import(bitscape::testing::BranchesModel()));
  NamedGraph graph_{"folded", PrepareGraph(network_, true).value()};
  SharedState shared_;
  std::vector<std::string> layers_;
};

TEST_F(PlanCompilerTest, EqualPlansAreOne) {
  const Program one = Compile({"weights=int8,activations=int8"});
  const Program two = Compile({"weights=int8,activations=int8", "weights=int8,activations=int8"});
  EXPECT_EQ(one.steps().size(), two.steps().size());
  EXPECT_EQ(two.outputs()[0], two.outputs()[1]);
}

TEST_F(PlanCompilerTest, SharedLayersRunOnce) {
  const std::string base = "weights=int8,activations=int8";
  const Program one = Compile({base});
  const Program joint =
      Compile({base, base + ";[last]weights=int4", base + ";[last]weights=int4,activations=int4"});
  for (size_t layer = 0; layer + 1 < layers_.size(); ++layer) {
    EXPECT_EQ(StepsOf(joint, layers_[layer]), StepsOf(one, layers_[layer])) << layers_[layer];
  }
  // Three products; the first two plans share the rounded operand.
  EXPECT_EQ(StepsOf(joint, layers_.back()), 3 + 2);
}

TEST_F(PlanCompilerTest, BranchesThatDoNotDifferAreShared) {
  const std::string base = "weights=int8,activations=int8";
  const Program one = Compile({base});
  const Program joint = Compile({base, base + ";[branch/left]weights=int4"});
  EXPECT_EQ(StepsOf(joint, "branch/right"), StepsOf(one, "branch/right"));
  EXPECT_EQ(StepsOf(joint, "branch/left"), StepsOf(one, "branch/left") + 1);
  EXPECT_EQ(StepsOf(joint, layers_.back()), 2 * StepsOf(one, layers_.back()));
}

TEST_F(PlanCompilerTest, MemoryDoesNotGrowWithThePlans) {
  const auto bytes = [](const Program& program) {
    int64_t sum = 0;
    for (const int64_t slot : program.slot_bytes()) {
      sum += slot;
    }
    return sum;
  };
  std::vector<std::string> plans;
  for (const std::string weights : {"int2", "int3", "int4", "int5", "int6", "int7", "int8"}) {
    for (const std::string activations : {"int4", "int6", "int8"}) {
      plans.push_back("weights=" + weights + ",activations=" + activations);
    }
  }
  // Each plan keeps its logits besides.
  const std::vector<std::string> few(plans.begin(), plans.begin() + 3);
  EXPECT_LT(bytes(Compile(plans)), bytes(Compile(few)) * 5 / 4);
}

TEST_F(PlanCompilerTest, Float32PlansHaveNothingButTheLayers) {
  const Program program = Compile({"weights=fp32"});
  for (const std::string& layer : layers_) {
    EXPECT_EQ(StepsOf(program, layer), 1) << layer;
  }
}

}  // namespace
}  // namespace bitscape::emulate
