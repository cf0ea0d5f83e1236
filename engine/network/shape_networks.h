// Published networks as shapes only: tensors without values, so that they can be priced but not
// evaluated.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/network/network.h"

namespace bitscape::network {

struct ShapeNetwork {
  Network network;  // HasWeights() is false; `source` cites the publication
  // Trained numbers that no node holds: tables that are read by index (token, position, segment),
  // and the rest (layer normalizations, BERT's pooler). A table that the last layer shares is that
  // layer's weights and is not counted again.
  int64_t embedding_parameters = 0;
  int64_t other_parameters = 0;
  std::string omitted;  // what of the published network has no node, in words; may be empty

  int64_t Parameters() const;  // of the graph (ParameterCount) and the two above
};

// Sorted. Transformers are listed with their default number of tokens.
std::vector<std::string> ShapeNetworkNames();

// Transformers also take a number of tokens: "bert_base_s384" reads 384 tokens at once,
// "llama_7b_s512" a prompt of 512, "llama_7b_decode_s512" makes one token with a key-value cache of
// 512 positions, the new one among them.
// Errors: kNotFound with the nearest name; kInvalidArgument for a number of tokens that is not
// allowed.
absl::StatusOr<ShapeNetwork> FindShapeNetwork(std::string_view name);

}  // namespace bitscape::network
