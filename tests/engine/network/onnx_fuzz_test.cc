// Damaged files must end in an error or a valid network, never in a crash, a hang or a flood of
// memory.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "engine/core/files.h"
#include "engine/core/random.h"
#include "engine/network/mac_shape.h"
#include "engine/network/onnx_import.h"
#include "engine/network/passes.h"
#include "engine/network/zoo.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::network {
namespace {

constexpr uint64_t kSeed = 20240601;
constexpr auto kTimePerFile = std::chrono::milliseconds(1500);

// What every caller does with an imported network.
void Import(const std::string& bytes, const std::string& what) {
  const ImportLimits limits{.max_elements = 1 << 22, .max_total_elements = 1 << 22};
  const auto network = ImportOnnx(bytes, "fuzz", "fuzz", {{0.5F}, {0.5F}}, limits);
  if (!network.ok()) {
    EXPECT_EQ(network.status().message().substr(0, 4), "fuzz") << what;
    return;
  }
  EXPECT_TRUE(Validate(*network).ok()) << what;
  const Network folded = FoldBatchNorm(*network);
  EXPECT_EQ(MacLayers(folded).size(), MacLayers(*network).size()) << what;
  for (const MacShape& shape : MacShapes(folded)) EXPECT_GT(shape.Macs(), 0) << what;
}

// The start of a file is the graph; weights fill the rest. Half of the damage goes there.
size_t Position(size_t size, uint64_t round, uint64_t draw) {
  const bool front = RandomBelow(2, kSeed, round, 100 + draw) == 0;
  return RandomBelow(front ? std::min<size_t>(size, 12'000) : size, kSeed, round, 200 + draw);
}

void Mutate(const std::string& original, const std::string& name) {
  const auto end = std::chrono::steady_clock::now() + kTimePerFile;
  uint64_t round = 0;
  for (; round < 2000 && std::chrono::steady_clock::now() < end; ++round) {
    std::string bytes = original;
    const uint64_t flips = 1 + RandomBelow(4, kSeed, round, 0);
    for (uint64_t i = 0; i < flips; ++i) {
      char& byte = bytes[Position(bytes.size(), round, i)];
      byte = static_cast<char>(byte ^ (1 << RandomBelow(8, kSeed, round, 300 + i)));
    }
    if (round % 4 == 1) bytes.resize(Position(bytes.size(), round, 50));
    if (round % 4 == 2) bytes.erase(Position(bytes.size(), round, 51), 1 + round % 7);
    if (round % 4 == 3)
      bytes.insert(Position(bytes.size(), round, 52), 1, static_cast<char>(round));
    Import(bytes, name + ", round " + std::to_string(round));
  }
  EXPECT_GT(round, 100) << "the time limit left too few rounds";
}

TEST(OnnxFuzz, ZooFiles) {
  const auto folder = DataDirectory();
  ASSERT_TRUE(folder.ok()) << folder.status();
  for (const std::string& name : ZooNames()) {
    const auto bytes = ReadFile(*folder / "zoo" / (name + ".onnx"), 1 << 24);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    Mutate(*bytes, name);
  }
}

TEST(OnnxFuzz, GeneratedModels) {
  Mutate(bitscape::testing::GroupedConvModel(), "grouped");
  Mutate(bitscape::testing::BranchesModel(), "branches");
  Mutate(bitscape::testing::MlpModel(), "mlp");
  Mutate(bitscape::testing::AttentionModel(), "attention");
}

TEST(OnnxFuzz, EveryTruncationOfASmallModel) {
  bitscape::testing::OnnxBuilder b;
  b.Output(b.Node("Relu", {b.Conv(b.Input("image", {2, 8, 8}), 2, 4, 3)}));
  const std::string bytes = b.Bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    Import(bytes.substr(0, size), "truncated to " + std::to_string(size));
  }
}

}  // namespace
}  // namespace bitscape::network
