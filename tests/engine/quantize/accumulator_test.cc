#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/quantize/precision_plan.h"

namespace bitscape::quantize {
namespace {

using testing::HasSubstr;

struct TextCase {
  const char* given;
  const char* printed;
  Accumulator::Kind kind;
  int bits;
};
class AccumulatorText : public testing::TestWithParam<TextCase> {};

TEST_P(AccumulatorText, RoundTrips) {
  const auto parsed = ParseAccumulator(GetParam().given);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->ToString(), GetParam().printed);
  EXPECT_EQ(parsed->kind, GetParam().kind);
  EXPECT_EQ(AccumulatorBits(*parsed), GetParam().bits);
  EXPECT_EQ(ParseAccumulator(parsed->ToString()).value(), *parsed);
}

using Kind = Accumulator::Kind;
INSTANTIATE_TEST_SUITE_P(
    Texts, AccumulatorText,
    testing::Values(TextCase{"fp32", "fp32", Kind::kFloat32, 32},
                    TextCase{"e8m23:ieee", "fp32", Kind::kFloat32, 32},
                    TextCase{"int32", "int32", Kind::kInt32, 32},
                    TextCase{"int32:saturate:exact", "int32", Kind::kInt32, 32},
                    TextCase{"int32:chunk1", "int32:chunk1", Kind::kNarrow, 32},
                    TextCase{"int32:wrap", "int32:wrap", Kind::kNarrow, 32},
                    TextCase{"fp32:chunk16", "fp32:chunk16", Kind::kNarrow, 32},
                    TextCase{"fp32:align25", "fp32:align25", Kind::kNarrow, 32},
                    TextCase{"int16", "int16", Kind::kNarrow, 16},
                    TextCase{"int16:chunk16:wrap", "int16:wrap:chunk16", Kind::kNarrow, 16},
                    TextCase{"int24:chunk1", "int24", Kind::kNarrow, 24},
                    TextCase{"fixed24.12:zero", "fixed24.12:zero", Kind::kNarrow, 24},
                    TextCase{"fp16:align12:chunk8", "fp16:chunk8:align12", Kind::kNarrow, 16},
                    TextCase{"e6m9:ieee:stochastic", "e6m9:ieee:stochastic", Kind::kNarrow, 16}));

TEST(AccumulatorFormat, IntegersAreTwosComplementWithoutAScale) {
  const Accumulator parsed = ParseAccumulator("int16").value();
  EXPECT_EQ(std::get<formats::Integer>(parsed.format->format.element),
            (formats::Integer{.bits = 16, .is_signed = true, .full_range = true}));
  EXPECT_FALSE(formats::HasScale(parsed.format->format));
}

struct BadCase {
  const char* text;
  int column;
  const char* piece;
};
class BadAccumulator : public testing::TestWithParam<BadCase> {};

TEST_P(BadAccumulator, IsRefusedWithColumnAndReason) {
  const auto parsed = ParseAccumulator(GetParam().text);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(parsed.status().message());
  EXPECT_THAT(message, testing::StartsWith("column " + std::to_string(GetParam().column) + ": "));
  EXPECT_THAT(message, HasSubstr(GetParam().piece));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadAccumulator,
    testing::Values(BadCase{"int33", 1, "intN has 2 to 32 bits"},
                    BadCase{"uint16", 1, "an accumulator is an intN, a fixedN.F or a float"},
                    BadCase{"dfx16", 1, "an accumulator is an intN"},
                    BadCase{"int16:chunk0", 7, "chunk takes 1 to"},
                    BadCase{"int16:chunk4:chunk8", 14, "chunk is given once"},
                    BadCase{"fp16:align65", 6, "align takes 1 to 64"},
                    BadCase{"fp16:exact:align12", 12, "contradicts 'exact'"},
                    BadCase{"fp16:align12:exact", 14, "the alignment is given once"},
                    BadCase{"int16:channel", 7, "'channel' has no meaning for the accumulator"},
                    BadCase{"fp16:scaled", 6, "'scaled' has no meaning"},
                    BadCase{"int16:chnk8", 7, "unknown modifier 'chnk8'"},
                    BadCase{"fp16:wrap", 6, "'wrap' has no meaning for the accumulator 'fp16'"}));

}  // namespace
}  // namespace bitscape::quantize
