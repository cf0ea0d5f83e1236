#include "client/cli/cost_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cli/cost_page.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

v1::CostEstimate::Layer& AddLayer(v1::CostEstimate* cost, const std::string& name) {
  v1::CostEstimate::Layer& layer = *cost->add_layers();
  layer.set_name(name);
  layer.set_macs(1000);
  layer.set_latency_cycles(200);
  layer.set_utilization(0.5);
  layer.set_bound("compute");
  layer.set_operands("int8 x int8 + int20");
  layer.set_macs_per_cycle(1);
  layer.set_off_chip_bits(8000);
  layer.set_weight_bytes(500);
  return layer;
}

void AddEnergy(v1::CostEstimate::Layer* layer, const std::string& component, double energy_pj) {
  v1::CostEstimate::Energy& energy = *layer->add_energy();
  energy.set_component(component);
  energy.set_energy_pj(energy_pj);
  layer->set_energy_pj(layer->energy_pj() + energy_pj);
}

// Two layers: 300 pJ and 100 pJ; MACs 100 pJ, DRAM 300 pJ.
v1::CostEstimate Cost() {
  v1::CostEstimate cost;
  cost.set_network("networks/small");
  cost.set_accelerator("accelerators/array<1>");
  cost.set_plan("weights=int8,activations=int8,accumulator=int32");
  cost.set_energy_pj(400);
  cost.set_latency_cycles(400);
  cost.set_latency_seconds(4e-7);
  cost.set_area_um2(2e6);
  cost.set_weight_bytes(1000);
  cost.set_clock_ghz(1);
  cost.set_multipliers(10);
  cost.set_off_chip_bits_per_cycle(64);
  cost.mutable_reading()->set_node("45nm");
  v1::CostEstimate::Area& area = *cost.add_area();
  area.set_component("mac_array");
  area.set_area_um2(2e6);
  v1::CostEstimate::Layer& first = AddLayer(&cost, "conv1");
  AddEnergy(&first, "mac", 50);
  AddEnergy(&first, "dram_weights", 250);
  v1::CostEstimate::Layer& second = AddLayer(&cost, "fc");
  AddEnergy(&second, "mac", 50);
  AddEnergy(&second, "dram_weights", 50);
  return cost;
}

TEST(CostView, ShowsLayersAndComponents) {
  EXPECT_THAT(ComponentsOf(Cost()), ElementsAre(Pair("mac", 100), Pair("dram_weights", 300)));
  const std::string text = RenderView(ViewOf(Cost()), false);
  EXPECT_THAT(text, HasSubstr("  area of mac_array  2 mm2"));
  EXPECT_THAT(text, HasSubstr("conv1  int8 x int8 + int20  1,000  300 pJ"));
  EXPECT_THAT(text, HasSubstr("dram_weights  300 pJ  75.00%"));
  EXPECT_THAT(text, Not(HasSubstr("CODEBOOK")));
}

TEST(CostView, ShowsTheCodebookInequality) {
  v1::CostEstimate cost = Cost();
  v1::CostEstimate::CodebookStorage& codebook = *cost.mutable_layers(0)->mutable_codebook();
  codebook.set_index_bits(4096);
  codebook.set_table_bits(256);
  codebook.set_baseline_bits(16384);
  codebook.set_holds(true);
  const std::string text = RenderView(ViewOf(cost), false);
  EXPECT_THAT(text, HasSubstr("CODEBOOK OF  INDICES  TABLES  IN 16 BITS  SMALLER"));
  EXPECT_THAT(text, HasSubstr("conv1          512 B    32 B       2 KiB  yes"));
}

TEST(CostView, ShowsEachComponentOfEachLayer) {
  const Table table = LayerTable(Cost());
  ASSERT_EQ(table.columns.size(), 5u);
  ASSERT_EQ(table.rows.size(), 4u);
  EXPECT_THAT(table.rows[1], ElementsAre("conv1", "dram_weights", "250 pJ", "83.33%", "62.50%"));
  EXPECT_EQ(LayerCsv(Cost()),
            "layer,component,energyPj\nconv1,mac,50\nconv1,dram_weights,250\nfc,mac,50\n"
            "fc,dram_weights,50\n");
}

TEST(CostView, ShowsTheMappingsThatWereFound) {
  EXPECT_EQ(MappingText(Cost()), "") << "counts are of closed form";
  v1::CostEstimate searched = Cost();
  searched.mutable_layers(0)->set_mapping("dram\n  for C in 0..4");
  searched.mutable_layers(1)->set_mapping("dram");
  EXPECT_EQ(MappingText(searched),
            "mapping of conv1\n  dram\n    for C in 0..4\n\nmapping of fc\n  dram\n");
  EXPECT_THAT(RenderCostPage(searched), HasSubstr("<pre>mapping of conv1\n"));
}

