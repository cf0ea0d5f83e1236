#include "cost_models/technology/readings.h"

namespace bitscape::cost_models {

std::vector<Reading> AllReadings(const TechnologyOptions& base) {
  std::vector<Reading> readings = {{"base", base}};
  const auto add = [&](std::string label, auto edit) {
    TechnologyOptions options = base;
    edit(&options);
    if (options != base) readings.push_back({std::move(label), options});
  };
  add("registers aladdin", [](auto* o) { o->registers = RegisterSource::kAladdin; });
  add("registers none", [](auto* o) { o->registers = RegisterSource::kNone; });
  add("areas horowitz", [](auto* o) { o->areas = AreaSource::kHorowitz; });
  add("areas gate_counts", [](auto* o) { o->areas = AreaSource::kGateCounts; });
  add("sram horowitz", [](auto* o) { o->sram = SramSource::kHorowitz; });
  add("sram cacti_lop", [](auto* o) { o->sram = SramSource::kCactiLop; });
  add("sram cacti_hp", [](auto* o) { o->sram = SramSource::kCactiHp; });
  add("activity 0.45", [](auto* o) { o->activity = kSynthesisActivity; });
  add("activity 1", [](auto* o) { o->activity = 1; });
  add("leakage", [](auto* o) { o->leakage = true; });
  add("no leakage", [](auto* o) { o->leakage = false; });
  for (const std::string& node : TechnologyNodes()) {
    if (node == base.node) continue;
    add("node " + node, [&](auto* o) {
      o->node = node;
      o->supply_v = 0;
    });
  }
  return readings;
}

}  // namespace bitscape::cost_models
