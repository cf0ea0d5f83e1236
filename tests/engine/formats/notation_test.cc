#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "engine/formats/catalog.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

using testing::HasSubstr;

std::string Canonical(std::string_view notation) { return MustParse(notation).ToString(); }

TEST(Notation, CatalogueNamesPrintAsThemselves) {
  std::set<std::string> names;
  for (const CatalogRow& row : Catalog()) {
    EXPECT_EQ(Canonical(row.name), row.name);
    EXPECT_EQ(MustParse(row.name), MustParse(row.notation)) << row.name;
    EXPECT_EQ(MustParse(row.name).format.source, row.source);
    EXPECT_FALSE(row.source.empty());
    EXPECT_TRUE(names.insert(std::string(row.name)).second) << row.name << " stands twice";
  }
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
        CanonicalCase{"e1m0", "e1m0"}));

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
        BadCase{"INT8", 1, {"unknown number format"}},
        BadCase{"int08", 1, {"unknown number format"}},
        BadCase{" int8", 1, {"unknown number format"}},
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
        BadCase{"e4m0:ieee", 1, {"a NaN needs a mantissa bit"}},
        BadCase{"e1m0:fn", 1, {"no nonzero value"}},
        BadCase{"e1m2:ieee:ftz", 1, {"no nonzero value"}},
        BadCase{"e8m23:fnuz", 1, {"below float32's smallest"}},
        BadCase{"e4m3:bias=200", 6, {"bias 200", "beyond float32", "allowed: -112 to 147"}},
        BadCase{"e4m3:bias=-113", 6, {"allowed: -112 to 147"}},
        BadCase{"e4m3:bias=x", 6, {"the bias is an integer"}},
        BadCase{"e4m3:bias=", 6, {"the bias is an integer"}},
        BadCase{"fp16:ieee", 6, {"'ieee' has no meaning for 'fp16'"}},
        BadCase{"e4m3:fn:fnuz", 9, {"'fnuz' comes second", "the special values", "column 6"}},
        BadCase{"bf16:scaled", 1, {"needs no 'scaled'"}},
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
        BadCase{"int8:clip=1e39", 6, {"a positive number"}},
        BadCase{"int8:clip=1e-60", 6, {"a positive number"}},
        BadCase{"int8:clip=6:dynamic", 13, {"'dynamic' contradicts"}},
        BadCase{"fp16:channel", 6, {"'fp16' has no scale from the data", "':scaled'"}},
        BadCase{"fixed8.4:p99", 10, {"no scale from the data"}},
        BadCase{"fp8_e4m3:dynamic", 10, {"no scale from the data"}},
        BadCase{"fp16:wrap", 6, {"'wrap' is for integers"}},
        BadCase{"int8:wrap", 6, {"symmetric range lacks", "int8:full:wrap"}}));

TEST(NotationMessages, LongAndUnprintableTextsAreShortened) {
  const std::string message(ParseQuantizer(std::string(100000, 'x')).status().message());
  EXPECT_LT(message.size(), 500U);
  EXPECT_THAT(message, HasSubstr("xxx...'"));
  EXPECT_THAT(std::string(ParseQuantizer("int8:\n\x1b").status().message()), HasSubstr("'\?\?'"));
  EXPECT_THAT(std::string(ParseQuantizer("bf16:channel").status().message()),
              testing::Not(HasSubstr("scaled")));
}

RC_GTEST_PROP(NotationProperty, ParsesWhatItPrints, ()) {
  const auto pick = [](std::vector<std::string> choices) {
    return *rc::gen::elementOf(std::move(choices));
  };
  std::string family = pick(TestFormats());
  std::vector<std::string> modifiers = {
      pick({"", "tensor", "channel", "token", "position", "block16", "block1"}),
      pick({"", "minmax", "p99.99", "p50", "mse", "kl", "aciq", "clip=2.5", "clip=1e-07", "pact"}),
      pick({"", "nearest", "away", "stochastic", "floor", "zero"}),
      pick({"", "saturate", "wrap"}),
      pick({"", "static", "dynamic"}),
      pick({"", "scaled"}),
      pick({"", "full"})};
  std::string notation = family;
  while (!modifiers.empty()) {
    const auto index = *rc::gen::inRange<size_t>(0, modifiers.size());
    if (!modifiers[index].empty()) notation += ":" + modifiers[index];
    modifiers.erase(modifiers.begin() + static_cast<std::ptrdiff_t>(index));
  }
  const absl::StatusOr<Quantizer> parsed = ParseQuantizer(notation);
  RC_PRE(parsed.ok());
  const std::string printed = parsed->ToString();
  const absl::StatusOr<Quantizer> again = ParseQuantizer(printed);
  RC_ASSERT(again.ok());
  RC_ASSERT(*again == *parsed);
  RC_ASSERT(again->ToString() == printed);
}

