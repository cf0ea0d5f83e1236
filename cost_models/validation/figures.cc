#include "cost_models/validation/figures.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "engine/core/files.h"
#include "engine/core/status.h"

namespace bitscape::cost_models {
namespace {

using nlohmann::json;
using Role = ValidationRow::Role;
using Relation = Figure::Relation;

constexpr int64_t kMostBytes = 4 << 20;
constexpr double kBoundWithoutReason = 30;

constexpr std::pair<std::string_view, Role> kRoles[] = {{"validation", Role::kValidation},
                                                        {"input", Role::kInput},
                                                        {"fitted", Role::kFitted},
                                                        {"from_memory", Role::kFromMemory},
                                                        {"information", Role::kInformation}};
constexpr std::pair<std::string_view, Relation> kRelations[] = {{"within", Relation::kWithin},
                                                                {"at_least", Relation::kAtLeast},
                                                                {"at_most", Relation::kAtMost}};

template <typename Value, size_t kCount>
absl::Status Choose(const std::pair<std::string_view, Value> (&choices)[kCount],
                    std::string_view field, std::string_view name, Value* out) {
  for (const auto& [text, value] : choices) {
    if (text != name) continue;
    *out = value;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format("{} \"{}\" is unknown", field, name));
}

absl::Status Take(const std::string& key, const json& value, Figure* figure) {
  ValidationRow& row = figure->row;
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    if (key == "name")
      row.name = text;
    else if (key == "model")
      figure->model = text;
    else if (key == "unit")
      row.unit = text;
    else if (key == "source")
      row.source = text;
    else if (key == "note")
      row.note = text;
    else if (key == "role")
      return Choose(kRoles, key, text, &row.role);
    else if (key == "relation")
      return Choose(kRelations, key, text, &figure->relation);
    else
      figure->texts[key] = text;
    return absl::OkStatus();
  }
  if (value.is_number()) {
    const double number = value.get<double>();
    if (!std::isfinite(number) || number < 0) {
      return absl::InvalidArgumentError(
          fmt::format("{} is {}; a number of at least 0 is allowed", key, number));
    }
    if (key == "published")
      row.published = number;
    else if (key == "bound_percent")
      row.bound_percent = number;
    else
      figure->numbers[key] = number;
    return absl::OkStatus();
  }
  if (!value.is_array()) {
    return absl::InvalidArgumentError(
        fmt::format("{} is neither a text, a number nor a list", key));
  }
  for (const json& item : value) {
    if (!item.is_number()) {
      return absl::InvalidArgumentError(fmt::format("{} holds something else than numbers", key));
    }
    figure->lists[key].push_back(item.get<double>());
  }
  return absl::OkStatus();
}

absl::Status Check(const Figure& figure) {
  const ValidationRow& row = figure.row;
  if (row.name.empty() || figure.model.empty() || row.source.empty()) {
    return absl::InvalidArgumentError("name, model or source is missing");
  }
  if (row.published <= 0) return absl::InvalidArgumentError("published is not above 0");
  if (row.bound_percent > kBoundWithoutReason && row.note.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("bound_percent is {}; above {} it needs a note that says why",
                    row.bound_percent, kBoundWithoutReason));
  }
  if (row.role == Role::kValidation && row.bound_percent == 0 &&
      figure.relation == Relation::kWithin) {
    return absl::InvalidArgumentError("a validation needs a bound_percent or a relation");
  }
  return absl::OkStatus();
}

absl::StatusOr<Figure> ReadFigure(const json& object, std::string_view group,
                                  const std::string& source) {
  if (!object.is_object()) return absl::InvalidArgumentError("is no object");
  Figure figure;
  figure.row.group = std::string(group);
  figure.row.source = source;
  for (const auto& [key, value] : object.items()) {
    BITSCAPE_RETURN_IF_ERROR(Take(key, value, &figure));
  }
  BITSCAPE_RETURN_IF_ERROR(Check(figure));
  return figure;
}

}  // namespace

std::string_view ToString(ValidationRow::Role role) {
  for (const auto& [text, value] : kRoles) {
    if (value == role) return text;
  }
  return "";
}

double Figure::NumberOr(std::string_view key, double otherwise) const {
  const auto found = numbers.find(key);
  return found == numbers.end() ? otherwise : found->second;
}

std::string Figure::TextOr(std::string_view key, std::string_view otherwise) const {
  const auto found = texts.find(key);
  return found == texts.end() ? std::string(otherwise) : found->second;
}

absl::StatusOr<std::vector<Figure>> ReadFigures(const std::filesystem::path& path,
                                                std::string_view group) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMostBytes));
  const json file = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object() || !file.contains("figures") || !file["figures"].is_array() ||
      !file.contains("source") || !file["source"].is_string()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: expected an object with \"source\" and \"figures\"", path.string()));
  }
  std::vector<Figure> figures;
  std::set<std::string> names;
  for (const json& object : file["figures"]) {
    const std::string where = fmt::format("{}: figure {}", path.string(), figures.size() + 1);
    absl::StatusOr<Figure> figure = ReadFigure(object, group, file["source"].get<std::string>());
    if (!figure.ok()) return Annotate(figure.status(), where);
    if (!names.insert(figure->row.name).second) {
      return absl::InvalidArgumentError(
          fmt::format("{}: \"{}\" is there twice", where, figure->row.name));
    }
    figures.push_back(*std::move(figure));
  }
  return figures;
}

absl::StatusOr<Technology> Session::Node(std::string_view node) const {
  TechnologyOptions options = reading;
  options.node = std::string(node);
  return Technology::Make(options);
}

ValidationRow Compare(const Figure& figure, double model) {
  ValidationRow row = figure.row;
  row.model = model;
  row.deviation_percent = 100 * (model / row.published - 1);
  switch (figure.relation) {
    case Relation::kAtLeast:
      row.passes = model >= row.published;
      break;
    case Relation::kAtMost:
      row.passes = model <= row.published;
      break;
    case Relation::kWithin:
      row.passes = row.bound_percent == 0 || std::abs(row.deviation_percent) <= row.bound_percent;
  }
  return row;
}

ValidationRow Information(std::string_view group, std::string name, std::string_view unit,
                          double published, double model, std::string source, std::string note) {
  ValidationRow row;
  row.group = std::string(group);
  row.name = std::move(name);
  row.unit = std::string(unit);
  row.published = published;
  row.model = model;
  if (published != 0) row.deviation_percent = 100 * (model / published - 1);
  row.role = ValidationRow::Role::kInformation;
  row.source = std::move(source);
  row.note = std::move(note);
  return row;
}

}  // namespace bitscape::cost_models
