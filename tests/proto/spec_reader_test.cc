#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bitscape/v1/accelerator.pb.h"
#include "bitscape/v1/sweep.pb.h"
#include "proto/spec/reader.h"

namespace bitscape::spec {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kSweep[] = R"(
display_name: "first: look"
network: lenet5   # a comment
dataset: fashion-mnist
accelerators: [eyeriss]
space:
  plans:
    - weights=int8:channel,activations=int8,accumulator=int32
  grids:
    - weights: [int4, int8]
      activations: [int8]
references:
  - {label: fp16, plan: "weights=fp16,activations=fp16"}
evaluation: {images: 1e3, seed: 7}
)";

void ExpectSweep(const v1::SweepSpec& spec) {
  EXPECT_EQ(spec.display_name(), "first: look");
  EXPECT_EQ(spec.network(), "lenet5");
  ASSERT_EQ(spec.accelerators_size(), 1);
  EXPECT_EQ(spec.accelerators(0), "eyeriss");
  ASSERT_EQ(spec.space().plans_size(), 1);
  EXPECT_EQ(spec.space().plans(0), "weights=int8:channel,activations=int8,accumulator=int32");
  ASSERT_EQ(spec.space().grids_size(), 1);
  EXPECT_EQ(spec.space().grids(0).weights(1), "int8");
  ASSERT_EQ(spec.references_size(), 1);
  EXPECT_EQ(spec.references(0).label(), "fp16");
  EXPECT_EQ(spec.evaluation().images(), 1000);
  EXPECT_EQ(spec.evaluation().seed(), 7);
}

TEST(ReadSpec, ReadsYaml) {
  v1::SweepSpec spec;
  ASSERT_TRUE(ReadSpec(kSweep, "a.yaml", Syntax::kYaml, &spec).ok());
  ExpectSweep(spec);
}

TEST(ReadSpec, ReadsJsonWithEitherSpelling) {
  const std::string json = R"({
    "displayName": "first: look", "network": "lenet5", "dataset": "fashion-mnist",
    "accelerators": ["eyeriss"],
    "space": {"plans": ["weights=int8:channel,activations=int8,accumulator=int32"],
              "grids": [{"weights": ["int4", "int8"], "activations": ["int8"]}]},
    "references": [{"label": "fp16", "plan": "weights=fp16,activations=fp16"}],
    "evaluation": {"images": 1000, "seed": "7"}
  })";
  v1::SweepSpec spec;
  const absl::Status status = ReadSpec(json, "a.json", Syntax::kJson, &spec);
  ASSERT_TRUE(status.ok()) << status;
  ExpectSweep(spec);
}

TEST(ReadSpec, ReadsTextProto) {
  v1::SweepSpec spec;
  ASSERT_TRUE(ReadSpec("network: 'lenet5' space { grids { weights: ['int4', 'int8'] } }", "a.txtpb",
                       Syntax::kTextProto, &spec)
                  .ok());
  EXPECT_EQ(spec.network(), "lenet5");
  EXPECT_EQ(spec.space().grids(0).weights_size(), 2);
}

TEST(ReadSpec, ReadsEnumsNumbersAndFlagsOfAnAccelerator) {
  v1::AcceleratorSpec spec;
  const absl::Status status = ReadSpec(
      "technology: 45nm\nclock_ghz: 0.2\narray_rows: 12\ndataflow: weight_stationary\n"
      "memories:\n  - name: scratchpad\n    kind: REGISTER_FILE\n    per_pe: true\n"
      "    holds: [weights, Inputs]\n",
      "a.yaml", Syntax::kYaml, &spec);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(spec.technology(), "45nm");
  EXPECT_DOUBLE_EQ(spec.clock_ghz(), 0.2);
  EXPECT_EQ(spec.dataflow(), v1::AcceleratorSpec::WEIGHT_STATIONARY);
  ASSERT_EQ(spec.memories_size(), 1);
  EXPECT_TRUE(spec.memories(0).per_pe());
  ASSERT_EQ(spec.memories(0).holds_size(), 2);
  EXPECT_EQ(spec.memories(0).holds(1), v1::AcceleratorSpec::Memory::INPUTS);
}

TEST(ReadSpec, ReplacesWhatTheMessageHeld) {
  v1::SweepSpec spec;
  spec.set_dataset("old");
  ASSERT_TRUE(ReadSpec("network: lenet5", "a.yaml", Syntax::kYaml, &spec).ok());
  EXPECT_EQ(spec.dataset(), "");
}

TEST(ReadSpec, ExpandsAliases) {
  v1::SweepSpec spec;
  ASSERT_TRUE(
      ReadSpec("space:\n  grids:\n    - weights: &all [int4, int8]\n      activations: *all\n",
               "a.yaml", Syntax::kYaml, &spec)
          .ok());
  EXPECT_EQ(spec.space().grids(0).activations_size(), 2);
}

