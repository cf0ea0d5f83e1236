#include "engine/formats/notation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/formats/catalog.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

using testing::HasSubstr;

std::string Canonical(std::string_view notation) { return MustParse(notation).ToString(); }

TEST(Notation, CatalogueNamesPrintAsThemselvesAndPresetsAsWhatTheyStandFor) {
  std::set<std::string> names;
  for (const CatalogRow& row : Catalog()) {
    const Quantizer parsed = MustParse(row.name);
    EXPECT_EQ(parsed, MustParse(row.notation)) << row.name;
    const std::string printed = parsed.ToString();
    EXPECT_EQ(Canonical(printed), printed) << row.name;
    if (row.preset) {
      EXPECT_NE(printed, row.name);
    } else {
      EXPECT_EQ(printed, row.name);
      EXPECT_EQ(parsed.format.name, row.name);
      EXPECT_EQ(parsed.format.source, row.source);
    }
    EXPECT_FALSE(row.source.empty());
    EXPECT_FALSE(row.summary.empty());
    EXPECT_TRUE(names.insert(std::string(row.name)).second) << row.name << " stands twice";
  }
}

TEST(Notation, EveryFamilyHasOneRowWithASource) {
  std::set<FamilyKind> kinds;
  std::set<std::string> names;
  for (const Family& family : Families()) {
    EXPECT_TRUE(kinds.insert(family.kind).second) << family.name;
    EXPECT_TRUE(names.insert(std::string(family.name)).second) << family.name;
    EXPECT_EQ(FamilySource(family.kind), family.source);
    EXPECT_FALSE(family.source.empty());
  }
  EXPECT_EQ(kinds.size(), static_cast<size_t>(FamilyKind::kDorefa) + 1);
}

struct CanonicalCase {
  const char* given;
  const char* printed;
};
class CanonicalNotation : public testing::TestWithParam<CanonicalCase> {};

TEST_P(CanonicalNotation, PrintsOneNameForOneFormat) {
  EXPECT_EQ(Canonical(GetParam().given), GetParam().printed);
  EXPECT_EQ(MustParse(GetParam().printed), MustParse(GetParam().given));
}

