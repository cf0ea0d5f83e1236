#include "engine/network/shape_networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/network/layer_totals.h"
#include "engine/network/mac_shape.h"
#include "engine/network/passes.h"
#include "tests/golden/vectors.h"

namespace bitscape::network {
namespace {

using ::testing::HasSubstr;

ShapeNetwork Find(const std::string& name) {
  absl::StatusOr<ShapeNetwork> found = FindShapeNetwork(name);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *std::move(found) : ShapeNetwork();
}

std::vector<MacShape> ShapesOf(const std::string& name) { return MacShapes(Find(name).network); }

int64_t TotalMacs(const std::vector<MacShape>& shapes) {
  int64_t macs = 0;
  for (const MacShape& shape : shapes) macs += shape.Macs();
  return macs;
}

int64_t TotalWeights(const std::vector<MacShape>& shapes) {
  int64_t weights = 0;
  for (const MacShape& shape : shapes) {
    weights += shape.weights_are_activations ? 0 : shape.WeightElements();
  }
  return weights;
}

// A row of layers_*.csv: C is of one group, M of all.
struct GoldenLayer {
  std::string name, type;
  int64_t rows, c, m, p, q, r, s, stride_h, stride_w, groups, repeat, reduction, weights, macs;
};

std::vector<GoldenLayer> GoldenLayers(const std::string& file) {
  std::vector<GoldenLayer> layers;
  for (const std::vector<std::string>& row : golden::ReadRows("layers_" + file + ".csv")) {
    const auto number = [&](size_t column) { return std::stoll(row.at(column)); };
    layers.push_back({row.at(1), row.at(2), number(3), number(4), number(5), number(6), number(7),
                      number(8), number(9), number(10), number(11), number(12), number(13),
                      number(14), number(15), number(16)});
  }
  EXPECT_FALSE(layers.empty()) << file;
  return layers;
}

struct Expected {
  const char* name;
  const char* golden;  // layers_GOLDEN.csv
  int64_t parameters;
};
void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.name; }
std::string NameOf(const ::testing::TestParamInfo<Expected>& test) { return test.param.name; }

// Parameters as the common implementations count them (torchvision's where it has the same network:
// 138,357,544, 11,689,512, 25,557,032, 3,504,872; Caffe's for AlexNet and GoogLeNet).
const Expected kConvolutional[] = {{"alexnet", "alexnet", 60'965'224},
                                   {"googlenet", "googlenet", 6'998'552},
                                   {"mobilenet_v1", "mobilenetv1", 4'231'976},
                                   {"mobilenet_v2", "mobilenetv2", 3'504'872},
                                   {"resnet18", "resnet18", 11'689'512},
                                   {"resnet50", "resnet50", 25'557'032},
                                   {"vgg16", "vgg16", 138'357'544}};

class ConvolutionalNetwork : public ::testing::TestWithParam<Expected> {};

TEST_P(ConvolutionalNetwork, HasThePublishedLayers) {
  const std::vector<MacShape> shapes = ShapesOf(GetParam().name);
  const std::vector<GoldenLayer> layers = GoldenLayers(GetParam().golden);
  ASSERT_EQ(shapes.size(), layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    const MacShape& shape = shapes[i];
    const GoldenLayer& layer = layers[i];
    SCOPED_TRACE(layer.name);
    EXPECT_EQ(shape.name, layer.name);
    EXPECT_EQ(LayerKind(shape), layer.type);
    EXPECT_EQ(shape.groups, layer.groups);
    EXPECT_EQ(shape.c, layer.c);
    EXPECT_EQ(shape.groups * shape.m, layer.m);
    EXPECT_EQ(shape.p, layer.p);
    EXPECT_EQ(shape.q, layer.q);
    EXPECT_EQ(shape.r, layer.r);
    EXPECT_EQ(shape.s, layer.s);
    EXPECT_EQ(shape.stride_h, layer.stride_h);
    EXPECT_EQ(shape.stride_w, layer.stride_w);
    EXPECT_EQ(shape.ReductionLength(), layer.reduction);
    EXPECT_EQ(shape.WeightElements(), layer.weights);
    EXPECT_EQ(shape.Macs(), layer.macs);
    EXPECT_FALSE(shape.weights_are_activations);
  }
}

TEST_P(ConvolutionalNetwork, HasThePublishedParameters) {
  EXPECT_EQ(Find(GetParam().name).Parameters(), GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(Networks, ConvolutionalNetwork, ::testing::ValuesIn(kConvolutional),
                         NameOf);

// Decoders are compared for one token, as the files have them. Their rows hold no attention
// products; BERT's do. The known counts are those of the released weights.
const Expected kTransformers[] = {
    {"bert_base", "bert_base_s128", 109'482'240},
    {"llama_7b_decode", "llama_7b", 6'738'415'616},
    {"llama_13b_decode", "llama_13b", 13'015'864'320},
    {"llama_30b_decode", "llama_30b", 32'528'943'616},
    {"llama_65b_decode", "llama_65b", 65'285'660'672},
    {"llama_70b_decode", "llama2_70b", 68'976'648'192},
    {"llama3_8b_decode", "llama3_8b", 8'030'261'248},
};

class Transformer : public ::testing::TestWithParam<Expected> {};

TEST_P(Transformer, HasThePublishedLayers) {
  // Every product of one size with the same last part of its name; a head is a product of its own.
  struct Product {
    int64_t count = 0, rows = 0, c = 0, m = 0;
  };
  std::map<std::string, Product> products;
  const bool encoder = GetParam().name == std::string("bert_base");
  for (const MacShape& shape : ShapesOf(GetParam().name)) {
    if (!encoder && shape.weights_are_activations) continue;
    std::string part = shape.name.substr(shape.name.find('.') + 1);
    if (encoder && (part == "q_proj" || part == "k_proj" || part == "v_proj")) part = "qkv_proj";
    if (encoder && part == "o_proj") part = "out_proj";
    Product& product = products[part];
    if (product.count > 0) {
      EXPECT_EQ(product.rows, shape.p) << shape.name;
      EXPECT_EQ(product.c, shape.c) << shape.name;
      EXPECT_EQ(product.m, shape.m) << shape.name;
    }
    product = {product.count + shape.groups, shape.p, shape.c, shape.m};
  }
  const std::vector<GoldenLayer> layers = GoldenLayers(GetParam().golden);
  EXPECT_EQ(products.size(), layers.size());
  for (const GoldenLayer& layer : layers) {
    SCOPED_TRACE(layer.name);
    ASSERT_TRUE(products.contains(layer.name));
    const Product& product = products[layer.name];
    EXPECT_EQ(product.count, layer.repeat);
    EXPECT_EQ(product.rows, layer.rows);
    EXPECT_EQ(product.c, layer.c);
    EXPECT_EQ(product.m, layer.m);
    EXPECT_EQ(product.rows * product.c * product.m, layer.macs);
  }
}

TEST_P(Transformer, HasThePublishedParameters) {
  EXPECT_EQ(Find(GetParam().name).Parameters(), GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(Networks, Transformer, ::testing::ValuesIn(kTransformers), NameOf);

// layers_summary.csv: weights, macs, and those of the convolutions.
TEST(ShapeNetworks, SumToThePublishedTotals) {
  std::map<std::string, std::string> names;
  for (const Expected& row : kConvolutional) names[row.golden] = row.name;
  for (const Expected& row : kTransformers) names[row.golden] = row.name;
  const auto rows = golden::ReadRows("layers_summary.csv");
  EXPECT_EQ(rows.size(), names.size());
  for (const std::vector<std::string>& row : rows) {
    SCOPED_TRACE(row.at(0));
    ASSERT_TRUE(names.contains(row[0]));
    int64_t weights = 0, macs = 0, conv_weights = 0, conv_macs = 0, reduction = 0, conv = 0;
    for (const LayerTotals& total : TotalsByKind(ShapesOf(names[row[0]]))) {
      // The decoders' rows leave attention out.
      if (total.kind == "attention" && row[0] != "bert_base_s128") continue;
      weights += total.weights;
      macs += total.macs;
      reduction = std::max(reduction, total.max_reduction_length);
      if (total.kind != "conv" && total.kind != "dwconv") continue;
      conv_weights += total.weights;
      conv_macs += total.macs;
      conv = std::max(conv, total.max_reduction_length);
    }
    EXPECT_EQ(std::to_string(weights), row.at(2));
    EXPECT_EQ(std::to_string(macs), row.at(3));
    EXPECT_EQ(std::to_string(conv_weights), row.at(4));
    EXPECT_EQ(std::to_string(conv_macs), row.at(5));
    EXPECT_EQ(std::to_string(reduction), row.at(6));
    EXPECT_EQ(std::to_string(conv), row.at(7));
  }
}

// What the name of a LLaMA says, and what it holds. The 3B of the BitNet paper is a model of 3.3
// billion (as is OpenLLaMA's of the same sizes); LLaMA's 30B is 32.5, which its paper calls 33B.
TEST(ShapeNetworks, HoldTheParametersThatTheirNamesSay) {
  const struct {
    const char* name;
    double parameters, tolerance;
  } kNames[] = {{"llama_700m", 0.7e9, 0.05}, {"llama_1_3b", 1.3e9, 0.05}, {"llama_3b", 3.3e9, 0.02},
                {"llama_7b", 7e9, 0.05},     {"llama_13b", 13e9, 0.01},   {"llama_30b", 33e9, 0.02},
                {"llama_65b", 65e9, 0.01},   {"llama_70b", 70e9, 0.02},   {"llama3_8b", 8e9, 0.01},
                {"bert_base", 110e6, 0.01}};
  for (const auto& row : kNames) {
    const double parameters = static_cast<double>(Find(row.name).Parameters());
    EXPECT_NEAR(parameters / row.parameters, 1, row.tolerance) << row.name << " " << parameters;
  }
}

TEST(ShapeNetworks, AreValidAndHoldNoValues) {
  const std::vector<std::string> names = ShapeNetworkNames();
  EXPECT_TRUE(std::ranges::is_sorted(names));
  EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(names.size(), 7 + 1 + 2 * 9);
  std::set<std::string> digests;
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const ShapeNetwork found = Find(name);
    EXPECT_TRUE(Validate(found.network).ok()) << Validate(found.network);
    EXPECT_FALSE(found.network.HasWeights());
    EXPECT_EQ(found.network.name, name);
    EXPECT_FALSE(found.network.source.empty());
    EXPECT_GE(found.Parameters(), TotalWeights(MacShapes(found.network)));
    digests.insert(found.network.Digest());
    const Network folded = FoldBatchNorm(found.network);
    EXPECT_TRUE(Validate(folded).ok()) << Validate(folded);
    EXPECT_EQ(TotalMacs(MacShapes(folded)), TotalMacs(MacShapes(found.network)));
  }
  EXPECT_EQ(digests.size(), names.size());
}

// 8 heads of keys serve 64 of queries: the products of 8 query heads are rows of one.
TEST(ShapeNetworks, ShareKeysAmongGroupedQueries) {
  const std::vector<MacShape> prompt = ShapesOf("llama_70b_s512");
  ASSERT_EQ(prompt.size(), 80 * 9 + 1);
  const MacShape& scores = prompt[3];
  EXPECT_EQ(scores.name, "layer0.qk_t");
  EXPECT_TRUE(scores.weights_are_activations);
  EXPECT_EQ(scores.groups, 8);
  EXPECT_EQ(scores.p, 8 * 512);
  EXPECT_EQ(scores.m, 512);
  EXPECT_EQ(scores.c, 128);
  EXPECT_EQ(scores.Macs(), int64_t{64} * 512 * 512 * 128);
  EXPECT_EQ(scores.WeightElements(), 8 * 512 * 128);  // keys
  const MacShape& mix = prompt[4];
  EXPECT_EQ(mix.name, "layer0.attn_v");
  EXPECT_EQ(mix.c, 512);
  EXPECT_EQ(mix.m, 128);
  EXPECT_EQ(mix.Macs(), scores.Macs());
}

TEST(ShapeNetworks, DecodeOneTokenWithACache) {
  const std::vector<MacShape> token = ShapesOf("llama_70b_decode_s512");
  const MacShape& scores = token[3];
  EXPECT_EQ(scores.groups, 8);
  EXPECT_EQ(scores.p, 8);
  EXPECT_EQ(scores.m, 512);
  EXPECT_EQ(scores.Macs(), int64_t{64} * 512 * 128);
  EXPECT_EQ(TotalMacs(token), 68'713'185'280 + 80 * 2 * scores.Macs());
  // A prompt costs its tokens times what their products cost, attention apart.
  const std::vector<MacShape> prompt = ShapesOf("llama_70b_s512");
  EXPECT_EQ(TotalMacs(prompt), 512 * TotalMacs(token));
  EXPECT_EQ(TotalWeights(prompt), TotalWeights(token));
  // Without earlier positions there is no cache.
  EXPECT_EQ(TotalMacs(ShapesOf("llama_7b_decode_s1")), TotalMacs(ShapesOf("llama_7b_s1")));
  for (const Node& node : Find("llama_7b_decode_s1").network.nodes) {
    EXPECT_NE(OperatorName(node.op), "constant");
  }
}

TEST(ShapeNetworks, TakeANumberOfTokens) {
  EXPECT_EQ(TotalMacs(ShapesOf("llama_7b")), TotalMacs(ShapesOf("llama_7b_s2048")));
  EXPECT_EQ(Find("llama_7b_s16384").network.nodes[0].shape, (Shape{1, 16384, 4096}));
  EXPECT_EQ(Find("bert_base_s384").network.nodes[0].shape, (Shape{1, 384, 768}));
  EXPECT_EQ(ShapesOf("llama_700m_decode_s131072")[3].m, 131072);
  for (const char* name : {"llama_7b_s0", "llama_7b_s16385", "llama_7b_s007", "bert_base_s513",
                           "llama_7b_decode_s131073", "llama_7b_s99999999999999999999"}) {
    const absl::Status status = FindShapeNetwork(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
  EXPECT_EQ(FindShapeNetwork("bert_base_s513").status().message(),
            "network 'bert_base_s513': bert_base takes _s1 to _s512 tokens");
  EXPECT_EQ(FindShapeNetwork("llama_7b_decode_s0").status().message(),
            "network 'llama_7b_decode_s0': a key-value cache takes _s1 to _s131072 tokens");
}

TEST(ShapeNetworks, DecodeOnlyWhereTokensAreMade) {
  const absl::Status status = FindShapeNetwork("bert_base_decode").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bert_base reads all its tokens at once"));
}

TEST(ShapeNetworks, SuggestTheNearestName) {
  for (const auto& [name, nearest] : {std::pair("vgg61", "vgg16"),
                                      {"mobilenetv2", "mobilenet_v2"},
                                      {"llama_7", "llama_7b"},
                                      {"lama_7b_decode_s512", "llama_7b_decode"}}) {
    const absl::Status status = FindShapeNetwork(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("'" + std::string(nearest) + "'?"));
  }
  for (const char* name : {"", "_s", "_s3", "s1", "vgg16_s4", "llama_7b_s", "12"}) {
    EXPECT_EQ(FindShapeNetwork(name).status().code(), absl::StatusCode::kNotFound) << name;
  }
}

TEST(ShapeNetworks, SayWhatTheyLeaveOut) {
  EXPECT_THAT(Find("alexnet").omitted, HasSubstr("response normalization"));
  EXPECT_THAT(Find("bert_base").omitted, HasSubstr("pooler"));
  EXPECT_THAT(Find("llama_3b").omitted, HasSubstr("shared with lm_head"));
  EXPECT_THAT(Find("llama_7b").omitted, HasSubstr("causal mask"));
  EXPECT_THAT(Find("llama_7b_decode").omitted, HasSubstr("the cache is a constant"));
  EXPECT_EQ(Find("resnet50").omitted, "");
  EXPECT_EQ(Find("llama_7b").embedding_parameters, 32000 * 4096);
  EXPECT_EQ(Find("llama_3b").embedding_parameters, 0);
  EXPECT_EQ(Find("bert_base").other_parameters, 25 * 2 * 768 + 768 * 769);
}

}  // namespace
}  // namespace bitscape::network
