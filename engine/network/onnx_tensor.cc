#include "engine/network/onnx_tensor.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::network {
namespace {

using onnx::TensorProto;

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

// IEEE 754 binary16 to binary32; exact.
float HalfToFloat(uint16_t half) {
  const uint32_t exponent = (half >> 10) & 0x1fU;
  const auto mantissa = static_cast<float>(half & 0x3ffU);
  float magnitude;
  if (exponent == 0x1f) {
    magnitude = mantissa == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(mantissa, -24);
  } else {
    magnitude = std::ldexp(mantissa + 1024.0F, static_cast<int>(exponent) - 25);
  }
  return (half & 0x8000U) != 0 ? -magnitude : magnitude;
}

// The product of the dimensions, which may be zero (an empty list of axes).
absl::StatusOr<int64_t> CountElements(const TensorProto& proto, int64_t limit) {
  if (proto.dims_size() > kMaxOnnxRank) {
    return absl::InvalidArgumentError(
        fmt::format("{} dimensions, at most {} are allowed", proto.dims_size(), kMaxOnnxRank));
  }
  int64_t count = 1;
  bool empty = false;
  for (const int64_t dimension : proto.dims()) {
    if (dimension < 0) {
      return absl::InvalidArgumentError(fmt::format("dimension {} is negative", dimension));
    }
    if (dimension == 0) {
      empty = true;
      continue;
    }
    if (dimension > limit / count) {
      return absl::ResourceExhaustedError(
          fmt::format("dimensions {} hold more than {} elements, the limit for one tensor",
                      fmt::join(proto.dims(), "x"), limit));
    }
    count *= dimension;
  }
  return empty ? 0 : count;
}

// Copies `count` elements of type Stored, from raw_data where it is given, else from `typed`.
template <typename Stored, typename Result, typename Typed, typename Convert>
absl::StatusOr<std::vector<Result>> ReadValues(const TensorProto& proto, int64_t count,
                                               const Typed& typed, Convert convert) {
  std::vector<Result> values;
  if (proto.has_raw_data()) {
    const std::string& raw = proto.raw_data();
    if (raw.size() != static_cast<size_t>(count) * sizeof(Stored)) {
      return absl::InvalidArgumentError(fmt::format(
          "{} bytes of raw data for {} elements of {} bytes", raw.size(), count, sizeof(Stored)));
    }
    values.reserve(static_cast<size_t>(count));
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      Stored stored;
      std::memcpy(&stored, raw.data() + i * sizeof(Stored), sizeof(Stored));
      values.push_back(convert(stored));
    }
    return values;
  }
  if (typed.size() != count) {
    return absl::InvalidArgumentError(
        fmt::format("{} values for {} elements", typed.size(), count));
  }
  values.reserve(static_cast<size_t>(count));
  for (const auto value : typed) values.push_back(convert(static_cast<Stored>(value)));
  return values;
}

absl::StatusOr<std::vector<float>> ReadFloats(const TensorProto& proto, int64_t count) {
  switch (proto.data_type()) {
    case TensorProto::DOUBLE:
      return ReadValues<double, float>(proto, count, proto.double_data(),
                                       [](double value) { return static_cast<float>(value); });
    case TensorProto::FLOAT16:  // stored as bits in int32_data
      return ReadValues<uint16_t, float>(proto, count, proto.int32_data(), HalfToFloat);
    default:
      return ReadValues<float, float>(proto, count, proto.float_data(),
                                      [](float value) { return value; });
  }
}

absl::StatusOr<std::vector<int64_t>> ReadIntegers(const TensorProto& proto, int64_t count) {
  switch (proto.data_type()) {
    case TensorProto::INT32:
      return ReadValues<int32_t, int64_t>(proto, count, proto.int32_data(),
                                          [](int32_t value) { return int64_t{value}; });
    case TensorProto::BOOL:
      return ReadValues<uint8_t, int64_t>(proto, count, proto.int32_data(),
                                          [](uint8_t value) { return int64_t{value != 0}; });
    default:
      return ReadValues<int64_t, int64_t>(proto, count, proto.int64_data(),
                                          [](int64_t value) { return value; });
  }
}