INSTANTIATE_TEST_SUITE_P(
    Notations, CanonicalNotation,
    testing::Values(
        CanonicalCase{"e5m10:ieee", "fp16"}, CanonicalCase{"e8m23:ieee", "fp32"},
        CanonicalCase{"e8m7:ieee", "bf16"}, CanonicalCase{"e4m3:fn", "fp8_e4m3"},
        CanonicalCase{"e4m3:bias=7:fn", "fp8_e4m3"}, CanonicalCase{"e4m3", "e4m3"},
        CanonicalCase{"e4m3:finite:bias=7", "e4m3"}, CanonicalCase{"e2m1", "fp4_e2m1"},
        CanonicalCase{"e3m4:scaled", "e3m4:scaled"},
        CanonicalCase{"e3m2:scaled", "fp6_e3m2:scaled"},
        CanonicalCase{"e4m3:fnuz:bias=8", "e4m3:fnuz"},
        CanonicalCase{"fp8_e4m3:bias=9", "e4m3:bias=9:fn"},
        CanonicalCase{"e4m3:scaled:ftz:fn:bias=9", "e4m3:bias=9:fn:ftz:scaled"},
        CanonicalCase{"e4m3:bias=-2", "e4m3:bias=-2"},
        CanonicalCase{"int8:tensor:minmax:nearest:saturate:static", "int8"},
        CanonicalCase{"int8:channel", "int8:channel"},
        CanonicalCase{"int4:mse:channel", "int4:channel:mse"},
        CanonicalCase{"int8:dynamic:token", "int8:token:dynamic"},
        CanonicalCase{"int8:p99.9", "int8:p99.9"}, CanonicalCase{"int8:p99.90", "int8:p99.9"},
        CanonicalCase{"int8:clip=6.0", "int8:clip=6"}, CanonicalCase{"uint8:pact", "uint8:pact"},
        CanonicalCase{"int4:block32", "int4:block32"}, CanonicalCase{"int8:full:pow2", "dfx8"},
        CanonicalCase{"int8:pow2", "int8:pow2"}, CanonicalCase{"int8:full:asym", "int8:asym"},
        CanonicalCase{"uint8:pow2:asym", "uint8:asym:pow2"},
        CanonicalCase{"fixed8.4:wrap:floor", "fixed8.4:floor:wrap"},
        CanonicalCase{"int8:wrap:full:stochastic", "int8:full:stochastic:wrap"},
        CanonicalCase{"fp16:away", "fp16:away"}, CanonicalCase{"uint1", "uint1"},
        CanonicalCase{"int16", "int16"}, CanonicalCase{"e8m0", "e8m0"},
        CanonicalCase{"e1m0", "e1m0"},
        // Floats: presets and the two readings of subnormals.
        CanonicalCase{"fp8_e4m3fnuz", "e4m3:fnuz"}, CanonicalCase{"hfp8_1_4_3", "e4m3:bias=11"},
        CanonicalCase{"hfp8_1_5_2", "e5m2"}, CanonicalCase{"ms_fp8", "e5m2"},
        CanonicalCase{"ms_fp9:scaled", "e5m3:scaled"},
        CanonicalCase{"hfp8_1_4_3:bias=7:scaled", "e4m3:scaled"},
        CanonicalCase{"e4m3:literal:bias=3", "e4m3:bias=3:literal"},
        CanonicalCase{"fp16:literal", "fp16:literal"},
        CanonicalCase{"cfloat8_1_4_3", "cfloat8_1_4_3"},
        CanonicalCase{"cfloat8_1_4_3:literal:channel", "cfloat8_1_4_3:literal:channel"},
        CanonicalCase{"cfloat8_1_4_3:bias=11", "e4m3:bias=11"},
        CanonicalCase{"cfloat8_1_5_2:bias=15:literal", "e5m2:literal"},
        CanonicalCase{"cfloat16", "cfloat16_1_5_10"},
        CanonicalCase{"cfloat16:bias=40", "e5m10:bias=40"},
        CanonicalCase{"cfloat16_1_6_9", "cfloat16_1_6_9"},
        // Blocks: the default size isn't printed.
        CanonicalCase{"mxfp4_e2m1:block32", "mxfp4_e2m1"},
        CanonicalCase{"mxfp4_e2m1:block16", "mxfp4_e2m1:block16"},
        CanonicalCase{"mxfp8_e4m3:mse:rceil", "mxfp8_e4m3:rceil:mse"},
        CanonicalCase{"mxint8:ceil:full", "mxint8:full:ceil"},
        CanonicalCase{"mxfp6_e3m2:floor:even", "mxfp6_e3m2:even:floor"},
        CanonicalCase{"nvfp4:block16:reciprocal:dynamic", "nvfp4:reciprocal:dynamic"},
        CanonicalCase{"bfp8:block16", "bfp8"}, CanonicalCase{"bfp8:tensor", "bfp8:tensor"},
        CanonicalCase{"bfp12:exp8:channel", "bfp12:channel"},
        CanonicalCase{"bfp4:block64:exp5", "bfp4:exp5:block64"}, CanonicalCase{"msfp12", "bfp4"},
        CanonicalCase{"msfp16:channel", "bfp8:channel"},
        CanonicalCase{"flexpoint16_5", "bfp16:exp5:tensor"},
        CanonicalCase{"flexpoint16_5:block16:exp8", "bfp16"}, CanonicalCase{"af8_3", "af8_3"},
        CanonicalCase{"af4_2:channel:even", "af4_2:even:channel"},
        // Logs.
        CanonicalCase{"log4:sqrt2", "log4:sqrt2"},
        CanonicalCase{"log4:fsr:unsigned:radix4", "log4:radix4:unsigned:fsr"},
        CanonicalCase{"log4:fsr=-3:stochastic", "log4:fsr=-3:stochastic"},
        CanonicalCase{"log4:fsr=0", "log4:fsr=0"}, CanonicalCase{"fp4_radix4", "log4:radix4"},
        // Learned levels.
        CanonicalCase{"codebook16:kmeans:entries=fp16", "codebook16"},
        CanonicalCase{"codebook16:entries=e5m10:lloydmax:channel",
                      "codebook16:lloydmax:entries=e5m10:channel"},
        CanonicalCase{"codebook256:entries=int8", "codebook256:entries=int8"},
        CanonicalCase{"codebook4:entries=e2m1", "codebook4:entries=fp4_e2m1"},
        CanonicalCase{"binary:l1:channel", "binary:channel"},
        CanonicalCase{"binary:unit", "binary:unit"}, CanonicalCase{"ternary:twn", "ternary"},
        CanonicalCase{"ternary:channel:ttq", "ternary:ttq:channel"},
        CanonicalCase{"ternary:absmean", "ternary:absmean"}, CanonicalCase{"bwn", "binary:channel"},
        CanonicalCase{"bwn:tensor", "binary"},
        CanonicalCase{"xnor_activations:dynamic", "binary:position:dynamic"},
        CanonicalCase{"bnn", "binary:unit"}, CanonicalCase{"twn", "ternary"},
        CanonicalCase{"bitnet_b1_58", "ternary:absmean"},
        CanonicalCase{"bitnet_activations", "int8:full:token"}, CanonicalCase{"dorefa4", "dorefa4"},
        CanonicalCase{"dorefa1:channel", "binary:channel"}, CanonicalCase{"pact4", "uint4:pact"},
        CanonicalCase{"pact4:minmax", "uint4"}, CanonicalCase{"uint4:pact=6.0", "uint4:pact=6"},
        CanonicalCase{"int8:reciprocal:channel", "int8:channel:reciprocal"},
        CanonicalCase{"int8:mse:stochastic:reciprocal", "int8:mse:reciprocal:stochastic"}));

