#include "client/cli/network_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

using Cells = std::vector<std::string>;

std::string Range(int low, int high) {
  return low == high ? Count(low) : fmt::format("{}-{}", Count(low), Count(high));
}

// "layer*.q_proj" for "layer12.q_proj"; other names stay.
std::string WithoutNumber(const std::string& name) {
  constexpr std::string_view kPrefix = "layer";
  const size_t dot = name.find('.');
  const bool numbered = dot != std::string::npos && dot > kPrefix.size() &&
                        name.starts_with(kPrefix) &&
                        name.find_first_not_of("0123456789", kPrefix.size()) == dot;
  return numbered ? fmt::format("{}*{}", kPrefix, name.substr(dot)) : name;
}

// Without the name.
Cells CellsOf(const v1::Network::Layer& layer) {
  return {layer.kind(),
          layer.kernel(),
          Count(layer.channels()),
          Count(layer.filters()),
          Count(layer.groups()),
          std::to_string(layer.stride()),
          fmt::format("{}x{}", layer.output_height(), layer.output_width()),
          Count(layer.weights()),
          Count(layer.macs()),
          Count(layer.reduction_length()),
          std::to_string(layer.reduction_bits())};
}

struct Row {
  std::string first_name;
  std::string shared_name;
  Cells cells;
  int times = 0;
};

std::vector<Row> RowsOf(const v1::Network& network) {
  std::vector<Row> rows;
  std::map<std::pair<std::string, Cells>, size_t> known;
  for (const v1::Network::Layer& layer : network.layers()) {
    const std::string shared = WithoutNumber(layer.name());
    const Cells cells = CellsOf(layer);
    const auto [found, fresh] = known.try_emplace({shared, cells}, rows.size());
    if (fresh) rows.push_back({layer.name(), shared, cells, 0});
    ++rows[found->second].times;
  }
  return rows;
}

std::string Layers(int count) {
  return fmt::format("{} {}", Count(count), count == 1 ? "layer" : "layers");
}

Cells TotalCells(const v1::Network::Totals& totals) {
  return {Layers(totals.layers()),
          totals.kind(),
          fmt::format("{}", fmt::join(totals.filter_sizes(), " ")),
          Range(totals.min_channels(), totals.max_channels()),
          Range(totals.min_filters(), totals.max_filters()),
          "",
          "",
          "",
          Count(totals.weights()),
          Count(totals.macs()),
          Count(totals.max_reduction_length()),
          std::to_string(totals.max_reduction_bits())};
}

// All kinds in one.
Cells SumCells(const v1::Network& network) {
  double longest = 0;
  int bits = 0;
  int layers = 0;
  for (const v1::Network::Totals& totals : network.totals()) {
    longest = std::max(longest, totals.max_reduction_length());
    bits = std::max(bits, totals.max_reduction_bits());
    layers += totals.layers();
  }
  return {Layers(layers),
          "all",
          "",
          "",
          "",
          "",
          "",
          "",
          Count(network.weights()),
          Count(network.macs()),
          Count(longest),
          std::to_string(bits)};
}

Table LayerTable(const v1::Network& network) {
  Table table;
  table.columns = {{"LAYER"},
                   {"TYPE"},
                   {"RxS"},
                   {"C", Align::kRight},
                   {"M", Align::kRight},
                   {"GROUPS", Align::kRight},
                   {"STRIDE", Align::kRight},
                   {"PxQ"},
                   {"WEIGHTS", Align::kRight},
                   {"MACS", Align::kRight},
                   {"RSC", Align::kRight},
                   {"LOG2", Align::kRight}};
  const std::vector<Row> rows = RowsOf(network);
  const bool repeats =
      std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.times > 1; });
  for (const Row& row : rows) {
    Cells& cells = table.rows.emplace_back(row.cells);
    cells.insert(cells.begin(), row.times > 1 ? row.shared_name : row.first_name);
    if (repeats) cells.push_back(std::to_string(row.times));
  }
  std::vector<Cells> totals;
  for (const v1::Network::Totals& kind : network.totals()) totals.push_back(TotalCells(kind));
  if (totals.size() > 1) totals.push_back(SumCells(network));
  for (Cells& cells : totals) {
    if (repeats) cells.emplace_back();
    table.rows.push_back(std::move(cells));
  }
  if (repeats) table.columns.push_back({"TIMES", Align::kRight});
  return table;
}

std::string Parameters(const v1::Network& network) {
  std::string text = Count(network.parameters());
  if (network.embedding_parameters() > 0) {
    text += fmt::format(", of embeddings {}", Count(network.embedding_parameters()));
  }
  if (network.other_parameters() > 0) {
    text += fmt::format(", outside layers {}", Count(network.other_parameters()));
  }
  return text;
}

std::string Kind(const v1::Network& network) {
  return network.has_weights()
             ? network.kind()
             : fmt::format("{}, no weights: can be priced, not evaluated", network.kind());
}

}  // namespace

View ViewOf(const v1::Network& network) {
  View view;
  view.facts = {{"network", network.name()},
                {"kind", Kind(network)},
                {"source", network.source()},
                {"digest", network.digest()},
                {"input", fmt::format("{}", fmt::join(network.input_shape(), "x"))},
                {"outputs", Count(network.outputs())},
                {"MACs", Count(network.macs())},
                {"weights", Count(network.weights())},
                {"parameters", Parameters(network)}};
  if (!network.omitted().empty()) view.facts.emplace_back("not in layers", network.omitted());
  if (network.layers().empty()) return view;
  view.table = LayerTable(network);
  view.note =
      "C: channels that a filter reads (of one group); M: filters of all groups; of a product, P "
      "is its rows. RSC: products in a sum; LOG2: bits that they add to an exact sum, rounded up.";
  return view;
}

Table TableOf(const v1::ListNetworksResponse& networks) {
  Table table;
  table.columns = {{"NETWORK"},
                   {"KIND"},
                   {"INPUT"},
                   {"OUTPUTS", Align::kRight},
                   {"MACS", Align::kRight},
                   {"WEIGHTS", Align::kRight},
                   {"SOURCE"}};
  for (const v1::Network& network : networks.networks()) {
    table.rows.push_back(
        {LastPart(network.name()), network.kind(),
         fmt::format("{}", fmt::join(network.input_shape(), "x")), Count(network.outputs()),
         Count(network.macs()), Count(network.weights()),
         network.error().empty() ? network.source() : "unreadable: " + network.error()});
  }
  return table;
}

}  // namespace bitscape::cli
