#include "engine/formats/catalog.h"

#include <algorithm>

#include "engine/core/status.h"

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

constexpr std::string_view kFnuz =
    "Noune et al., 8-bit Numerical Formats for Deep Neural Networks, 2022";
constexpr std::string_view kHfp8 =
    "Sun et al., Hybrid 8-bit Floating Point (HFP8) Training and Inference for Deep Neural "
    "Networks, NeurIPS 2019";
constexpr std::string_view kBrainwave =
    "Chung et al., Serving DNNs in Real Time at Datacenter Scale with Project Brainwave, IEEE "
    "Micro 2018";
constexpr std::string_view kMsfp =
    "Darvish Rouhani et al., Pushing the Limits of Narrow Precision Inferencing at Cloud Scale "
    "with Microsoft Floating Point, NeurIPS 2020";
constexpr std::string_view kFlexpoint =
    "Koster et al., Flexpoint: An Adaptive Numerical Format for Efficient Training of Deep Neural "
    "Networks, NeurIPS 2017";
constexpr std::string_view kNvfp4 = "NVIDIA, Pretraining Large Language Models with NVFP4, 2025";
constexpr std::string_view kAdaptivFloat =
    "Tambe et al., Algorithm-Hardware Co-Design of Adaptive Floating-Point Encodings for Resilient "
    "Deep Learning Inference, DAC 2020, algorithm 1";
constexpr std::string_view kDojo =
    "Tesla Dojo Technology: A Guide to Tesla's Configurable Floating Point Formats & Arithmetic, "
    "2021";
constexpr std::string_view kLogNet =
    "Miyashita et al., Convolutional Neural Networks using Logarithmic Data Representation, 2016";
constexpr std::string_view kRadix4 =
    "Sun et al., Ultra-Low Precision 4-bit Training of Deep Neural Networks, NeurIPS 2020";
constexpr std::string_view kDeepCompression = "Han et al., Deep Compression, ICLR 2016";
constexpr std::string_view kLloydMax =
    "Lloyd, Least Squares Quantization in PCM, IEEE Trans. Information Theory 1982; Max 1960";
constexpr std::string_view kBinaryConnect =
    "Courbariaux et al., BinaryConnect: Training Deep Neural Networks with Binary Weights during "
    "Propagations, NeurIPS 2015";
constexpr std::string_view kBnn = "Courbariaux et al., Binarized Neural Networks, NeurIPS 2016";
constexpr std::string_view kXnor =
    "Rastegari et al., XNOR-Net: ImageNet Classification Using Binary Convolutional Neural "
    "Networks, ECCV 2016";
constexpr std::string_view kTwn = "Li et al., Ternary Weight Networks, 2016";
constexpr std::string_view kTtq = "Zhu et al., Trained Ternary Quantization, ICLR 2017";
constexpr std::string_view kBitNet =
    "Ma et al., The Era of 1-bit LLMs: All Large Language Models are in 1.58 Bits, 2024";
constexpr std::string_view kDorefa =
    "Zhou et al., DoReFa-Net: Training Low Bitwidth Convolutional Neural Networks with Low "
    "Bitwidth Gradients, 2016";
constexpr std::string_view kPact =
    "Choi et al., PACT: Parameterized Clipping Activation for Quantized Neural Networks, 2018";

constexpr bool kPreset = true;