struct BadCase {
  const char* given;
  int column;
  std::vector<const char*> pieces;
};
class BadNotation : public testing::TestWithParam<BadCase> {};

TEST_P(BadNotation, SaysWhatIsWrongWhereAndWhatIsAllowed) {
  const absl::StatusOr<Quantizer> parsed = ParseQuantizer(GetParam().given);
  ASSERT_FALSE(parsed.ok()) << parsed->ToString();
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(parsed.status().message());
  EXPECT_THAT(message, testing::StartsWith("column " + std::to_string(GetParam().column) + ": "));
  const std::string caret =
      "\n  " + std::string(static_cast<size_t>(GetParam().column) - 1, ' ') + "^";
  EXPECT_THAT(message, testing::EndsWith(std::string("\n  ") + GetParam().given + caret));
  for (const char* piece : GetParam().pieces) EXPECT_THAT(message, HasSubstr(piece));
}

INSTANTIATE_TEST_SUITE_P(
    Notations, BadNotation,
    testing::Values(
        BadCase{"", 1, {"a number format is missing"}},
        BadCase{"fp8_e4m33",
                1,
                {"unknown number format 'fp8_e4m33'", "did you mean 'fp8_e4m3'?", "intN"}},
        BadCase{"itn8", 1, {"unknown number format 'itn8'", "did you mean 'int8'?"}},
        BadCase{"INT8", 1, {"unknown number format", "did you mean 'int8'?"}},
        BadCase{"INT7", 1, {"did you mean 'int7'?"}}, BadCase{"E3M4", 1, {"did you mean 'e3m4'?"}},
        BadCase{"fp8", 1, {"did you mean 'fp8_e4m3'?"}},
        BadCase{"fp6", 1, {"did you mean 'fp6_e3m2'?"}},
        BadCase{"FP4", 1, {"did you mean 'fp4_e2m1'?"}},
        BadCase{"mxfp8", 1, {"did you mean 'mxfp8_e4m3'?"}},
        BadCase{"mxfp6", 1, {"did you mean 'mxfp6_e3m2'?"}},
        BadCase{"mxfp4", 1, {"did you mean 'mxfp4_e2m1'?"}},
        BadCase{"fp8_e4m3fnz", 1, {"did you mean 'fp8_e4m3fnuz'?"}},
        BadCase{"af8", 1, {"did you mean 'af8_3'?"}},
        BadCase{"int8:chan", 6, {"did you mean 'channel'?"}},
        BadCase{"int8:Token", 6, {"did you mean 'token'?"}},
        BadCase{"int08", 1, {"unknown number format", "did you mean 'int8'?"}},
        BadCase{" int8", 1, {"a number format holds no spaces"}},
        BadCase{"int8: channel", 6, {"a number format holds no spaces"}},
        BadCase{"int", 1, {"unknown number format"}},
        BadCase{"int99999999999", 1, {"unknown number format"}},
        BadCase{"int17", 1, {"'int17'", "2 to 16 bits"}}, BadCase{"int0", 1, {"2 to 16 bits"}},
        BadCase{"int1", 1, {"one signed bit has no nonzero value"}},
        BadCase{"uint0", 1, {"uintN has 1 to 16 bits"}},
        BadCase{"dfx1", 1, {"dfxN has 2 to 16 bits"}},
        BadCase{"fixed8.9", 1, {"0 to N of them fractional"}},
        BadCase{"fixed17.2", 1, {"2 to 16 bits"}},
        BadCase{"fixed8", 1, {"unknown number format", "fixedN.F"}},
        BadCase{"e9m3", 1, {"1 to 8 exponent bits"}}, BadCase{"e0m3", 1, {"1 to 8 exponent bits"}},
        BadCase{"e4m24", 1, {"0 to 23 mantissa bits"}},
        BadCase{"e4m0:ieee", 6, {"a NaN needs a mantissa bit"}},
        BadCase{"e1m0:fn", 1, {"no nonzero value"}},
        BadCase{"e1m2:ieee:ftz", 1, {"no nonzero value"}},
        BadCase{"e8m23:fnuz", 1, {"below float32's smallest"}},
        BadCase{"e4m3:bias=200", 6, {"bias 200", "beyond float32", "allowed: -112 to 147"}},
        BadCase{"e4m3:bias=-113", 6, {"allowed: -112 to 147"}},
        BadCase{"e4m3:bias=x", 6, {"the bias is an integer"}},
        BadCase{"e4m3:bias=", 6, {"the bias is an integer"}},
        BadCase{"fp16:ieee", 6, {"'ieee' has no meaning for 'fp16'"}},
        BadCase{"e4m3:fn:fnuz", 9, {"'fnuz' comes second", "the special values", "column 6"}},
        BadCase{"bf16:scaled", 6, {"needs no 'scaled'"}},
        BadCase{"int8:scaled", 6, {"'scaled' has no meaning for 'int8'", "channel"}},
        BadCase{"uint8:full", 7, {"'full' has no meaning"}},
        BadCase{"dfx8:asym", 6, {"'asym' has no meaning"}},
        BadCase{
            "int8:chanel", 6, {"unknown modifier 'chanel'", "did you mean 'channel'?", "minmax"}},
        BadCase{"int8:", 6, {"a modifier is missing"}},
        BadCase{"int8::channel", 6, {"a modifier is missing"}},
        BadCase{"int8:channel:token", 14, {"'token' comes second", "the granularity"}},
        BadCase{"int8:channel:channel", 14, {"'channel' comes second"}},
        BadCase{"int8:minmax:p99", 13, {"'p99' comes second", "the range"}},
        BadCase{"int8:block0", 6, {"a block has 1 to"}},
        BadCase{"int8:block", 6, {"unknown modifier 'block'"}},
        BadCase{"int8:p0", 6, {"a percentile is above 0"}},
        BadCase{"int8:p101", 6, {"at most 100"}}, BadCase{"int8:p9x", 6, {"a percentile"}},
        BadCase{"int8:clip=-1", 6, {"a positive number"}},
        BadCase{"int8:clip=nan", 6, {"a positive number"}},
        BadCase{"int8:clip=inf", 6, {"a positive number"}},
        BadCase{"int8:clip=1e39",
                6,
                {"'clip=1e39'", "a positive number such as clip=6", "1.18e-38 to 3.4e+38"}},
        BadCase{"int8:block08", 6, {"'block08'", "1 to 1048576", "without leading zeros"}},
        BadCase{"int8:clip=1e-60", 6, {"a positive number"}},
        BadCase{"int8:clip=6:dynamic", 13, {"'dynamic' contradicts"}},
        BadCase{"fp16:channel", 6, {"'fp16' has no scale from the data", "':scaled'"}},
        BadCase{"fixed8.4:p99", 10, {"no scale from the data"}},
        BadCase{"fp8_e4m3:dynamic", 10, {"no scale from the data"}},
        BadCase{"fp16:wrap", 6, {"'wrap' has no meaning for 'fp16'", "'wrap' is for integers"}},
        BadCase{"int8:wrap", 6, {"symmetric range lacks", "int8:full:wrap"}}));

