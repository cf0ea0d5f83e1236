#include "client/cli/accelerator_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

using Memory = v1::AcceleratorSpec::Memory;

constexpr std::array<Memory::Operand, 3> kTensors = {Memory::WEIGHTS, Memory::INPUTS,
                                                     Memory::OUTPUTS};

// "weights", "row-stationary": an enum's name as a word.
std::string Word(std::string name, char joint) {
  for (char& c : name) {
    c = c == '_' ? joint : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name;
}

bool Holds(const Memory& memory, Memory::Operand tensor) {
  return std::find(memory.holds().begin(), memory.holds().end(), tensor) != memory.holds().end();
}

std::string TensorsOf(const Memory& memory) {
  std::vector<std::string> words;
  for (const Memory::Operand tensor : kTensors) {
    if (Holds(memory, tensor)) words.push_back(Word(Memory::Operand_Name(tensor), ' '));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string CapacityOf(const Memory& memory) {
  if (memory.capacity_bytes() <= 0) return "unbounded";
  std::string text = Bytes(memory.capacity_bytes());
  const int instances = std::max(1, memory.instances_x()) * std::max(1, memory.instances_y());
  if (memory.per_pe()) text += " in each element";
  if (!memory.per_pe() && instances > 1) text = fmt::format("{} x {}", instances, text);
  if (memory.banks() > 1) text += fmt::format(", {} banks", memory.banks());
  if (memory.double_buffered()) text += ", double-buffered";
  return text;
}

std::string BandwidthOf(const Memory& memory) {
  std::vector<std::string> parts;
  const auto add = [&](double bits, const char* what) {
    if (bits > 0) parts.push_back(fmt::format("{} bits a cycle{}", Number(bits), what));
  };
  add(memory.bandwidth_bits_per_cycle(), "");
  add(memory.read_bits_per_cycle(), " read");
  add(memory.write_bits_per_cycle(), " written");
  return parts.empty() ? "no limit" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string KindOf(const Memory& memory) {
  return memory.kind() == Memory::REGISTER_FILE ? "registers" : Memory::Kind_Name(memory.kind());
}

std::string ArrayText(const v1::AcceleratorSpec& spec) {
  const int elements = spec.array_rows() * spec.array_columns();
  const int length = std::max(1, spec.design().dot_length());
  std::string text = fmt::format("{} x {} = {} elements", spec.array_rows(), spec.array_columns(),
                                 Count(elements));
  if (length > 1) {
    text += fmt::format(", dot products of {}: {} multipliers", length,
                        Count(static_cast<double>(elements) * length));
  }
  return text;
}

// Lines in a frame of `width` inside.
std::string Box(const std::vector<std::string>& lines, size_t width) {
  const std::string edge = fmt::format("  +{:-<{}}+\n", "", width + 2);
  std::string text = edge;
  for (const std::string& line : lines) text += fmt::format("  | {:<{}} |\n", line, width);
  return text + edge;
}

// What moves between `memory` and the next one inwards, and what goes past that one.
std::string Link(const Memory& memory, const Memory* inner) {
  std::vector<std::string> into, past;
  for (const Memory::Operand tensor : kTensors) {
    if (!Holds(memory, tensor)) continue;
    const bool stops = inner == nullptr || Holds(*inner, tensor);
    (stops ? into : past).push_back(Word(Memory::Operand_Name(tensor), ' '));
  }
  std::string text = "       |  ";
  text += into.empty() ? "" : fmt::format("{}", fmt::join(into, ", "));
  if (!past.empty()) {
    text += fmt::format("{}past {}: {}", into.empty() ? "" : "; ", inner->name(),
                        fmt::join(past, ", "));
  }
  return text + "\n";
}

std::vector<std::string> ArrayLines(const v1::AcceleratorSpec& spec) {
  std::vector<std::string> lines = {
      fmt::format("array  {}", ArrayText(spec)),
      fmt::format("       {}, {} GHz", DataflowText(spec), Number(spec.clock_ghz()))};
  if (spec.datapaths().empty()) {
    lines.push_back(fmt::format("MACs   {}, as wide as each plan needs", spec.mac_family()));
  }
  for (const auto& datapath : spec.datapaths()) {
    lines.push_back(fmt::format("MACs   {} x {} + {}, {}", datapath.weights(),
                                datapath.activations(), datapath.accumulator(),
                                datapath.family().empty() ? spec.mac_family() : datapath.family()));
  }
  return lines;
}

std::vector<std::string> MemoryLines(const Memory& memory) {
  return {fmt::format("{}  {}, {}", memory.name(), KindOf(memory), CapacityOf(memory)),
          fmt::format("  {} bits wide, {}", memory.width_bits(), BandwidthOf(memory)),
          fmt::format("  holds {}", TensorsOf(memory))};
}

Table MemoryTable(const v1::AcceleratorSpec& spec) {
  Table table;
  table.columns = {{"MEMORY"},    {"KIND"},      {"CAPACITY"}, {"WIDTH", Align::kRight},
                   {"BANDWIDTH"}, {"PRIMITIVE"}, {"HOLDS"}};
  for (const Memory& memory : spec.memories()) {
    table.rows.push_back({memory.name(), KindOf(memory), CapacityOf(memory),
                          fmt::format("{} bits", memory.width_bits()), BandwidthOf(memory),
                          memory.primitive(), TensorsOf(memory)});
  }
  return table;
}

std::string PriceText(const v1::MachinePrice& price) {
  Table areas;
  areas.columns = {{"PART"}, {"AREA", Align::kRight}, {"SHARE", Align::kRight}};
  for (const auto& area : price.area()) {
    areas.rows.push_back(
        {area.component(), Area(area.area_um2()), Percent(area.area_um2() / price.area_um2())});
  }
  areas.rows.push_back({"all", Area(price.area_um2()), Percent(1)});
  Table datapaths;
  datapaths.columns = {{"DATAPATH"},
                       {"FAMILY"},
                       {"ENERGY A MAC", Align::kRight},
                       {"AREA A MULTIPLIER", Align::kRight},
                       {"MACS A CYCLE", Align::kRight},
                       {"SOURCE"}};
  for (const auto& datapath : price.datapaths()) {
    datapaths.rows.push_back({datapath.operands(), datapath.family(), Energy(datapath.energy_pj()),
                              Area(datapath.area_um2()), Number(datapath.macs_per_cycle()),
                              datapath.source()});
  }
  return RenderTable(areas, false) + "\n" + RenderTable(datapaths, false);
}

}  // namespace

std::string DataflowText(const v1::AcceleratorSpec& spec) {
  std::string text = Word(v1::AcceleratorSpec::Dataflow_Name(spec.dataflow()), '-');
  const std::string searched = "-searched";
  const size_t at = text.find(searched);
  return at == std::string::npos ? text : text.substr(0, at) + " (searched)";
}

std::string DatapathsText(const v1::AcceleratorSpec& spec) {
  if (spec.datapaths().empty()) return "as wide as each plan needs";
  std::vector<std::string> datapaths;
  for (const auto& datapath : spec.datapaths()) {
    datapaths.push_back(fmt::format("{} x {} + {}", datapath.weights(), datapath.activations(),
                                    datapath.accumulator()));
  }
  return fmt::format("{}", fmt::join(datapaths, "; "));
}

std::string BlockDiagram(const v1::AcceleratorSpec& spec) {
  std::vector<std::vector<std::string>> boxes;
  std::vector<std::string> links;
  const Memory* inner = nullptr;
  // From the array outwards, as the file has them; drawn the other way round.
  boxes.push_back(ArrayLines(spec));
  for (const Memory& memory : spec.memories()) {
    links.push_back(Link(memory, inner));
    boxes.push_back(MemoryLines(memory));
    inner = &memory;
  }
  size_t width = 0;
  for (const auto& box : boxes) {
    for (const std::string& line : box) width = std::max(width, line.size());
  }
  std::string text;
  for (size_t i = boxes.size(); i-- > 0;) {
    text += Box(boxes[i], width);
    if (i > 0) text += links[i - 1];
  }
  return text;
}

View ViewOf(const v1::Accelerator& accelerator, const v1::MachinePrice* price) {
  const v1::AcceleratorSpec& spec = accelerator.spec();
  View view;
  view.facts = {{"accelerator", accelerator.name()},
                {"description", spec.description()},
                {"digest", accelerator.digest()},
                {"technology", spec.supply_v() > 0 ? fmt::format("{}, {} V", spec.technology(),
                                                                 Number(spec.supply_v()))
                                                   : spec.technology()},
                {"MAC family", spec.mac_family()},
                {"array", ArrayText(spec)},
                {"clock", fmt::format("{} GHz", Number(spec.clock_ghz()))},
                {"dataflow", DataflowText(spec)},
                {"datapaths", DatapathsText(spec)}};
  for (int i = 0; i < spec.sources_size(); ++i) {
    view.facts.emplace_back(i == 0 ? "sources" : "", spec.sources(i));
  }
  view.table = MemoryTable(spec);
  view.note = BlockDiagram(spec);
  if (price != nullptr) {
    view.facts.emplace_back("peak",
                            fmt::format("{} GMAC/s", Number(price->peak_macs_per_second() / 1e9)));
    view.note += fmt::format("\n{}", PriceText(*price));
    if (spec.datapaths().empty()) {
      view.note += fmt::format(
          "\nPriced for {} with {} products a sum: the machine is built for "
          "each plan.\n",
          ShortPlan(price->plan()), price->reduction_length());
    }
  }
  view.note.pop_back();
  return view;
}

View ViewOf(const v1::ListAcceleratorsResponse& accelerators) {
  View view;
  view.table.columns = {{"ACCELERATOR"}, {"NODE"}, {"ARRAY"},    {"CLOCK", Align::kRight},
                        {"DATAFLOW"},    {"MACS"}, {"DATAPATHS"}};
  constexpr size_t kLongest = 60;
  for (const v1::Accelerator& accelerator : accelerators.accelerators()) {
    const v1::AcceleratorSpec& spec = accelerator.spec();
    std::string datapaths = DatapathsText(spec);
    if (datapaths.size() > kLongest) {
      datapaths = fmt::format("{}; ... {} in all", datapaths.substr(0, datapaths.find(';')),
                              spec.datapaths_size());
    }
    view.table.rows.push_back({LastPart(accelerator.name()), spec.technology(),
                               fmt::format("{}x{}", spec.array_rows(), spec.array_columns()),
                               fmt::format("{} GHz", Number(spec.clock_ghz())), DataflowText(spec),
                               spec.mac_family(), datapaths});
  }
  return view;
}

}  // namespace bitscape::cli
