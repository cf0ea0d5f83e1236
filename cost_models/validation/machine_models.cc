// Figures of whole machines, from their accelerator files.
#include <fmt/format.h>

#include <algorithm>

#include "cost_models/accelerators/cost_model.h"
#include "cost_models/accelerators/machine.h"
#include "cost_models/memory/memory.h"
#include "cost_models/technology/readings.h"
#include "cost_models/validation/figures.h"
#include "cost_models/validation/operands_of.h"
#include "engine/core/status.h"
#include "engine/network/shape_networks.h"

namespace bitscape::cost_models {
namespace {

using network::MacShape;

constexpr double kGiga = 1e9;
// A two-input NAND of 65 nm standard cells, as YodaNN's authors count (1.9 mm2 are 1.33 MGE at
// usual density).
constexpr double kNand2Um2 = 1.44;

absl::StatusOr<Accelerator> Find(const Session& session, const std::string& name) {
  absl::StatusOr<Accelerator> found = session.context.find_accelerator(name);
  if (!found.ok()) {
    return absl::UnavailableError(
        fmt::format("no machine \"{}\": {}", name, std::string(found.status().message())));
  }
  return found;
}

absl::StatusOr<std::vector<MacShape>> AlexNet() {
  BITSCAPE_ASSIGN_OR_RETURN(const network::ShapeNetwork found,
                            network::FindShapeNetwork("alexnet"));
  std::vector<MacShape> layers = network::MacShapes(found.network);
  std::erase_if(layers, [](const MacShape& layer) { return layer.op != "conv"; });
  return layers;
}

struct Formats {
  std::string weights, activations, accumulator;
};
// The figure's, else those of the machine's first datapath.
absl::StatusOr<Formats> FormatsOf(const Figure& figure, const Accelerator& machine) {
  Formats formats;
  if (!machine.datapaths.empty()) {
    const Datapath& first = machine.datapaths.front();
    formats = {first.weights.ToString(), first.activations.ToString(),
               first.accumulator.ToString()};
  }
  formats.weights = figure.TextOr("weights", formats.weights);
  formats.activations = figure.TextOr("activations", formats.activations);
  formats.accumulator = figure.TextOr("accumulator", formats.accumulator);
  if (formats.weights.empty()) {
    return absl::InvalidArgumentError("the machine has no datapaths; the figure names no formats");
  }
  return formats;
}

absl::StatusOr<CostReport> Estimate(const Session& session, const Accelerator& machine,
                                    const std::vector<MacShape>& layers,
                                    const std::vector<Formats>& formats) {
  quantize::ResolvedPlan plan;
  for (const Formats& layer : formats) {
    quantize::LayerPrecision& precision = plan.layers.emplace_back();
    BITSCAPE_ASSIGN_OR_RETURN(precision.weights, formats::ParseQuantizer(layer.weights));
    BITSCAPE_ASSIGN_OR_RETURN(precision.activations, formats::ParseQuantizer(layer.activations));
    BITSCAPE_ASSIGN_OR_RETURN(precision.accumulator, quantize::ParseAccumulator(layer.accumulator));
  }
  TechnologyOptions options = session.reading;
  options.node = TechnologyOf(machine).node;
  options.supply_v = TechnologyOf(machine).supply_v;
  BITSCAPE_ASSIGN_OR_RETURN(const CostOutcome outcome,
                            AnalyticCostModel().Estimate(layers, plan, machine, options));
  if (const auto* const infeasible = std::get_if<Infeasible>(&outcome)) {
    return absl::FailedPreconditionError(infeasible->reason);
  }
  return std::get<CostReport>(outcome);
}

// AlexNet's third convolution: wide enough to fill the arrays.
absl::StatusOr<CostReport> EstimateOneLayer(const Session& session, const Accelerator& machine,
                                            const Formats& formats, size_t index = 2) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<MacShape> layers, AlexNet());
  if (index >= layers.size()) {
    return absl::InvalidArgumentError(fmt::format("layer {} is not there", index));
  }
  return Estimate(session, machine, {layers[index]}, {formats});
}

