// `bitscape cost` and its commands, `accelerator show`: what they print, write and refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/process.h"

namespace bitscape::e2e {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kInt8[] = "weights=int8,activations=int8,accumulator=int32";
constexpr char kInt4[] = "weights=int4,activations=int4,accumulator=int32";
constexpr char kFloat16[] = "weights=fp16,activations=fp16,accumulator=fp32";

class CostTest : public ::testing::Test {
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
  static std::string Text(const std::vector<std::string>& arguments) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out;
  }
  static void ExpectError(const std::vector<std::string>& arguments, int code,
                          const std::string& message) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.code, code) << result.out << result.err;
    EXPECT_THAT(result.err, AllOf(StartsWith("error: "), HasSubstr(message)));
    EXPECT_EQ(result.out, "");
  }
  static std::vector<std::string> Cost(const std::string& accelerator, const std::string& plan,
                                       std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"cost",      "--network", "lenet5", "--accelerator",
                                          accelerator, "--plan",    plan};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  static std::unique_ptr<Folder> folder_;
};
std::unique_ptr<Folder> CostTest::folder_;

TEST_F(CostTest, ShowsLayersAndComponentsInEveryForm) {
  const std::string table = Text(Cost("eyeriss_like", kInt8));
  EXPECT_THAT(table, AllOf(HasSubstr("int8 x int8 + int"), HasSubstr("dram_weights"),
                           HasSubstr("read as"), Not(HasSubstr("OF THE LAYER"))));
  EXPECT_THAT(Text(Cost("eyeriss_like", kInt8, {"--layers"})), HasSubstr("OF THE LAYER"));
  const json cost = RunJson(Cost("eyeriss_like", kInt8));
  std::map<std::string, double> components;
  for (const json& layer : cost["layers"]) {
    EXPECT_EQ(layer["macsPerCycle"], 1);
    EXPECT_GT(layer["offChipBits"], 0);
    for (const json& energy : layer["energy"]) {
      components[energy["component"]] += energy["energyPj"].get<double>();
    }
  }
  double sum = 0;
  for (const auto& [name, energy_pj] : components) {
    sum += energy_pj;
  }
  EXPECT_NEAR(sum, cost["energyPj"].get<double>(), 1e-9 * sum);
  const std::string csv = Text(Cost("eyeriss_like", kInt8, {"--layers", "-o", "csv"}));
  EXPECT_THAT(csv, StartsWith("layer,component,energyPj\n"));
  EXPECT_THAT(csv, HasSubstr(",dram_weights,"));
}

TEST_F(CostTest, WritesPages) {
  const std::string file = *folder_ / "cost.html";
  EXPECT_EQ(Text(Cost("eyeriss_like", kInt8, {"--html", file})), "");
  const std::string page = ReadText(file);
  EXPECT_THAT(page, AllOf(HasSubstr("<rect "), HasSubstr("dram_weights"), HasSubstr("</html>"),
                          Not(HasSubstr("http")), Not(HasSubstr("<script"))));
  const Result refused = Run(Cost("eyeriss_like", kInt8, {"--html", "/no/such/folder/a.html"}));
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("/no/such/folder"));
}

TEST_F(CostTest, ReadsSourcesAsAsked) {
  const double base = RunJson(Cost("eyeriss_like", kInt8))["energyPj"];
  const json all = RunJson(Cost("eyeriss_like", kInt8,
                                {"--node", "7nm", "--activity", "0.45", "--registers", "none",
                                 "--areas", "gate_counts", "--sram", "cacti_lop"}));
  EXPECT_LT(all["energyPj"].get<double>(), base);
  EXPECT_EQ(all["reading"]["node"], "7nm");
  EXPECT_EQ(all["reading"]["activity"], 0.45);
  EXPECT_EQ(all["reading"]["registers"], "none");
  EXPECT_EQ(all["reading"]["areas"], "gate_counts");
  EXPECT_EQ(all["reading"]["sram"], "cacti_lop");
  EXPECT_GT(RunJson(Cost("eyeriss_like", kInt8, {"--leakage"}))["energyPj"].get<double>(), base);
  EXPECT_LT(RunJson(Cost("eyeriss_like", kInt8, {"--supply", "0.8"}))["energyPj"].get<double>(),
            base);
}

