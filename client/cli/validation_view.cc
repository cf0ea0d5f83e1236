// Published figures beside the cost model's, as a table.
#include <fmt/format.h>

#include <cmath>

#include "client/cli/cost_view.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

std::string Figure(double value, const v1::CostValidation::Row& row) {
  return row.unit().empty() ? fmt::format("{:.4g}", value)
                            : fmt::format("{:.4g} {}", value, row.unit());
}

// "+1.5%", "-3.0%"; no sign where nothing is left of the deviation.
std::string Deviation(double percent) {
  constexpr double kShown = 0.05;
  return std::abs(percent) < kShown ? "0.0%" : fmt::format("{:+.1f}%", percent);
}

}  // namespace

View ViewOf(const v1::CostValidation& validation) {
  View view;
  view.facts = {
      {"cost model", validation.cost_model_version()},
      {"figures", fmt::format("{}, of which {} validate: seen in their source, nothing fitted to "
                              "them",
                              validation.rows_size(), validation.validations())},
      {"outside their bounds", Count(validation.failures())}};
  view.table.columns = {{"GROUP"},
                        {"FIGURE"},
                        {"PUBLISHED", Align::kRight},
                        {"MODEL", Align::kRight},
                        {"DEVIATION", Align::kRight},
                        {"BOUND", Align::kRight},
                        {"ROLE"},
                        {"PASSES"},
                        {"NOTE"}};
  for (const v1::CostValidation::Row& row : validation.rows()) {
    const bool compared = row.published() != 0;
    view.table.rows.push_back(
        {row.group(), row.name(), compared ? Figure(row.published(), row) : "-",
         Figure(row.model(), row), compared ? Deviation(row.deviation_percent()) : "-",
         row.bound_percent() > 0 ? fmt::format("{:g}%", row.bound_percent()) : "-", row.role(),
         row.passes() ? "" : "NO", row.note()});
  }
  view.note = "Sources of all figures: -o json, -o csv.";
  return view;
}

}  // namespace bitscape::cli