// In pJ, of everything but off-chip memory.
double OnChipEnergy(const CostReport& report, const Accelerator& machine) {
  double sum = 0;
  for (const LayerCost& layer : report.layers) {
    for (const EnergyItem& item : layer.energy) {
      if (!item.component.starts_with(machine.memories.back().name)) sum += item.energy_pj;
    }
  }
  return sum;
}

double Macs(const CostReport& report) {
  double sum = 0;
  for (const LayerCost& layer : report.layers) sum += layer.macs;
  return sum;
}

double PeakTops(const CostReport& report) {
  return 2 * report.multipliers * report.layers.front().macs_per_cycle * report.clock_ghz * kGiga /
         1e12;
}

double TopsPerWatt(const CostReport& report, const Accelerator& machine) {
  return 2 * Macs(report) / OnChipEnergy(report, machine);
}

struct Run {
  Accelerator machine;
  CostReport report;
};
absl::StatusOr<Run> RunOneLayer(const Figure& figure, const Session& session) {
  Run run;
  BITSCAPE_ASSIGN_OR_RETURN(run.machine, Find(session, figure.Text("machine")));
  run.machine.supply_v = figure.NumberOr("volts", run.machine.supply_v);
  BITSCAPE_ASSIGN_OR_RETURN(const Formats formats, FormatsOf(figure, run.machine));
  BITSCAPE_ASSIGN_OR_RETURN(run.report, EstimateOneLayer(session, run.machine, formats));
  return run;
}

absl::StatusOr<double> Peak(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Run run, RunOneLayer(figure, session));
  return PeakTops(run.report);
}

// With the register files as memories of standard cells: a register's area a bit.
absl::StatusOr<double> CellMemoryMm2(const Run& run, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(run.machine.technology));
  double um2 = run.report.AreaUm2();
  for (const MemoryLevel& level : run.machine.memories) {
    if (level.kind != MemoryKind::kRegisterFile) continue;
    for (const AreaItem& item : run.report.area) {
      if (item.component == level.name) um2 -= item.area_um2;
    }
    um2 += 8 * level.capacity_bytes * InstancesOf(run.machine, level) *
           technology.Register(1).area_um2;
  }
  return um2 / 1e6;
}

absl::StatusOr<double> MachineMm2(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Run run, RunOneLayer(figure, session));
  return run.report.AreaUm2() / 1e6;
}

absl::StatusOr<double> AreaMm2(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Run run, RunOneLayer(figure, session));
  return CellMemoryMm2(run, session);
}

absl::StatusOr<double> MegaGates(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const double mm2, AreaMm2(figure, session));
  return mm2 / kNand2Um2;
}

absl::StatusOr<double> TopsPerMegaGate(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Run run, RunOneLayer(figure, session));
  BITSCAPE_ASSIGN_OR_RETURN(const double mm2, CellMemoryMm2(run, session));
  return PeakTops(run.report) / (mm2 / kNand2Um2);
}

absl::StatusOr<double> Efficiency(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Run run, RunOneLayer(figure, session));
  return TopsPerWatt(run.report, run.machine);
}

struct Gain {
  Accelerator machine;
  CostReport wide, narrow;  // weights of 16 bits, and of one
};
absl::StatusOr<Gain> RunGain(const Figure& figure, const Session& session) {
  Gain gain;
  BITSCAPE_ASSIGN_OR_RETURN(gain.machine, Find(session, figure.Text("machine")));
  BITSCAPE_ASSIGN_OR_RETURN(gain.wide,
                            EstimateOneLayer(session, gain.machine, {"int16", "int16", "int32"}));
  BITSCAPE_ASSIGN_OR_RETURN(gain.narrow,
                            EstimateOneLayer(session, gain.machine, {"binary", "int16", "int32"}));
  return gain;
}

