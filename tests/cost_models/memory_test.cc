#include "cost_models/memory/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;

const Technology& Node45() {
  static const Technology node = *Technology::Make({});
  return node;
}

MemoryCost Price(std::string_view primitive, double bytes, int width) {
  const absl::StatusOr<MemoryCost> cost = PriceMemory(primitive, bytes, width, Node45());
  EXPECT_TRUE(cost.ok()) << cost.status();
  return cost.value_or(MemoryCost{});
}

std::string Refusal(std::string_view primitive, double bytes) {
  const absl::Status status = PriceMemory(primitive, bytes, 64, Node45()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(Memory, HorowitzSramAccess) {
  EXPECT_NEAR(Price("sram", 8 * 1024, 64).energy_pj_per_bit * 64, 10, 0.5);
  EXPECT_NEAR(Price("sram", 1024 * 1024, 64).energy_pj_per_bit * 64, 100, 5);
}

TEST(Memory, HorowitzDramReadIs640PicojoulesFor32Bits) {
  EXPECT_DOUBLE_EQ(Price("dram", 0, 64).energy_pj_per_bit * 32, 640);
  EXPECT_DOUBLE_EQ(Price("dram", 0, 64).area_um2, 0);
  EXPECT_DOUBLE_EQ(Price("dram_lpddr4", 0, 64).energy_pj_per_bit, 8);
}

TEST(Memory, EnergyAndAreaGrowWithCapacity) {
  for (double bytes = 64; bytes < 1 << 22; bytes *= 2) {
    EXPECT_LT(Price("sram", bytes, 64).energy_pj_per_bit,
              Price("sram", 2 * bytes, 64).energy_pj_per_bit);
    EXPECT_LT(Price("sram", bytes, 64).area_um2, Price("sram", 2 * bytes, 64).area_um2);
  }
}

TEST(Memory, SecondPortsTakeAreaAndFlipFlopsTakeMore) {
  for (double bytes = 16; bytes <= 16 * 1024; bytes *= 2) {
    const MemoryCost file = Price("register_file", bytes, 16);
    EXPECT_GT(file.area_um2, Price("sram", bytes, 16).area_um2);
    EXPECT_LT(file.area_um2, 5.98 * 8 * bytes);
    EXPECT_DOUBLE_EQ(file.energy_pj_per_bit, Price("sram", bytes, 16).energy_pj_per_bit);
    if (bytes > 16) {
      EXPECT_GT(file.area_um2, Price("register_file", bytes / 2, 16).area_um2);
    }
  }
  // Eyeriss's weight scratch pad: 1.15 um2 a bit.
  EXPECT_NEAR(Price("register_file", 448, 16).area_um2, 3584 * 1.1547, 1);
}

TEST(Memory, RegistersCostTheirFlipFlops) {
  const MemoryCost cost = Price("register", 4, 32);
  EXPECT_DOUBLE_EQ(cost.energy_pj_per_bit, 0.009);
  EXPECT_DOUBLE_EQ(cost.area_um2, 32 * 5.98);
}

TEST(Memory, RefusesSizesWithoutAFigure) {
  EXPECT_THAT(Refusal("register", 512),
              HasSubstr("capacity_bytes 512: a \"register\" has 0 to 64"));
  EXPECT_THAT(Refusal("register_file", 32768),
              HasSubstr("capacity_bytes 32768: a \"register_file\" has 16 to 16384 bytes"));
  EXPECT_THAT(Refusal("sram", 4), HasSubstr("capacity_bytes 4: a \"sram\" has 16 to 67108864"));
  EXPECT_THAT(Refusal("sram", std::nan("")), HasSubstr("capacity_bytes nan"));
}

TEST(Memory, UnknownPrimitiveNamesTheKnownOnes) {
  const std::string message = Refusal("dram_ddr33", 0);
  EXPECT_THAT(
      message,
      HasSubstr(
          "primitive \"dram_ddr33\" is unknown; known: register, register_file, sram, dram,"));
  EXPECT_THAT(message, HasSubstr("did you mean 'dram_ddr3'?"));
}

TEST(WeightStorage, CountsCodesAndScales) {
  const network::MacShape conv = ConvLayer("conv", 16, 32, 3, 8);
  const double weights = 16 * 32 * 9;
  const auto bits = [&](std::string_view notation) {
    return WeightStorageBits(conv, *formats::ParseQuantizer(notation));
  };
  EXPECT_DOUBLE_EQ(bits("fp16"), 16 * weights);
  EXPECT_DOUBLE_EQ(bits("int8"), 8 * weights + 32);
  EXPECT_DOUBLE_EQ(bits("int8:channel"), 8 * weights + 32 * 32);
  EXPECT_DOUBLE_EQ(bits("int4:channel"), 4 * weights + 32 * 32);
  EXPECT_DOUBLE_EQ(bits("fixed6.4"), 6 * weights);
}

TEST(WeightStorage, ActivationsAreNotStoredWeights) {
  network::MacShape product = GemmLayer("scores", 64, 64);
  product.weights_are_activations = true;
  EXPECT_DOUBLE_EQ(WeightStorageBits(product, formats::Float32()), 0);
}

}  // namespace
}  // namespace bitscape::cost_models
