#include "engine/network/shape_networks.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/core/suggest.h"
#include "engine/network/mac_shape.h"
#include "engine/network/shape_families.h"

namespace bitscape::network {
namespace {

constexpr std::string_view kDecode = "_decode";
constexpr int64_t kMaxCache = 131072;

// "llama_7b_decode_s512" in its parts. `tokens` is -1 for digits that are no count.
struct TransformerName {
  std::string_view base;
  bool decode = false;
  std::optional<int64_t> tokens;
};

TransformerName ParseTransformerName(std::string_view name) {
  TransformerName parsed;
  parsed.base = name;
  const size_t digits = name.find_last_not_of("0123456789");
  if (digits != std::string_view::npos && digits >= 2 && digits + 1 < name.size() &&
      name.substr(digits - 1, 2) == "_s") {
    int64_t tokens = 0;
    const std::string_view text = name.substr(digits + 1);
    const bool valid =
        text.front() != '0' && absl::SimpleAtoi(std::string(text), &tokens);  // one name a size
    parsed.tokens = valid ? tokens : -1;
    parsed.base = name.substr(0, digits - 1);
  }
  if (parsed.base.ends_with(kDecode)) {
    parsed.base.remove_suffix(kDecode.size());
    parsed.decode = true;
  }
  return parsed;
}

absl::StatusOr<ShapeNetwork> FindTransformer(const TransformerRow& row, std::string_view name,
                                             const TransformerName& parsed) {
  if (parsed.decode && row.kind == TransformerRow::Kind::kEncoder) {
    return absl::InvalidArgumentError(
        fmt::format("network '{}': {} reads all its tokens at once; {} is for networks that make "
                    "one token after the other",
                    name, row.name, kDecode));
  }
  const int64_t most = parsed.decode ? kMaxCache : row.max_tokens;
  const int64_t tokens = parsed.tokens.value_or(row.default_tokens);
  if (tokens < 1 || tokens > most) {
    return absl::InvalidArgumentError(fmt::format("network '{}': {} takes _s1 to _s{} tokens", name,
                                                  parsed.decode ? "a key-value cache" : row.name,
                                                  most));
  }
  return BuildTransformer(row, name, tokens, parsed.decode);
}

}  // namespace

int64_t ShapeNetwork::Parameters() const {
  return ParameterCount(network) + embedding_parameters + other_parameters;
}

std::vector<std::string> ShapeNetworkNames() {
  std::vector<std::string> names;
  for (const ConvolutionalRow& row : ConvolutionalRows()) names.emplace_back(row.name);
  for (const TransformerRow& row : TransformerRows()) {
    names.emplace_back(row.name);
    if (row.kind == TransformerRow::Kind::kDecoder) {
      names.push_back(fmt::format("{}{}", row.name, kDecode));
    }
  }
  std::ranges::sort(names);
  return names;
}

absl::StatusOr<ShapeNetwork> FindShapeNetwork(std::string_view name) {
  for (const ConvolutionalRow& row : ConvolutionalRows()) {
    if (row.name == name) {
      ShapeNetwork found;
      found.network = row.build(row);
      found.omitted = row.omitted;
      return found;
    }
  }
  const TransformerName parsed = ParseTransformerName(name);
  for (const TransformerRow& row : TransformerRows()) {
    if (row.name == parsed.base) return FindTransformer(row, name, parsed);
  }
  const std::string_view without_tokens =
      parsed.tokens.has_value() ? name.substr(0, name.rfind("_s")) : name;
  return absl::NotFoundError(fmt::format("there is no network '{}' among those of known shapes{}",
                                         name, DidYouMean(without_tokens, ShapeNetworkNames())));
}

}  // namespace bitscape::network
