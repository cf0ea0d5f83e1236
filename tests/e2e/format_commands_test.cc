// What the verbs of `bitscape format`, and `network errors`, print, and how they fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "tests/e2e/format_fixture.h"

namespace bitscape::e2e {
namespace {

using testing::HasSubstr;

TEST_F(FormatTest, Lists) {
  const nlohmann::json formats = Run({"format", "list", "-o", "json"}).Json()["formats"];
  EXPECT_GT(formats.size(), 60U);
  std::string msfp12;
  for (const auto& format : formats) {
    EXPECT_NE(format["source"], "") << format;
    EXPECT_GT(format["bitsPerValue"].get<double>(), 0) << format;
    EXPECT_GE(format["bitsPerValue"], format["bits"]) << format;
    if (format["catalogName"] == "msfp12") msfp12 = format["name"];
  }
  EXPECT_EQ(msfp12, "bfp4");
  const Result table = Run({"format", "list"});
  EXPECT_EQ(table.code, 0);
  for (const char* const text : {"STANDS FOR", "fp8_e4m3", "448", "Miyashita 2016", "mxfp4_e2m1",
                                 "4.25", "codebook16", "2^k/32", "OCP MX 1.0"}) {
    EXPECT_THAT(table.out, HasSubstr(text));
  }
  std::istringstream lines(table.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 110U) << line;
  const Result sources = Run({"format", "list", "--sources"});
  EXPECT_THAT(sources.out, HasSubstr("largest 448, NaN, no infinities"));
  EXPECT_THAT(sources.out, HasSubstr("OCP Microscaling Formats (MX) Specification 1.0"));
  EXPECT_EQ(Run({"format", "list", "--limit", "3", "-o", "json"}).Json()["formats"].size(), 3U);
}

TEST_F(FormatTest, Shows) {
  const nlohmann::json format = Run({"format", "show", "fp4_e2m1", "-o", "json"}).Json();
  EXPECT_EQ(format["largest"], 6);
  EXPECT_EQ(format["smallestPositive"], 0.5);
  ASSERT_EQ(format["codes"].size(), 16U);
  EXPECT_EQ(format["codes"][13]["bits"], "1 10 1");
  EXPECT_EQ(format["codes"][13]["value"], "-3");
  ASSERT_EQ(format["levels"].size(), 15U);
  EXPECT_EQ(format["levels"][13]["lowerBoundary"], 3.5);
  ASSERT_EQ(format["fields"].size(), 3U);
  EXPECT_EQ(format["fields"][1]["name"], "exponent");
  EXPECT_EQ(format["fields"][1]["bits"], 2);

  const Result text = Run({"format", "show", "int3"});
  EXPECT_EQ(text.code, 0);
  for (const char* const part : {"3 (1 sign, 2 integer)", "-3 .. 3 at scale 1", "1 00", "(unused)",
                                 "7 levels on a line:", "|------------|"}) {
    EXPECT_THAT(text.out, HasSubstr(part));
  }
  const Result codebook = Run({"format", "show", "codebook8:lloydmax"});
  EXPECT_THAT(codebook.out, HasSubstr("table of levels"));
  EXPECT_THAT(codebook.out, HasSubstr("the data's"));
  const Result page = Run({"format", "show", "fp6_e2m3", "--html", folder_ / "page.html"});
  EXPECT_EQ(page.code, 0) << page.err;
  EXPECT_EQ(page.out, "");
  const std::string html = ReadText(folder_ / "page.html");
  for (const char* const part : {"<svg", "mantissa", "Levels on a line", "Decision boundaries",
                                 "Decode table", "1 11 111", "7.5", "0.06250001"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("http")));
}

TEST_F(FormatTest, ComparesATensor) {
  WriteFloats("t.f32", {0.25F, 3.25F, -7, 2.5F});
  const std::vector<std::string> arguments = {
      "format",   "compare",         "int4",    "fp4_e2m1", "fp32", "binary:position",
      "--tensor", folder_ / "t.f32", "--shape", "4"};
  std::vector<std::string> as_json = arguments;
  as_json.insert(as_json.end(), {"-o", "json"});
  const nlohmann::json rows = Run(as_json).Json()["rows"];
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0]["bitsPerValue"], 12);
  EXPECT_EQ(rows[0]["underflowed"], 0.25);
  EXPECT_EQ(rows[0]["maxError"], 0.5);
  EXPECT_EQ(rows[1]["saturated"], 0.25);
  EXPECT_NEAR(rows[1]["sqnrDb"].get<double>(), 10 * std::log10(65.875 / 1.375), 1e-9);
  EXPECT_EQ(rows[2]["sqnrDb"], "Infinity");
  const Result table = Run(arguments);
  EXPECT_EQ(table.code, 0);
  for (const char* const text : {"SQNR", "16.80 dB", "25.00%", "exact", "PROBLEM", "position"}) {
    EXPECT_THAT(table.out, HasSubstr(text));
  }
}

