// The 72 arrays of psma_array.h as published (data/psma_28nm.csv) beside the model.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/validation/psma_array.h"

namespace bitscape::cost_models {

struct PsmaFigure {
  PsmaPrecision precision;
  double fj_per_op = 0;
};
struct PsmaRow {
  double clock_ns = 0;
  std::string name;
  PsmaDesign design;
  double area_um2 = 0, register_um2 = 0;
  std::vector<PsmaFigure> energies;  // of the precisions that the array has
};

// The text of psma_28nm.csv. Errors: kInvalidArgument with the line.
absl::StatusOr<std::vector<PsmaRow>> ReadPsma(std::string_view csv);

// Spearman's, ties at their mean rank. Equal sizes, at least 2.
double RankCorrelation(std::span<const double> a, std::span<const double> b);

struct PsmaCorrelation {
  double clock_ns = 0;
  std::optional<PsmaPrecision> precision;  // of an energy; none: area
  int designs = 0;
  double rank_correlation = 0;
  double mean_ratio = 0;  // model to published
};
// Of area, then of the energy at each precision, for each clock.
std::vector<PsmaCorrelation> ComparePsma(std::span<const PsmaRow> rows,
                                         const Technology& technology,
                                         double spurious_per_level = kSpuriousPerLevel);

}  // namespace bitscape::cost_models
