// Published figures beside what the cost models say of the same thing: part of the product, so that
// anyone can see how far to trust them.
#pragma once

#include <absl/status/statusor.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/accelerators/accelerator.h"

namespace bitscape::cost_models {

struct ValidationRow {
  enum class Role {
    kValidation,   // seen in its source, and nothing was fitted to it: the only role that counts
    kInput,        // a figure that the model takes as it is
    kFitted,       // the model has a parameter that was fitted to it
    kFromMemory,   // not seen in a source: a lead
    kInformation,  // no figure to compare with, or one that no bound is claimed for
  };
  std::string group;  // "horowitz", "bitfusion", ...: a file of data/, or as README.md lists
  std::string name;
  std::string unit;
  double published = 0;          // 0 for kInformation rows without a published figure
  double model = 0;              // 0 where the note says "not modelled", "skipped" or "infeasible"
  double deviation_percent = 0;  // of the model from the published figure; 0 without one
  double bound_percent = 0;      // of its absolute value; 0 where no bound is claimed
  Role role = Role::kValidation;
  std::string source;
  std::string note;  // how the figures compare; why, where the bound is above 30 %
  // Whether the model is within the bound; relations such as "at least 0.6" say so in the note.
  // Always true where no bound is claimed.
  bool passes = true;
};
std::string_view ToString(ValidationRow::Role role);  // "validation", "input", "fitted", ...

struct ValidationContext {
  std::filesystem::path data;  // the files of data/: share/bitscape/validation
  // Machines by name, e.g. "unpu". A machine that is not there gives rows that say so.
  std::function<absl::StatusOr<Accelerator>(std::string_view name)> find_accelerator;
};

// Every published figure of the data, in order of groups. Errors: a file that is missing or can't
// be read as what it should be, naming it and the field.
absl::StatusOr<std::vector<ValidationRow>> RunValidation(const ValidationContext& context);

}  // namespace bitscape::cost_models
