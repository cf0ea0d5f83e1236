#include "engine/network/onnx_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace bitscape::network {
namespace {

using ::onnx::TensorProto;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TensorProto Proto(TensorProto::DataType type, const std::vector<int64_t>& dims) {
  TensorProto proto;
  proto.set_data_type(type);
  for (const int64_t dimension : dims) proto.add_dims(dimension);
  return proto;
}

void ExpectError(const TensorProto& proto, absl::StatusCode code, const std::string& message,
                 const ImportLimits& limits = {}) {
  const auto constant = ReadOnnxTensor(proto, limits);
  EXPECT_EQ(constant.status().code(), code) << constant.status();
  EXPECT_THAT(std::string(constant.status().message()), HasSubstr(message));
}

TEST(OnnxTensor, ReadsTypedFloats) {
  TensorProto proto = Proto(TensorProto::FLOAT, {2, 1});
  proto.add_float_data(1.5F);
  proto.add_float_data(-2);
  const auto constant = ReadOnnxTensor(proto, {});
  ASSERT_TRUE(constant.ok()) << constant.status();
  EXPECT_EQ((*constant)->shape(), (Shape{2, 1}));
  EXPECT_THAT((*constant)->tensor->values, ElementsAre(1.5F, -2.0F));
}

TEST(OnnxTensor, ReadsRawDoubles) {
  TensorProto proto = Proto(TensorProto::DOUBLE, {2});
  const double values[] = {0.1, -3e30};
  proto.set_raw_data(values, sizeof values);
  const auto constant = ReadOnnxTensor(proto, {});
  ASSERT_TRUE(constant.ok()) << constant.status();
  EXPECT_THAT((*constant)->tensor->values, ElementsAre(0.1F, -3e30F));
}

// One, the largest, the smallest subnormal, the smallest normal, -2, from IEEE 754's tables.
TEST(OnnxTensor, ReadsHalves) {
  const uint16_t halves[] = {0x3c00, 0x7bff, 0x0001, 0x0400, 0xc000, 0x8000};
  TensorProto raw = Proto(TensorProto::FLOAT16, {6});
  raw.set_raw_data(halves, sizeof halves);
  TensorProto typed = Proto(TensorProto::FLOAT16, {6});
  for (const uint16_t half : halves) typed.add_int32_data(half);
  for (const TensorProto& proto : {raw, typed}) {
    const auto constant = ReadOnnxTensor(proto, {});
    ASSERT_TRUE(constant.ok()) << constant.status();
    EXPECT_THAT((*constant)->tensor->values, ElementsAre(1.0F, 65504.0F, std::ldexp(1.0F, -24),
                                                         std::ldexp(1.0F, -14), -2.0F, -0.0F));
  }
}

TEST(OnnxTensor, ReadsIntegers) {
  TensorProto typed = Proto(TensorProto::INT64, {2});
  typed.add_int64_data(-1);
  typed.add_int64_data(int64_t{1} << 40);
  EXPECT_THAT((*ReadOnnxTensor(typed, {}))->integers, ElementsAre(-1, int64_t{1} << 40));
  TensorProto raw = Proto(TensorProto::INT32, {2});
  const int32_t values[] = {7, -8};
  raw.set_raw_data(values, sizeof values);
  EXPECT_THAT((*ReadOnnxTensor(raw, {}))->integers, ElementsAre(7, -8));
  TensorProto boolean = Proto(TensorProto::BOOL, {});
  boolean.set_raw_data("\x01");
  EXPECT_THAT((*ReadOnnxTensor(boolean, {}))->integers, ElementsAre(1));
}

TEST(OnnxTensor, ComparesTheSizeWithTheDimensions) {
  TensorProto raw = Proto(TensorProto::FLOAT, {3});
  raw.set_raw_data(std::string(8, '\0'));
  ExpectError(raw, absl::StatusCode::kInvalidArgument,
              "8 bytes of raw data for 3 elements of 4 bytes");
  TensorProto typed = Proto(TensorProto::FLOAT, {3});
  typed.add_float_data(1);
  ExpectError(typed, absl::StatusCode::kInvalidArgument, "1 values for 3 elements");
  ExpectError(Proto(TensorProto::INT64, {3}), absl::StatusCode::kInvalidArgument,
              "0 values for 3 elements");
}

TEST(OnnxTensor, RefusesBadDimensions) {
  ExpectError(Proto(TensorProto::FLOAT, {2, -1}), absl::StatusCode::kInvalidArgument,
              "dimension -1 is negative");
  const int64_t huge = std::numeric_limits<int64_t>::max();
  ExpectError(Proto(TensorProto::INT64, {huge, huge}), absl::StatusCode::kResourceExhausted,
              "more than 268435456 elements");
  ExpectError(Proto(TensorProto::INT64, {100}), absl::StatusCode::kResourceExhausted,
              "more than 99 elements", {.max_elements = 99});
  ExpectError(Proto(TensorProto::FLOAT, {huge, huge}), absl::StatusCode::kResourceExhausted,
              "more than 274877906944 elements");
  ExpectError(Proto(TensorProto::FLOAT, std::vector<int64_t>(17, 1)),
              absl::StatusCode::kInvalidArgument, "17 dimensions, at most 16");
}

TEST(OnnxTensor, RefusesNumbersThatAreNotFinite) {
  for (const float value : {NAN, INFINITY, -INFINITY}) {
    TensorProto proto = Proto(TensorProto::FLOAT, {2});
    proto.add_float_data(0);
    proto.add_float_data(value);
    ExpectError(proto, absl::StatusCode::kInvalidArgument, "element 1 is");
  }
  TensorProto beyond = Proto(TensorProto::DOUBLE, {1});
  beyond.add_double_data(1e300);
  ExpectError(beyond, absl::StatusCode::kInvalidArgument, "not a finite float32");
  TensorProto half = Proto(TensorProto::FLOAT16, {1});
  half.add_int32_data(0x7c00);
  ExpectError(half, absl::StatusCode::kInvalidArgument, "element 0 is inf");
}

TEST(OnnxTensor, KeepsTheShapeOfFloatsWithoutData) {
  TensorProto external = Proto(TensorProto::FLOAT16, {65536, 65536});
  external.set_data_location(TensorProto::EXTERNAL);
  for (const TensorProto& proto : {external, Proto(TensorProto::FLOAT, {65536, 65536})}) {
    const auto constant = ReadOnnxTensor(proto, {});
    ASSERT_TRUE(constant.ok()) << constant.status();
    EXPECT_EQ((*constant)->shape(), (Shape{65536, 65536}));
    EXPECT_FALSE((*constant)->is_integer);
    EXPECT_EQ((*constant)->size(), 0);
  }
}

TEST(OnnxTensor, RefusesExternalIntegersAndOtherTypes) {
  TensorProto external = Proto(TensorProto::INT64, {1});
  external.set_data_location(TensorProto::EXTERNAL);
  ExpectError(external, absl::StatusCode::kInvalidArgument, "its integers are in an external file");
  ExpectError(Proto(TensorProto::STRING, {1}), absl::StatusCode::kUnimplemented,
              "element type STRING");
  TensorProto unknown = Proto(TensorProto::FLOAT, {1});
  unknown.set_data_type(99);
  ExpectError(unknown, absl::StatusCode::kUnimplemented, "element type number 99");
}

TEST(OnnxTensor, KeepsValuesUnderAnotherShape) {
  const OnnxConstantPtr constant = MakeFloatConstant({2, 3}, {1, 2, 3, 4, 5, 6});
  const OnnxConstantPtr reshaped = WithShape(constant, {6});
  EXPECT_EQ(reshaped->shape(), Shape{6});
  EXPECT_EQ(reshaped->tensor->values, constant->tensor->values);
  EXPECT_EQ(WithShape(MakeIntegerConstant({2}, {4, 5}), {1, 2})->integers[1], 5);
}

}  // namespace
}  // namespace bitscape::network
