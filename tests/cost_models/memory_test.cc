#include "cost_models/memory/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "cost_models/technology/readings.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;

Technology At(const TechnologyOptions& options) {
  const absl::StatusOr<Technology> technology = Technology::Make(options);
  EXPECT_TRUE(technology.ok()) << technology.status();
  return *technology;
}

MemoryCost Price(std::string_view primitive, double bytes, int width,
                 const TechnologyOptions& options = {}, int banks = 1) {
  const absl::StatusOr<MemoryCost> cost = PriceMemory(primitive, bytes, width, At(options), banks);
  EXPECT_TRUE(cost.ok()) << cost.status();
  return cost.value_or(MemoryCost{});
}

std::string Refusal(std::string_view primitive, double bytes, int banks = 1) {
  const absl::Status status = PriceMemory(primitive, bytes, 64, At({}), banks).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(Memory, HorowitzSramAccess) {
  EXPECT_NEAR(Price("sram", 8 * 1024, 64).read_pj_per_bit * 64, 10, 0.5);
  EXPECT_NEAR(Price("sram", 1024 * 1024, 64).read_pj_per_bit * 64, 100, 5);
  // His table has one figure for an access.
  EXPECT_DOUBLE_EQ(Price("sram", 8 * 1024, 64).write_pj_per_bit,
                   Price("sram", 8 * 1024, 64).read_pj_per_bit);
}

TEST(Memory, CactiWritesCostMoreThanReads) {
  for (const SramSource source : {SramSource::kCactiLop, SramSource::kCactiHp}) {
    const MemoryCost cost = Price("sram", 8 * 1024, 64, {.sram = source});
    EXPECT_GT(cost.write_pj_per_bit, cost.read_pj_per_bit);
    EXPECT_LT(cost.write_pj_per_bit, Price("sram", 8 * 1024, 64).write_pj_per_bit);
  }
}

TEST(Memory, HorowitzDramReadIs640PicojoulesFor32Bits) {
  EXPECT_DOUBLE_EQ(Price("dram", 0, 64).read_pj_per_bit * 32, 640);
  EXPECT_DOUBLE_EQ(Price("dram", 0, 64).area_um2, 0);
  EXPECT_DOUBLE_EQ(Price("dram_lpddr4", 0, 64).write_pj_per_bit, 8);
  EXPECT_DOUBLE_EQ(Price("dram_hmc", 0, 64).write_pj_per_bit, 4.2);
}

TEST(Memory, DramIsAnotherChip) {
  const MemoryCost at_45 = Price("dram_ddr4", 0, 64);
  EXPECT_NEAR(at_45.read_pj_per_bit, 5.625, 1e-9);
  EXPECT_DOUBLE_EQ(Price("dram_ddr4", 0, 64, {.node = "7nm"}).read_pj_per_bit,
                   at_45.read_pj_per_bit);
}

TEST(Memory, ChannelsOfDram) {
  EXPECT_DOUBLE_EQ(Price("dram_hbm2", 0, 64).channel_gbit_per_s, 256);  // 256 GB/s by 8 channels
  EXPECT_DOUBLE_EQ(Price("dram_ddr3", 0, 64).channel_gbit_per_s / 8, 12.8);
  EXPECT_DOUBLE_EQ(Price("dram", 0, 64).channel_gbit_per_s, 0);
}

TEST(Memory, CostsGrowWithCapacityUnderEveryReading) {
  for (const Reading& reading : AllReadings({})) {
    for (double bytes = 64; bytes < 1 << 22; bytes *= 2) {
      const MemoryCost small = Price("sram", bytes, 64, reading.options);
      const MemoryCost large = Price("sram", 2 * bytes, 64, reading.options);
      EXPECT_LT(small.read_pj_per_bit, large.read_pj_per_bit) << reading.label;
      EXPECT_LT(small.write_pj_per_bit, large.write_pj_per_bit) << reading.label;
      EXPECT_LT(small.area_um2, large.area_um2) << reading.label;
      EXPECT_LT(small.leakage_mw, large.leakage_mw) << reading.label;
      EXPECT_LT(small.access_ns, large.access_ns) << reading.label;
    }
  }
}

TEST(Memory, WiderPortsMoveMoreForMore) {
  for (const Reading& reading : AllReadings({})) {
    for (int width = 8; width < 1024; width *= 2) {
      const MemoryCost narrow = Price("sram", 32768, width, reading.options);
      const MemoryCost wide = Price("sram", 32768, 2 * width, reading.options);
      EXPECT_LT(narrow.read_pj_per_bit * width, wide.read_pj_per_bit * 2 * width) << reading.label;
      EXPECT_LE(wide.read_pj_per_bit, narrow.read_pj_per_bit) << reading.label;
    }
  }
}

// Half of the way from the middle of four banks' square to its edge is not in a bank.
TEST(Memory, BanksCostOneBankAndTheWiresBetween) {
  const double bytes = 1 << 20;
  const MemoryCost whole = Price("sram", bytes, 64);
  const MemoryCost banked = Price("sram", bytes, 64, {}, 4);
  const MemoryCost bank = Price("sram", bytes / 4, 64);
  const double side_mm = std::sqrt(4 * bank.area_um2) / 1000;
  EXPECT_NEAR(banked.read_pj_per_bit, bank.read_pj_per_bit + side_mm / 4 * At({}).WirePjPerBitMm(),
              1e-12);
  EXPECT_LT(banked.read_pj_per_bit, whole.read_pj_per_bit);
  EXPECT_GT(banked.read_pj_per_bit, bank.read_pj_per_bit);
  EXPECT_DOUBLE_EQ(banked.area_um2, 4 * bank.area_um2);
  EXPECT_DOUBLE_EQ(banked.leakage_mw, whole.leakage_mw);
  EXPECT_DOUBLE_EQ(banked.access_ns, bank.access_ns);
}

TEST(Memory, SecondPortsTakeAreaAndFlipFlopsTakeMore) {
  for (double bytes = 16; bytes <= 16 * 1024; bytes *= 2) {
    const MemoryCost file = Price("register_file", bytes, 16);
    EXPECT_GT(file.area_um2, Price("sram", bytes, 16).area_um2);
    EXPECT_LT(file.area_um2, 5.98 * 8 * bytes);
    EXPECT_DOUBLE_EQ(file.read_pj_per_bit, Price("sram", bytes, 16).read_pj_per_bit);
    if (bytes > 16) {
      EXPECT_GT(file.area_um2, Price("register_file", bytes / 2, 16).area_um2);
    }
  }
  // Eyeriss's weight scratch pad: 1.15 um2 a bit.
  EXPECT_NEAR(Price("register_file", 448, 16).area_um2, 3584 * 1.1547, 1);
}

TEST(Memory, RegistersCostTheirFlipFlops) {
  const MemoryCost cost = Price("register", 4, 32);
  EXPECT_DOUBLE_EQ(cost.read_pj_per_bit, 0.009);
  EXPECT_DOUBLE_EQ(cost.write_pj_per_bit, 0.009);
  EXPECT_DOUBLE_EQ(cost.area_um2, 32 * 5.98);
  EXPECT_GT(cost.leakage_mw, 0);
}

TEST(Memory, HighPerformanceCellsLeakMore) {
  const double low = Price("sram", 65536, 64, {.sram = SramSource::kCactiLop}).leakage_mw;
  EXPECT_NEAR(low, 64 * 0.0165, 1e-9);
  EXPECT_NEAR(Price("sram", 65536, 64, {.sram = SramSource::kCactiHp}).leakage_mw / low, 73.2, 0.1);
}

TEST(Memory, RefusesSizesWithoutAFigure) {
  EXPECT_THAT(Refusal("register", 512),
              HasSubstr("capacity_bytes 512: a \"register\" has 0 to 64"));
  EXPECT_THAT(Refusal("register_file", 32768),
              HasSubstr("capacity_bytes 32768: a \"register_file\" has 16 to 16384 bytes"));
  EXPECT_THAT(Refusal("sram", 4), HasSubstr("capacity_bytes 4: a \"sram\" has 16 to 67108864"));
  EXPECT_THAT(Refusal("sram", std::nan("")), HasSubstr("capacity_bytes nan"));
  EXPECT_THAT(Refusal("sram", 64, 8),
              HasSubstr("capacity_bytes 64: a \"sram\" has 128 to 67108864 bytes in 8 banks"));
  EXPECT_THAT(Refusal("sram", 64, 0), HasSubstr("banks 0: a \"sram\" has 1 or more"));
  EXPECT_THAT(Refusal("register", 16, 2), HasSubstr("banks 2: a \"register\" has 1"));
}

TEST(Memory, AnAccessHasBits) {
  for (const char* primitive : {"register", "register_file", "sram", "dram"}) {
    for (const int width : {0, -64}) {
      const absl::Status status =
          PriceMemory(primitive, 64, width, At({.sram = SramSource::kCactiLop})).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("width_bits " + std::to_string(width) + ": an access of a \"" +
                            primitive + "\" has 1 or more"));
    }
  }
}

TEST(Memory, UnknownPrimitiveNamesTheKnownOnes) {
  const std::string message = Refusal("dram_ddr33", 0);
  EXPECT_THAT(
      message,
      HasSubstr(
          "primitive \"dram_ddr33\" is unknown; known: register, register_file, sram, dram,"));
  EXPECT_THAT(message, HasSubstr("did you mean 'dram_ddr3'?"));
  EXPECT_THAT(Refusal("sraam", 64, 2), HasSubstr("primitive \"sraam\" is unknown"));
}

}  // namespace
}  // namespace bitscape::cost_models