RC_GTEST_PROP(NotationProperty, AnswersAnyText, (const std::string& text)) {
  const absl::StatusOr<Quantizer> parsed = ParseQuantizer("int8:" + text);
  if (parsed.ok()) RC_ASSERT(MustParse(parsed->ToString()) == *parsed);
}

TEST(StorageBits, CountsCodesScalesAndZeroPoints) {
  const auto bits = [](const char* name) { return StorageBits(MustParse(name), 4, 10); };
  EXPECT_EQ(bits("int8"), 4 * 10 * 8 + 32);
  EXPECT_EQ(bits("int8:channel"), 4 * 10 * 8 + 4 * 32);
  EXPECT_EQ(bits("uint4:asym:channel"), 4 * 10 * 4 + 4 * (32 + 4));
  EXPECT_EQ(bits("dfx8:channel"), 4 * 10 * 8 + 4 * 8);
  EXPECT_EQ(bits("int4:block4"), 4 * 10 * 4 + 4 * 3 * 32);
  EXPECT_EQ(bits("fixed8.4"), 320);
  EXPECT_EQ(bits("fp16"), 640);
  EXPECT_EQ(bits("tf32"), 760);
}

TEST(FormatProperties, BitsAndScales) {
  EXPECT_EQ(ElementBits(MustParse("tf32").format), 19);
  EXPECT_EQ(ElementBits(MustParse("fp4_e2m1").format), 4);
  EXPECT_EQ(ScaleBits(MustParse("int8").format), 32);
  EXPECT_EQ(ScaleBits(MustParse("dfx8").format), 8);
  EXPECT_EQ(ScaleBits(MustParse("fixed8.4").format), 0);
  EXPECT_EQ(ScaleBits(MustParse("uint4:asym").format), 36);
  EXPECT_EQ(ScaleBits(MustParse("fp16").format), 0);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int8:channel"), 1, 64) / 64, 8.5);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("fp8_e4m3"), 1, 64) / 64, 8);
  // One scale for each block, whatever the group.
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int4:block32"), 1, 1024) / 1024, 5);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("fp8_e4m3:scaled:block16"), 1, 1024) / 1024, 10);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("dfx8:block32"), 1, 64) / 64, 8.25);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("uint4:asym:block64"), 1, 128) / 128, 4 + 36.0 / 64);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int4:block32"), 1, 40) / 40,
                   4 + 2 * 32.0 / 40);  // 32 and 8
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int4:block32"), 1, 16) / 16, 6);
  EXPECT_DOUBLE_EQ(StorageBits(MustParse("int8:token"), 1, 64) / 64, 8.5);
}

TEST(FormatProperties, Kinds) {
  EXPECT_TRUE(IsFloat32(Float32().format));
  EXPECT_FALSE(IsFloat32(MustParse("fp32:ftz").format));
  EXPECT_FALSE(IsFloat32(MustParse("tf32").format));
  EXPECT_TRUE(IsIntegerLike(MustParse("fixed8.4").format));
  EXPECT_FALSE(IsIntegerLike(MustParse("e1m2:scaled").format));
  EXPECT_TRUE(HasScale(MustParse("dfx8").format));
  EXPECT_FALSE(HasScale(MustParse("fixed8.4").format));
  EXPECT_FALSE(HasScale(MustParse("fp8_e4m3").format));
  EXPECT_TRUE(HasScale(MustParse("fp8_e4m3:scaled").format));
}

TEST(FormatProperties, RangesFromTheSpecifications) {
  const auto largest = [](std::string_view name) {
    return LargestFinite(MustParse(name).format.element);
  };
  EXPECT_EQ(largest("fp16"), 65504);
  EXPECT_EQ(largest("fp8_e4m3"), 448);
  EXPECT_EQ(largest("fp8_e5m2"), 57344);
  EXPECT_EQ(largest("e4m3:fnuz"), 240);
  EXPECT_EQ(largest("fp6_e3m2"), 28);
  EXPECT_EQ(largest("fp6_e2m3"), 7.5);
  EXPECT_EQ(largest("fp4_e2m1"), 6);
  EXPECT_EQ(largest("e1m2"), 3.5);
  EXPECT_EQ(largest("e8m7"), largest("bf16"));  // its top exponent is beyond float32
  EXPECT_EQ(SmallestPositive(MustParse("bf16").format.element), 0x1p-133);
  EXPECT_EQ(SmallestPositive(MustParse("fp16:ftz").format.element), 0x1p-14);
}

}  // namespace
}  // namespace bitscape::formats