struct BadSpec {
  const char* name;
  const char* text;
  const char* position;  // "LINE:COLUMN"
  const char* message;
  Syntax syntax = Syntax::kYaml;
};

class BadSweep : public ::testing::TestWithParam<BadSpec> {};

TEST_P(BadSweep, IsRefusedWithPositionAndReason) {
  v1::SweepSpec spec;
  const absl::Status status = ReadSpec(GetParam().text, "dir/bad.yaml", GetParam().syntax, &spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_THAT(message, StartsWith("dir/bad.yaml:" + std::string(GetParam().position) + ": "));
  EXPECT_THAT(message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadSweep,
    ::testing::Values(
        BadSpec{"UnknownKey", "network: lenet5\nacelerators: [a]\n", "2:1",
                "unknown key 'acelerators' in SweepSpec; allowed: display_name, network, dataset, "
                "accelerators, space, references, objectives, algorithm, evaluation; did you mean "
                "'accelerators'?"},
        BadSpec{"UnknownKeyWithoutNeighbour", "zzzzzzzzzzzzzzz: 1\n", "1:1",
                "references, objectives, algorithm, evaluation"},
        BadSpec{
            "UnknownNestedKey", "space:\n  grids:\n    - weight: [int8]\n", "3:7",
            "unknown key 'weight' in Grid; allowed: weights, activations, accumulators, repairs; "
            "did you mean 'weights'?"},
        BadSpec{"KeyTwice", "network: a\ndataset: b\nnetwork: c\n", "3:1",
                "key 'network' in SweepSpec is given twice, first in line 1"},
        BadSpec{"KeyTwiceInBothSpellings", "display_name: a\ndisplayName: b\n", "2:1",
                "key 'display_name' in SweepSpec is given twice, first in line 1"},
        BadSpec{"ScalarForList", "accelerators: eyeriss\n", "1:15",
                "'accelerators' takes a list, not 'eyeriss'; write it as [...]"},
        BadSpec{"MapForList", "references: {label: x}\n", "1:13",
                "'references' takes a list, not a map"},
        BadSpec{"NothingForList", "network: a\naccelerators:\ndataset: b\n", "2:1",
                "'accelerators' takes a list, not nothing"},
        BadSpec{"ListForText", "network: [a]\n", "1:10", "'network' takes text, not a list"},
        BadSpec{"NothingForText", "network:\n", "1:1", "'network' takes text, not nothing"},
        BadSpec{"NullForText", "network: ~\n", "1:1", "'network' takes text, not nothing"},
        BadSpec{"ScalarForMap", "evaluation: 5\n", "1:13",
                "Evaluation is a map of fields, not '5'"},
        BadSpec{"TextForNumber", "evaluation: {images: many}\n", "1:22",
                "'images' takes a whole number, not 'many'"},
        BadSpec{"QuotedNumber", "evaluation: {images: \"5\"}\n", "1:22",
                "'images' takes a whole number, not the text '5'"},
        BadSpec{"FractionForNumber", "evaluation: {images: 1.5}\n", "1:22",
                "'images' takes a whole number, not '1.5'"},
        BadSpec{"NumberTooLarge", "evaluation: {images: 2147483648}\n", "1:22",
                "'images' is 2147483648, out of range: -2147483648 to 2147483647"},
        BadSpec{"SeedTooLarge", "evaluation: {seed: 9223372036854775808}\n", "1:20",
                "'seed' is 9223372036854775808, out of range"},
        BadSpec{"NotAMap", "- network\n", "1:1", "SweepSpec is a map of fields, not a list"},
        BadSpec{"Empty", "# nothing\n", "1:1", "empty; expected a SweepSpec"},
        BadSpec{"Unclosed", "accelerators: [a\n", "2:1", "end of sequence flow not found"},
        BadSpec{"BadIndent", "space:\n  plans: [a]\n grids: []\n", "3:2", "end of map not found"},
        BadSpec{"TwoDocuments", "network: a\n---\nnetwork: b\n", "2:1", "a second document"},
        BadSpec{"UnknownAlias", "network: *a\n", "1:10", "the referenced anchor is not defined"},
        BadSpec{"MapAsKey", "{a: b}: c\n", "1:1", "a key of SweepSpec is a map"},
        BadSpec{"ControlCharacter", "network: a\x04\ndataset: b\n", "1:11", "control character"},
        BadSpec{"NotUtf8", "network: \"\xff\"\n", "1:11", "not UTF-8"},
        BadSpec{"OverlongUtf8", "network: \xc0\x80\n", "1:10", "not UTF-8"},
        BadSpec{"JsonKey", "{\n  \"network\": \"a\",\n  \"datasett\": \"b\"\n}\n", "3:3",
                "unknown key the text 'datasett' in SweepSpec", Syntax::kJson},
        BadSpec{"TextKey", "network: 'a'\nfoo: 1\n", "2:4", "has no field named \"foo\"",
                Syntax::kTextProto},
        BadSpec{"TextType", "network: 5\n", "1:10", "Expected string", Syntax::kTextProto}),
    [](const auto& test) { return test.param.name; });

TEST(ReadSpec, NamesTheValuesOfAnEnum) {
  v1::AcceleratorSpec spec;
  const absl::Status status =
      ReadSpec("memories: [{kind: REGISTER_FLIE}]", "a.yaml", Syntax::kYaml, &spec);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("a.yaml:1:19: 'kind' takes one of REGISTER_FILE, SRAM, DRAM, not "
                        "'REGISTER_FLIE'; did you mean 'REGISTER_FILE'?"));
}

TEST(ReadSpec, RefusesUnspecifiedEnumsAndInfiniteNumbers) {
  v1::AcceleratorSpec spec;
  EXPECT_THAT(
      std::string(
          ReadSpec("dataflow: DATAFLOW_UNSPECIFIED", "a.yaml", Syntax::kYaml, &spec).message()),
      HasSubstr("takes one of WEIGHT_STATIONARY"));
  EXPECT_THAT(std::string(ReadSpec("clock_ghz: inf", "a.yaml", Syntax::kYaml, &spec).message()),
              HasSubstr("'clock_ghz' is inf, out of range"));
  EXPECT_THAT(std::string(ReadSpec("clock_ghz: nan", "a.yaml", Syntax::kYaml, &spec).message()),
              HasSubstr("out of range"));
  EXPECT_THAT(
      std::string(ReadSpec("memories: [{per_pe: yes}]", "a.yaml", Syntax::kYaml, &spec).message()),
      HasSubstr("'per_pe' takes true or false, not 'yes'"));
}

TEST(ReadSpec, RefusesDeepNesting) {
  const std::string deep = "space: " + std::string(100, '[') + std::string(100, ']');
  v1::SweepSpec spec;
  const absl::Status status = ReadSpec(deep, "a.yaml", Syntax::kYaml, &spec);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a.yaml:1:71: nested more than 64 levels"));
}

TEST(ReadSpec, RefusesAliasBombs) {
  // Three nodes for each alias of five bytes; deeper bombs have no place in a spec's schema.
  std::string text = "references:\n  - &r {label: a, plan: b}\n";
  for (int i = 0; i < 11000; ++i) {
    text += "  - *r\n";
  }
  v1::SweepSpec spec;
  const absl::Status status = ReadSpec(text, "a.yaml", Syntax::kYaml, &spec);
  EXPECT_THAT(std::string(status.message()), HasSubstr("aliases stand for more than 10000 nodes"));
}

TEST(ReadSpec, RefusesAnAliasOfItself) {
  v1::SweepSpec spec;
  const absl::Status status =
      ReadSpec("evaluation: &e {images: 1, split: *e}", "a.yaml", Syntax::kYaml, &spec);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'split' takes text, not a map"));
}

TEST(ReadSpec, RefusesBigFiles) {
  const std::string text = "network: " + std::string((4 << 20) + 1, 'a');
  v1::SweepSpec spec;
  const absl::Status status = ReadSpec(text, "a.yaml", Syntax::kYaml, &spec);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a spec has at most 4194304"));
}

TEST(ReadSpec, CutsLongValuesInMessages) {
  v1::SweepSpec spec;
  const absl::Status status = ReadSpec("evaluation: {images: " + std::string(5000, 'x') + "}",
                                       "a.yaml", Syntax::kYaml, &spec);
  EXPECT_LT(status.message().size(), 300u);
  EXPECT_THAT(std::string(status.message()), HasSubstr("..."));
}

TEST(ReadSpec, CutsLongValuesBetweenCharacters) {
  std::string value(59, 'x');
  value += "\xe2\x82\xac\xe2\x82\xac";  // the 60th byte is inside a character
  v1::SweepSpec spec;
  const absl::Status status =
      ReadSpec("evaluation: {images: " + value + "}", "a.yaml", Syntax::kYaml, &spec);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not '" + value.substr(0, 59) + "...'"));
}

TEST(SyntaxOf, FollowsTheEnding) {
  EXPECT_EQ(SyntaxOf("a/b.yaml"), Syntax::kYaml);
  EXPECT_EQ(SyntaxOf("b.yml"), Syntax::kYaml);
  EXPECT_EQ(SyntaxOf("b.JSON"), Syntax::kJson);
  EXPECT_EQ(SyntaxOf("b.textproto"), Syntax::kTextProto);
  EXPECT_EQ(SyntaxOf("b.txtpb"), Syntax::kTextProto);
  EXPECT_EQ(SyntaxOf("-"), Syntax::kYaml);
}

}  // namespace
}  // namespace bitscape::spec
