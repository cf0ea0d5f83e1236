#include "engine/formats/catalog.h"

namespace bitscape::formats {
namespace {

constexpr std::string_view kIeee754 = "IEEE 754-2019";
constexpr std::string_view kOfp8 = "OCP 8-bit Floating Point Specification (OFP8) 1.0";
constexpr std::string_view kMx = "OCP Microscaling Formats (MX) Specification 1.0";
constexpr std::string_view kBfloat16 =
    "Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training, 2019";
constexpr std::string_view kTf32 = "NVIDIA A100 Tensor Core GPU Architecture, 2020";
constexpr std::string_view kIntegerSource =
    "Jacob et al., Quantization and Training of Neural Networks for Efficient "
    "Integer-Arithmetic-Only "
    "Inference, CVPR 2018";
constexpr std::string_view kFixedSource = "Two's complement with a binary point";
constexpr std::string_view kDfxSource =
    "Courbariaux et al., Training Deep Neural Networks with Low Precision Multiplications, ICLR "
    "2015";

constexpr CatalogRow kRows[] = {
    {"fp32", "e8m23:ieee", "IEEE single precision", kIeee754},
    {"fp16", "e5m10:ieee", "IEEE half precision", kIeee754},
    {"bf16", "e8m7:ieee", "the upper half of single precision", kBfloat16},
    {"tf32", "e8m10:ieee", "tensor-core operands: 8 exponent, 10 mantissa bits", kTf32},
    {"fp8_e4m3", "e4m3:fn", "largest 448, NaN, no infinities", kOfp8},
    {"fp8_e5m2", "e5m2:ieee", "largest 57344, NaN and infinities", kOfp8},
    {"fp6_e3m2", "e3m2", "largest 28, every code a number", kMx},
    {"fp6_e2m3", "e2m3", "largest 7.5, every code a number", kMx},
    {"fp4_e2m1", "e2m1", "0, .5, 1, 1.5, 2, 3, 4, 6 and their negatives", kMx},
    {"int16", "int16", "symmetric integers with a float32 scale", kIntegerSource},
    {"int8", "int8", "symmetric integers with a float32 scale", kIntegerSource},
    {"int6", "int6", "symmetric integers with a float32 scale", kIntegerSource},
    {"int5", "int5", "symmetric integers with a float32 scale", kIntegerSource},
    {"int4", "int4", "symmetric integers with a float32 scale", kIntegerSource},
    {"int3", "int3", "symmetric integers with a float32 scale", kIntegerSource},
    {"int2", "int2", "-1, 0, 1 with a float32 scale", kIntegerSource},
    {"uint8", "uint8", "unsigned integers with a float32 scale", kIntegerSource},
    {"uint4", "uint4", "unsigned integers with a float32 scale", kIntegerSource},
    {"fixed16.8", "fixed16.8", "fixed point: 16 bits, 8 of them fractional", kFixedSource},
    {"fixed8.4", "fixed8.4", "fixed point: 8 bits, 4 of them fractional", kFixedSource},
    {"dfx16", "dfx16", "dynamic fixed point: a shared power-of-two scale", kDfxSource},
    {"dfx8", "dfx8", "dynamic fixed point: a shared power-of-two scale", kDfxSource},
};

constexpr CatalogRow kFamilies[] = {
    {"eXmY", "eXmY", "a float of 1 to 8 exponent and 0 to 23 mantissa bits",
     "The layout of IEEE 754 in any width"},
    {"intN", "intN", "integers of 2 to 16 bits with a scale from the data", kIntegerSource},
    {"uintN", "uintN", "unsigned integers of 1 to 16 bits with a scale from the data",
     kIntegerSource},
    {"fixedN.F", "fixedN.F", "fixed point: 2 to 16 bits, F of them fractional", kFixedSource},
    {"dfxN", "dfxN", "dynamic fixed point of 2 to 16 bits: a shared power-of-two scale",
     kDfxSource},
};

}  // namespace

std::span<const CatalogRow> Families() { return kFamilies; }

std::span<const CatalogRow> Catalog() { return kRows; }

std::vector<std::string> CatalogNames() {
  std::vector<std::string> names;
  for (const CatalogRow& row : kRows) names.emplace_back(row.name);
  for (const CatalogRow& row : kFamilies) names.emplace_back(row.name);
  return names;
}

}  // namespace bitscape::formats
