#include "server/rpc/cost_validation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cost_models/accelerators/cost_model.h"
#include "engine/core/files.h"
#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

using cost_models::ValidationRow;

absl::Status CheckGroup(const std::string& group, const std::vector<ValidationRow>& rows) {
  std::vector<std::string> groups;
  for (const ValidationRow& row : rows) {
    if (std::find(groups.begin(), groups.end(), row.group) == groups.end()) {
      groups.push_back(row.group);
    }
  }
  if (group.empty() || std::find(groups.begin(), groups.end(), group) != groups.end()) {
    return absl::OkStatus();
  }
  return FieldError("group", fmt::format("there is no '{}': known are {}{}", Excerpt(group),
                                         fmt::join(groups, ", "), DidYouMean(group, groups)));
}

void AddRow(const ValidationRow& row, v1::CostValidation* validation) {
  v1::CostValidation::Row& proto = *validation->add_rows();
  proto.set_group(row.group);
  proto.set_name(row.name);
  proto.set_unit(row.unit);
  proto.set_published(row.published);
  proto.set_model(row.model);
  proto.set_deviation_percent(row.deviation_percent);
  proto.set_bound_percent(row.bound_percent);
  proto.set_role(std::string(cost_models::ToString(row.role)));
  proto.set_source(row.source);
  proto.set_note(row.note);
  proto.set_passes(row.passes);
}

}  // namespace

absl::Status CostValidator::Refresh() {
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<std::string> machines, library_.AcceleratorNames());
  if (!rows_.empty() && machines == machines_) {
    return absl::OkStatus();
  }
  BITSCAPE_ASSIGN_OR_RETURN(const std::filesystem::path data, DataDirectory());
  cost_models::ValidationContext context;
  context.data = data / "validation";
  context.find_accelerator =
      [&](std::string_view name) -> absl::StatusOr<cost_models::Accelerator> {
    BITSCAPE_ASSIGN_OR_RETURN(const auto accelerator, library_.GetAccelerator(name));
    return *accelerator;
  };
  BITSCAPE_ASSIGN_OR_RETURN(rows_, cost_models::RunValidation(context));
  machines_ = std::move(machines);
  return absl::OkStatus();
}

absl::StatusOr<v1::CostValidation> CostValidator::Validate(
    const v1::ValidateCostModelRequest& request) {
  const std::lock_guard lock(mutex_);
  BITSCAPE_RETURN_IF_ERROR(Refresh());
  BITSCAPE_RETURN_IF_ERROR(CheckGroup(request.group(), rows_));
  v1::CostValidation validation;
  int32_t validations = 0, failures = 0;
  for (const ValidationRow& row : rows_) {
    if (!request.group().empty() && row.group != request.group()) {
      continue;
    }
    AddRow(row, &validation);
    validations += row.role == ValidationRow::Role::kValidation ? 1 : 0;
    failures += row.passes ? 0 : 1;
  }
  validation.set_validations(validations);
  validation.set_failures(failures);
  validation.set_passes(failures == 0);
  validation.set_cost_model_version(std::string(cost_models::CostModelVersion()));
  return validation;
}

}  // namespace bitscape::server
