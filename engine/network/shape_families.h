// The families that FindShapeNetwork knows.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/network/shape_networks.h"

namespace bitscape::network {

// A network for images of 3 channels.
struct ConvolutionalRow {
  std::string_view name;
  std::string_view source;
  std::string_view omitted;
  Network (*build)(const ConvolutionalRow& row);
};
std::span<const ConvolutionalRow> ConvolutionalRows();

struct TransformerRow {
  std::string_view name;
  std::string_view source;
  enum class Kind { kEncoder, kDecoder } kind = Kind::kDecoder;
  int64_t layers = 0, hidden = 0, heads = 0;
  int64_t kv_heads = 0;  // heads of keys and values; fewer than `heads`: grouped-query attention
  int64_t intermediate = 0;
  int64_t vocabulary = 0;
  bool tied = false;  // the last layer's weights are the token table
  int64_t default_tokens = 2048;
  int64_t max_tokens = 0;  // read at once
};
std::span<const TransformerRow> TransformerRows();

// The encoder on `tokens` tokens; the decoder on a prompt of so many, or, with `decode`, on one
// token with a cache of so many positions.
ShapeNetwork BuildTransformer(const TransformerRow& row, std::string_view name, int64_t tokens,
                              bool decode);

}  // namespace bitscape::network
