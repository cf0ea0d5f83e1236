// A user's way through the product with no server: every command on one database.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/process.h"

namespace bitscape::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kSpec[] = R"(
displayName: a small one
network: networks/lenet5
dataset: datasets/fashion-mnist
accelerators: [accelerators/eyeriss_like]
space:
  grids:
    - {weights: [int2, int4, "int8:channel"], activations: [int4, int8], accumulators: [int32]}
references:
  - {label: fp32, plan: "weights=fp32,activations=fp32"}
evaluation: {images: 320}
)";

constexpr char kInt8[] = "weights=int8:channel,activations=int8,accumulator=int32";

class EmbeddedTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<Folder>();
    WriteText(*folder_ / "sweep.yaml", kSpec);
    submitted_ = Run({"sweep", "submit", *folder_ / "sweep.yaml", "--name", "small"});
  }
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
    json parsed = result.Json();
    EXPECT_FALSE(parsed.is_discarded()) << result.out;
    return parsed;
  }

  static std::unique_ptr<Folder> folder_;
  static Result submitted_;
};

std::unique_ptr<Folder> EmbeddedTest::folder_;
Result EmbeddedTest::submitted_;

TEST_F(EmbeddedTest, SubmitPrintsTheNameAndStaysToTheEnd) {
  EXPECT_EQ(submitted_.code, 0) << submitted_.err;
  EXPECT_EQ(submitted_.out, "sweeps/small\n");
  EXPECT_THAT(submitted_.err, HasSubstr("100%"));
  const json sweep = RunJson({"sweep", "get", "small"});
  EXPECT_EQ(sweep["state"], "SUCCEEDED");
  EXPECT_EQ(sweep["progress"]["succeeded"], 7);
}

TEST_F(EmbeddedTest, FrontHasItsFixedForm) {
  const json front = RunJson({"front", "show", "small"});
  EXPECT_GT(front["hypervolume"].get<double>(), 0);
  ASSERT_GT(front["points"].size(), 0u);
  double accuracy = 1;
  for (const json& point : front["points"]) {
    EXPECT_THAT(point["trial"].get<std::string>(), testing::StartsWith("sweeps/small/trials/"));
    EXPECT_THAT(point["plan"].get<std::string>(), HasSubstr("weights="));
    const json& metrics = point["metrics"];
    EXPECT_TRUE(metrics["correct"].is_number());
    EXPECT_EQ(metrics["images"], 320);
    EXPECT_DOUBLE_EQ(metrics["accuracy"], metrics["correct"].get<double>() / 320);
    EXPECT_LE(metrics["accuracy"].get<double>(), accuracy);
    accuracy = metrics["accuracy"];
    for (const char* cost : {"energyPj", "areaUm2", "latencySeconds", "weightBytes"}) {
      EXPECT_GT(metrics[cost].get<double>(), 0) << cost;
    }
  }
  EXPECT_EQ(front["references"][0]["reference"], "fp32");
  EXPECT_THAT(Run({"front", "show", "sweeps/small"}).out, HasSubstr("fp32"));
}