absl::StatusOr<double> EfficiencyGain(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Gain gain, RunGain(figure, session));
  return TopsPerWatt(gain.narrow, gain.machine) / TopsPerWatt(gain.wide, gain.machine);
}

absl::StatusOr<double> MacGain(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Gain gain, RunGain(figure, session));
  const auto energy = [](const CostReport& report) {
    for (const EnergyItem& item : report.layers.front().energy) {
      if (item.component == "mac") return item.energy_pj;
    }
    return 0.0;
  };
  return energy(gain.wide) / energy(gain.narrow);
}

// Units whose window of inputs is registered once and broadcast to all of them, at the activity
// that synthesis tools assume.
absl::StatusOr<double> BroadcastEfficiency(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Accelerator machine, Find(session, figure.Text("machine")));
  BITSCAPE_ASSIGN_OR_RETURN(const Formats formats, FormatsOf(figure, machine));
  TechnologyOptions options = session.reading;
  options.node = machine.technology;
  options.supply_v = figure.Number("volts");
  options.activity = kSynthesisActivity;
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, Technology::Make(options));
  BITSCAPE_ASSIGN_OR_RETURN(
      const MacOperands operands,
      OperandsOfFormats(formats.weights, formats.activations, formats.accumulator));
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost mac,
                            PriceMac(machine.mac_family, operands, machine.design, technology));
  const double input = technology.Register(operands.activation.bits).energy_pj;
  return 2 / (mac.energy_pj - input * (1 - 1 / ElementsOf(machine)));
}

// In microwatts, all units busy at the clock that the lowered supply allows.
absl::StatusOr<double> BroadcastPower(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Run run, RunOneLayer(figure, session));
  BITSCAPE_ASSIGN_OR_RETURN(const Accelerator file, Find(session, figure.Text("machine")));
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node(file.technology));
  BITSCAPE_ASSIGN_OR_RETURN(const double efficiency, BroadcastEfficiency(figure, session));
  const double fast =
      technology.DelayFactor(file.supply_v > 0 ? file.supply_v : technology.NominalVolts());
  const double slow = technology.DelayFactor(figure.Number("volts"));
  return PeakTops(run.report) * fast / slow / efficiency * 1e6;
}

struct Pair {
  Accelerator stripes, dadiannao;
  CostReport serial, parallel;
};
// AlexNet's convolutions with activations of the listed bits on Stripes, and of 16 on DaDianNao.
absl::StatusOr<Pair> RunStripes(const Figure& figure, const Session& session) {
  Pair pair;
  BITSCAPE_ASSIGN_OR_RETURN(pair.stripes, Find(session, "stripes"));
  BITSCAPE_ASSIGN_OR_RETURN(pair.dadiannao, Find(session, "dadiannao_like"));
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<MacShape> layers, AlexNet());
  const std::vector<double>& bits = figure.lists.find("bits")->second;
  if (bits.size() != layers.size()) {
    return absl::InvalidArgumentError(fmt::format(
        "bits has {} entries; the network has {} convolutions", bits.size(), layers.size()));
  }
  std::vector<Formats> narrow, full;
  for (const double width : bits) {
    narrow.push_back({"int16", fmt::format("int{}", static_cast<int>(width)), "int32"});
    full.push_back({"int16", "int16", "int32"});
  }
  BITSCAPE_ASSIGN_OR_RETURN(pair.serial, Estimate(session, pair.stripes, layers, narrow));
  BITSCAPE_ASSIGN_OR_RETURN(pair.parallel, Estimate(session, pair.dadiannao, layers, full));
  return pair;
}

absl::StatusOr<double> StripesSpeed(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Pair pair, RunStripes(figure, session));
  const auto cycles = [](const CostReport& report) {
    double sum = 0;
    for (const LayerCost& layer : report.layers) sum += layer.compute_cycles;
    return sum / report.clock_ghz;
  };
  return cycles(pair.parallel) / cycles(pair.serial);
}

