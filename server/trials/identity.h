// Content identities: equal work has equal keys, whatever the names (DESIGN: SHA-256 of content).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/network/network.h"
#include "server/trials/trial.h"

namespace bitscape::server {

// Changes whenever evaluation could give another result for the same inputs.
std::string_view EngineVersion();

// Network digest, split digest and number of images, resolved plan, calibration (digest, images),
// seed, engine version.
std::string AccuracyKey(std::string_view network_digest, std::string_view split_digest,
                        int64_t images, std::string_view calibration_digest,
                        int64_t calibration_images, uint64_t seed,
                        const quantize::ResolvedPlan& plan);

// The same from a spec: the one place that says which of its numbers count. `images` of 0 and
// numbers beyond the split's size mean the whole split.
std::string AccuracyKey(std::string_view network_digest, const data::Dataset& dataset,
                        const EvaluationSpec& evaluation, const quantize::ResolvedPlan& plan);

// What a plan's rules match on: every MAC layer, in topological order.
std::vector<quantize::LayerIdentity> LayerIdentities(const network::Network& network);

// Images that `evaluation` measures on `dataset`.
int64_t EvaluatedImages(const data::Dataset& dataset, const EvaluationSpec& evaluation);

// Accuracy key, accelerator digest, cost-model version.
std::string TrialDigest(std::string_view accuracy_key, std::string_view accelerator_digest);

}  // namespace bitscape::server