TEST_F(FormatTest, ComparesANetwork) {
  const nlohmann::json rows = Run({"format", "compare", "int8", "uint8:p99", "--network", "lenet5",
                                   "--dataset", "fashion-mnist", "--images", "32", "-o", "json"})
                                  .Json()["rows"];
  ASSERT_EQ(rows.size(), 2U * 10);
  EXPECT_EQ(rows[0]["tensor"], "weights of conv1");
  EXPECT_EQ(rows[2]["tensor"], "activations of conv1");
  EXPECT_EQ(rows[2]["values"], 32 * 28 * 28);
  const Result csv = Run({"format", "compare", "int8", "--network", "lenet5", "-o", "csv"});
  EXPECT_EQ(std::count(csv.out.begin(), csv.out.end(), '\n'), 6) << csv.out;
}

TEST_F(FormatTest, ShowsErrorsOfLayers) {
  const std::vector<std::string> arguments = {
      "network",   "errors",
      "--network", "lenet5",
      "--dataset", "fashion-mnist",
      "--images",  "64",
      "--plan",    "weights=int4:channel,activations=int8,accumulator=int32"};
  std::vector<std::string> as_json = arguments;
  as_json.insert(as_json.end(), {"-o", "json"});
  const nlohmann::json errors = Run(as_json).Json();
  EXPECT_EQ(errors["images"], 64);
  ASSERT_EQ(errors["layers"].size(), 5U);
  std::vector<int> ranks;
  for (const auto& layer : errors["layers"]) {
    ranks.push_back(layer["rank"]);
    EXPECT_GT(layer["weightsSqnrDb"].get<double>(), 10) << layer;
    EXPECT_GT(layer["activationsSqnrDb"].get<double>(), 30) << layer;
    EXPECT_GE(layer["lectureSumBits"], layer["tightSumBits"]) << layer;
    EXPECT_GE(layer["tightSumBits"], layer["weightSumBits"]) << layer;
  }
  EXPECT_THAT(ranks, testing::UnorderedElementsAre(1, 2, 3, 4, 5));
  const Result table = Run(arguments);
  EXPECT_EQ(table.code, 0);
  for (const char* const text :
       {"RANK", "conv1", "fc3", " dB", "17/16/", "int4:channel x int8", "Most sensitive first"}) {
    EXPECT_THAT(table.out, HasSubstr(text));
  }
}

TEST_F(FormatTest, PrintsAccuracies) {
  const std::vector<std::string> arguments = {"format",   "accuracy", "--network", "lenet5",
                                              "--images", "500",      "--bits",    "8,4",
                                              "--family", "int",      "--family",  "mx"};
  std::vector<std::string> as_json = arguments;
  as_json.insert(as_json.end(), {"-o", "json"});
  const nlohmann::json cells = Run(as_json).Json()["cells"];
  ASSERT_EQ(cells.size(), 3U + 4U);
  std::vector<std::string> families;
  for (const auto& cell : cells) {
    families.push_back(cell["family"]);
    EXPECT_EQ(cell["images"], 500);
    EXPECT_EQ(cell["accuracy"].get<double>(), cell["correct"].get<double>() / 500) << cell;
    EXPECT_GT(cell["accuracy"].get<double>(), cell["bits"] == 4 ? 0.8 : 0.88) << cell;
    EXPECT_LT(cell["accuracyLow"], cell["accuracy"]);
    EXPECT_THAT(cell["plan"].get<std::string>(), testing::StartsWith("weights="));
  }
  EXPECT_THAT(families, testing::ElementsAre("fp32", "fp16", "int8", "int", "int", "mx", "mx"));
  EXPECT_EQ(cells[0]["candidates"], 1);
  EXPECT_GE(cells[3]["candidates"], 6) << "range choices";
  EXPECT_THAT(cells[6]["plan"].get<std::string>(),
              testing::AnyOf(HasSubstr("mxfp4_e2m1"), HasSubstr("nvfp4")));
  // What it says of a plan is what `evaluate` says.
  const nlohmann::json alone = Run({"evaluate", "--network", "lenet5", "--dataset", "fashion-mnist",
                                    "--images", "500", "--plan", cells[6]["plan"], "-o", "json"})
                                   .Json();
  EXPECT_EQ(alone["correct"], cells[6]["correct"]);
  const Result table = Run(arguments);
  EXPECT_EQ(table.code, 0) << table.err;
  for (const char* const text :
       {"8 BITS", "4 BITS", "references on lenet5  fp32 ", "   int8 ", "mx", "Top-1 in percent"}) {
    EXPECT_THAT(table.out, HasSubstr(text));
  }
  // Families of one plan, and of none at this width.
  const nlohmann::json dorefa =
      Run({"format", "accuracy", "--network", "lenet5", "--images", "64", "--bits", "4,4",
           "--family", "dorefa", "--family", "cfloat8", "-o", "json"})
          .Json();
  EXPECT_EQ(dorefa["cells"].size(), 3U + 1U);
}