TEST_F(CostTest, RefusesWhatItCannotPrice) {
  ExpectError({"cost"}, 2, "--network is required");
  ExpectError({"cost", "--network", "lenet5", "--accelerator", "eyeriss_like"}, 2,
              "--plan is required");
  ExpectError({"cost", "comparee"}, 2, "did you mean 'compare'?");
  ExpectError(Cost("eyeriss_like", kInt8, {"--node", "44nm"}), 2, "there is no '44nm': known are");
  ExpectError(Cost("eyeriss_like", kInt8, {"--activity", "2"}), 2, "reading.activity");
  ExpectError(Cost("eyeriss_like", kInt8, {"--activity", "-1"}), 2, "'-1'");
  ExpectError(Cost("eyeriss_like", kInt8, {"--sram", "cacti"}), 2, "reading.sram");
  ExpectError(Cost("eyeriss_like", kInt8, {"--supply", "9"}), 2, "reading.supply_v");
  ExpectError(Cost("int8_array", kFloat16), 5, "can't run the plan: layer ");
  ExpectError(Cost("int9_array", kInt8), 3, "int9_array");
}

TEST_F(CostTest, ComparesPlansOnMachines) {
  const std::vector<std::string> compare = {
      "cost", "compare", "--network", "lenet5",        "--plan",
      kInt8,  "--plan",  kFloat16,    "--accelerator", "eyeriss_like,int8_array"};
  const json rows = RunJson(compare)["rows"];
  ASSERT_EQ(rows.size(), 4u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_GT(rows[i]["energyPj"].get<double>(), 0) << i;
    EXPECT_EQ(rows[i]["infeasible"], "") << i;
  }
  EXPECT_EQ(rows[3]["energyPj"], 0);
  EXPECT_THAT(rows[3]["infeasible"].get<std::string>(), HasSubstr("int8_array takes"));
  EXPECT_THAT(Text(compare), AllOf(HasSubstr("1.000x"), HasSubstr("INFEASIBLE")));
  ExpectError({"cost", "compare", "--network", "lenet5", "--accelerator", "int8_array"}, 2,
              "--plan is required");
  ExpectError({"cost", "compare", "--network", "lenet5", "--plan", "weights=int88", "--accelerator",
               "int8_array"},
              2, "plans[0]");
}

// The question that closes the lecture: does a machine of scalable widths pay? README.md shows the
// same two commands.
TEST_F(CostTest, FlexibilityCostsAtFullWidthAndPaysAtHalf) {
  const auto energies = [](const std::string& plan) {
    const json rows = RunJson({"cost", "compare", "--network", "resnet8", "--plan", plan,
                               "--accelerator", "int8_array,int8_array_scalable"})["rows"];
    EXPECT_EQ(rows.size(), 2u);
    return std::pair<double, double>(rows[0]["energyPj"], rows[1]["energyPj"]);
  };
  const auto [native8, flexible8] = energies(kInt8);
  EXPECT_GT(flexible8, 1.05 * native8);
  const auto [native4, flexible4] = energies(kInt4);
  EXPECT_LT(flexible4, 0.95 * native4);
  EXPECT_GT(flexible4, 0);
}

TEST_F(CostTest, DrawsRooflines) {
  const std::vector<std::string> command = {"cost",          "roofline",     "--network", "lenet5",
                                            "--accelerator", "eyeriss_like", "--plan",    kInt8};
  const json roofline = RunJson(command);
  EXPECT_EQ(roofline["peakMacsPerSecond"], 168 * 0.2e9);
  EXPECT_NEAR(roofline["ridgeMacsPerByte"].get<double>(), 168 * 8 / 64.0, 1e-9);
  ASSERT_FALSE(roofline["layers"].empty());
  for (const json& layer : roofline["layers"]) {
    EXPECT_LE(layer["achievedMacsPerSecond"].get<double>(),
              layer["attainableMacsPerSecond"].get<double>() * (1 + 1e-9))
        << layer["name"];
    EXPECT_LE(layer["attainableMacsPerSecond"].get<double>(),
              layer["peakMacsPerSecond"].get<double>());
  }
  EXPECT_THAT(Text(command), AllOf(HasSubstr("ridge        21.00 MAC/byte"), HasSubstr("////")));
  std::vector<std::string> page = command;
  page.insert(page.end(), {"--html", *folder_ / "roofline.html"});
  EXPECT_EQ(Text(page), "");
  EXPECT_THAT(ReadText(*folder_ / "roofline.html"), HasSubstr("<circle "));
}

