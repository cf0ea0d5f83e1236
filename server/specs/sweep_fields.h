// The parts of a SweepSpec that do not depend on its space.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "bitscape/v1/sweep.pb.h"
#include "engine/data/dataset.h"
#include "engine/network/network.h"
#include "server/trials/trial.h"

namespace bitscape::server {

// With every default filled in, `images` included.
absl::StatusOr<EvaluationSpec> ToEvaluationSpec(const v1::SweepSpec::Evaluation& spec,
                                                const data::Dataset& dataset);
// 2 to 6 distinct names; the default five for none.
absl::StatusOr<std::vector<std::string>> ToObjectives(const v1::SweepSpec& spec);
absl::Status CheckAlgorithm(const v1::SweepSpec& spec);
// The network can be evaluated on the dataset: weights, input shape, number of classes.
absl::Status CheckFits(const network::Network& network, const data::Dataset& dataset);

}  // namespace bitscape::server