INSTANTIATE_TEST_SUITE_P(
    NewFamilies, BadNotation,
    testing::Values(
        BadCase{"mxfp8_e3m4", 1, {"unknown number format", "did you mean 'mxfp8_e4m3'?"}},
        BadCase{"mxfp4_e2m1:tensor",
                12,
                {"'tensor' has no meaning for 'mxfp4_e2m1' (its scales "
                 "belong to blocks)",
                 "blockN"}},
        BadCase{"nvfp4:channel", 7, {"belong to blocks", "blockN"}},
        BadCase{"mxfp4_e2m1:block0", 12, {"a block has 1 to 1048576 elements"}},
        BadCase{"mxfp4_e2m1:dynamic", 12, {"'dynamic' has no meaning", "always its own"}},
        BadCase{"mxfp4_e2m1:full", 12, {"'full' has no meaning"}},
        BadCase{"mxfp4_e2m1:reciprocal", 12, {"'reciprocal' has no meaning", "exact inverse"}},
        BadCase{"mxint8:wrap", 8, {"'wrap' has no meaning for 'mxint8'", "saturates"}},
        BadCase{"mxfp8_e4m3:ceil:rceil", 17, {"'rceil' comes second", "the rule of scales"}},
        BadCase{"nvfp4:ceil", 7, {"'ceil' has no meaning"}},
        BadCase{"bfp1", 1, {"bfpM has 2 to 16 mantissa bits"}},
        BadCase{"bfp17", 1, {"bfpM has 2 to 16 mantissa bits"}},
        BadCase{"bfp8:exp1", 6, {"a shared exponent has 2 to 8 bits"}},
        BadCase{"bfp8:exp9", 6, {"a shared exponent has 2 to 8 bits"}},
        BadCase{"bfp8:exp", 6, {"unknown modifier 'exp'", "expE"}},
        BadCase{"bfp8:fulll", 6, {"unknown modifier 'fulll'"}},
        BadCase{"bfp8:wrap", 6, {"for 'bfp8'", "saturates"}},
        BadCase{"af8_8", 1, {"1 to 7", "exponent bits E"}}, BadCase{"af2_1", 1, {"3 to 16 bits"}},
        BadCase{"af4_4", 1, {"at most N - 1"}},
        BadCase{"af8", 1, {"unknown number format", "afN_E"}},
        BadCase{"cfloat8_1_4_3:bias=64", 15, {"bias 64", "6 bits", "0 to 63"}},
        BadCase{"cfloat8_1_4_3:bias=-1", 15, {"allowed: 0 to 63"}},
        BadCase{"cfloat8_1_4_3:bias=7:channel", 22, {"no scale from the data"}},
        BadCase{"cfloat8", 1, {"unknown number format", "did you mean 'cfloat8_1_4_3'?"}},
        BadCase{"e3m0:literal", 6, {"has none without mantissa bits"}},
        BadCase{"e4m3:ftz:literal", 10, {"'literal' comes second", "the subnormals"}},
        BadCase{"e4m3:literal:bias=147", 14, {"bias 147", "-112 to 146"}},
        BadCase{"log1", 1, {"logN has 2 to 8 bits"}}, BadCase{"log9", 1, {"logN has 2 to 8 bits"}},
        BadCase{"log8:radix4", 6, {"2^-252", "below float32's smallest", "sqrt2"}},
        BadCase{"log8:unsigned", 6, {"2^-254", "below float32's smallest"}},
        BadCase{"log4:sqrt2:radix4", 12, {"'radix4' comes second", "the base"}},
        BadCase{"log4:fsr=x", 6, {"an exponent of two"}},
        BadCase{"log4:fsr=128", 6, {"2^128", "allowed: -126 to 127"}},
        BadCase{"log8:fsr=-23", 6, {"allowed: -22 to 127"}},
        BadCase{"log4:fsr=2:channel", 12, {"'log4:fsr=2' has no scale from the data"}},
        BadCase{"log4:fsr=2:dynamic", 12, {"no scale from the data"}},
        BadCase{"log4:fsr:fsr=2", 10, {"'fsr=2' comes second", "the full scale"}},
        BadCase{"log4:wrap", 6, {"for 'log4'", "saturates"}},
        BadCase{"codebook1", 1, {"codebookL has 2 to 256 levels"}},
        BadCase{"codebook257", 1, {"codebookL has 2 to 256 levels"}},
        BadCase{"codebook16:entries=int17", 20, {"intN has 2 to 16 bits"}},
        BadCase{"codebook16:entries=fixed8.4", 20, {"'fixed8.4': entries are stored"}},
        BadCase{"codebook16:entries=nvfp4", 20, {"entries are stored"}},
        BadCase{"codebook16:entries=bfp8", 20, {"entries are stored"}},
        BadCase{"codebook16:entries=hfp8_1_4_3", 20, {"entries are stored"}},
        BadCase{"codebook16:entries=codebook4", 20, {"entries are stored"}},
        BadCase{"codebook16:entries=", 20, {"a number format is missing"}},
        BadCase{"codebook16:entries=fp61", 20, {"unknown number format 'fp61'"}},
        BadCase{"codebook16:mse", 12, {"'mse' has no meaning", "their own fit"}},
        BadCase{"codebook16:dynamic", 12, {"'dynamic' has no meaning", "fitted once"}},
        BadCase{"ternary:clip=1", 9, {"'clip=1' has no meaning", "their own fit"}},
        BadCase{"ternary:l1", 9, {"'l1' has no meaning", "absmean"}},
        BadCase{"binary:ttq", 8, {"'ttq' has no meaning for 'binary'", "l1"}},
        BadCase{"binary:unit:channel", 13, {"'binary:unit' has no scale from the data"}},
        BadCase{"bwn:unit", 1, {"'binary:unit' has no scale from the data"}},
        BadCase{"binary:reciprocal", 8, {"nothing is divided by a scale"}},
        BadCase{"ternary:wrap", 9, {"for 'ternary'", "saturates"}},
        BadCase{"dorefa9", 1, {"dorefaN has 1 to 8 bits"}},
        BadCase{"dorefa0", 1, {"dorefaN has 1 to 8 bits"}},
        BadCase{"e4m3:scaled:pact", 13, {"'pact' has no meaning", "a clip of integers"}},
        BadCase{"uint4:pact=0", 7, {"a positive number such as pact=6"}},
        BadCase{"uint4:pact:dynamic", 12, {"'dynamic' contradicts"}},
        BadCase{"int8:pow2:reciprocal", 11, {"changes nothing", "exact inverse"}},
        BadCase{"fp16:reciprocal", 6, {"no scale from the data"}},
        BadCase{"hfp8_1_4_3:fn", 12, {"'fn' has no meaning for 'hfp8_1_4_3'"}}));

