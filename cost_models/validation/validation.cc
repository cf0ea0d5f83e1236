#include "cost_models/validation/validation.h"

#include <fmt/format.h>

#include <cmath>

#include "cost_models/technology/readings.h"
#include "cost_models/validation/comparisons.h"
#include "cost_models/validation/figures.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

using Role = ValidationRow::Role;

// Each is a file of data/.
constexpr std::string_view kGroups[] = {"horowitz",  "aladdin",  "node_scaling",   "sram",
                                        "bitfusion", "fp8_int8", "microexponents", "camus",
                                        "moons",     "networks", "stripes",        "bitnet",
                                        "gpus",      "chips",    "eyeriss"};

absl::StatusOr<const Model*> FindModel(const Figure& figure) {
  for (const std::span<const Model> models :
       {TechnologyModels(), MacModels(), NetworkModels(), MachineModels()}) {
    for (const Model& model : models) {
      if (model.name != figure.model) continue;
      for (const std::string_view need : model.needs) {
        if (!figure.numbers.contains(need) && !figure.texts.contains(need) &&
            !figure.lists.contains(need)) {
          return absl::InvalidArgumentError(fmt::format("model {} needs \"{}\"", model.name, need));
        }
      }
      return &model;
    }
  }
  return absl::InvalidArgumentError(fmt::format("model \"{}\" is unknown", figure.model));
}

std::string Joined(std::string_view first, std::string_view second) {
  return second.empty() ? std::string(first) : fmt::format("{}; {}", first, second);
}

absl::StatusOr<ValidationRow> RowOf(const Figure& figure, const Session& session) {
  BITSCAPE_ASSIGN_OR_RETURN(const Model* const model, FindModel(figure));
  const absl::StatusOr<double> value = model->compute(figure, session);
  if (value.ok() && std::isfinite(*value)) return Compare(figure, *value);
  ValidationRow row = figure.row;
  const std::string reason(value.status().message());
  switch (value.status().code()) {
    case absl::StatusCode::kUnimplemented:
      row.note = Joined(reason, row.note);
      row.passes = row.role != Role::kValidation;
      return row;
    case absl::StatusCode::kUnavailable:  // a machine; any other name must be known
      row.role = Role::kInformation;
      row.note = Joined("skipped, " + reason, row.note);
      return row;
    case absl::StatusCode::kFailedPrecondition:
      row.passes = row.role != Role::kValidation;
      row.note = Joined("infeasible: " + reason, row.note);
      return row;
    case absl::StatusCode::kOk:
      return absl::InternalError("the model's value is not finite");
    default:
      return value.status();
  }
}

absl::StatusOr<std::vector<ValidationRow>> AllRows(const Session& session) {
  std::vector<ValidationRow> rows;
  for (const std::string_view group : kGroups) {
    const std::filesystem::path path = session.context.data / fmt::format("{}.json", group);
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<Figure> figures, ReadFigures(path, group));
    for (const Figure& figure : figures) {
      absl::StatusOr<ValidationRow> row = RowOf(figure, session);
      if (!row.ok()) {
        return Annotate(row.status(), fmt::format("{}: {}", path.string(), figure.row.name));
      }
      rows.push_back(*std::move(row));
    }
  }
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<ValidationRow> psma, PsmaRows(session));
  for (ValidationRow& row : psma) rows.push_back(std::move(row));
  return rows;
}

// What a validation would say under another reading of the sources, where it says something else.
absl::Status AddReading(const Reading& reading, const ValidationContext& context,
                        const std::vector<ValidationRow>& base, std::vector<ValidationRow>* rows) {
  constexpr double kSame = 1e-9;
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<ValidationRow> others,
                            AllRows({.context = context, .reading = reading.options}));
  for (size_t i = 0; i < base.size(); ++i) {
    const ValidationRow &was = base[i], &is = others[i];
    if (was.role != Role::kValidation || std::abs(is.model - was.model) <= kSame * was.model) {
      continue;
    }
    ValidationRow row = is;
    row.group = "readings";
    row.name = fmt::format("{}: {}, {}", reading.label, was.group, was.name);
    row.role = Role::kInformation;
    row.note = fmt::format("{:.4g} as the model is read by default{}", was.model,
                           is.passes ? "" : "; outside of its bound");
    row.passes = true;
    rows->push_back(std::move(row));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ValidationRow>> RunValidation(const ValidationContext& context) {
  const Session session = {.context = context};
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<ValidationRow> rows, AllRows(session));
  const std::vector<ValidationRow> base = rows;
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<ValidationRow> mapped, TimeloopRows(session));
  for (ValidationRow& row : mapped) rows.push_back(std::move(row));
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<ValidationRow> counted, GateCountRows(session));
  for (ValidationRow& row : counted) rows.push_back(std::move(row));
  for (const Reading& reading : AllReadings({})) {
    // Figures name their nodes.
    if (reading.label == "base" || reading.label.starts_with("node ")) continue;
    BITSCAPE_RETURN_IF_ERROR(AddReading(reading, context, base, &rows));
  }
  return rows;
}

}  // namespace bitscape::cost_models
