// What is wrong ends in one clear error, the right exit code, and an unharmed database.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/process.h"

namespace bitscape::e2e {
namespace {

using testing::HasSubstr;

constexpr char kGoodSpec[] =
    "network: networks/lenet5\ndataset: datasets/fashion-mnist\n"
    "accelerators: [accelerators/eyeriss_like]\n"
    "space: {plans: [\"weights=int4,activations=int8,accumulator=int32\"]}\n"
    "evaluation: {images: 32}\n";

class BadInputTest : public testing::Test {
 protected:
  Result Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--database", folder_ / "bitscape.db"});
    return Bitscape(arguments);
  }
  Result Submit(const std::string& text, const std::string& file) {
    WriteText(folder_ / file, text);
    return Run({"sweep", "submit", folder_ / file});
  }
  // One line that starts with "error:", then only indented ones.
  static void ExpectError(const Result& result, int code, const std::string& text) {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, testing::StartsWith("error: "));
    EXPECT_THAT(result.err, HasSubstr(text));
    for (size_t at = result.err.find('\n'); at + 1 < result.err.size();
         at = result.err.find('\n', at + 1)) {
      EXPECT_EQ(result.err[at + 1], ' ') << result.err;
    }
  }
  static std::string With(const std::string& text, const std::string& part,
                          const std::string& instead) {
    std::string changed = text;
    changed.replace(changed.find(part), part.size(), instead);
    return changed;
  }
  Folder folder_;
};

TEST_F(BadInputTest, UnknownNames) {
  ExpectError(Run({"format", "show", "int99x"}), 2, "int99x");
  ExpectError(Run({"network", "describe", "lenet6"}), 3, "lenet5");
  ExpectError(Run({"accelerator", "show", "eyeris_like"}), 3, "eyeriss_like");
  ExpectError(Run({"sweep", "get", "nothing"}), 3, "nothing");
  ExpectError(Run({"front", "show", "nothing"}), 3, "nothing");
  ExpectError(Run({"cost", "--network", "lenet5", "--accelerator", "eyeriss_like", "--plan",
                   "weights=int8;[conv99]weights=int4"}),
              2, "conv99");
  ExpectError(Run({"cost", "--network", "lenet5", "--accelerator", "eyeriss_like", "--plan",
                   "wieghts=int8"}),
              2, "wieghts");
}

TEST_F(BadInputTest, SpecsThatAreWrong) {
  ExpectError(Submit(With(kGoodSpec, "network:", "netwrok:"), "key.yaml"), 2, "key.yaml:1:1");
  ExpectError(Submit("network: [", "broken.yaml"), 2, "broken.yaml:");
  ExpectError(Submit("{\"network\": ", "broken.json"), 2, "broken.json:");
  ExpectError(Submit(With(kGoodSpec, "weights=int4", "weights=imt4"), "plan.yaml"), 2,
              "space.plans[0]");
  const Result unknown = Submit(With(kGoodSpec, "networks/lenet5", "networks/lenet6"), "net.yaml");
  EXPECT_THAT(unknown.code, testing::AnyOf(2, 3)) << unknown.err;
  EXPECT_THAT(unknown.err, HasSubstr("lenet6"));
  ExpectError(Run({"sweep", "submit", folder_ / "missing.yaml"}), 3, "missing.yaml");
}

TEST_F(BadInputTest, FilesThatAreWrong) {
  WriteText(folder_ / "garbage.onnx", "this is no model");
  ExpectError(Run({"network", "import", folder_ / "garbage.onnx", "--name", "garbage", "--mean",
                   "0", "--std", "1"}),
              2, "garbage.onnx");
  // Eight bytes of ones cover at least one whole float of the largest tensor: a NaN.
  std::string onnx = ReadText(BITSCAPE_ZOO "/lenet5.onnx");
  ASSERT_GT(onnx.size(), 200000u);
  onnx.replace(onnx.size() / 2, 8, std::string(8, '\xff'));
  WriteText(folder_ / "nan.onnx", onnx);
  const Result nan = Run(
      {"network", "import", folder_ / "nan.onnx", "--name", "nan", "--mean", "0", "--std", "1"});
  ExpectError(nan, 2, "nan.onnx");
  WriteText(folder_ / "images.idx", "no IDX file");
  ExpectError(Run({"dataset", "import", "--name", "bad", "--train-images", folder_ / "images.idx",
                   "--train-labels", folder_ / "images.idx"}),
              2, "");
  EXPECT_EQ(Run({"network", "describe", "garbage"}).code, 3) << "nothing of it may stay";
  EXPECT_EQ(Run({"network", "describe", "nan"}).code, 3) << "nothing of it may stay";
}