// The names after "takes: " of the message that refuses an unknown modifier.
std::set<std::string> Offered(const std::string& notation) {
  const std::string message(ParseQuantizer(notation + ":?").status().message());
  const size_t begin = message.find(" takes: ");
  EXPECT_NE(begin, std::string::npos) << message;
  std::set<std::string> names;
  size_t at = begin + 8;
  for (const size_t end = message.find('\n', at); at < end;) {
    const size_t comma = std::min(message.find(", ", at), end);
    names.insert(message.substr(at, comma - at));
    at = comma + 2;
  }
  return names;
}

std::string WithExample(std::string name) {
  if (name.back() < 'A' || name.back() > 'Z') return name;
  const char capital = name.back();
  const size_t equals = name.find('=');
  name.resize(equals == std::string::npos ? name.size() - 1 : equals + 1);
  if (name == "bias=") return name + "127";
  if (name == "fsr=") return name + "0";
  if (name == "entries=") return name + "fp16";
  return name + (capital == 'E' ? "5" : "16");
}

// Alone, or with a modifier that gives a scale or every code.
bool IsTaken(const std::string& notation, const std::string& modifier) {
  for (const char* with : {"", ":scaled", ":full"}) {
    if (ParseQuantizer(notation + with + ":" + modifier).ok()) return true;
  }
  return false;
}

