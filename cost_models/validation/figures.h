// Published figures as data: one JSON file a group, with title, source, and a list of figures.
#pragma once

#include <absl/status/statusor.h>

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/validation/validation.h"

namespace bitscape::cost_models {

// A figure, and what the model has to compute beside it: "model" names a row of the models, all
// other fields of the file are its parameters.
struct Figure {
  // How the model's value has to lie to the published one.
  enum class Relation { kWithin, kAtLeast, kAtMost };

  ValidationRow row;
  Relation relation = Relation::kWithin;
  std::string model;
  std::map<std::string, double, std::less<>> numbers;  // all above 0, or indices from 0
  std::map<std::string, std::string, std::less<>> texts;
  std::map<std::string, std::vector<double>, std::less<>> lists;

  // The parameter has to be there: Model says so.
  double Number(std::string_view key) const { return numbers.find(key)->second; }
  int Integer(std::string_view key) const { return static_cast<int>(Number(key)); }
  const std::string& Text(std::string_view key) const { return texts.find(key)->second; }
  double NumberOr(std::string_view key, double otherwise) const;
  std::string TextOr(std::string_view key, std::string_view otherwise) const;
};

// Errors: kNotFound, or kInvalidArgument naming the file, the figure and the field: no source, an
// unknown role, a bound above 30 % without a note, a negative number.
absl::StatusOr<std::vector<Figure>> ReadFigures(const std::filesystem::path& path,
                                                std::string_view group);

struct Session;

// How a kind of figure is computed. Errors of `compute`: kUnimplemented where there is no model,
// kUnavailable for a machine that is not there, kFailedPrecondition where it can't run the layer.
struct Model {
  std::string_view name;
  std::vector<std::string_view> needs;  // parameters without which it can't be computed
  absl::StatusOr<double> (*compute)(const Figure& figure, const Session& session);
};
// Of each file of models.
std::span<const Model> TechnologyModels();
std::span<const Model> MacModels();
std::span<const Model> NetworkModels();
std::span<const Model> MachineModels();

// One run: where machines come from, and how sources are read.
struct Session {
  const ValidationContext& context;
  TechnologyOptions reading = {};

  absl::StatusOr<Technology> Node(std::string_view node) const;
};

// The row with the model's value, deviation and verdict.
ValidationRow Compare(const Figure& figure, double model);
// A row that only informs.
ValidationRow Information(std::string_view group, std::string name, std::string_view unit,
                          double published, double model, std::string source, std::string note);

}  // namespace bitscape::cost_models