absl::StatusOr<double> StripesEnergy(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Pair pair, RunStripes(figure, session));
  return OnChipEnergy(pair.parallel, pair.dadiannao) / OnChipEnergy(pair.serial, pair.stripes);
}

absl::StatusOr<double> StripesArea(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Pair pair, RunStripes(figure, session));
  return pair.serial.AreaUm2() / pair.parallel.AreaUm2();
}

absl::StatusOr<Run> RunEyeriss(const Figure& figure, const Session& session) {
  Run run;
  BITSCAPE_ASSIGN_OR_RETURN(run.machine, Find(session, figure.Text("machine")));
  BITSCAPE_ASSIGN_OR_RETURN(run.report,
                            EstimateOneLayer(session, run.machine, {"int16", "int16", "int32"},
                                             static_cast<size_t>(figure.Number("layer"))));
  return run;
}

absl::StatusOr<double> EyerissPower(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Run run, RunEyeriss(figure, session));
  return OnChipEnergy(run.report, run.machine) * 1e-9 / run.report.LatencySeconds();
}

absl::StatusOr<double> EyerissTime(const Figure& figure, const Session& session) {
  constexpr double kImages = 4, kMillisecond = 1e-3;
  BITSCAPE_ASSIGN_OR_RETURN(const Run run, RunEyeriss(figure, session));
  return kImages * run.report.LatencySeconds() / kMillisecond;
}

absl::StatusOr<double> EyerissActive(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Run run, RunEyeriss(figure, session));
  return 100 * run.report.layers.front().utilization;
}

// One 16-bit access over a 16-bit multiply-accumulate, 65 nm.
absl::StatusOr<double> EyerissNormalised(const Figure& figure, const Session& session) {
  constexpr int kBits = 16;
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node("65nm"));
  const MacOperands operands =
      OperandsOf(IntegerOperand(kBits), IntegerOperand(kBits), IntegerOperand(32));
  BITSCAPE_ASSIGN_OR_RETURN(const MacCost mac, PriceMac("native", operands, {}, technology));
  const std::string& what = figure.Text("what");
  if (what == "wire") return kBits * technology.WirePjPerBitMm() / mac.energy_pj;
  const bool dram = what == "dram", file = what == "register_file";
  BITSCAPE_ASSIGN_OR_RETURN(
      const MemoryCost cost,
      PriceMemory(dram   ? "dram"
                  : file ? "register_file"
                         : "sram",
                  dram ? 0 : (file ? 0.5 : 100) * 1024, dram || file ? kBits : 64, technology));
  return kBits * cost.read_pj_per_bit / mac.energy_pj;
}

}  // namespace

std::span<const Model> MachineModels() {
  static const auto* const kModels = new std::vector<Model>{
      {"machine_peak", {"machine"}, Peak},
      {"machine_area", {"machine"}, MachineMm2},
      {"cell_memory_area", {"machine"}, AreaMm2},
      {"cell_memory_gates", {"machine"}, MegaGates},
      {"cell_memory_throughput", {"machine"}, TopsPerMegaGate},
      {"machine_efficiency", {"machine"}, Efficiency},
      {"machine_efficiency_gain", {"machine"}, EfficiencyGain},
      {"machine_mac_gain", {"machine"}, MacGain},
      {"broadcast_power", {"machine", "volts"}, BroadcastPower},
      {"broadcast_efficiency", {"machine", "volts"}, BroadcastEfficiency},
      {"stripes_machine_speed", {"bits"}, StripesSpeed},
      {"stripes_machine_energy", {"bits"}, StripesEnergy},
      {"stripes_machine_area", {"bits"}, StripesArea},
      {"eyeriss_power", {"machine", "layer"}, EyerissPower},
      {"eyeriss_time", {"machine", "layer"}, EyerissTime},
      {"eyeriss_active", {"machine", "layer"}, EyerissActive},
      {"eyeriss_normalised", {"what"}, EyerissNormalised},
  };
  return *kModels;
}

}  // namespace bitscape::cost_models
