// What the precision-scalable families say of figures that are published as relations of one
// multiply-accumulate (data/scalable_relations.csv).
#pragma once

#include <absl/status/statusor.h>

#include <string_view>
#include <vector>

#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {

std::vector<std::string_view> ScalableRelationKeys();
// The model's value, in the unit of the file. `technology` at 45 nm for the areas in um2. Errors:
// kNotFound for a key that is not there.
absl::StatusOr<double> ScalableRelation(std::string_view key, const Technology& technology);

}  // namespace bitscape::cost_models
