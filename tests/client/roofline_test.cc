#include "client/cli/roofline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace bitscape::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// 100 multipliers at 1 GHz: 100 GMAC/s; 64 bits a cycle: 8 GB/s; the ridge at 12.5 MAC/byte.
v1::CostEstimate Cost() {
  v1::CostEstimate cost;
  cost.set_accelerator("accelerators/array");
  cost.set_clock_ghz(1);
  cost.set_multipliers(100);
  cost.set_off_chip_bits_per_cycle(64);
  const auto add = [&](const std::string& name, double macs, double bytes, double cycles) {
    v1::CostEstimate::Layer& layer = *cost.add_layers();
    layer.set_name(name);
    layer.set_macs(macs);
    layer.set_off_chip_bits(8 * bytes);
    layer.set_latency_cycles(cycles);
    layer.set_macs_per_cycle(1);
  };
  add("conv", 100000, 1000, 2000);  // 100 MAC/byte, half of the peak
  add("fc", 1000, 1000, 125);       // 1 MAC/byte, all of the bandwidth
  return cost;
}

TEST(Roofline, TellsBoundsByTrafficOffChip) {
  const v1::CostRoofline roofline = RooflineOf(Cost());
  EXPECT_DOUBLE_EQ(roofline.peak_macs_per_second(), 100e9);
  EXPECT_DOUBLE_EQ(roofline.off_chip_bytes_per_second(), 8e9);
  EXPECT_DOUBLE_EQ(roofline.ridge_macs_per_byte(), 12.5);
  ASSERT_EQ(roofline.layers_size(), 2);
  EXPECT_DOUBLE_EQ(roofline.layers(0).macs_per_byte(), 100);
  EXPECT_DOUBLE_EQ(roofline.layers(0).attainable_macs_per_second(), 100e9);
  EXPECT_DOUBLE_EQ(roofline.layers(0).achieved_macs_per_second(), 50e9);
  EXPECT_FALSE(roofline.layers(0).memory_bound());
  EXPECT_DOUBLE_EQ(roofline.layers(1).macs_per_byte(), 1);
  EXPECT_DOUBLE_EQ(roofline.layers(1).attainable_macs_per_second(), 8e9);
  EXPECT_DOUBLE_EQ(roofline.layers(1).achieved_macs_per_second(), 8e9);
  EXPECT_TRUE(roofline.layers(1).memory_bound());
}

TEST(Roofline, NarrowOperandsRaiseTheRoof) {
  v1::CostEstimate cost = Cost();
  cost.mutable_layers(0)->set_macs_per_cycle(4);
  const v1::CostRoofline roofline = RooflineOf(cost);
  EXPECT_DOUBLE_EQ(roofline.peak_macs_per_second(), 400e9);
  EXPECT_DOUBLE_EQ(roofline.layers(0).peak_macs_per_second(), 400e9);
  EXPECT_DOUBLE_EQ(roofline.layers(1).peak_macs_per_second(), 100e9);
}

TEST(Roofline, HasNoSlopeWithoutALimitOffChip) {
  v1::CostEstimate cost = Cost();
  cost.set_off_chip_bits_per_cycle(0);
  cost.mutable_layers(1)->set_off_chip_bits(0);
  const v1::CostRoofline roofline = RooflineOf(cost);
  EXPECT_EQ(roofline.ridge_macs_per_byte(), 0);
  EXPECT_TRUE(std::isinf(roofline.layers(1).macs_per_byte()));
  EXPECT_EQ(roofline.layers(1).attainable_macs_per_second(), 100e9);
  const View view = ViewOf(roofline);
  EXPECT_EQ(view.facts.back().second, "never limits");
  EXPECT_EQ(view.table.rows[1][2], "-");
  cost.mutable_layers(0)->set_off_chip_bits(0);
  EXPECT_EQ(RooflineText(RooflineOf(cost), 20, 8), "");
  EXPECT_EQ(RooflineSvg(RooflineOf(cost)), "");
}

TEST(Roofline, DrawsInCharacters) {
  const std::string text = RooflineText(RooflineOf(Cost()), 20, 8);
  // The ridge is at column 10.7; fc at column 2, on the slope; conv below the peak by half.
  EXPECT_EQ(text,
            "   150 GMAC/s |\n"
            "              |         //---------\n"
            "              |       //        a\n"
            " 26.67 GMAC/s |     //\n"
            "              |   //\n"
            "              |  b\n"
            "              |//\n"
            " 2.667 GMAC/s |\n"
            "              +--------------------\n"
            "               0.5     200 MAC/byte\n");
}

TEST(Roofline, DrawsAPage) {
  const v1::CostRoofline roofline = RooflineOf(Cost());
  EXPECT_THAT(RooflineSvg(roofline), HasSubstr("fc: 1.00 MAC/byte, 8 GMAC/s of 8 GMAC/s"));
  const std::string page = RenderRooflinePage(roofline);
  EXPECT_THAT(page, HasSubstr("Roofline of array"));
  EXPECT_THAT(page, HasSubstr("12.50 MAC/byte"));
  EXPECT_THAT(ViewOf(roofline).table.rows[0], ElementsAre("a", "conv", "100.00", "100 GMAC/s",
                                                          "50 GMAC/s", "50.00%", "compute", ""));
}

TEST(Roofline, NamesRatesAndLayers) {
  EXPECT_EQ(MacRate(1.5e12), "1.5 TMAC/s");
  EXPECT_EQ(MacRate(33.6e9), "33.6 GMAC/s");
  EXPECT_EQ(MacRate(2e6), "2 MMAC/s");
  EXPECT_EQ(MacRate(10), "10 MAC/s");
  EXPECT_EQ(LayerMark(0), 'a');
  EXPECT_EQ(LayerMark(27), 'B');
  EXPECT_EQ(LayerMark(60), '*');
}

}  // namespace
}  // namespace bitscape::cli