TEST_F(EmbeddedTest, FrontTakesOtherObjectives) {
  const json front = RunJson({"front", "show", "small", "--objective", "accuracy,energy_pj"});
  EXPECT_EQ(front["objectives"], json({"accuracy", "energy_pj"}));
  const Result unknown = Run({"front", "show", "small", "--objective", "accuracy,enrgy_pj"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("enrgy_pj"));
}

TEST_F(EmbeddedTest, TrialsSayStateAttemptsAndImages) {
  const json list = RunJson({"trial", "list", "small"});
  ASSERT_EQ(list["trials"].size(), 7u);
  for (const json& trial : list["trials"]) {
    EXPECT_EQ(trial["state"], "SUCCEEDED");
    EXPECT_EQ(trial["attempts"], 1);
    EXPECT_EQ(trial["imagesEvaluated"], 320);
  }
  const std::string name = list["trials"][2]["name"];
  EXPECT_EQ(RunJson({"trial", "get", name}), list["trials"][2]);
  EXPECT_EQ(RunJson({"trial", "list", "small", "--limit", "2"})["trials"].size(), 2u);
  EXPECT_EQ(RunJson({"trial", "list", "small", "--state", "failed"})["trials"].size(), 0u);
}

TEST_F(EmbeddedTest, ASecondSubmissionReusesWhatIsMeasured) {
  const Result again = Run({"sweep", "submit", *folder_ / "sweep.yaml", "--name", "again"});
  EXPECT_EQ(again.code, 0) << again.err;
  for (const json& trial : RunJson({"trial", "list", "again"})["trials"]) {
    EXPECT_TRUE(trial["reused"].get<bool>()) << trial;
  }
}

TEST_F(EmbeddedTest, EvaluateHasItsFixedForm) {
  const json result = RunJson({"evaluate", "--network", "lenet5", "--dataset", "fashion-mnist",
                               "--plan", kInt8, "--images", "320"});
  EXPECT_EQ(result["images"], 320);
  EXPECT_GT(result["correct"].get<int>(), 250);
  EXPECT_DOUBLE_EQ(result["accuracy"], result["correct"].get<double>() / 320);
  EXPECT_GT(result["imagesPerSecond"].get<double>(), 0);
  ASSERT_GT(result["layers"].size(), 0u);
  for (const json& layer : result["layers"]) {
    EXPECT_TRUE(layer["name"].is_string());
    EXPECT_TRUE(layer["path"].is_string());
    EXPECT_EQ(layer["exact"], true) << "int32 sums are exact: " << layer;
  }
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_F(EmbeddedTest, ResultsAreOneCsvRow) {
  const auto evaluated = Lines(Run({"evaluate", "--network", "lenet5", "--dataset", "fashion-mnist",
                                    "--plan", kInt8, "--images", "320", "-o", "csv"})
                                   .out);
  ASSERT_EQ(evaluated.size(), 2u);
  EXPECT_EQ(evaluated[0],
            "correct,images,accuracy,accuracyLow,accuracyHigh,loss,imagesPerSecond,plan,split");
  EXPECT_THAT(evaluated[1], testing::ContainsRegex("^[0-9]+,320,0\\.[0-9]+,"));
  const auto priced = Lines(Run({"cost", "--network", "lenet5", "--accelerator", "eyeriss_like",
                                 "--plan", kInt8, "-o", "csv"})
                                .out);
  ASSERT_EQ(priced.size(), 2u);
  EXPECT_THAT(priced[0], testing::StartsWith(
                             "energyPj,latencyCycles,latencySeconds,areaUm2,weightBytes,plan,"));
}

TEST_F(EmbeddedTest, FrontRowsAreTheSameInEveryForm) {
  const auto csv = Lines(Run({"front", "show", "small", "-o", "csv"}).out);
  const auto jsonl = Lines(Run({"front", "show", "small", "-o", "jsonl"}).out);
  ASSERT_GT(csv.size(), 1u);
  EXPECT_EQ(csv.size(), jsonl.size() + 1);
  EXPECT_THAT(csv[0], testing::StartsWith("onFront,sweep,trial,plan,"));
  bool has_reference = false;
  for (size_t i = 0; i < jsonl.size(); ++i) {
    const json row = json::parse(jsonl[i]);
    EXPECT_EQ(row["sweep"], "small");
    EXPECT_THAT(csv[i + 1], testing::StartsWith(row["onFront"] ? "true,small," : "false,small,"));
    has_reference = has_reference || row["reference"] == "fp32";
  }
  EXPECT_TRUE(has_reference);
  EXPECT_EQ(Lines(Run({"front", "show", "small", "sweeps/small", "-o", "csv"}).out), csv);
}

TEST_F(EmbeddedTest, ShownMachinesCanBeImported) {
  std::string yaml = Run({"accelerator", "show", "int8_array", "-o", "yaml"}).out;
  ASSERT_THAT(yaml, testing::StartsWith("name: \"int8_array\"\n"));
  yaml.replace(yaml.find("int8_array"), 10, "mine");
  WriteText(*folder_ / "mine.yaml", yaml);
  const Result imported = Run({"accelerator", "import", *folder_ / "mine.yaml"});
  EXPECT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(Run({"accelerator", "show", "mine", "-o", "yaml"}).out, yaml);
}

TEST_F(EmbeddedTest, DescribeHasItsFixedForm) {
  const json network = RunJson({"network", "describe", "networks/lenet5"});
  double macs = 0, weights = 0;
  for (const json& layer : network["layers"]) {
    macs += layer["macs"].get<double>();
    weights += layer["weights"].get<double>();
    EXPECT_GT(layer["reductionLength"].get<double>(), 0);
  }
  EXPECT_EQ(network["macs"].get<double>(), macs);
  EXPECT_EQ(network["weights"].get<double>(), weights);
}

TEST_F(EmbeddedTest, CostHasItsFixedForm) {
  const json cost =
      RunJson({"cost", "--network", "lenet5", "--accelerator", "eyeriss_like", "--plan", kInt8});
  double energy_pj = 0, cycles = 0;
  for (const json& layer : cost["layers"]) {
    energy_pj += layer["energyPj"].get<double>();
    cycles += layer["latencyCycles"].get<double>();
  }
  EXPECT_NEAR(cost["energyPj"].get<double>(), energy_pj, 1e-9 * energy_pj);
  EXPECT_NEAR(cost["latencyCycles"].get<double>(), cycles, 1e-9 * cycles);
  for (const char* figure : {"latencySeconds", "areaUm2", "weightBytes"}) {
    EXPECT_GT(cost[figure].get<double>(), 0) << figure;
  }
}

TEST_F(EmbeddedTest, FormatShowDecodesEveryCode) {
  const json format = RunJson({"format", "show", "fp8_e4m3"});
  EXPECT_EQ(format["largest"], 448);
  ASSERT_EQ(format["codes"].size(), 256u);
  EXPECT_EQ(format["codes"][0x7e]["value"], "448");
  EXPECT_THAT(Run({"format", "show", "fp8_e4m3"}).out, HasSubstr("448"));
  EXPECT_GT(RunJson({"format", "list"})["formats"].size(), 10u);
}

TEST_F(EmbeddedTest, FormatRoundRoundsRawFloats) {
  const std::vector<float> values = {1.0F, 2.7F, -447.0F, 1e-9F};
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  WriteText(*folder_ / "in.f32", bytes);
  const Result rounded = Run({"format", "round", "fp8_e4m3", "--shape", "2x2", "--input",
                              *folder_ / "in.f32", "--output", *folder_ / "out.f32"});
  EXPECT_EQ(rounded.code, 0) << rounded.err;
  const std::string out = ReadText(*folder_ / "out.f32");
  ASSERT_EQ(out.size(), bytes.size());
  std::vector<float> result(values.size());
  std::memcpy(result.data(), out.data(), out.size());
  EXPECT_THAT(result, testing::ElementsAre(1.0F, 2.75F, -448.0F, 0.0F));

  const Result wrong = Run({"format", "round", "fp8_e4m3", "--shape", "3x2", "--input",
                            *folder_ / "in.f32", "--output", *folder_ / "none.f32"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("16 bytes, but shape 3x2 takes 24"));
  EXPECT_EQ(ReadText(*folder_ / "none.f32"), "");
}

TEST_F(EmbeddedTest, ReportIsOnePage) {
  const Result report = Run({"report", "small", "-o", *folder_ / "report.html"});
  EXPECT_EQ(report.code, 0) << report.err;
  EXPECT_THAT(report.out, testing::ContainsRegex(
                              "^exploration_seconds=[0-9.]+ trials=7 front=[0-9]+ report=/"));
  const std::string html = ReadText(*folder_ / "report.html");
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_THAT(html, testing::Not(HasSubstr("http")));
}

TEST_F(EmbeddedTest, ListsAreOneDocument) {
  EXPECT_GE(RunJson({"network", "list"})["networks"].size(), 3u);
  EXPECT_GE(RunJson({"dataset", "list"})["datasets"].size(), 1u);
  EXPECT_GE(RunJson({"accelerator", "list"})["accelerators"].size(), 2u);
  EXPECT_GE(RunJson({"sweep", "list"})["sweeps"].size(), 1u);
  EXPECT_EQ(RunJson({"accelerator", "show", "eyeriss_like"})["spec"]["arrayRows"], 12);
  EXPECT_EQ(RunJson({"server", "status"})["embedded"], true);
}

TEST_F(EmbeddedTest, TwoCommandsShareOneDatabase) {
  std::vector<std::unique_ptr<Process>> commands;
  for (int i = 0; i < 4; ++i) {
    commands.push_back(std::make_unique<Process>(std::vector<std::string>{
        BitscapePath(), "evaluate", "--network", "lenet5", "--dataset", "fashion-mnist", "--plan",
        kInt8, "--images", std::to_string(64 * (i + 1)), "-o", "json", "--database",
        *folder_ / "bitscape.db"}));
  }
  for (int i = 0; i < 4; ++i) {
    const Result result = commands[static_cast<size_t>(i)]->Wait();
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.Json()["images"], 64 * (i + 1));
  }
}

TEST_F(EmbeddedTest, InterruptedSubmitIsResumable) {
  const std::string spec = *folder_ / "long.yaml";
  std::string text = kSpec;
  text.replace(text.find("images: 320"), 11, "slice_images: 64");
  WriteText(spec, text);
  Process submit({BitscapePath(), "sweep", "submit", spec, "--name", "long", "--database",
                  *folder_ / "bitscape.db"});
  while (submit.Out().empty() && !submit.HasEnded()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  submit.Signal(SIGINT);
  const Result interrupted = submit.Wait();
  EXPECT_EQ(interrupted.out, "sweeps/long\n");
  EXPECT_EQ(interrupted.code, 130) << interrupted.err;
  EXPECT_THAT(interrupted.err, HasSubstr("bitscape sweep watch long"));
  EXPECT_EQ(Run({"sweep", "pause", "long"}).code, 0);
  const Result resumed = Run({"sweep", "resume", "long"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("sweeps/long goes on while a command runs"));
  EXPECT_THAT(resumed.err, HasSubstr("bitscape sweep watch long --database"));
  const Result watched = Run({"sweep", "watch", "long"});
  EXPECT_EQ(watched.code, 0) << watched.err;
  for (const json& trial : RunJson({"trial", "list", "long"})["trials"]) {
    EXPECT_EQ(trial["imagesEvaluated"], 10000) << trial;
  }
}

}  // namespace
}  // namespace bitscape::e2e