TEST(NotationMessages, OfferWhatIsTaken) {
  std::vector<std::string> notations = {"int8:full", "e4m3:scaled", "int8:pow2",     "log4:fsr=0",
                                        "e8m0",      "e4m0",        "fixed8.4:away", "bfp8:even"};
  for (const CatalogRow& row : Catalog()) notations.emplace_back(row.name);
  for (const std::string& notation : notations) {
    const std::set<std::string> offered = Offered(notation);
    EXPECT_FALSE(offered.empty()) << notation;
    for (const std::string& name : offered) {
      const bool bias = name == "bias=N" && notation.starts_with("cfloat");
      EXPECT_TRUE(IsTaken(notation, bias ? "bias=7" : WithExample(name)))
          << notation << ":" << name;
    }
  }
}

TEST(NotationMessages, LeaveOutWhatTheFamilyRefuses) {
  EXPECT_THAT(Offered("fp16"),
              testing::AllOf(testing::Contains("channel"), testing::Contains("scaled"),
                             testing::Not(testing::Contains("wrap")),
                             testing::Not(testing::Contains("ieee"))));
  EXPECT_THAT(Offered("bf16"), testing::AllOf(testing::Not(testing::Contains("channel")),
                                              testing::Not(testing::Contains("scaled")),
                                              testing::Not(testing::Contains("mse"))));
  EXPECT_THAT(Offered("int8"), testing::Contains("wrap"));
  EXPECT_THAT(Offered("int8:channel"), testing::Not(testing::Contains("token")));
  EXPECT_THAT(Offered("int8:pow2"), testing::Not(testing::Contains("reciprocal")));
  EXPECT_THAT(Offered("fixed8.4"),
              testing::UnorderedElementsAre("nearest", "away", "stochastic", "floor", "zero",
                                            "saturate", "wrap"));
  EXPECT_THAT(Offered("mxfp4_e2m1"), testing::Not(testing::Contains("wrap")));
}

