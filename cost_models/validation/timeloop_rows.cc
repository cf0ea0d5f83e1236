#include <fmt/format.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <optional>

#include "cost_models/mapping/search.h"
#include "cost_models/validation/comparisons.h"
#include "engine/core/files.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

using nlohmann::json;
using Role = ValidationRow::Role;

constexpr int64_t kMostBytes = 4 << 20;
constexpr double kCountBoundPercent = 0.1;

struct Case {
  std::string name;
  double energy = 0, cycles = 0;  // of Timeloop's mapping; energy without leakage
  Problem problem;
  Hierarchy hierarchy;
  ElementWidths widths;
  AccessPrices prices;
  MappingConstraints constraints;
  Mapping mapping;
};

// These throw where the file is not as it should be; the caller turns that into a status.
template <typename Value>
std::optional<Value> Optional(const json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<Value>();
}

Dim DimFrom(const json& value) {
  const auto index = value.get<size_t>();
  static_cast<void>(kDimNames.at(index));
  return static_cast<Dim>(index);
}

HierarchyLevel LevelFrom(const json& value) {
  HierarchyLevel level;
  level.name = value.at("name").get<std::string>();
  value.at("may_hold").get_to(level.may_hold);
  value.at("capacity_bits").get_to(level.capacity_bits);
  value.at("bits_per_cycle").at(0).get_to(level.read_bits_per_cycle);
  value.at("bits_per_cycle").at(1).get_to(level.write_bits_per_cycle);
  value.at("bits_per_cycle").at(2).get_to(level.shared_bits_per_cycle);
  value.at("fanout").at(0).get_to(level.fanout_x);
  value.at("fanout").at(1).get_to(level.fanout_y);
  value.at("multicast").get_to(level.multicast);
  value.at("forwards_inputs").get_to(level.forwards_inputs);
  value.at("double_buffered").get_to(level.double_buffered);
  return level;
}

LevelConstraint ConstraintFrom(const json& value) {
  LevelConstraint level;
  value.at("temporal").get_to(level.temporal);
  value.at("spatial").get_to(level.spatial);
  for (const json& dim : value.at("order")) level.order.push_back(DimFrom(dim));
  level.on_x = Optional<PerDim<bool>>(value.at("on_x"));
  level.on_y = Optional<PerDim<bool>>(value.at("on_y"));
  for (size_t tensor = 0; tensor < kTensors; ++tensor) {
    level.keeps[tensor] = Optional<bool>(value.at("keeps").at(tensor));
  }
  return level;
}

std::vector<Loop> LoopsFrom(const json& value) {
  std::vector<Loop> loops;
  for (const json& loop : value) {
    loops.push_back({DimFrom(loop.at(0)), loop.at(1).get<int64_t>()});
  }
  return loops;
}

Case CaseFrom(const json& value) {
  Case read;
  read.name = value.at("name").get<std::string>();
  value.at("energy").get_to(read.energy);
  value.at("cycles").get_to(read.cycles);
  const json& problem = value.at("problem");
  problem.at("size").get_to(read.problem.size);
  problem.at("stride").at(0).get_to(read.problem.stride_h);
  problem.at("stride").at(1).get_to(read.problem.stride_w);
  problem.at("dilation").at(0).get_to(read.problem.dilation_h);
  problem.at("dilation").at(1).get_to(read.problem.dilation_w);
  for (const json& level : value.at("levels")) read.hierarchy.levels.push_back(LevelFrom(level));
  value.at("widths").get_to(read.widths.bits);
  const json& prices = value.at("prices");
  prices.at("mac").get_to(read.prices.mac);
  prices.at("spatial_reduction").get_to(read.prices.spatial_reduction);
  for (const json& level : prices.at("levels")) {
    PerTensor<AccessPrices::Price>& tensors = read.prices.levels.emplace_back();
    for (size_t tensor = 0; tensor < kTensors; ++tensor) {
      const auto price = level.at(tensor).get<std::array<double, 4>>();
      tensors[tensor] = {price[0], price[1], price[2], price[3]};
    }
  }
  for (const json& level : value.at("constraints")) {
    read.constraints.levels.push_back(ConstraintFrom(level));
  }
  for (const json& level : value.at("mapping")) {
    LevelMapping& mapping = read.mapping.levels.emplace_back();
    mapping.temporal = LoopsFrom(level.at("temporal"));
    mapping.spatial_x = LoopsFrom(level.at("spatial_x"));
    mapping.spatial_y = LoopsFrom(level.at("spatial_y"));
    level.at("keeps").get_to(mapping.keeps);
  }
  return read;
}

struct Cases {
  std::string source;
  std::vector<Case> cases;
};

absl::StatusOr<Cases> ReadCases(const std::filesystem::path& path) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMostBytes));
  Cases read;
  try {
    const json file = json::parse(text);
    read.source = file.at("source").get<std::string>();
    for (const json& value : file.at("cases")) read.cases.push_back(CaseFrom(value));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        fmt::format("{}: case {}: {}", path.string(), read.cases.size() + 1, error.what()));
  }
  return read;
}

Figure FigureOf(const Case& subject, const std::string& source, std::string what,
                std::string_view unit, double published, double bound, std::string note) {
  Figure figure;
  figure.row.group = "timeloop";
  figure.row.name = fmt::format("{}: {}", subject.name, what);
  figure.row.unit = std::string(unit);
  figure.row.published = published;
  figure.row.bound_percent = bound;
  figure.row.role = Role::kValidation;
  figure.row.source = source;
  figure.row.note = std::move(note);
  return figure;
}

}  // namespace

absl::StatusOr<std::vector<ValidationRow>> TimeloopRows(const Session& session) {
  const std::filesystem::path path = session.context.data / "timeloop.json";
  BITSCAPE_ASSIGN_OR_RETURN(const Cases read, ReadCases(path));
  std::vector<ValidationRow> rows;
  for (const Case& subject : read.cases) {
    const absl::StatusOr<MappingCounts> counts =
        CountMapping(subject.problem, subject.hierarchy, subject.mapping, subject.widths);
    if (!counts.ok()) {
      return Annotate(counts.status(), fmt::format("{}: {}", path.string(), subject.name));
    }
    const std::string_view unit = subject.name.find("norm") == std::string::npos ? "pJ" : "MACs";
    rows.push_back(
        Compare(FigureOf(subject, read.source, "its mapping, energy", unit, subject.energy,
                         kCountBoundPercent, "its prices, our counts of accesses; without leakage"),
                EnergyPj(*counts, subject.prices)));
    rows.push_back(Compare(FigureOf(subject, read.source, "its mapping, cycles", "cycles",
                                    subject.cycles, kCountBoundPercent, ""),
                           LatencyOf(*counts, subject.hierarchy, subject.widths, 1).cycles));
    const absl::StatusOr<MappingResult> best =
        SearchMapping(subject.problem, subject.hierarchy, subject.constraints, subject.widths,
                      subject.prices, {});
    if (!best.ok()) {
      return Annotate(best.status(), fmt::format("{}: {}", path.string(), subject.name));
    }
    Figure found = FigureOf(subject, read.source, "best mapping, energy", unit, subject.energy, 0,
                            fmt::format("at most its best; ours is at most {:.0f} % above the "
                                        "least possible",
                                        100 * (best->energy_pj / best->lower_bound - 1)));
    found.relation = Figure::Relation::kAtMost;
    rows.push_back(Compare(found, best->energy_pj));
  }
  return rows;
}

}  // namespace bitscape::cost_models
