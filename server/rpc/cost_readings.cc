#include "server/rpc/cost_readings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

using cost_models::AreaSource;
using cost_models::RegisterSource;
using cost_models::SramSource;
using cost_models::TechnologyOptions;

template <typename Value>
using Names = std::vector<std::pair<std::string, Value>>;

const Names<RegisterSource>& Registers() {
  static const Names<RegisterSource> names = {{"aladdin", RegisterSource::kAladdin},
                                              {"none", RegisterSource::kNone}};
  return names;
}
const Names<AreaSource>& Areas() {
  static const Names<AreaSource> names = {{"horowitz", AreaSource::kHorowitz},
                                          {"gate_counts", AreaSource::kGateCounts}};
  return names;
}
const Names<SramSource>& Srams() {
  static const Names<SramSource> names = {{"horowitz", SramSource::kHorowitz},
                                          {"cacti_lop", SramSource::kCactiLop},
                                          {"cacti_hp", SramSource::kCactiHp}};
  return names;
}

absl::Status Unknown(const std::string& field, const std::string& name,
                     const std::vector<std::string>& known) {
  return FieldError(field, fmt::format("there is no '{}': known are {}{}", Excerpt(name),
                                       fmt::join(known, ", "), DidYouMean(name, known)));
}

// Sets `value` to what `name` stands for; an empty name leaves it.
template <typename Value>
absl::Status Choose(const Names<Value>& names, const std::string& name, const std::string& field,
                    Value* value) {
  if (name.empty()) {
    return absl::OkStatus();
  }
  std::vector<std::string> known;
  for (const auto& [text, choice] : names) {
    if (text == name) {
      *value = choice;
      return absl::OkStatus();
    }
    known.push_back(text);
  }
  return Unknown(field, name, known);
}

template <typename Value>
std::string NameOf(const Names<Value>& names, Value value) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const auto& entry) { return entry.second == value; });
  return found == names.end() ? "" : found->first;
}

}  // namespace

absl::StatusOr<TechnologyOptions> ReadingOf(const v1::CostReading& reading,
                                            const cost_models::Accelerator& accelerator,
                                            std::string_view field) {
  const auto at = [&](std::string_view name) { return fmt::format("{}.{}", field, name); };
  TechnologyOptions options = cost_models::TechnologyOf(accelerator);
  if (!reading.node().empty() && reading.node() != options.node) {
    const std::vector<std::string> nodes = cost_models::TechnologyNodes();
    if (std::find(nodes.begin(), nodes.end(), reading.node()) == nodes.end()) {
      return Unknown(at("node"), reading.node(), nodes);
    }
    options.node = reading.node();
    options.supply_v = 0;
  }
  // Errors of these two name what is allowed.
  if (reading.supply_v() != 0) {
    options.supply_v = reading.supply_v();
    if (const auto made = cost_models::Technology::Make(options); !made.ok()) {
      return AtField(at("supply_v"), made.status());
    }
  }
  if (reading.activity() != 0) {
    options.activity = reading.activity();
    if (const auto made = cost_models::Technology::Make(options); !made.ok()) {
      return AtField(at("activity"), made.status());
    }
  }
  BITSCAPE_RETURN_IF_ERROR(
      Choose(Registers(), reading.registers(), at("registers"), &options.registers));
  BITSCAPE_RETURN_IF_ERROR(Choose(Areas(), reading.areas(), at("areas"), &options.areas));
  BITSCAPE_RETURN_IF_ERROR(Choose(Srams(), reading.sram(), at("sram"), &options.sram));
  options.leakage = options.leakage || reading.leakage();
  return options;
}

v1::CostReading ToProto(const TechnologyOptions& options) {
  v1::CostReading proto;
  proto.set_node(options.node);
  const auto technology = cost_models::Technology::Make(options);
  proto.set_supply_v(technology.ok() ? technology->SupplyVolts() : options.supply_v);
  proto.set_activity(options.activity);
  proto.set_registers(NameOf(Registers(), options.registers));
  proto.set_areas(NameOf(Areas(), options.areas));
  proto.set_sram(NameOf(Srams(), options.sram));
  proto.set_leakage(options.leakage);
  return proto;
}

}  // namespace bitscape::server