TEST(NotationMessages, LongAndUnprintableTextsAreShortened) {
  const std::string message(ParseQuantizer(std::string(100000, 'x')).status().message());
  EXPECT_LT(message.size(), 500U);
  EXPECT_THAT(message, HasSubstr("xxx...'"));
  EXPECT_THAT(std::string(ParseQuantizer("int8:\n\x1b").status().message()), HasSubstr("'\?\?'"));
  EXPECT_THAT(std::string(ParseQuantizer("bf16:channel").status().message()),
              testing::Not(HasSubstr("scaled")));
}

// What plans write for partial sums: integers, fixed point and floats alone.
TEST(Accumulators, TakeRegistersOnly) {
  const auto parse = [](std::string_view text) {
    const NotationOptions options{.accumulator = true, .extra = {}, .extra_names = {}};
    return ParseQuantizerWithin(text, 0, text.size(), options);
  };
  for (const char* name : {"int32", "fixed24.8", "fp16", "e6m9", "ms_fp9", "e4m3:literal"}) {
    EXPECT_TRUE(parse(name).ok()) << name;
  }
  for (const char* name : {"mxint8", "nvfp4", "bfp8", "msfp12", "af8_3", "cfloat16", "log4",
                           "codebook16", "binary", "twn", "dorefa4", "uint8", "dfx8"}) {
    EXPECT_THAT(std::string(parse(name).status().message()),
                HasSubstr("an accumulator is an intN, a fixedN.F or a float"))
        << name;
  }
  EXPECT_THAT(std::string(parse("fp16:scaled").status().message()),
              HasSubstr("'scaled' has no meaning for the accumulator 'fp16'"));
}

}  // namespace
}  // namespace bitscape::formats
