// Networks by name: those with weights, those of shapes only, and files without weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/process.h"
#include "tests/engine/network/onnx_builder.h"

namespace bitscape::e2e {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Pair;

class NetworkTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { folder_ = std::make_unique<Folder>(); }
  static void TearDownTestSuite() { folder_.reset(); }

  static Result Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--database", *folder_ / "bitscape.db"});
    return Bitscape(arguments);
  }
  // Of a command that must succeed.
  static json RunJson(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-o", "json"});
    const Result result = Run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.Json();
  }
  static std::map<std::string, std::string> Kinds() {
    std::map<std::string, std::string> kinds;
    const json list = RunJson({"network", "list"});
    for (const json& network : list["networks"]) {
      kinds[network["name"]] = network["kind"];
    }
    return kinds;
  }
  static void ExpectRefused(const std::vector<std::string>& arguments, const std::string& field) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.code, 2) << result.out << result.err;
    EXPECT_THAT(result.err, HasSubstr(field));
    EXPECT_THAT(result.err, HasSubstr("priced"));
  }

  static std::unique_ptr<Folder> folder_;
};
std::unique_ptr<Folder> NetworkTest::folder_;

TEST_F(NetworkTest, ListsKinds) {
  const std::map<std::string, std::string> kinds = Kinds();
  EXPECT_THAT(kinds,
              IsSupersetOf({Pair("networks/resnet8", "zoo"), Pair("networks/vgg16", "shapes"),
                            Pair("networks/llama_70b_decode", "shapes")}));
}

TEST_F(NetworkTest, DescribesThePopularNetworks) {
  const Result table = Run({"network", "describe", "vgg16"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("13 layers"));
  EXPECT_THAT(table.out, HasSubstr("15,346,630,656"));
  EXPECT_THAT(table.out, HasSubstr("can be priced, not evaluated"));
  const json network = RunJson({"network", "describe", "vgg16"});
  ASSERT_EQ(network["layers"].size(), 16u);
  const json& last = network["layers"][12];
  EXPECT_EQ(last["name"], "conv5_3");
  EXPECT_EQ(last["kind"], "conv");
  EXPECT_EQ(last["kernel"], "3x3");
  EXPECT_EQ(last["channels"], 512);
  EXPECT_EQ(last["filters"], 512);
  EXPECT_EQ(last["outputHeight"], 14);
  EXPECT_EQ(last["weights"], 512 * 512 * 9);
  EXPECT_EQ(last["reductionLength"], 4608);
  EXPECT_EQ(last["reductionBits"], 13);
  ASSERT_EQ(network["totals"].size(), 2u);
  EXPECT_EQ(network["totals"][0]["kind"], "conv");
  EXPECT_EQ(network["totals"][0]["layers"], 13);
  EXPECT_EQ(network["totals"][0]["filterSizes"], json::array({"3x3"}));
  EXPECT_EQ(network["totals"][0]["minChannels"], 3);
  EXPECT_EQ(network["totals"][0]["weights"], 14710464);
  EXPECT_EQ(network["totals"][1]["kind"], "fc");
  EXPECT_EQ(network["totals"][1]["maxReductionBits"], 15);
  EXPECT_EQ(network["parameters"], 138357544);
  EXPECT_EQ(network["hasWeights"], false);

  const Result csv = Run({"network", "describe", "alexnet", "-o", "csv"});
  EXPECT_EQ(csv.code, 0) << csv.err;
  EXPECT_EQ(std::count(csv.out.begin(), csv.out.end(), '\n'), 9);
  EXPECT_THAT(csv.out, HasSubstr("conv2"));
}

TEST_F(NetworkTest, DescribesTransformersOfAnyLength) {
  const json network = RunJson({"network", "describe", "llama_70b_decode_s512"});
  EXPECT_EQ(network["layers"].size(), 80u * 9 + 1);
  EXPECT_EQ(network["parameters"], 68976648192.0);
  EXPECT_EQ(network["embeddingParameters"], 32000 * 8192);
  EXPECT_EQ(network["layers"][3]["kind"], "attention");
  EXPECT_EQ(network["layers"][3]["groups"], 8);
  EXPECT_EQ(network["layers"][3]["macs"], 64 * 512 * 128);
  const Result table = Run({"network", "describe", "llama_70b"});
  EXPECT_THAT(table.out, HasSubstr("layer*.qk_t"));
  const Result wrong = Run({"network", "describe", "llama_70b_s99999"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("_s1 to _s16384"));
  const Result unknown = Run({"network", "describe", "vgg61"});
  EXPECT_EQ(unknown.code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'vgg16'?"));
}

TEST_F(NetworkTest, PricesShapes) {
  for (const char* name : {"vgg16", "mobilenet_v2", "bert_base", "llama_7b_decode_s64"}) {
    const json cost = RunJson({"cost", "--network", name, "--accelerator", "eyeriss_like", "--plan",
                               "weights=int8,activations=int8,accumulator=int32"});
    EXPECT_GT(cost["energyPj"].get<double>(), 0) << name;
    EXPECT_GT(cost["latencyCycles"].get<double>(), 0) << name;
  }
}

TEST_F(NetworkTest, RefusesToEvaluateShapes) {
  const std::string plan = "weights=int8,activations=int8,accumulator=int32";
  ExpectRefused({"evaluate", "--network", "vgg16", "--dataset", "fashion-mnist", "--plan", plan},
                "network: 'vgg16' has shapes only");
  ExpectRefused(
      {"network", "errors", "--network", "vgg16", "--dataset", "fashion-mnist", "--plan", plan},
      "network: 'vgg16' has shapes only");
  WriteText(*folder_ / "sweep.yaml",
            "network: networks/vgg16\ndataset: datasets/fashion-mnist\n"
            "accelerators: [accelerators/eyeriss_like]\n"
            "space: {plans: [\"" +
                plan + "\"]}\n");
  ExpectRefused({"sweep", "submit", *folder_ / "sweep.yaml"},
                "spec.network: 'vgg16' has shapes only");
  const Result compare = Run({"format", "compare", "int8", "--network", "vgg16"});
  EXPECT_EQ(compare.code, 2);
  EXPECT_THAT(compare.err, HasSubstr("only its shapes are known"));
}

TEST_F(NetworkTest, ImportsFilesWithoutWeights) {
  bitscape::testing::OnnxBuilder builder;
  const std::string image = builder.Input("image", {3, 32, 32});
  const std::string weights = builder.WithoutData("weights", {16, 3, 3, 3});
  builder.Output(builder.Node("Conv", {image, weights}, {}, "conv"));
  WriteText(*folder_ / "stripped.onnx", builder.Bytes());
  const json imported = RunJson({"network", "import", *folder_ / "stripped.onnx", "--name",
                                 "stripped", "--mean", "0.5", "--std", "0.5"});
  EXPECT_EQ(imported["kind"], "imported");
  EXPECT_EQ(imported["hasWeights"], false);
  EXPECT_EQ(imported["weights"], 16 * 27);
  EXPECT_THAT(Kinds(), Contains(Pair("networks/stripped", "imported")));
  const json described = RunJson({"network", "describe", "stripped"});
  EXPECT_EQ(described["layers"][0]["macs"], 16 * 27 * 30 * 30);
  const Result taken = Run({"network", "import", *folder_ / "stripped.onnx", "--name", "vgg16",
                            "--mean", "0.5", "--std", "0.5"});
  EXPECT_NE(taken.code, 0);
  EXPECT_THAT(taken.err, HasSubstr("'vgg16' exists already"));
}

}  // namespace
}  // namespace bitscape::e2e