TEST_F(BadInputTest, PlansThatTheMachineCannotRun) {
  ExpectError(Run({"cost", "--network", "lenet5", "--accelerator", "int8_array", "--plan",
                   "weights=fp16,activations=fp16"}),
              5, "int8_array");
  const Result submitted = Submit(With(With(kGoodSpec, "eyeriss_like", "int8_array"), "[\"weights",
                                       "[\"weights=fp16,activations=fp16\", \"weights"),
                                  "infeasible.yaml");
  EXPECT_EQ(submitted.code, 0) << "infeasible is a result: " << submitted.err;
  const std::string sweep = submitted.out.substr(0, submitted.out.size() - 1);
  const nlohmann::json trials = Run({"trial", "list", sweep, "-o", "json"}).Json();
  EXPECT_EQ(trials["trials"][0]["state"], "INFEASIBLE");
  EXPECT_NE(trials["trials"][0]["reason"], "");
  const std::string reason = trials["trials"][0]["reason"];
  for (const Result& result :
       {submitted, Run({"sweep", "watch", sweep}), Run({"front", "show", sweep}),
        Run({"report", sweep, "-o", folder_ / "report.html"})}) {
    EXPECT_THAT(result.err, HasSubstr("note: 1 of 2 trials can't run on their machine: " + reason));
    EXPECT_THAT(result.err, HasSubstr("bitscape trial list"));
  }
  EXPECT_THAT(Run({"trial", "list", sweep, "--state", "FAILED,INFEASIBLE"}).out,
              HasSubstr("INFEASIBLE"));
}

TEST_F(BadInputTest, WhatWasAcknowledgedStays) {
  const Result good = Submit(kGoodSpec, "good.yaml");
  ASSERT_EQ(good.code, 0) << good.err;
  EXPECT_EQ(Submit("network: [", "broken.yaml").code, 2);
  const nlohmann::json sweeps = Run({"sweep", "list", "-o", "json"}).Json();
  ASSERT_EQ(sweeps["sweeps"].size(), 1u);
  EXPECT_EQ(sweeps["sweeps"][0]["state"], "SUCCEEDED");
}

TEST_F(BadInputTest, EndedSweepsCannotBeCancelled) {
  const Result good = Submit(kGoodSpec, "good.yaml");
  ASSERT_EQ(good.code, 0) << good.err;
  ExpectError(Run({"sweep", "cancel", good.out.substr(0, good.out.size() - 1)}), 5, "SUCCEEDED");
}

TEST_F(BadInputTest, ClosedStreamsAreErrorsAndHarmNothing) {
  const std::string command =
      BitscapePath() + " --database " + (folder_ / "bitscape.db") + " sweep ";
  const Result no_stdin = Process({"/bin/sh", "-c", command + "submit - <&-"}).Wait();
  ExpectError(no_stdin, 2, "stdin");
  const Result no_stdout = Process({"/bin/sh", "-c", command + "list >&-"}).Wait();
  ExpectError(no_stdout, 1, "stdout");
  const Result full = Process({"/bin/sh", "-c", command + "list >/dev/full"}).Wait();
  ExpectError(full, 1, "No space left");
  const Result gone =
      Process({"/bin/bash", "-c", command + "list | true; exit ${PIPESTATUS[0]}"}).Wait();
  EXPECT_EQ(gone.code, 0) << gone.err;
  EXPECT_EQ(gone.err, "");
  EXPECT_EQ(Run({"sweep", "list"}).code, 0);
}

TEST(NoServer, AddressesWithoutAPortAreUsageErrors) {
  const Result result = Bitscape({"sweep", "list", "--server", "localhost"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("HOST:PORT"));
}

TEST(NoServer, IsUnavailableAndNamesTheAddress) {
  const Result result = Bitscape({"sweep", "list", "--server", "127.0.0.1:1"});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace bitscape::e2e