TEST_F(CostTest, SaysWhatStaysOnAFrontUnderAllReadings) {
  WriteText(*folder_ / "sweep.yaml",
            "network: networks/lenet5\n"
            "dataset: datasets/fashion-mnist\n"
            "accelerators: [accelerators/eyeriss_like]\n"
            "space: {grids: [{weights: [int8, int4, int2], activations: [int8], accumulators: "
            "[int32]}]}\n"
            "objectives: [accuracy, energy_pj]\n"
            "evaluation: {images: 64}\n");
  const json submitted = RunJson({"sweep", "submit", *folder_ / "sweep.yaml", "-q"});
  const std::string sweep = submitted["name"];
  const json found = RunJson({"cost", "sensitivity", "--sweep", sweep});
  EXPECT_EQ(found["candidates"], 3);
  EXPECT_GT(found["readings"].size(), 10u);
  int stay = 0;
  for (const json& point : found["points"]) {
    EXPECT_EQ(point["onEveryFront"].get<bool>(), point["offUnder"].empty());
    EXPECT_EQ(point["costs"].size(), found["readings"].size());
    stay += point["onEveryFront"].get<bool>() ? 1 : 0;
  }
  EXPECT_GE(stay, 1) << "the best in accuracy stays, and energies keep their order";
  EXPECT_EQ(RunJson({"front", "show", sweep, "--readings"}), found);
  EXPECT_THAT(Text({"front", "show", sweep, "--readings"}),
              AllOf(HasSubstr("under every reading"), HasSubstr("sram cacti_lop")));
  const json plans = RunJson({"cost", "sensitivity", "--network", "lenet5", "--accelerator",
                              "int8_array,int8_array_scalable", "--plan", kInt8, "--plan", kInt4,
                              "--objective", "energy_pj,area_um2"});
  EXPECT_EQ(plans["candidates"], 4);
  ExpectError({"cost", "sensitivity"}, 2, "--sweep, or else --network is required");
  ExpectError({"cost", "sensitivity", "--sweep", "none-such"}, 3, "none-such");
  ExpectError({"cost", "sensitivity", "--sweep", sweep, "--network", "lenet5"}, 2, "either");
}

TEST_F(CostTest, ValidatesTheModel) {
  const Result all = Run({"cost", "validate"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, AllOf(HasSubstr("DEVIATION"), HasSubstr("horowitz"), HasSubstr("input"),
                             HasSubstr("fitted"), HasSubstr("validation")));
  const json group = RunJson({"cost", "validate", "--group", "horowitz"});
  EXPECT_TRUE(group["passes"].get<bool>());
  for (const json& row : group["rows"]) {
    EXPECT_EQ(row["group"], "horowitz");
  }
}

TEST_F(CostTest, ShowsEveryMachine) {
  const json list = RunJson({"accelerator", "list"});
  ASSERT_GE(list["accelerators"].size(), 2u);
  for (const json& accelerator : list["accelerators"]) {
    const std::string text = Text({"accelerator", "show", accelerator["name"]});
    EXPECT_THAT(text, AllOf(HasSubstr("| array"), HasSubstr("sources"), HasSubstr("mac_array")))
        << accelerator["name"];
    EXPECT_FALSE(accelerator["spec"]["sources"].empty()) << accelerator["name"];
  }
  const std::string table = Text({"accelerator", "list"});
  EXPECT_THAT(table, AllOf(HasSubstr("DATAFLOW"), HasSubstr("int8 x int8 + int32")));
  const std::string wide = Text({"accelerator", "show", "eyeriss_like", "--plan", kFloat16});
  EXPECT_THAT(wide, HasSubstr("Priced for fp16 / fp16 / fp32"));
  ExpectError({"accelerator", "show", "int8_array", "--plan", kFloat16}, 5, "can't be priced");
}

TEST_F(CostTest, RefusesMachinesWithLineAndReason) {
  const std::string good = Text({"accelerator", "show", "int8_array", "-o", "yaml"});
  const auto import = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " in\n" << text;
    if (at == std::string::npos) return std::string();
    WriteText(*folder_ / "machine.yaml", text.replace(at, from.size(), to));
    const Result result =
        Run({"accelerator", "import", *folder_ / "machine.yaml", "--validate-only"});
    EXPECT_EQ(result.code, 2) << result.out << result.err;
    return result.err;
  };
  EXPECT_THAT(import("technology: \"45nm\"", "technology: 44nm"),
              AllOf(HasSubstr("technology"), HasSubstr("44nm"), HasSubstr("45nm")));
  EXPECT_THAT(import("arrayRows: 16", "arrayRows: -16"),
              HasSubstr("machine.yaml:7:1: spec.array_rows: -16, allowed: 1 to"));
  EXPECT_THAT(import("arrayRows: 16", "arrayRowz: 16"),
              AllOf(HasSubstr("machine.yaml:7:1: "), HasSubstr("did you mean 'array_rows'")));
  EXPECT_THAT(import("bandwidthBitsPerCycle: 128", "bandwidthBitsPerCycle: 0"),
              HasSubstr("bandwidth_bits_per_cycle"));
}

}  // namespace
}  // namespace bitscape::e2e
