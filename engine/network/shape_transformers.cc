#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/network/shape_families.h"
#include "engine/network/shape_graph.h"

namespace bitscape::network {
namespace {

using Row = TransformerRow;

// A prompt's logits (tokens * vocabulary) stay below 2^31 for every vocabulary here.
constexpr int64_t kMaxPrompt = 16384;

// One transformer layer's worth of sizes.
struct Sizes {
  const Row& row;
  int64_t tokens;     // computed now
  int64_t positions;  // attended to: the tokens, and those of the cache before them
  int64_t head_size() const { return row.hidden / row.heads; }
  int64_t cached() const { return positions - tokens; }
};

// [1, tokens, heads * size] to [1, heads, tokens, size], or with `transposed` the last two swapped.
int SplitHeads(ShapeGraph& graph, const std::string& name, int input, int64_t heads,
               bool transposed) {
  const Shape& shape = graph.ShapeOf(input);
  const int split =
      graph.Reshape(fmt::format("{}.split", name), input, {1, shape[1], heads, shape[2] / heads});
  const std::vector<int64_t> order =
      transposed ? std::vector<int64_t>{0, 2, 3, 1} : std::vector<int64_t>{0, 2, 1, 3};
  return graph.Add(fmt::format("{}.heads", name), Transpose{order}, {split});
}

// Puts the cached positions before the new ones along `axis`.
int WithCache(ShapeGraph& graph, const std::string& name, int fresh, int64_t axis, int64_t cached) {
  if (cached == 0) return fresh;
  Shape shape = graph.ShapeOf(fresh);
  shape[static_cast<size_t>(axis)] = cached;
  const int cache = graph.Constant(fmt::format("{}.cache", name), std::move(shape));
  return graph.Add(fmt::format("{}.all", name), Concat{axis}, {cache, fresh});
}

// Query heads that share keys and values are rows of one product: the keys are read once for all.
int AddAttention(ShapeGraph& graph, const std::string& layer, const Sizes& sizes, bool bias,
                 int input) {
  const Row& row = sizes.row;
  const auto named = [&](const char* part) { return fmt::format("{}.{}", layer, part); };
  const int64_t kv_width = row.kv_heads * sizes.head_size();
  const int64_t sharers = row.heads / row.kv_heads;
  const int q = graph.Gemm(named("q_proj"), input, row.hidden, bias);
  const int k = graph.Gemm(named("k_proj"), input, kv_width, bias);
  const int v = graph.Gemm(named("v_proj"), input, kv_width, bias);

  int queries = SplitHeads(graph, named("q_proj"), q, row.heads, /*transposed=*/false);
  if (sharers > 1) {
    queries = graph.Reshape(named("q_proj.shared"), queries,
                            {1, row.kv_heads, sharers * sizes.tokens, sizes.head_size()});
  }
  const int keys =
      WithCache(graph, named("k_proj"),
                SplitHeads(graph, named("k_proj"), k, row.kv_heads, /*transposed=*/true),
                /*axis=*/3, sizes.cached());
  const int values =
      WithCache(graph, named("v_proj"),
                SplitHeads(graph, named("v_proj"), v, row.kv_heads, /*transposed=*/false),
                /*axis=*/2, sizes.cached());
  const int scores = graph.Add(named("qk_t"), MatMul{}, {queries, keys});
  const int weights = graph.Add(named("softmax"), Softmax{3}, {scores});
  int mixed = graph.Add(named("attn_v"), MatMul{}, {weights, values});
  if (sharers > 1) {
    mixed = graph.Reshape(named("attn_v.heads"), mixed,
                          {1, row.heads, sizes.tokens, sizes.head_size()});
  }
  const int by_token = graph.Add(named("attn_v.tokens"), Transpose{{0, 2, 1, 3}}, {mixed});
  const int joined = graph.Reshape(named("attn_v.joined"), by_token, {1, sizes.tokens, row.hidden});
  const int out = graph.Gemm(named("o_proj"), joined, row.hidden, bias);
  return graph.Add(named("attn_add"), Add{}, {input, out});
}

ShapeNetwork Encoder(const Row& row, std::string_view name, int64_t tokens) {
  constexpr int64_t kSegments = 2;
  ShapeGraph graph({1, tokens, row.hidden});
  const Sizes sizes{row, tokens, tokens};
  int x = 0;
  for (int64_t i = 0; i < row.layers; ++i) {
    const std::string layer = fmt::format("layer{}", i);
    x = AddAttention(graph, layer, sizes, /*bias=*/true, x);
    const int up = graph.Gemm(fmt::format("{}.ffn1", layer), x, row.intermediate, /*bias=*/true);
    const int down = graph.Gemm(fmt::format("{}.ffn2", layer), up, row.hidden, /*bias=*/true);
    x = graph.Add(fmt::format("{}.ffn_add", layer), Add{}, {x, down});
  }
  ShapeNetwork result;
  result.network = std::move(graph).Finish(name, row.source, x);
  result.embedding_parameters = (row.vocabulary + row.max_tokens + kSegments) * row.hidden;
  const int64_t norms = (2 * row.layers + 1) * 2 * row.hidden;  // scale and shift
  const int64_t pooler = row.hidden * (row.hidden + 1);
  result.other_parameters = norms + pooler;
  result.omitted =
      "embedding tables (their sum is the input), layer normalization, GELU, the scale of the "
      "scores, the pooler (a product for one token)";
  return result;
}

ShapeNetwork Decoder(const Row& row, std::string_view name, int64_t tokens, bool decode) {
  const Sizes sizes{row, decode ? 1 : tokens, tokens};
  ShapeGraph graph({1, sizes.tokens, row.hidden});
  int x = 0;
  for (int64_t i = 0; i < row.layers; ++i) {
    const std::string layer = fmt::format("layer{}", i);
    const auto named = [&](const char* part) { return fmt::format("{}.{}", layer, part); };
    x = AddAttention(graph, layer, sizes, /*bias=*/false, x);
    const int gate = graph.Gemm(named("gate"), x, row.intermediate, /*bias=*/false);
    const int up = graph.Gemm(named("up"), x, row.intermediate, /*bias=*/false);
    const int sigmoid = graph.Add(named("gate.sigmoid"), Sigmoid{}, {gate});
    const int silu = graph.Add(named("gate.silu"), Mul{}, {gate, sigmoid});
    const int gated = graph.Add(named("gated"), Mul{}, {silu, up});
    const int down = graph.Gemm(named("down"), gated, row.hidden, /*bias=*/false);
    x = graph.Add(named("ffn_add"), Add{}, {x, down});
  }
  const int logits = graph.Gemm("lm_head", x, row.vocabulary, /*bias=*/false);
  ShapeNetwork result;
  result.network = std::move(graph).Finish(name, row.source, logits);
  result.embedding_parameters = row.tied ? 0 : row.vocabulary * row.hidden;
  result.other_parameters = (2 * row.layers + 1) * row.hidden;  // a scale each
  result.omitted = fmt::format(
      "the token table ({}), RMS normalization, rotary positions, the scale of the scores{}",
      row.tied ? "shared with lm_head" : "its row is the input",
      decode ? "; the cache is a constant" : ", the causal mask: all scores are computed");
  return result;
}

constexpr std::string_view kLlama = "Touvron et al., arXiv 2302.13971, table 2";

// The paper compares with LLaMA models of its own training; sizes are those of its reproduction.
constexpr std::string_view kBitNet700m =
    "Ma et al., arXiv 2402.17764 (700M); sizes of the reproduction 1bitLLM/bitnet_b1_58-large";
constexpr std::string_view kBitNet1b =
    "Ma et al., arXiv 2402.17764 (1.3B); sizes of the reproduction 1bitLLM/bitnet_b1_58-xl";
constexpr std::string_view kBitNet3b =
    "Ma et al., arXiv 2402.17764 (3B); sizes of the reproduction 1bitLLM/bitnet_b1_58-3B";

constexpr Row kRows[] = {
    {.name = "bert_base",
     .source = "Devlin et al., arXiv 1810.04805 (uncased vocabulary)",
     .kind = Row::Kind::kEncoder,
     .layers = 12,
     .hidden = 768,
     .heads = 12,
     .kv_heads = 12,
     .intermediate = 3072,
     .vocabulary = 30522,
     .default_tokens = 128,
     .max_tokens = 512},
    {.name = "llama3_8b",
     .source = "Grattafiori et al., arXiv 2407.21783, table 3",
     .layers = 32,
     .hidden = 4096,
     .heads = 32,
     .kv_heads = 8,
     .intermediate = 14336,
     .vocabulary = 128256,
     .max_tokens = kMaxPrompt},
    {.name = "llama_700m",
     .source = kBitNet700m,
     .layers = 24,
     .hidden = 1536,
     .heads = 16,
     .kv_heads = 16,
     .intermediate = 4096,
     .vocabulary = 32000,
     .tied = true,
     .max_tokens = kMaxPrompt},
    {.name = "llama_1_3b",
     .source = kBitNet1b,
     .layers = 24,
     .hidden = 2048,
     .heads = 32,
     .kv_heads = 32,
     .intermediate = 5460,
     .vocabulary = 32000,
     .tied = true,
     .max_tokens = kMaxPrompt},
    {.name = "llama_3b",
     .source = kBitNet3b,
     .layers = 26,
     .hidden = 3200,
     .heads = 32,
     .kv_heads = 32,
     .intermediate = 8640,
     .vocabulary = 32000,
     .tied = true,
     .max_tokens = kMaxPrompt},
    {.name = "llama_7b",
     .source = kLlama,
     .layers = 32,
     .hidden = 4096,
     .heads = 32,
     .kv_heads = 32,
     .intermediate = 11008,
     .vocabulary = 32000,
     .max_tokens = kMaxPrompt},
    {.name = "llama_13b",
     .source = kLlama,
     .layers = 40,
     .hidden = 5120,
     .heads = 40,
     .kv_heads = 40,
     .intermediate = 13824,
     .vocabulary = 32000,
     .max_tokens = kMaxPrompt},
    {.name = "llama_30b",
     .source = kLlama,
     .layers = 60,
     .hidden = 6656,
     .heads = 52,
     .kv_heads = 52,
     .intermediate = 17920,
     .vocabulary = 32000,
     .max_tokens = kMaxPrompt},
    {.name = "llama_65b",
     .source = kLlama,
     .layers = 80,
     .hidden = 8192,
     .heads = 64,
     .kv_heads = 64,
     .intermediate = 22016,
     .vocabulary = 32000,
     .max_tokens = kMaxPrompt},
    {.name = "llama_70b",
     .source = "Touvron et al., Llama 2, arXiv 2307.09288, with its grouped-query attention",
     .layers = 80,
     .hidden = 8192,
     .heads = 64,
     .kv_heads = 8,
     .intermediate = 28672,
     .vocabulary = 32000,
     .max_tokens = kMaxPrompt},
};

}  // namespace

std::span<const TransformerRow> TransformerRows() { return kRows; }

ShapeNetwork BuildTransformer(const TransformerRow& row, std::string_view name, int64_t tokens,
                              bool decode) {
  return row.kind == Row::Kind::kEncoder ? Encoder(row, name, tokens)
                                         : Decoder(row, name, tokens, decode);
}

}  // namespace bitscape::network