TEST_F(FormatTest, AnEmptyPlanIsFloat32) {
  const auto evaluate = [&](const std::string& plan) {
    return Run({"evaluate", "--network", "lenet5", "--dataset", "fashion-mnist", "--images", "64",
                "--plan", plan, "-o", "json"})
        .Json();
  };
  const nlohmann::json empty = evaluate("");
  EXPECT_EQ(empty["correct"], evaluate("weights=fp32")["correct"]);
  EXPECT_EQ(empty["layers"][0]["weights"], "fp32");
  EXPECT_EQ(empty["layers"][0]["activations"], "fp32");
  EXPECT_EQ(evaluate(" weights=int8 , activations=int8 ")["plan"], "weights=int8,activations=int8");
}

TEST_F(FormatTest, WarnsOfNegativesThatAreCut) {
  WriteFloats("signed.f32", {-1, -2, 3, 4});
  const std::string file = folder_ / "signed.f32";
  const std::string warning =
      "warning: uint8 has no negative values: 50.00% of the values are negative and cut to 0";
  const auto compare = [&](const std::string& format) {
    return Run({"format", "compare", format, "--tensor", file, "--shape", "4"}).out;
  };
  EXPECT_THAT(compare("uint8"), HasSubstr(warning));
  EXPECT_THAT(compare("uint8:asym"), testing::Not(HasSubstr("warning")));
  const auto evaluate = [&](const std::string& plan) {
    return Run({"evaluate", "--network", "lenet5", "--dataset", "fashion-mnist", "--images", "32",
                "--plan", plan})
        .out;
  };
  EXPECT_THAT(evaluate("weights=uint8,activations=int8"),
              HasSubstr("warning: uint8 has no negative values: "));
  EXPECT_THAT(evaluate("weights=int8,activations=int8"), testing::Not(HasSubstr("warning")));
}

TEST_F(FormatTest, PointsAtWhatIsWrong) {
  const auto expect = [](const Result& result, int code, const std::string& text) {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, testing::StartsWith("error: "));
    EXPECT_THAT(result.err, HasSubstr(text));
  };
  struct Bad {
    const char *notation, *message;
    int column;
  };
  for (const auto& [notation, message, column] : {Bad{"e9m2", "1 to 8 exponent bits", 1},
                                                  {"e4m24", "0 to 23 mantissa bits", 1},
                                                  {"int4:block0", "1 to 1048576", 6},
                                                  {"e3m2:bias=300", "bias 300", 6},
                                                  {"fp8_e4m4", "fp8_e4m3", 1},
                                                  {"int8:chanel", "channel", 6},
                                                  {"int1", "2 to 16", 1},
                                                  {"int8:channel:mxe", "mse", 14}}) {
    const Result result = Run({"format", "show", notation});
    expect(result, 2, message);
    EXPECT_THAT(result.err, HasSubstr("column " + std::to_string(column))) << result.err;
    // The notation, and a caret under the column.
    EXPECT_THAT(result.err, HasSubstr("    " + std::string(notation) + "\n    " +
                                      std::string(static_cast<size_t>(column) - 1, ' ') + "^"));
  }
  WriteFloats("one.f32", {1});
  const std::string file = folder_ / "one.f32", out = folder_ / "out.f32";
  expect(Run({"format", "round", "int88", "--shape", "1", "--input", file, "--output", out}), 2,
         "int88");
  expect(Run({"format", "round", "int8", "--shape", "2", "--input", file, "--output", out}), 2,
         "4 bytes, but shape 2 takes 8");
  expect(Run({"format", "round", "int8", "--shape", "2x", "--input", file, "--output", out}), 2,
         "--shape 2x");
  expect(
      Run({"format", "round", "int8:position", "--shape", "1", "--input", file, "--output", out}),
      2, "position");
  EXPECT_EQ(ReadText(out), "") << "nothing was written";
  expect(Run({"format", "compare", "int8", "int88", "--network", "lenet5"}), 2,
         "header.formats[1]: column 1");
  expect(Run({"format", "compare", "int8"}), 2, "--tensor FILE");
  expect(Run({"format", "compare", "int8", "--network", "lenet6"}), 3, "lenet5");
  expect(Run({"format", "accuracy", "--network", "lenet6", "--bits", "8"}), 3, "lenet6");
  expect(Run({"format", "accuracy", "--family", "itn"}), 2, "--family");
  expect(Run({"format", "accuracy", "--bits", "17"}), 2, "--bits");
  expect(Run({"network", "errors", "--network", "lenet5", "--dataset", "fashion-mnist", "--plan",
              "weights=int99"}),
         2, "plan: column 9");
}

}  // namespace
}  // namespace bitscape::e2e