bool IsFloating(int type) {
  return type == TensorProto::FLOAT || type == TensorProto::DOUBLE || type == TensorProto::FLOAT16;
}

bool IsExternal(const TensorProto& proto) {
  return proto.data_location() == TensorProto::EXTERNAL || proto.external_data_size() > 0;
}

bool HasData(const TensorProto& proto) {
  return proto.has_raw_data() || proto.float_data_size() > 0 || proto.double_data_size() > 0 ||
         proto.int32_data_size() > 0;
}

std::string TypeName(int type) {
  return TensorProto::DataType_IsValid(type)
             ? TensorProto::DataType_Name(static_cast<TensorProto::DataType>(type))
             : fmt::format("number {}", type);
}

}  // namespace

int64_t OnnxConstant::size() const {
  return static_cast<int64_t>(is_integer ? integers.size() : tensor->values.size());
}

OnnxConstantPtr MakeFloatConstant(Shape shape, std::vector<float> values) {
  auto tensor = std::make_shared<Tensor>(Tensor{std::move(shape), std::move(values)});
  return std::make_shared<OnnxConstant>(OnnxConstant{std::move(tensor), {}, false});
}

OnnxConstantPtr MakeIntegerConstant(Shape shape, std::vector<int64_t> integers) {
  auto tensor = std::make_shared<Tensor>(Tensor{std::move(shape), {}});
  return std::make_shared<OnnxConstant>(OnnxConstant{std::move(tensor), std::move(integers), true});
}

OnnxConstantPtr WithShape(const OnnxConstantPtr& constant, Shape shape) {
  if (constant->is_integer) return MakeIntegerConstant(std::move(shape), constant->integers);
  return MakeFloatConstant(std::move(shape), constant->tensor->values);
}

absl::StatusOr<OnnxConstantPtr> ReadOnnxTensor(const TensorProto& proto,
                                               const ImportLimits& limits) {
  if (proto.has_segment()) {
    return absl::UnimplementedError("a tensor in segments is not supported");
  }
  if (IsFloating(proto.data_type()) && (IsExternal(proto) || !HasData(proto))) {
    BITSCAPE_RETURN_IF_ERROR(CountElements(proto, limits.max_shape_elements).status());
    return MakeFloatConstant(Shape(proto.dims().begin(), proto.dims().end()), {});
  }
  if (IsExternal(proto)) {
    return absl::InvalidArgumentError(
        "its integers are in an external file; save the model with them inside");
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t count, CountElements(proto, limits.max_elements));
  Shape shape(proto.dims().begin(), proto.dims().end());
  switch (proto.data_type()) {
    case TensorProto::FLOAT:
    case TensorProto::DOUBLE:
    case TensorProto::FLOAT16: {
      BITSCAPE_ASSIGN_OR_RETURN(std::vector<float> values, ReadFloats(proto, count));
      for (size_t i = 0; i < values.size(); ++i) {
        if (!std::isfinite(values[i])) {
          return absl::InvalidArgumentError(
              fmt::format("element {} is {}, not a finite float32", i, values[i]));
        }
      }
      return MakeFloatConstant(std::move(shape), std::move(values));
    }
    case TensorProto::INT32:
    case TensorProto::INT64:
    case TensorProto::BOOL: {
      BITSCAPE_ASSIGN_OR_RETURN(std::vector<int64_t> integers, ReadIntegers(proto, count));
      return MakeIntegerConstant(std::move(shape), std::move(integers));
    }
    default:
      return absl::UnimplementedError(
          fmt::format("element type {}; FLOAT, DOUBLE, FLOAT16, INT32, INT64, BOOL are supported",
                      TypeName(proto.data_type())));
  }
}

}  // namespace bitscape::network
