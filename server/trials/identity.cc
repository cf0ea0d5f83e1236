#include "server/trials/identity.h"

#include <algorithm>

#include "cost_models/accelerators/cost_model.h"
#include "engine/core/digest.h"

namespace bitscape::server {

std::string_view EngineVersion() { return "2"; }

std::string AccuracyKey(std::string_view network_digest, std::string_view split_digest,
                        int64_t images, std::string_view calibration_digest,
                        int64_t calibration_images, uint64_t seed,
                        const quantize::ResolvedPlan& plan) {
  Digest digest;
  digest.Add(std::string_view("accuracy"))
      .Add(EngineVersion())
      .Add(network_digest)
      .Add(split_digest)
      .Add(images)
      .Add(calibration_digest)
      .Add(calibration_images)
      .Add(static_cast<int64_t>(seed))
      .Add(std::string_view(plan.ToString()));
  return digest.Hex();
}

std::vector<quantize::LayerIdentity> LayerIdentities(const network::Network& network) {
  std::vector<quantize::LayerIdentity> layers;
  for (const int index : network::MacLayers(network)) {
    const network::Node& node = network.nodes[static_cast<size_t>(index)];
    layers.push_back({node.name, std::string(network::OperatorName(node.op))});
  }
  return layers;
}

int64_t EvaluatedImages(const data::Dataset& dataset, const EvaluationSpec& evaluation) {
  const int64_t available = dataset.split(evaluation.split).size();
  return evaluation.images == 0 ? available : std::min(evaluation.images, available);
}

std::string AccuracyKey(std::string_view network_digest, const data::Dataset& dataset,
                        const EvaluationSpec& evaluation, const quantize::ResolvedPlan& plan) {
  return AccuracyKey(network_digest, dataset.split(evaluation.split).digest,
                     EvaluatedImages(dataset, evaluation), dataset.calibration.digest,
                     std::min(evaluation.calibration_images, dataset.calibration.size()),
                     evaluation.seed, plan);
}

std::string TrialDigest(std::string_view accuracy_key, std::string_view accelerator_digest) {
  Digest digest;
  digest.Add(std::string_view("trial"))
      .Add(accuracy_key)
      .Add(accelerator_digest)
      .Add(cost_models::CostModelVersion());
  return digest.Hex();
}

}  // namespace bitscape::server
