#include <fmt/format.h>

#include "cost_models/validation/comparisons.h"
#include "cost_models/validation/psma_compare.h"
#include "engine/core/files.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

constexpr int64_t kMostBytes = 1 << 20;
constexpr double kLeastCorrelation = 0.6;
// The one parameter is fitted on the energies at this clock.
constexpr double kFittedClockNs = 5;

}  // namespace

absl::StatusOr<std::vector<ValidationRow>> PsmaRows(const Session& session) {
  const std::filesystem::path path = session.context.data / "psma_28nm.csv";
  BITSCAPE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMostBytes));
  const absl::StatusOr<std::vector<PsmaRow>> arrays = ReadPsma(text);
  if (!arrays.ok()) return Annotate(arrays.status(), path.string());
  BITSCAPE_ASSIGN_OR_RETURN(const Technology technology, session.Node("28nm"));
  std::vector<ValidationRow> rows;
  for (const PsmaCorrelation& found : ComparePsma(*arrays, technology)) {
    ValidationRow row;
    row.group = "psma";
    const std::string what = found.precision
                                 ? fmt::format("energy at {}x{}", found.precision->activation_bits,
                                               found.precision->weight_bits)
                                 : "area";
    row.name = fmt::format("{} ns, {}: rank correlation", found.clock_ns, what);
    row.published = kLeastCorrelation;
    row.model = found.rank_correlation;
    row.deviation_percent = 100 * (row.model / row.published - 1);
    row.passes = row.model >= kLeastCorrelation;
    row.role = found.precision && found.clock_ns == kFittedClockNs
                   ? ValidationRow::Role::kFitted
                   : ValidationRow::Role::kValidation;
    row.source = "Ibrahim, Mei, Verhelst, arXiv 2108.04773, 28 nm synthesis (PSMA-benchmark)";
    row.note = fmt::format("{} designs; at least {} is asked for; model over published {:.2f}{}",
                           found.designs, kLeastCorrelation, found.mean_ratio,
                           row.role == ValidationRow::Role::kFitted
                               ? "; the share of spurious transitions is fitted on these"
                               : "");
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace bitscape::cost_models
