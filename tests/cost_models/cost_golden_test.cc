// Pins the cost of three machine and plan pairs, layer by layer, so that no figure changes unseen.
// `cost_golden_test --update_golden` rewrites cost_goldens.csv; then raise CostModelVersion and
// read the diff.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "engine/core/files.h"
#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

bool update_golden = false;

struct Pair {
  Accelerator machine;
  std::vector<network::MacShape> layers;
  std::string plan;
};

std::vector<Pair> Pairs() {
  const std::string int8 = "weights=int8:channel,activations=int8,accumulator=int32";
  return {
      {EyerissLike(), SmallNetwork(), int8},
      {EyerissLike(), SeparableNetwork(),
       int8 + ";[last]weights=fp16,activations=fp16,accumulator=fp32"},
      {Int8Array(), SmallNetwork(), "weights=int4:channel,activations=int8,accumulator=int32"},
  };
}

std::string Quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

std::string Figures() {
  std::string text = fmt::format(
      "# Made by cost_golden_test --update_golden, cost model version {}. Energy in pJ, area in "
      "um2.\n"
      "machine,plan,layer,item,value\n",
      CostModelVersion());
  for (const Pair& pair : Pairs()) {
    const absl::StatusOr<CostOutcome> outcome =
        AnalyticCostModel().Estimate(pair.layers, PlanFor(pair.layers, pair.plan), pair.machine);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    const CostReport& report = std::get<CostReport>(*outcome);
    const auto line = [&](std::string_view layer, std::string_view item, double value) {
      text += fmt::format("{},{},{},{},{:.9g}\n", pair.machine.name, Quoted(pair.plan), layer, item,
                          value);
    };
    for (const AreaItem& item : report.area) line("-", "area_" + item.component, item.area_um2);
    for (const LayerCost& layer : report.layers) {
      for (const EnergyItem& item : layer.energy) line(layer.layer, item.component, item.energy_pj);
      line(layer.layer, "latency_cycles", layer.latency_cycles);
      line(layer.layer, "compute_cycles", layer.compute_cycles);
      line(layer.layer, "weight_bits", layer.weight_bits);
    }
  }
  return text;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(CostGolden, FiguresAreThePinnedOnes) {
  const std::string figures = Figures();
  if (update_golden) {
    ASSERT_TRUE(WriteFileAtomically(COST_GOLDENS, figures).ok());
    return;
  }
  const absl::StatusOr<std::string> pinned = ReadFile(COST_GOLDENS, 1 << 20);
  ASSERT_TRUE(pinned.ok()) << pinned.status();
  const std::vector<std::string> expected = Lines(*pinned);
  const std::vector<std::string> actual = Lines(figures);
  ASSERT_EQ(actual.size(), expected.size());
  ASSERT_EQ(actual[0], expected[0]) << "the version changed: rewrite the goldens and read the diff";
  for (size_t i = 1; i < actual.size(); ++i) {
    const size_t value = actual[i].rfind(',') + 1;
    ASSERT_EQ(actual[i].substr(0, value), expected[i].substr(0, value)) << "line " << i + 1;
    if (i == 1) continue;
    const double now = std::strtod(actual[i].c_str() + value, nullptr);
    const double then = std::strtod(expected[i].c_str() + value, nullptr);
    // A figure that moves needs a new CostModelVersion; nine digits leave room for the last bits of
    // sqrt.
    EXPECT_NEAR(now / then, 1, 1e-8) << actual[i] << " was " << expected[i];
  }
}

}  // namespace
}  // namespace bitscape::cost_models

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--update_golden") bitscape::cost_models::update_golden = true;
  }
  return RUN_ALL_TESTS();
}
