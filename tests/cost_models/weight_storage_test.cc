#include "cost_models/memory/weight_storage.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace bitscape::cost_models {
namespace {

constexpr double kChannels = 32;
constexpr double kReduction = 16 * 9;
constexpr double kWeights = kChannels * kReduction;

// 16 to 32 channels, 3 x 3.
network::MacShape Conv() {
  network::MacShape layer;
  layer.op = "conv";
  layer.c = 16;
  layer.m = 32;
  layer.r = layer.s = 3;
  return layer;
}

double Bits(std::string_view notation, const network::MacShape& layer = Conv()) {
  const absl::StatusOr<formats::Quantizer> quantizer = formats::ParseQuantizer(notation);
  EXPECT_TRUE(quantizer.ok()) << quantizer.status();
  return WeightStorageBits(layer, *quantizer);
}

std::optional<CodebookStorage> Codebook(std::string_view notation,
                                        std::span<const double> counts = {}) {
  const absl::StatusOr<formats::Quantizer> quantizer = formats::ParseQuantizer(notation);
  EXPECT_TRUE(quantizer.ok()) << quantizer.status();
  return CodebookStorageOf(Conv(), *quantizer, counts);
}

TEST(WeightStorage, CountsCodesScalesAndZeroPoints) {
  EXPECT_DOUBLE_EQ(Bits("fp16"), 16 * kWeights);
  EXPECT_DOUBLE_EQ(Bits("int8"), 8 * kWeights + 32);
  EXPECT_DOUBLE_EQ(Bits("int8:channel"), 8 * kWeights + kChannels * 32);
  EXPECT_DOUBLE_EQ(Bits("int4:channel"), 4 * kWeights + kChannels * 32);
  EXPECT_DOUBLE_EQ(Bits("uint4:asym:channel"), 4 * kWeights + kChannels * (32 + 4));
  EXPECT_DOUBLE_EQ(Bits("fixed6.4"), 6 * kWeights);
}

TEST(WeightStorage, CountsBlockScalesAlongTheChannelsOfOnePosition) {
  // 16 channels: one block of 32, and that a short one, for each of 3 x 3 positions.
  EXPECT_DOUBLE_EQ(Bits("mxfp4_e2m1"), 4 * kWeights + kChannels * 9 * 8);
  EXPECT_DOUBLE_EQ(Bits("int4:block8"), 4 * kWeights + kChannels * 9 * 2 * 32);
  // A block of NVFP4 has 16 elements and an e4m3; the tensor has one float32.
  EXPECT_DOUBLE_EQ(Bits("nvfp4"), 4 * kWeights + kChannels * 9 * 8 + 32);
}

TEST(WeightStorage, CountsWhatLevelsAndExponentsTake) {
  EXPECT_DOUBLE_EQ(Bits("binary"), kWeights + 32);
  EXPECT_DOUBLE_EQ(Bits("binary:unit"), kWeights);
  EXPECT_DOUBLE_EQ(Bits("ternary:ttq"), 2 * kWeights + 64);
  EXPECT_DOUBLE_EQ(Bits("dfx8"), 8 * kWeights + 8);
  // Blocks of 16 along the channels, each with a shared exponent of 8 bits.
  EXPECT_DOUBLE_EQ(Bits("bfp4"), 4 * kWeights + kChannels * 9 * 8);
  // 5 entries are indexed by 3 bits; an integer table has a float32 scale.
  EXPECT_DOUBLE_EQ(Bits("codebook5:entries=int8:channel"), 3 * kWeights + kChannels * (5 * 8 + 32));
}

TEST(WeightStorage, ActivationsAreNotStoredWeights) {
  network::MacShape product = Conv();
  product.weights_are_activations = true;
  EXPECT_DOUBLE_EQ(Bits("fp32", product), 0);
}

// CRSM log2 U + U * 16 < CRSM * 16 at the sizes where it turns.
TEST(CodebookInequality, HoldsWhereTheTableIsSmallAgainstTheWeights) {
  const CodebookStorage many = StoreAsCodebook(1000, 16);
  EXPECT_DOUBLE_EQ(many.index_bits, 4000);
  EXPECT_DOUBLE_EQ(many.table_bits, 256);
  EXPECT_DOUBLE_EQ(many.baseline_bits, 16000);
  EXPECT_TRUE(many.holds);
  // 21 weights: 84 + 256 = 340 bits against 336; of 22 weights 344 against 352.
  EXPECT_FALSE(StoreAsCodebook(21, 16).holds);
  EXPECT_TRUE(StoreAsCodebook(22, 16).holds);
  // As many entries as 16 bits have: nothing is left to save.
  EXPECT_FALSE(StoreAsCodebook(1e9, 65536).holds);
}

TEST(CodebookInequality, IndicesAreWholeBits) {
  EXPECT_DOUBLE_EQ(StoreAsCodebook(10, 1).index_bits, 0);
  EXPECT_DOUBLE_EQ(StoreAsCodebook(10, 5).index_bits, 30);
  EXPECT_DOUBLE_EQ(StoreAsCodebook(10, 8).index_bits, 30);
  EXPECT_DOUBLE_EQ(StoreAsCodebook(10, 9).index_bits, 40);
}

TEST(CodebookInequality, EntropyOfIndices) {
  const std::vector<double> even = {5, 5, 5, 5};
  const std::vector<double> skewed = {8, 4, 2, 2, 0};
  EXPECT_DOUBLE_EQ(*StoreAsCodebook(20, 4, 16, 16, even).entropy_bits, 40);
  // 8 * 1 + 4 * 2 + 4 * 3.
  EXPECT_DOUBLE_EQ(*StoreAsCodebook(16, 5, 16, 16, skewed).entropy_bits, 28);
  EXPECT_FALSE(StoreAsCodebook(16, 4).entropy_bits.has_value());
}

TEST(CodebookInequality, OfALayerCountsATableForEachGroup) {
  const std::optional<CodebookStorage> tensor = Codebook("codebook16");
  ASSERT_TRUE(tensor.has_value());
  EXPECT_DOUBLE_EQ(tensor->index_bits, 4 * kWeights);
  EXPECT_DOUBLE_EQ(tensor->table_bits, 16 * 16);
  EXPECT_DOUBLE_EQ(tensor->baseline_bits, 16 * kWeights);
  EXPECT_TRUE(tensor->holds);
  EXPECT_DOUBLE_EQ(Bits("codebook16"), tensor->index_bits + tensor->table_bits);

  const std::optional<CodebookStorage> channel = Codebook("codebook256:channel");
  ASSERT_TRUE(channel.has_value());
  EXPECT_DOUBLE_EQ(channel->table_bits, kChannels * 256 * 16);
  EXPECT_FALSE(channel->holds);

  EXPECT_FALSE(Codebook("int8").has_value());
  EXPECT_FALSE(Codebook("ternary").has_value());
}

}  // namespace
}  // namespace bitscape::cost_models
