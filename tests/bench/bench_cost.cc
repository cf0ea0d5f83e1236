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
#include <vector>

#include "cost_models/mapping/search.h"

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
    const std::vector<nlohmann::json> figures = {bitscape::bench::MappingsPerSecond(runs)};
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
