#include "tests/cost_models/timeloop_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "proto/spec/yaml_tree.h"

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

// A node of a document; null where there is none.
class Yaml {
 public:
  Yaml(const spec::YamlTree* tree, int node) : tree_(tree), node_(node) {}

  explicit operator bool() const { return node_ >= 0; }
  Yaml operator[](std::string_view key) const {
    for (size_t i = 0; i + 1 < children().size(); i += 2) {
      if (at(children()[i]).scalar == key) return {tree_, children()[i + 1]};
    }
    return {tree_, -1};
  }
  std::vector<Yaml> Items() const {
    std::vector<Yaml> items;
    for (const int child : children()) items.emplace_back(tree_, child);
    return items;
  }
  std::string Text() const { return node_ < 0 ? "" : at(node_).scalar; }
  template <typename Number>
  Number As() const {
    const std::string text = Text();
    const std::optional<Number> number = NumberOf<Number>(text);
    EXPECT_TRUE(number.has_value()) << text;
    return number.value_or(0);
  }

 private:
  const spec::YamlNode& at(int node) const { return tree_->nodes[static_cast<size_t>(node)]; }
  const std::vector<int>& children() const {
    static const std::vector<int> kNone;
    return node_ < 0 ? kNone : at(node_).children;
  }

  const spec::YamlTree* tree_;
  int node_;
};

// "shared_glb[1..1]" is "shared_glb".
std::string PlainName(const std::string& name) { return name.substr(0, name.find('[')); }

Problem ReadProblem(const Yaml& node) {
  Problem problem;
  const Yaml instance = node["instance"];
  for (const Yaml& dim : node["shape"]["dimensions"].Items()) {
    const std::string name = dim.Text();
    problem.size[IndexOf(DimNamed(name[0]))] = instance[name].As<int64_t>();
  }
  // Inputs: [[N], [C], [[R, Wdilation], [P, Wstride]], ...]: which coefficient goes with which
  // index.
  for (const Yaml& space : node["shape"]["data_spaces"].Items()) {
    if (space["name"].Text() != "Inputs") continue;
    for (const Yaml& axis : space["projection"].Items()) {
      for (const Yaml& pair : axis.Items()) {
        const std::vector<Yaml> terms = pair.Items();
        if (terms.size() < 2) continue;
        const int64_t value = instance[terms[1].Text()].As<int64_t>();
        const std::string dim = terms[0].Text();
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

Machine ReadMachine(const Yaml& node) {
  Machine machine;
  int64_t inner_x = 1, inner_y = 1;  // instances of the next inner level
  const std::vector<Yaml> local = node["subtree"].Items().at(0)["local"].Items();
  for (size_t i = local.size(); i-- > 0;) {
    const Yaml attributes = local[i]["attributes"];
    const int64_t x = attributes["meshX"].As<int64_t>(), y = attributes["meshY"].As<int64_t>();
    const std::string name = PlainName(local[i]["name"].Text());
    if (i + 1 == local.size()) {
      machine.multiplier = name;
    } else {
      HierarchyLevel level;
      level.name = name;
      level.fanout_x = inner_x / x;
      level.fanout_y = inner_y / y;
      level.forwards_inputs = true;
      const double width = attributes["width"].As<double>();
      if (local[i]["class"].Text() == "dummy_storage") {
        level.may_hold = {false, false, false};
      } else if (attributes["depth"]) {
        level.capacity_bits = attributes["depth"].As<double>() * width;
      }
      const auto bits = [&](const char* bandwidth) {
        return attributes[bandwidth] ? attributes[bandwidth].As<double>() * width : 0.0;
      };
      level.read_bits_per_cycle = bits("read_bandwidth");
      level.write_bits_per_cycle = bits("write_bandwidth");
      level.shared_bits_per_cycle = bits("shared_bandwidth");
      if (level.may_hold[0]) machine.widths.bits.fill(attributes["datawidth"].As<double>());
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
void ReadFactors(const Yaml& target, PerDim<int64_t>* bounds) {
  if (!target["factors"]) return;
  const std::string text = target["factors"].Text();
  for (const std::string_view factor : Split(text, ',')) {
    (*bounds)[IndexOf(DimNamed(factor[0]))] = NumberOf<int64_t>(factor.substr(2)).value();
  }
}

MappingConstraints ReadConstraints(const Yaml& node, const Hierarchy& hierarchy) {
  MappingConstraints constraints;
  constraints.levels.resize(hierarchy.levels.size());
  for (const Yaml& target : node["targets"].Items()) {
    LevelConstraint& level = constraints.levels[LevelNamed(hierarchy, target["target"].Text())];
    const std::string type = target["type"].Text();
    if (type == "bypass") {
      for (const bool keeps : {true, false}) {
        for (const Yaml& tensor : target[keeps ? "keep" : "bypass"].Items()) {
          level.keeps[static_cast<size_t>(*TensorNamed(tensor.Text()))] = keeps;
        }
      }
    } else if (type == "temporal") {
      ReadFactors(target, &level.temporal);
      for (const char dim : target["permutation"].Text()) {
        level.order.push_back(DimNamed(dim));
      }
    } else {
      EXPECT_EQ(type, "spatial");
      ReadFactors(target, &level.spatial);
      // The first `split` dimensions go over x, the others over y.
      const std::string order = target["permutation"].Text();
      const size_t split = target["split"].As<size_t>();
      level.on_x.emplace();
      level.on_y.emplace();
      for (size_t i = 0; i < order.size(); ++i) {
        (*(i < split ? level.on_x : level.on_y))[IndexOf(DimNamed(order[i]))] = true;
      }
    }
  }
  return constraints;
}

AccessPrices ReadPrices(const Yaml& node, const Machine& machine,
                        std::vector<double>* leakage_per_cycle) {
  AccessPrices prices;
  prices.levels.resize(machine.hierarchy.levels.size());
  leakage_per_cycle->resize(machine.hierarchy.levels.size());
  for (const Yaml& table : node["tables"].Items()) {
    std::string name = table["name"].Text();
    name = PlainName(name.substr(name.find('.') + 1));
    AccessPrices::Price price;
    double leakage = 0;
    for (const Yaml& action : table["actions"].Items()) {
      const std::string what = action["name"].Text();
      const double energy = action["energy"].As<double>();
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
  const auto tree = spec::ParseYaml(ReadText(folder / "input.yaml"), "input.yaml");
  EXPECT_TRUE(tree.ok()) << tree.status();
  if (!tree.ok()) return result;
  const Yaml input(&*tree, tree->root);
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

// Those of the project, or others of the same form.
fs::path CasesFolder() {
  const char* const folder = std::getenv("BITSCAPE_TIMELOOP_CASES");
  return folder == nullptr ? TIMELOOP_CASES : folder;
}

}  // namespace

std::vector<TimeloopCase> ReadTimeloopCases() {
  std::vector<TimeloopCase> cases;
  for (const auto& entry : fs::recursive_directory_iterator(CasesFolder())) {
    if (entry.path().filename() == "input.yaml") {
      cases.push_back(ReadCase(entry.path().parent_path()));
    }
  }
  EXPECT_FALSE(cases.empty()) << CasesFolder();
  std::ranges::sort(cases, {}, &TimeloopCase::name);
  return cases;
}

}  // namespace bitscape::cost_models