constexpr CatalogRow kRows[] = {
    {"fp32", "e8m23:ieee", "IEEE single precision", kIeee754},
    {"fp16", "e5m10:ieee", "IEEE half precision", kIeee754},
    {"bf16", "e8m7:ieee", "the upper half of single precision", kBfloat16},
    {"tf32", "e8m10:ieee", "tensor-core operands: 8 exponent, 10 mantissa bits", kTf32},
    {"fp8_e4m3", "e4m3:fn", "largest 448, NaN, no infinities", kOfp8},
    {"fp8_e5m2", "e5m2:ieee", "largest 57344, NaN and infinities", kOfp8},
    {"fp8_e4m3fnuz", "e4m3:fnuz", "bias 8, largest 240, one NaN, no -0", kFnuz, kPreset},
    {"fp8_e5m2fnuz", "e5m2:fnuz", "bias 16, largest 57344, one NaN, no -0", kFnuz, kPreset},
    {"fp6_e3m2", "e3m2", "largest 28, every code a number", kMx},
    {"fp6_e2m3", "e2m3", "largest 7.5, every code a number", kMx},
    {"fp4_e2m1", "e2m1", "0, .5, 1, 1.5, 2, 3, 4, 6 and their negatives", kMx},
    // The bias and that every code is a number: from memory, not confirmed in the paper.
    {"hfp8_1_4_3", "e4m3:bias=11", "hybrid FP8, forward: largest 30 (bias from memory)", kHfp8,
     kPreset},
    {"hfp8_1_5_2", "e5m2", "hybrid FP8, backward: every code a number (from memory)", kHfp8,
     kPreset},
    // What their codes beyond numbers are was not published: every code a number.
    {"ms_fp8", "e5m2", "BrainWave's 8-bit float: 5 exponent, 2 mantissa bits", kBrainwave, kPreset},
    {"ms_fp9", "e5m3", "BrainWave's 9-bit float: 5 exponent, 3 mantissa bits", kBrainwave, kPreset},
    {"int16", "int16", "symmetric integers with a float32 scale", kIntegerSource},
    {"int8", "int8", "symmetric integers with a float32 scale", kIntegerSource},
    {"int6", "int6", "symmetric integers with a float32 scale", kIntegerSource},
    {"int5", "int5", "symmetric integers with a float32 scale", kIntegerSource},
    {"int4", "int4", "symmetric integers with a float32 scale", kIntegerSource},
    {"int3", "int3", "symmetric integers with a float32 scale", kIntegerSource},
    {"int2", "int2", "-1, 0, 1 with a float32 scale", kIntegerSource},
    {"uint8", "uint8", "unsigned integers with a float32 scale", kIntegerSource},
    {"uint4", "uint4", "unsigned integers with a float32 scale", kIntegerSource},
    {"pact4", "uint4:pact", "activations clipped to [0, a], a learned", kPact, kPreset},
    {"dorefa4_activations", "uint4:clip=1", "activations clipped to [0, 1]", kDorefa, kPreset},
    // The released code takes max(absmax, 1e-5), which differs for tokens of smaller values alone:
    // here their own absmax is the scale, and a token of zeros stays zero.
    {"bitnet_activations", "int8:full:token", "absmax of each token, without its floor of 1e-5",
     kBitNet, kPreset},
    {"fixed16.8", "fixed16.8", "fixed point: 16 bits, 8 of them fractional", kFixedSource},
    {"fixed8.4", "fixed8.4", "fixed point: 8 bits, 4 of them fractional", kFixedSource},
    {"dfx16", "dfx16", "dynamic fixed point: a shared power-of-two scale", kDfxSource},
    {"dfx8", "dfx8", "dynamic fixed point: a shared power-of-two scale", kDfxSource},
    {"bfp12", "bfp12", "12-bit mantissas, an 8-bit exponent for each 16", kMsfp},
    {"bfp8", "bfp8", "8-bit mantissas, an 8-bit exponent for each 16", kMsfp},
    {"bfp6", "bfp6", "6-bit mantissas, an 8-bit exponent for each 16", kMsfp},
    {"bfp4", "bfp4", "4-bit mantissas, an 8-bit exponent for each 16", kMsfp},
    // MSFP counts sign, mantissa and the exponent as if every value had one.
    {"msfp12", "bfp4", "sign, 3 mantissa bits, a shared 8-bit exponent", kMsfp, kPreset},
    {"msfp16", "bfp8", "sign, 7 mantissa bits, a shared 8-bit exponent", kMsfp, kPreset},
    // The exponent's window, -15 to 16 for the largest magnitude, is ours; the paper's exponent
    // also looks ahead over training steps.
    {"flexpoint16_5", "bfp16:exp5:tensor", "16-bit mantissas, a 5-bit exponent of the tensor",
     kFlexpoint, kPreset},
    // Libraries disagree on the scale: the specification's floor is the default.
    {"mxfp8_e4m3", "mxfp8_e4m3", "fp8_e4m3, a power of two for each 32", kMx},
    {"mxfp8_e5m2", "mxfp8_e5m2", "fp8_e5m2, a power of two for each 32", kMx},
    {"mxfp6_e3m2", "mxfp6_e3m2", "fp6_e3m2, a power of two for each 32", kMx},
    {"mxfp6_e2m3", "mxfp6_e2m3", "fp6_e2m3, a power of two for each 32", kMx},
    {"mxfp4_e2m1", "mxfp4_e2m1", "fp4_e2m1, a power of two for each 32", kMx},
    // -2 may be left unused (5.3.4): symmetric by default, `full` takes it.
    {"mxint8", "mxint8", "+-127/64 in steps of 1/64, a power of two for each 32", kMx},
    {"nvfp4", "nvfp4", "fp4_e2m1, an fp8_e4m3 scale for each 16, a float32 of the tensor", kNvfp4},
    // Ties are not stated in the paper: to even.
    {"af8_3", "af8_3", "AdaptivFloat: 3 exponent, 4 mantissa bits", kAdaptivFloat},
    {"af6_3", "af6_3", "AdaptivFloat: 3 exponent, 2 mantissa bits", kAdaptivFloat},
    {"af4_2", "af4_2", "AdaptivFloat: 2 exponent bits, 1 mantissa bit", kAdaptivFloat},
    // The white paper's text gives subnormals as 0.M * 2^-bias, which leaves a gap below the
    // smallest normal: IEEE 754's 2^(1-bias) by default, `literal` takes the text's.
    {"cfloat8_1_4_3", "cfloat8_1_4_3", "4 exponent, 3 mantissa bits, a bias of 0..63", kDojo},
    {"cfloat8_1_5_2", "cfloat8_1_5_2", "5 exponent, 2 mantissa bits, a bias of 0..63", kDojo},
    // From memory: the layouts, and that their bias has 6 bits as CFloat8's.
    {"cfloat16_1_5_10", "cfloat16_1_5_10",
     "5 exponent, 10 mantissa bits, a bias of 0..63 (from memory)", kDojo},
    {"cfloat16_1_6_9", "cfloat16_1_6_9",
     "6 exponent, 9 mantissa bits, a bias of 0..63 (from memory)", kDojo},
    {"cfloat16", "cfloat16_1_5_10", "the half-precision layout of the two CFloat16", kDojo,
     kPreset},
    {"log8", "log8", "zero and powers of two, the largest at the full scale", kLogNet},
    {"log5", "log5", "zero and powers of two, the largest at the full scale", kLogNet},
    {"log4", "log4", "zero and powers of two, the largest at the full scale", kLogNet},
    {"log4:sqrt2", "log4:sqrt2", "zero and powers of the square root of two", kLogNet},
    // The paper's Clip gives FSR - 1 for what reaches FSR, so the largest is half the full scale.
    {"log4:fsr", "log4:fsr", "LogNet to the letter: the largest is half the full scale", kLogNet},
    // The grid 4^k, k in -3..3 relative to its scale, from memory. Rounding is in the log domain:
    // thresholds 2 * 4^k, where the paper's is near 1.6 * 4^k.
    {"fp4_radix4", "log4:radix4", "gradients: zero and seven powers of four (from memory)", kRadix4,
     kPreset},
    {"codebook256", "codebook256", "256 shared values by k-means, stored in fp16",
     kDeepCompression},
    {"codebook16", "codebook16", "16 shared values by k-means, stored in fp16", kDeepCompression},
    {"codebook4", "codebook4", "4 shared values by k-means, stored in fp16", kDeepCompression},
    {"codebook16:lloydmax", "codebook16:lloydmax", "16 values of least squared error", kLloydMax},
    {"binary", "binary", "-a and a, a = mean|x|", kXnor},
    {"binary:unit", "binary:unit", "-1 and 1", kBinaryConnect},
    {"binaryconnect", "binary:unit", "weights -1 and 1", kBinaryConnect, kPreset},
    {"bnn", "binary:unit", "weights and activations -1 and 1", kBnn, kPreset},
    {"bwn", "binary:channel", "weights: mean|w| of each filter", kXnor, kPreset},
    {"xnor_activations", "binary:position", "activations: a scale for each output position", kXnor,
     kPreset},
    // 0.7 is the paper's factor; its later version has 0.75.
    {"ternary", "ternary", "-a, 0, a: threshold 0.7 mean|x|", kTwn},
    {"ternary:unit", "ternary:unit", "-1, 0, 1: thresholds at +-1/2", kTwn},
    {"ternary:absmean", "ternary:absmean", "round(x / mean|x|) within +-1", kBitNet},
    {"ternary:ttq", "ternary:ttq", "-b, 0, a: threshold 0.05 max|x|", kTtq},
    {"twn", "ternary", "-a, 0, a: threshold 0.7 mean|w|", kTwn, kPreset},
    {"ttq", "ternary:ttq", "two values for each layer, which training learns", kTtq, kPreset},
    {"bitnet_b1_58", "ternary:absmean", "weights -a, 0, a: a = mean|w|", kBitNet, kPreset},
    {"dorefa4", "dorefa4", "weights: 16 levels of tanh(w), within +-1", kDorefa},
    {"dorefa2", "dorefa2", "weights: 4 levels of tanh(w), within +-1", kDorefa},
};