TEST(CostPage, StacksBarsByComponent) {
  const std::string svg = EnergyBarsSvg(Cost());
  // The longest layer takes all of 610: 5/6 of it DRAM's, after the MACs'.
  EXPECT_THAT(svg, HasSubstr("<rect x=\"200.00\" y=\"2.0\" width=\"101.67\""));
  EXPECT_THAT(svg, HasSubstr("<rect x=\"301.67\" y=\"2.0\" width=\"508.33\""));
  EXPECT_THAT(svg, HasSubstr("conv1 dram_weights: 250 pJ (83.33%)"));
  EXPECT_EQ(EnergyBarsSvg(v1::CostEstimate()), "");
  const std::string page = RenderCostPage(Cost());
  EXPECT_THAT(page, HasSubstr("small on array&lt;1&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<1>")));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST(ComparisonView, ShowsRatiosToTheFirstThatHasAPrice) {
  v1::CostComparison comparison;
  const auto add = [&](const std::string& machine, double energy_pj) {
    v1::CostComparison::Row& row = *comparison.add_rows();
    row.set_plan("weights=int8,activations=int8,accumulator=int32");
    row.set_accelerator("accelerators/" + machine);
    row.set_energy_pj(energy_pj);
    row.set_latency_seconds(energy_pj * 1e-9);
    row.set_area_um2(100);
    row.set_weight_bytes(50);
    return &row;
  };
  add("none", 0)->set_infeasible("layer fc: no datapath");
  add("native", 200);
  add("flexible", 250);
  const View view = ViewOf(comparison);
  ASSERT_EQ(view.table.rows.size(), 3u);
  EXPECT_EQ(view.table.rows[0][2], "-");
  EXPECT_EQ(view.table.rows[0].back(), "layer fc: no datapath");
  EXPECT_THAT(view.table.rows[2],
              ElementsAre("int8 / int8 / int32", "flexible", "250 pJ", "1.250x", "250 ns", "1.250x",
                          "100 um2", "1.000x", "50 B", "1.000x", ""));
  EXPECT_THAT(view.note, HasSubstr("int8 / int8 / int32 on native"));
  v1::CostComparison nothing;
  nothing.add_rows()->set_infeasible("no");
  EXPECT_EQ(ViewOf(nothing).note, "");
}

TEST(SensitivityView, MarksWhatStays) {
  v1::CostSensitivity sensitivity;
  sensitivity.set_candidates(7);
  sensitivity.add_objectives("energy_pj");
  sensitivity.add_objectives("area_um2");
  for (const char* label : {"base", "node 7nm"}) {
    v1::CostSensitivity::Reading& reading = *sensitivity.add_readings();
    reading.set_label(label);
    reading.set_front_size(2);
  }
  for (const bool stays : {true, false}) {
    v1::CostSensitivity::Point& point = *sensitivity.add_points();
    point.set_plan("weights=fp16");
    point.set_accelerator("accelerators/array");
    point.set_on_every_front(stays);
    if (!stays) point.add_off_under("node 7nm");
    for (const double energy_pj : {100.0, 10.0}) {
      v1::CostSensitivity::Cost& cost = *point.add_costs();
      cost.set_energy_pj(energy_pj);
      cost.set_reading(energy_pj > 50 ? "base" : "node 7nm");
      cost.set_on_front(stays || energy_pj > 50);
    }
  }
  const View view = ViewOf(sensitivity);
  EXPECT_THAT(view.facts[1], Pair("priced again", "7 points under 2 readings"));
  EXPECT_THAT(view.facts[2], Pair("stay on the front", "1 of 2 under every reading"));
  EXPECT_THAT(view.table.rows[0],
              ElementsAre("*", "fp16 / fp32 / fp32", "array", "100 pJ", "10 pJ..100 pJ", ""));
  EXPECT_THAT(view.table.rows[1], ElementsAre("", "fp16 / fp32 / fp32", "array", "100 pJ",
                                              "10 pJ..100 pJ", "node 7nm"));
  EXPECT_THAT(view.note, HasSubstr("node 7nm             2        0          0"));
  sensitivity.mutable_points(1)->set_trial("sweeps/s/trials/t000001");
  sensitivity.mutable_points(1)->set_accuracy(0.5);
  EXPECT_EQ(ViewOf(sensitivity).table.rows[1][3], "50.00%");
  sensitivity.mutable_points(1)->mutable_costs(0)->set_on_front(false);
  sensitivity.mutable_points(1)->mutable_costs(1)->set_on_front(true);
  sensitivity.mutable_points(1)->add_off_under("sram");
  EXPECT_EQ(ViewOf(sensitivity).table.rows[1].back(), "all but node 7nm");
}

TEST(ValidationView, ShowsDeviationsWhereThereAreFigures) {
  v1::CostValidation validation;
  validation.set_validations(1);
  validation.set_failures(1);
  v1::CostValidation::Row& far = *validation.add_rows();
  far.set_group("chips");
  far.set_name("gain");
  far.set_unit("x");
  far.set_published(2);
  far.set_model(3);
  far.set_deviation_percent(50);
  far.set_bound_percent(30);
  far.set_role("validation");
  v1::CostValidation::Row& other = *validation.add_rows();
  other.set_model(7);
  other.set_role("information");
  other.set_passes(true);
  const View view = ViewOf(validation);
  EXPECT_THAT(view.table.rows[0],
              ElementsAre("chips", "gain", "2 x", "3 x", "+50.0%", "30%", "validation", "NO", ""));
  EXPECT_THAT(view.table.rows[1], ElementsAre("", "", "-", "7", "-", "-", "information", "", ""));
  EXPECT_THAT(view.facts[2], Pair("outside their bounds", "1"));
}

}  // namespace
}  // namespace bitscape::cli
