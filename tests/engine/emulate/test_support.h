// Data sets, plans and networks for the tests of emulation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/random.h"
#include "engine/data/dataset.h"
#include "engine/network/network.h"
#include "engine/network/onnx_import.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::emulate {

inline data::ImageSet RandomImages(int64_t count, int64_t channels, int64_t size, uint64_t seed) {
  data::ImageSet images;
  images.channels = channels;
  images.height = size;
  images.width = size;
  images.classes = 10;
  images.pixels.resize(static_cast<size_t>(count * images.image_elements()));
  for (size_t i = 0; i < images.pixels.size(); ++i) {
    images.pixels[i] = static_cast<uint8_t>(RandomBelow(256, seed, 0, i));
  }
  images.labels.resize(static_cast<size_t>(count));
  for (size_t i = 0; i < images.labels.size(); ++i) {
    images.labels[i] = static_cast<int32_t>(RandomBelow(10, seed, 1, i));
  }
  return images;
}

inline data::Dataset RandomDataset(int64_t test_images, int64_t channels, int64_t size) {
  data::Dataset dataset;
  dataset.name = "random";
  dataset.test = RandomImages(test_images, channels, size, 1);
  dataset.validation = RandomImages(32, channels, size, 2);
  dataset.calibration = RandomImages(40, channels, size, 3);
  return dataset;
}

inline std::vector<quantize::ResolvedPlan> Resolve(const network::Network& network,
                                                   const std::vector<std::string>& texts) {
  std::vector<quantize::LayerIdentity> layers;
  for (const int mac : network::MacLayers(network)) {
    const network::Node& node = network.nodes[static_cast<size_t>(mac)];
    layers.push_back({node.name, std::string(network::OperatorName(node.op))});
  }
  std::vector<quantize::ResolvedPlan> plans;
  for (const std::string& text : texts) {
    plans.push_back(quantize::ResolvePlan(quantize::ParsePlan(text).value(), layers).value());
  }
  return plans;
}

inline network::Network Import(const std::string& bytes) {
  return network::ImportOnnx(bytes, "generated.onnx", "generated", {.mean = {0.4F}, .std = {0.3F}})
      .value();
}

}  // namespace bitscape::emulate
