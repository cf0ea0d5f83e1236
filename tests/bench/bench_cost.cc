// Speed of the cost models on one core. Each figure is the median of repeats.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "cost_models/mapping/search.h"
#include "engine/network/mac_shape.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::bench {
namespace {

using cost_models::AccessPrices;
using cost_models::ElementWidths;
using cost_models::Hierarchy;
using cost_models::HierarchyLevel;
using cost_models::MappingResult;
using cost_models::PerTensor;
using cost_models::Problem;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

HierarchyLevel Memory(std::string name, PerTensor<bool> may_hold, double words) {
  HierarchyLevel level;
  level.name = std::move(name);
  level.may_hold = may_hold;
  level.capacity_bits = 16 * words;
  return level;
}

// The machine of Timeloop's cases in tests/golden/timeloop: 14 x 12 elements with a scratchpad for
// each tensor around a buffer of 51,200 words.
Hierarchy EyerissLike() {
  Hierarchy hierarchy{
      {Memory("psum_spad", {false, false, true}, 24),
       Memory("weights_spad", {true, false, false}, 224),
       Memory("ifmap_spad", {false, true, false}, 12), Memory("columns", {false, false, false}, 0),
       Memory("rows", {false, false, false}, 0), Memory("buffer", {true, true, true}, 51'200),
       Memory("dram", {true, true, true}, 0)}};
  hierarchy.levels[3].fanout_y = 12;
  hierarchy.levels[4].fanout_x = 14;
  hierarchy.levels[5].read_bits_per_cycle = hierarchy.levels[5].write_bits_per_cycle = 256;
  hierarchy.levels[6].shared_bits_per_cycle = 64;
  return hierarchy;
}

AccessPrices PricesInMacs() {
  AccessPrices prices;
  for (const double price : {1.0, 1.0, 1.0, 0.0, 0.0, 6.0, 200.0}) {
    prices.levels.emplace_back();
    prices.levels.back().fill({price, price, price, 0});
  }
  prices.mac = 1;
  return prices;
}

// AlexNet's second and third convolutions, a depthwise one of MobileNet, a product of BERT.
std::vector<Problem> Layers() {
  std::vector<Problem> layers(4);
  layers[0].size = {1, 1, 256, 48, 27, 27, 5, 5};
  layers[1].size = {1, 1, 384, 256, 13, 13, 3, 3};
  layers[2].size = {144, 1, 1, 1, 56, 56, 3, 3};
  layers[3].size = {1, 128, 768, 3072, 1, 1, 1, 1};
  return layers;
}

// Valid mappings that whole searches count, bounds included, by second.
nlohmann::json MappingsPerSecond(int runs) {
  const Hierarchy hierarchy = EyerissLike();
  const AccessPrices prices = PricesInMacs();
  std::vector<double> rates, seconds_of_a_search;
  for (int run = 0; run < runs; ++run) {
    int64_t evaluated = 0;
    const auto start = std::chrono::steady_clock::now();
    for (const Problem& layer : Layers()) {
      const absl::StatusOr<MappingResult> found =
          cost_models::SearchMapping(layer, hierarchy, {}, ElementWidths{}, prices, {});
      if (!found.ok()) throw std::runtime_error(found.status().ToString());
      evaluated += found->evaluated;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    rates.push_back(static_cast<double>(evaluated) / seconds.count());
    seconds_of_a_search.push_back(seconds.count() / static_cast<double>(Layers().size()));
  }
  return {{"figure", "mappings_per_s"},
          {"value", Median(rates)},
          {"unit", "valid mappings/s"},
          {"detail",
           {{"best_run", *std::max_element(rates.begin(), rates.end())},
            {"seconds_per_search", Median(seconds_of_a_search)},
            {"levels", hierarchy.levels.size()},
            {"reference", "Timeloop's random search: 33 to 100"}}}};
}

// Fifty convolutions on 168 elements with a weight memory each around a buffer, one fixed mapping.
cost_models::Accelerator FixedMapping() {
  cost_models::Accelerator machine;
  machine.name = "fixed_mapping";
  machine.array_rows = 12;
  machine.array_columns = 14;
  machine.clock_ghz = 0.2;
  cost_models::MemoryLevel pad;
  pad.name = "scratchpad";
  pad.kind = cost_models::MemoryKind::kRegisterFile;
  pad.capacity_bytes = 448;
  pad.width_bits = 16;
  pad.per_pe = true;
  pad.primitive = "register_file";
  pad.holds_weights = true;
  cost_models::MemoryLevel buffer;
  buffer.name = "global_buffer";
  buffer.capacity_bytes = 110'592;
  buffer.width_bits = 64;
  buffer.bandwidth_bits_per_cycle = 512;
  buffer.primitive = "sram";
  buffer.holds_inputs = buffer.holds_outputs = true;
  cost_models::MemoryLevel dram;
  dram.name = "dram";
  dram.kind = cost_models::MemoryKind::kDram;
  dram.width_bits = 64;
  dram.bandwidth_bits_per_cycle = 64;
  dram.primitive = "dram";
  dram.holds_weights = dram.holds_inputs = dram.holds_outputs = true;
  machine.memories = {pad, buffer, dram};
  return machine;
}

constexpr int kNetworkLayers = 50;

std::vector<network::MacShape> FiftyLayers() {
  std::vector<network::MacShape> layers(kNetworkLayers);
  for (int i = 0; i < kNetworkLayers; ++i) {
    network::MacShape& layer = layers[static_cast<size_t>(i)];
    layer.name = fmt::format("block{}", i);
    layer.op = "conv";
    layer.c = layer.m = 64 << (i / 13);
    layer.r = layer.s = i % 3 == 1 ? 3 : 1;
    layer.in_h = layer.in_w = layer.p = layer.q = 56 >> (i / 13);
  }
  return layers;
}

// Whole reports of a network of 50 layers: of a fixed mapping, and of searched mappings that are
// all in the cache.
nlohmann::json EstimatesPerSecond(int runs) {
  const std::vector<network::MacShape> layers = FiftyLayers();
  std::vector<quantize::LayerIdentity> identities;
  for (const network::MacShape& layer : layers) identities.push_back({layer.name, layer.op});
  const auto plan = quantize::ParsePlan("weights=int8:channel,activations=int8,accumulator=int32");
  if (!plan.ok()) throw std::runtime_error(plan.status().ToString());
  const auto resolved = quantize::ResolvePlan(*plan, identities);
  if (!resolved.ok()) throw std::runtime_error(resolved.status().ToString());

  // Median of the rates, and the seconds of the first estimate.
  const auto measure = [&](const cost_models::Accelerator& machine, int estimates) {
    std::vector<double> rates;
    double first_s = 0;
    for (int run = 0; run <= runs; ++run) {
      const int repeats = run == 0 ? 1 : estimates;
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < repeats; ++i) {
        const auto outcome = cost_models::AnalyticCostModel().Estimate(layers, *resolved, machine);
        if (!outcome.ok()) throw std::runtime_error(outcome.status().ToString());
        if (!std::holds_alternative<cost_models::CostReport>(*outcome)) {
          throw std::runtime_error(std::get<cost_models::Infeasible>(*outcome).reason);
        }
      }
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      if (run == 0) first_s = elapsed.count();
      if (run > 0) rates.push_back(repeats / elapsed.count());
    }
    return std::pair{Median(rates), first_s};
  };
  cost_models::Accelerator searched = FixedMapping();
  searched.closed_form = false;
  searched.dataflow = cost_models::Dataflow::kAny;
  const double fixed_rate = measure(FixedMapping(), 2000).first;
  const auto [cached_rate, searched_s] = measure(searched, 500);
  return {{"figure", "estimates_per_s"},
          {"value", fixed_rate},
          {"unit", "networks of 50 layers/s"},
          {"detail",
           {{"target", 10'000}, {"cached_mappings", cached_rate}, {"first_search_s", searched_s}}}};
}

}  // namespace
}  // namespace bitscape::bench

int main(int argc, char** argv) {
  CLI::App app("Speed of the cost models on one core.");
  bool json = false;
  int runs = 5;
  app.add_flag("--json", json, "one JSON object a line");
  app.add_option("--runs", runs, "timed runs of each; the median counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    const std::vector<nlohmann::json> figures = {bitscape::bench::MappingsPerSecond(runs),
                                                 bitscape::bench::EstimatesPerSecond(runs)};
    for (const nlohmann::json& figure : figures) {
      if (json) {
        std::puts(figure.dump().c_str());
      } else {
        std::puts(fmt::format("{:<18} {:10.0f}  {}", figure["figure"].get<std::string>(),
                              figure["value"].get<double>(), figure["detail"].dump())
                      .c_str());
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_cost: %s\n", error.what());
    return 1;
  }
  return 0;
}
