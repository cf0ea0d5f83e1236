#include "cost_models/validation/psma_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <set>

#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

constexpr std::string_view kHeader =
    "clock_ns,design,area_um2,register_um2,fj_8x8,fj_8x4,fj_8x2,fj_4x4,fj_2x2";
constexpr PsmaPrecision kColumns[] = {{8, 8}, {8, 4}, {8, 2}, {4, 4}, {2, 2}};
constexpr size_t kFixedColumns = 4;

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

absl::StatusOr<PsmaRow> ReadRow(std::string_view line) {
  const std::vector<std::string_view> cells = Split(line, ',');
  if (cells.size() != kFixedColumns + std::size(kColumns)) {
    return absl::InvalidArgumentError(
        fmt::format("{} columns; expected {}", cells.size(), kFixedColumns + std::size(kColumns)));
  }
  PsmaRow row;
  row.name = std::string(cells[1]);
  BITSCAPE_ASSIGN_OR_RETURN(row.design, ParsePsmaDesign(cells[1]));
  const auto number = [&](size_t at, double* out) {
    const char* const end = cells[at].data() + cells[at].size();
    const auto read = std::from_chars(cells[at].data(), end, *out);
    if (read.ec == std::errc{} && read.ptr == end && std::isfinite(*out) && *out > 0) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        fmt::format("column {} is \"{}\"; expected a number above 0", at + 1, cells[at]));
  };
  BITSCAPE_RETURN_IF_ERROR(number(0, &row.clock_ns));
  BITSCAPE_RETURN_IF_ERROR(number(2, &row.area_um2));
  BITSCAPE_RETURN_IF_ERROR(number(3, &row.register_um2));
  for (size_t i = 0; i < std::size(kColumns); ++i) {
    if (cells[kFixedColumns + i].empty()) continue;
    PsmaFigure figure{.precision = kColumns[i]};
    BITSCAPE_RETURN_IF_ERROR(number(kFixedColumns + i, &figure.fj_per_op));
    row.energies.push_back(figure);
  }
  return row;
}

std::vector<double> Ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (size_t i = first; i <= last; ++i) {
      ranks[order[i]] = static_cast<double>(first + last) / 2;
    }
    first = last + 1;
  }
  return ranks;
}

PsmaCorrelation Correlate(std::span<const double> model, std::span<const double> published) {
  PsmaCorrelation result;
  result.designs = static_cast<int>(model.size());
  result.rank_correlation = RankCorrelation(model, published);
  for (size_t i = 0; i < model.size(); ++i) {
    result.mean_ratio += model[i] / published[i] / static_cast<double>(model.size());
  }
  return result;
}

}  // namespace

absl::StatusOr<std::vector<PsmaRow>> ReadPsma(std::string_view csv) {
  std::vector<PsmaRow> rows;
  bool has_header = false;
  int number = 0;
  for (const std::string_view line : Split(csv, '\n')) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    if (!has_header) {
      if (line != kHeader) {
        return absl::InvalidArgumentError(
            fmt::format("line {}: \"{}\"; expected \"{}\"", number, line, kHeader));
      }
      has_header = true;
      continue;
    }
    absl::StatusOr<PsmaRow> row = ReadRow(line);
    if (!row.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("line {}: {}", number, std::string(row.status().message())));
    }
    rows.push_back(*std::move(row));
  }
  return rows;
}

double RankCorrelation(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> x = Ranks(a), y = Ranks(b);
  const double mean = (static_cast<double>(x.size()) - 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xy / std::sqrt(xx * yy);
}

std::vector<PsmaCorrelation> ComparePsma(std::span<const PsmaRow> rows,
                                         const Technology& technology, double spurious_per_level) {
  std::set<double> clocks;
  for (const PsmaRow& row : rows) clocks.insert(row.clock_ns);
  std::vector<PsmaCorrelation> results;
  for (const double clock_ns : clocks) {
    std::vector<double> model, published;
    const auto finish = [&](std::optional<PsmaPrecision> precision) {
      results.push_back(Correlate(model, published));
      results.back().clock_ns = clock_ns;
      results.back().precision = precision;
      model.clear();
      published.clear();
    };
    for (const PsmaRow& row : rows) {
      if (row.clock_ns != clock_ns) continue;
      model.push_back(PricePsma(row.design, {}, technology, spurious_per_level).area_um2);
      published.push_back(row.area_um2);
    }
    finish(std::nullopt);
    for (const PsmaPrecision& precision : kColumns) {
      for (const PsmaRow& row : rows) {
        if (row.clock_ns != clock_ns) continue;
        for (const PsmaFigure& figure : row.energies) {
          if (figure.precision.activation_bits != precision.activation_bits ||
              figure.precision.weight_bits != precision.weight_bits) {
            continue;
          }
          model.push_back(
              PricePsma(row.design, precision, technology, spurious_per_level).fj_per_op);
          published.push_back(figure.fj_per_op);
        }
      }
      finish(precision);
    }
  }
  return results;
}

}  // namespace bitscape::cost_models