constexpr Family kFamilies[] = {
    {FamilyKind::kFloat, "eXmY", "a float of 1 to 8 exponent and 0 to 23 mantissa bits",
     "The layout of IEEE 754 in any width"},
    {FamilyKind::kInt, "intN", "integers of 2 to 16 bits with a scale from the data",
     kIntegerSource},
    {FamilyKind::kUint, "uintN", "unsigned integers of 1 to 16 bits with a scale from the data",
     kIntegerSource},
    {FamilyKind::kFixed, "fixedN.F", "fixed point: 2 to 16 bits, F of them fractional",
     kFixedSource},
    {FamilyKind::kDfx, "dfxN", "dynamic fixed point of 2 to 16 bits: a shared power-of-two scale",
     kDfxSource},
    {FamilyKind::kBfp, "bfpM", "block floating point: mantissas of 2 to 16 bits share an exponent",
     kMsfp},
    {FamilyKind::kMxFloat, "mxfpN_eXmY", "Microscaling: a float and a power of two for each 32",
     kMx},
    {FamilyKind::kMxInt, "mxint8", "Microscaling: an integer and a power of two for each 32", kMx},
    {FamilyKind::kNvfp4, "nvfp4", "4-bit floats with two levels of scale", kNvfp4},
    {FamilyKind::kAdaptivFloat, "afN_E", "AdaptivFloat of 3 to 16 bits, E of them exponent",
     kAdaptivFloat},
    {FamilyKind::kCfloat, "cfloatN_1_X_Y", "floats whose bias the tensor chooses", kDojo},
    {FamilyKind::kLog, "logN", "zero and powers of a base, in 2 to 8 bits", kLogNet},
    {FamilyKind::kCodebook, "codebookL", "2 to 256 learned levels", kDeepCompression},
    {FamilyKind::kBinary, "binary", "two levels", kXnor},
    {FamilyKind::kTernary, "ternary", "three levels", kTwn},
    {FamilyKind::kDorefa, "dorefaN", "DoReFa's weights of 1 to 8 bits", kDorefa},
};

}  // namespace

std::span<const CatalogRow> Catalog() { return kRows; }

std::span<const Family> Families() { return kFamilies; }

std::string_view FamilySource(FamilyKind kind) {
  for (const Family& family : kFamilies) {
    if (family.kind == kind) return family.source;
  }
  BITSCAPE_CHECK(false, "every FamilyKind has a row");
}

std::vector<std::string> CatalogNames() {
  std::vector<std::string> names;
  for (const CatalogRow& row : kRows) names.emplace_back(row.name);
  for (const Family& family : kFamilies) {
    if (std::find(names.begin(), names.end(), family.name) == names.end()) {
      names.emplace_back(family.name);
    }
  }
  return names;
}

}  // namespace bitscape::formats
