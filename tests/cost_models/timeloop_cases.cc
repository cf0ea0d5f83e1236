#include "tests/cost_models/timeloop_cases.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace bitscape::cost_models {
namespace {

namespace fs = std::filesystem;

size_t IndexOf(Dim dim) { return static_cast<size_t>(dim); }

Dim DimNamed(char name) {
  const size_t index = kDimNames.find(name);
  EXPECT_NE(index, std::string_view::npos) << name;
  return static_cast<Dim>(index);
}

std::optional<Tensor> TensorNamed(std::string_view name) {
  if (name == "Weights") return Tensor::kWeights;
  if (name == "Inputs") return Tensor::kInputs;
  if (name == "Outputs") return Tensor::kOutputs;
  return std::nullopt;
}

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

std::string_view Strip(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The number that the text starts with.
template <typename Number>
std::optional<Number> NumberOf(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// "shared_glb[1..1]" is "shared_glb".
std::string PlainName(const std::string& name) { return name.substr(0, name.find('[')); }

Problem ReadProblem(const YAML::Node& node) {
  Problem problem;
  const YAML::Node instance = node["instance"];
  for (const YAML::Node& dim : node["shape"]["dimensions"]) {
    const std::string name = dim.as<std::string>();
    problem.size[IndexOf(DimNamed(name[0]))] = instance[name].as<int64_t>();
  }
  // Inputs: [[N], [C], [[R, Wdilation], [P, Wstride]], ...]: which coefficient goes with which
  // index.
  for (const YAML::Node& space : node["shape"]["data_spaces"]) {
    if (space["name"].as<std::string>() != "Inputs") continue;
    for (const YAML::Node& axis : space["projection"]) {
      for (const YAML::Node& term : axis) {
        if (term.size() < 2) continue;
        const int64_t value = instance[term[1].as<std::string>()].as<int64_t>();
        const std::string dim = term[0].as<std::string>();
        int64_t& target = dim == "P"   ? problem.stride_h
                          : dim == "Q" ? problem.stride_w
                          : dim == "R" ? problem.dilation_h
                                       : problem.dilation_w;
        target = value;
      }
    }
  }
  return problem;
}

struct Machine {
  Hierarchy hierarchy;  // innermost first
  ElementWidths widths;
  std::string multiplier;
};

Machine ReadMachine(const YAML::Node& node) {
  Machine machine;
  int64_t inner_x = 1, inner_y = 1;  // instances of the next inner level
  const YAML::Node local = node["subtree"][0]["local"];
  for (size_t i = local.size(); i-- > 0;) {
    const YAML::Node attributes = local[i]["attributes"];
    const int64_t x = attributes["meshX"].as<int64_t>(), y = attributes["meshY"].as<int64_t>();
    const std::string name = PlainName(local[i]["name"].as<std::string>());
    if (i + 1 == local.size()) {
      machine.multiplier = name;
    } else {
      HierarchyLevel level;
      level.name = name;
      level.fanout_x = inner_x / x;
      level.fanout_y = inner_y / y;
      level.forwards_inputs = true;
      const double width = attributes["width"].as<double>();
      if (local[i]["class"].as<std::string>() == "dummy_storage") {
        level.may_hold = {false, false, false};
      } else if (attributes["depth"]) {
        level.capacity_bits = attributes["depth"].as<double>() * width;
      }
      const auto bits = [&](const char* bandwidth) {
        return attributes[bandwidth] ? attributes[bandwidth].as<double>() * width : 0.0;
      };
      level.read_bits_per_cycle = bits("read_bandwidth");
      level.write_bits_per_cycle = bits("write_bandwidth");
      level.shared_bits_per_cycle = bits("shared_bandwidth");
      if (level.may_hold[0]) machine.widths.bits.fill(attributes["datawidth"].as<double>());
      machine.hierarchy.levels.push_back(std::move(level));
    }
    inner_x = x;
    inner_y = y;
  }
  return machine;
}

size_t LevelNamed(const Hierarchy& hierarchy, std::string_view name) {
  const auto found = std::ranges::find(hierarchy.levels, name, &HierarchyLevel::name);
  EXPECT_NE(found, hierarchy.levels.end()) << name;
  return static_cast<size_t>(found - hierarchy.levels.begin());
}

// "N=1,C=1"
void ReadFactors(const YAML::Node& target, PerDim<int64_t>* bounds) {
  if (!target["factors"]) return;
  const std::string text = target["factors"].as<std::string>();
  for (const std::string_view factor : Split(text, ',')) {
    (*bounds)[IndexOf(DimNamed(factor[0]))] = NumberOf<int64_t>(factor.substr(2)).value();
  }
}

MappingConstraints ReadConstraints(const YAML::Node& node, const Hierarchy& hierarchy) {
  MappingConstraints constraints;
  constraints.levels.resize(hierarchy.levels.size());
  for (const YAML::Node& target : node["targets"]) {
    LevelConstraint& level =
        constraints.levels[LevelNamed(hierarchy, target["target"].as<std::string>())];
    const std::string type = target["type"].as<std::string>();
    if (type == "bypass") {
      for (const bool keeps : {true, false}) {
        for (const YAML::Node& tensor : target[keeps ? "keep" : "bypass"]) {
          level.keeps[static_cast<size_t>(*TensorNamed(tensor.as<std::string>()))] = keeps;
        }
      }
    } else if (type == "temporal") {
      ReadFactors(target, &level.temporal);
      for (const char dim : target["permutation"].as<std::string>()) {
        level.order.push_back(DimNamed(dim));
      }
    } else {
      EXPECT_EQ(type, "spatial");
      ReadFactors(target, &level.spatial);
      // The first `split` dimensions go over x, the others over y.
      const std::string order = target["permutation"].as<std::string>();
      const size_t split = target["split"].as<size_t>();
      level.on_x.emplace();
      level.on_y.emplace();
      for (size_t i = 0; i < order.size(); ++i) {
        (*(i < split ? level.on_x : level.on_y))[IndexOf(DimNamed(order[i]))] = true;
      }
    }
  }
  return constraints;
}

AccessPrices ReadPrices(const YAML::Node& node, const Machine& machine,
                        std::vector<double>* leakage_per_cycle) {
  AccessPrices prices;
  prices.levels.resize(machine.hierarchy.levels.size());
  leakage_per_cycle->resize(machine.hierarchy.levels.size());
  for (const YAML::Node& table : node["tables"]) {
    std::string name = table["name"].as<std::string>();
    name = PlainName(name.substr(name.find('.') + 1));
    AccessPrices::Price price;
    double leakage = 0;
    for (const YAML::Node& action : table["actions"]) {
      const std::string what = action["name"].as<std::string>();
      const double energy = action["energy"].as<double>();
      if (what == "read") price.read = energy;
      if (what == "write") price.fill = energy;
      if (what == "update") price.update = energy;
      if (what == "compute") prices.mac = energy;
      if (what == "leak") leakage = energy;
    }
    if (name == machine.multiplier) continue;
    const size_t level = LevelNamed(machine.hierarchy, name);
    prices.levels[level].fill(price);
    (*leakage_per_cycle)[level] = leakage;
  }
  return prices;
}

// Heads "name [ Tensor:size (size) ... ]", then loops "| for P in [0:11) (Spatial-X)".
Mapping ReadMapping(const std::string& text, const Hierarchy& hierarchy) {
  Mapping mapping;
  mapping.levels.resize(hierarchy.levels.size());
  LevelMapping* level = nullptr;
  for (const std::string_view line : Split(text, '\n')) {
    if (const size_t bracket = line.find(" ["); bracket != line.npos && line[0] != '|') {
      level = &mapping.levels[LevelNamed(hierarchy, line.substr(0, bracket))];
      for (size_t t = 0; t < kTensors; ++t) {
        constexpr std::string_view kNames[] = {" Weights:", " Inputs:", " Outputs:"};
        level->keeps[t] = line.find(kNames[t]) != line.npos;
      }
      continue;
    }
    const size_t start = line.find("for ");
    if (start == line.npos) continue;
    Loop loop;
    loop.dim = DimNamed(line[start + 4]);
    loop.bound = NumberOf<int64_t>(line.substr(line.find(':') + 1)).value();
    auto& loops = line.find("Spatial-X") != line.npos   ? level->spatial_x
                  : line.find("Spatial-Y") != line.npos ? level->spatial_y
                                                        : level->temporal;
    loops.push_back(loop);
  }
  return mapping;
}

void SetTensorStat(std::string_view key, double value, TimeloopTensorStats* stats) {
  if (key == "Partition size") stats->partition = value;
  if (key == "Utilized capacity") stats->tile = value;
  if (key == "Utilized instances (max)") stats->instances = value;
  if (key == "Scalar reads (per-instance)") stats->reads = value;
  if (key == "Scalar fills (per-instance)") stats->fills = value;
  if (key == "Scalar updates (per-instance)") stats->updates = value;
  if (key == "Temporal reductions (per-instance)") stats->temporal_reductions = value;
  if (key == "Energy (total)") stats->energy_pj = value;
}

TimeloopStats ReadStats(const std::string& text, const std::string& multiplier) {
  TimeloopStats stats;
  std::string level;  // empty in the summary
  TimeloopTensorStats* tensor = nullptr;
  for (const std::string_view line : Split(text, '\n')) {
    if (line == "Networks" || line == "Summary Stats") level.clear();
    if (line.starts_with("=== ")) {
      level = std::string(line.substr(4, line.size() - 8));
      tensor = nullptr;
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == line.npos) continue;
    const std::string_view key = Strip(line.substr(0, colon));
    const std::string_view rest = Strip(line.substr(colon + 1));
    if (const auto named = TensorNamed(key); named.has_value() && rest.empty()) {
      tensor = &stats.levels[level].tensors[*named];
    }
    const std::optional<double> number = NumberOf<double>(rest);
    if (!number.has_value()) continue;
    const double value = *number;
    if (level.empty()) {
      if (key == "Cycles") stats.cycles = value;
      if (key == "Energy") stats.energy_uj = value;
      if (key == "Utilization") stats.utilization = value / 100;
    } else if (level == multiplier) {
      if (key == "Utilized instances") stats.multipliers_used = value;
      if (key == "Computes (total)") stats.computes = value;
      if (key == "Energy (total)") stats.mac_energy_pj = value;
    } else if (tensor != nullptr) {
      SetTensorStat(key, value, tensor);
    } else {
      if (key == "Cycles") stats.levels[level].cycles = value;
      if (key == "Bandwidth throttling") stats.levels[level].throttling = value;
      if (key == "Leakage energy (total)") stats.levels[level].leakage_pj = value;
    }
  }
  return stats;
}

TimeloopCase ReadCase(const fs::path& folder) {
  TimeloopCase result;
  result.name = (folder.parent_path().filename() / folder.filename()).string();
  const YAML::Node input = YAML::LoadFile((folder / "input.yaml").string());
  Machine machine = ReadMachine(input["architecture"]);
  result.problem = ReadProblem(input["problem"]);
  result.constraints = ReadConstraints(input["architecture_constraints"], machine.hierarchy);
  result.prices = ReadPrices(input["ERT"], machine, &result.leakage_per_cycle);
  result.mapping = ReadMapping(ReadText(folder / "mapping.txt"), machine.hierarchy);
  result.stats = ReadStats(ReadText(folder / "stats.txt"), machine.multiplier);
  result.widths = machine.widths;
  result.hierarchy = std::move(machine.hierarchy);
  return result;
}

}  // namespace

std::vector<TimeloopCase> ReadTimeloopCases() {
  std::vector<TimeloopCase> cases;
  for (const auto& entry : fs::recursive_directory_iterator(TIMELOOP_CASES)) {
    if (entry.path().filename() == "input.yaml") {
      cases.push_back(ReadCase(entry.path().parent_path()));
    }
  }
  EXPECT_FALSE(cases.empty()) << TIMELOOP_CASES;
  std::ranges::sort(cases, {}, &TimeloopCase::name);
  return cases;
}

}  // namespace bitscape::cost_models
