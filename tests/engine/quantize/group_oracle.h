// Rounding by groups written as its definition: one element and one group at a time.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/random.h"
#include "engine/formats/codec.h"
#include "engine/formats/scale.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::quantize {

inline formats::Quantizer Parse(std::string_view notation) {
  return formats::ParseQuantizer(notation).value();
}
inline std::string Message(const absl::Status& status) { return std::string(status.message()); }

// Families and ranges that every granularity takes.
inline constexpr std::string_view kOracleFormats[] = {"int8",
                                                      "int4:full",
                                                      "uint8",
                                                      "uint4:pow2",
                                                      "int8:asym",
                                                      "uint4:asym",
                                                      "uint8:asym:pow2",
                                                      "dfx8",
                                                      "int8:pow2",
                                                      "fixed8.4",
                                                      "fp16",
                                                      "fp8_e4m3:scaled",
                                                      "e2m3:scaled",
                                                      "fp4_e2m1",
                                                      "bfp4",
                                                      "bfp12",
                                                      "bfp16",
                                                      "mxfp8_e4m3",
                                                      "mxfp8_e5m2",
                                                      "mxfp6_e2m3",
                                                      "mxfp4_e2m1",
                                                      "mxint8",
                                                      "mxfp4_e2m1:even",
                                                      "mxfp6_e3m2:rceil",
                                                      "nvfp4",
                                                      "af8_3",
                                                      "af4_2",
                                                      "cfloat8_1_4_3",
                                                      "log4",
                                                      "log5:sqrt2",
                                                      "log4:radix4",
                                                      "binary",
                                                      "binary:unit",
                                                      "ternary",
                                                      "ternary:absmean",
                                                      "ternary:ttq",
                                                      "dorefa2",
                                                      "int8:p90",
                                                      "int4:mse",
                                                      "uint8:asym:p95",
                                                      "mxfp4_e2m1:p90",
                                                      "nvfp4:mse",
                                                      "int8:clip=0.5",
                                                      "int4:aciq"};

// Who shares a scale. Set on the quantizer: the notation doesn't offer every family each of them.
struct Sharing {
  formats::Granularity granularity;
  int block_size = 0;
  bool dynamic = false;
};
inline formats::Quantizer WithSharing(std::string_view notation, const Sharing& sharing) {
  formats::Quantizer quantizer = Parse(notation);
  quantizer.granularity = sharing.granularity;
  quantizer.block_size = sharing.block_size;
  quantizer.dynamic_range = sharing.dynamic;
  return quantizer;
}

// The scaling that a group gets from what it holds.
inline formats::Scaling OracleScaling(const formats::Quantizer& quantizer,
                                      const std::vector<float>& group, float tensor_scale) {
  std::vector<float> finite;
  for (const float value : group) {
    if (std::isfinite(value)) finite.push_back(value);
  }
  if (finite.size() < group.size() && formats::ScaleHasNan(quantizer.format)) {
    formats::Scaling nan;
    nan.scale = std::numeric_limits<float>::quiet_NaN();
    nan.reciprocal = quantizer.reciprocal;
    return nan;
  }
  return FitScaling(quantizer, {.values = finite, .weights = {}}, tensor_scale).value();
}

struct OracleTensor {
  std::vector<float> values;
  std::vector<formats::Scaling> scalings;
};

inline OracleTensor OracleRound(const formats::Quantizer& quantizer, const TensorLayout& layout,
                                const std::vector<float>& values, float tensor_scale,
                                formats::RandomKey key) {
  std::vector<std::vector<float>> groups(static_cast<size_t>(GroupCount(quantizer, layout)));
  std::vector<size_t> group_of;
  for (int64_t o = 0; o < layout.outer; ++o) {
    for (int64_t a = 0; a < layout.axis; ++a) {
      for (int64_t i = 0; i < layout.inner; ++i) {
        group_of.push_back(static_cast<size_t>(GroupOf(quantizer, layout, o, a, i)));
        groups[group_of.back()].push_back(values[group_of.size() - 1]);
      }
    }
  }
  OracleTensor result;
  for (const std::vector<float>& group : groups) {
    result.scalings.push_back(OracleScaling(quantizer, group, tensor_scale));
  }
  result.values.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    formats::RandomKey own = key;
    own.first += i;
    formats::RoundReference(quantizer.format.element, quantizer.rounding, quantizer.overflow,
                            result.scalings[group_of[i]], {&values[i], 1}, {&result.values[i], 1},
                            own);
  }
  return result;
}

inline void ExpectSameBits(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(expected[i])) {
      ASSERT_TRUE(std::isnan(actual[i])) << "element " << i << ": " << actual[i];
      continue;
    }
    ASSERT_EQ(std::bit_cast<uint32_t>(actual[i]), std::bit_cast<uint32_t>(expected[i]))
        << "element " << i << ": " << actual[i] << " for " << expected[i];
  }
}

// Values of many magnitudes with ties, zeros of both signs, and stretches of nothing but zero.
inline std::vector<float> OracleValues(const TensorLayout& layout, uint64_t stream) {
  std::vector<float> values(static_cast<size_t>(layout.elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    const double uniform = 2 * RandomUniform(1, stream, i) - 1;
    const uint64_t kind = RandomBelow(16, 2, stream, i);
    float value = static_cast<float>(uniform);
    if (kind == 0) value = 0;
    if (kind == 1) value = -0.0F;
    if (kind == 2) value = static_cast<float>(std::nearbyint(uniform * 8) / 8);
    if (kind == 3) value = static_cast<float>(std::ldexp(uniform, 4));
    if (kind == 4) value = static_cast<float>(std::ldexp(uniform, -12));
    if (i / 40 % 5 == 3) value = 0;
    values[i] = value;
  }
  return values;
}

}  // namespace bitscape::quantize
