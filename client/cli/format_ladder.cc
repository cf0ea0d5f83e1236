#include "client/cli/format_ladder.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitscape::cli {
namespace {

// Formats without their range choice.
struct Pair {
  std::string weights, activations;
  std::string_view accumulator = "fp32";
  // Of the images, which have negative values; empty: as the other activations.
  std::string first_activations = "";
};

std::string Plan(const Pair& pair, std::string_view weight_range,
                 std::string_view activation_range) {
  std::string plan =
      fmt::format("weights={}{},activations={}{},accumulator={}", pair.weights, weight_range,
                  pair.activations, activation_range, pair.accumulator);
  if (!pair.first_activations.empty()) {
    plan += fmt::format(";[first]activations={}{}", pair.first_activations, activation_range);
  }
  return plan;
}

// Each pair as it stands.
std::vector<std::string> Plain(const std::vector<Pair>& pairs) {
  std::vector<std::string> plans;
  for (const Pair& pair : pairs) plans.push_back(Plan(pair, "", ""));
  return plans;
}

// Each pair with the range choices that pay: all of the data, the least squared error, and few
// outliers of the activations left out.
std::vector<std::string> WithRanges(const std::vector<Pair>& pairs) {
  std::vector<std::string> plans;
  for (const Pair& pair : pairs) {
    plans.push_back(Plan(pair, "", ""));
    plans.push_back(Plan(pair, ":mse", ":mse"));
    plans.push_back(Plan(pair, "", ":p99.9"));
  }
  return plans;
}

std::string Sized(std::string_view stem, int bits, std::string_view modifiers = "") {
  return fmt::format("{}{}{}", stem, bits, modifiers);
}

std::vector<std::string> Ints(int bits) {
  if (bits < 2) return {};
  const std::string name = Sized("int", bits);
  return WithRanges({{name, name, "int32"}, {name, "u" + name, "int32", name}});
}
std::vector<std::string> ChannelInts(int bits) {
  if (bits < 2) return {};
  const std::string name = Sized("int", bits), weights = name + ":channel";
  return WithRanges({{weights, name, "int32"}, {weights, "u" + name, "int32", name}});
}
std::vector<std::string> AsymmetricInts(int bits) {
  if (bits < 2) return {};
  return WithRanges({{Sized("int", bits, ":channel"), Sized("uint", bits, ":asym")}});
}
std::vector<std::string> Fixed(int bits) {
  if (bits < 2) return {};
  std::vector<Pair> pairs;
  for (int weights = std::max(bits - 2, 0); weights <= bits; ++weights) {
    for (int activations = std::max(bits - 5, 0); activations <= std::max(bits - 2, 0);
         ++activations) {
      pairs.push_back(
          {fmt::format("fixed{}.{}", bits, weights), fmt::format("fixed{}.{}", bits, activations)});
    }
  }
  return Plain(pairs);
}
std::vector<std::string> DynamicFixed(int bits) {
  if (bits < 2) return {};
  return WithRanges({{Sized("dfx", bits), Sized("dfx", bits), "int32"}});
}
std::vector<std::string> BlockFloat(int bits) {
  if (bits < 2) return {};
  std::vector<Pair> pairs;
  for (const std::string_view rule : {"", ":rceil"}) {
    const std::string name = fmt::format("bfp{}{}:block16", bits, rule);
    pairs.push_back({name, name});
  }
  return Plain(pairs);
}
std::vector<std::string> Microscaling(int bits) {
  std::vector<Pair> pairs;
  const auto add = [&](int width, std::string_view name) {
    if (width == bits) pairs.push_back({std::string(name), std::string(name)});
  };
  for (const std::string_view rule : {"", ":ceil", ":even", ":rceil"}) {
    for (const auto& [width, name] : {std::pair{8, "mxfp8_e4m3"},
                                      {8, "mxfp8_e5m2"},
                                      {8, "mxint8"},
                                      {6, "mxfp6_e3m2"},
                                      {6, "mxfp6_e2m3"},
                                      {4, "mxfp4_e2m1"}}) {
      add(width, fmt::format("{}{}", name, rule));
    }
  }
  add(4, "nvfp4");
  return Plain(pairs);
}
std::vector<std::string> Floats(int bits) {
  std::vector<std::string> plans;
  for (int exponent = 1; exponent <= 5 && exponent < bits; ++exponent) {
    const std::string name = fmt::format("e{}m{}:scaled", exponent, bits - 1 - exponent);
    for (std::string& plan : WithRanges({{name, name}})) plans.push_back(std::move(plan));
  }
  return plans;
}
std::vector<std::string> ChannelFloats(int bits) {
  std::vector<std::string> plans;
  for (int exponent = 1; exponent <= 4 && exponent < bits; ++exponent) {
    const std::string name = fmt::format("e{}m{}:scaled", exponent, bits - 1 - exponent);
    plans.push_back(Plan({name, name}, ":channel", ""));
  }
  return plans;
}
std::vector<std::string> PlainFloats(int bits) {
  std::vector<Pair> pairs;
  for (const auto& [width, name] : {std::pair{8, "fp8_e4m3"},
                                    {8, "fp8_e5m2"},
                                    {8, "e3m4"},
                                    {6, "fp6_e3m2"},
                                    {6, "fp6_e2m3"},
                                    {5, "e3m1"},
                                    {5, "e2m2"},
                                    {4, "fp4_e2m1"},
                                    {4, "e3m0"},
                                    {3, "e2m0"}}) {
    if (width == bits) pairs.push_back({name, name});
  }
  return Plain(pairs);
}
std::vector<std::string> AdaptivFloats(int bits) {
  std::vector<Pair> pairs;
  for (int exponent = 1; exponent <= 4 && exponent < bits && bits >= 3; ++exponent) {
    const std::string name = fmt::format("af{}_{}", bits, exponent);
    pairs.push_back({name, name});
  }
  return Plain(pairs);
}
std::vector<std::string> ConfigurableFloats(int bits) {
  if (bits != 8) return {};
  return Plain({{"cfloat8_1_4_3", "cfloat8_1_4_3"}, {"cfloat8_1_5_2", "cfloat8_1_5_2"}});
}
// Logs that float32 holds: their widest, and without a sign, which takes one bit off. A sign is of
// no use after a ReLU.
struct LogFamily {
  std::string_view base;
  int widest, widest_unsigned;
};
constexpr LogFamily kBaseTwo{"", 8, 7}, kRootTwo{":sqrt2", 8, 8}, kBaseFour{":radix4", 7, 6};

std::vector<std::string> LogsOf(int bits, const LogFamily& family, bool repaired) {
  if (bits < 2 || bits > family.widest) return {};
  const std::string name = Sized("log", bits, family.base);
  const std::string_view accumulator = repaired ? "fp32,repair=bias" : "fp32";
  std::vector<Pair> pairs = {{name, name, accumulator}};
  if (bits <= family.widest_unsigned) {
    pairs.push_back({name, name + ":unsigned", accumulator, name});
  }
  return Plain(pairs);
}
std::vector<std::string> Logs(int bits) { return LogsOf(bits, kBaseTwo, false); }
std::vector<std::string> RepairedLogs(int bits) { return LogsOf(bits, kBaseTwo, true); }
std::vector<std::string> RootLogs(int bits) { return LogsOf(bits, kRootTwo, false); }
std::vector<std::string> RepairedRootLogs(int bits) { return LogsOf(bits, kRootTwo, true); }
std::vector<std::string> Radix4(int bits) { return LogsOf(bits, kBaseFour, false); }

std::vector<std::string> KmeansCodebooks(int bits) {
  return Plain({{Sized("codebook", 1 << bits), "fp32"}});
}
std::vector<std::string> LloydMaxCodebooks(int bits) {
  return Plain({{Sized("codebook", 1 << bits, ":lloydmax"), "fp32"}});
}
std::vector<std::string> ChannelCodebooks(int bits) {
  return Plain({{Sized("codebook", 1 << bits, ":channel"), "fp32"},
                {Sized("codebook", 1 << bits, ":lloydmax:channel"), "fp32"}});
}

constexpr std::string_view kReestimated = "fp32,repair=batchnorm";
std::vector<std::string> TernaryOf(int bits, std::string_view accumulator) {
  if (bits != 2) return {};
  return Plain({{"ternary:channel", "fp32", accumulator},
                {"ternary:absmean:channel", "fp32", accumulator},
                {"ternary:ttq:channel", "fp32", accumulator},
                {"ternary:absmean", "int8:token", accumulator}});
}
std::vector<std::string> Ternary(int bits) { return TernaryOf(bits, "fp32"); }
std::vector<std::string> ReestimatedTernary(int bits) { return TernaryOf(bits, kReestimated); }
std::vector<std::string> BinaryOf(int bits, std::string_view accumulator) {
  if (bits != 1) return {};
  return Plain({{"binary:channel", "fp32", accumulator}, {"binary:unit", "fp32", accumulator}});
}
std::vector<std::string> Binary(int bits) { return BinaryOf(bits, "fp32"); }
std::vector<std::string> ReestimatedBinary(int bits) { return BinaryOf(bits, kReestimated); }
std::vector<std::string> Dorefa(int bits) { return Plain({{Sized("dorefa", bits), "fp32"}}); }
std::vector<std::string> ReestimatedDorefa(int bits) {
  return Plain({{Sized("dorefa", bits), "fp32", kReestimated}});
}

constexpr LadderFamily kFamilies[] = {
    {"int", "symmetric integers, one scale a tensor", Ints},
    {"int:channel", "symmetric integers, weights with a scale for each channel", ChannelInts},
    {"int:asym", "the same with asymmetric activations", AsymmetricInts},
    {"fixed", "fixed point, the best binary points", Fixed},
    {"dfx", "dynamic fixed point", DynamicFixed},
    {"bfp", "block floating point, blocks of 16, the best scale rule", BlockFloat},
    {"mx", "microscaling formats and NVFP4, the best scale rule", Microscaling},
    {"float:scaled", "small floats with a scale, the best split", Floats},
    {"float:channel", "the same, weights with a scale for each channel", ChannelFloats},
    {"float", "small floats without a scale", PlainFloats},
    {"adaptivfloat", "AdaptivFloat, the best split", AdaptivFloats},
    {"cfloat8", "configurable exponent bias", ConfigurableFloats},
    {"log2", "powers of two", Logs},
    {"log2 bias", "the same, biases corrected for the mean error", RepairedLogs},
    {"log sqrt2", "powers of the square root of two", RootLogs},
    {"log sqrt2 bias", "the same, biases corrected for the mean error", RepairedRootLogs},
    {"log radix4", "powers of four", Radix4},
    {"codebook", "k-means weights, fp32 activations", KmeansCodebooks},
    {"lloydmax", "Lloyd-Max weights, fp32 activations", LloydMaxCodebooks},
    {"codebook:channel", "either of them, a codebook for each channel", ChannelCodebooks},
    {"ternary", "ternary weights, fp32 or int8 activations", Ternary},
    {"ternary bn", "the same, batch norm re-estimated", ReestimatedTernary},
    {"binary", "binary weights, fp32 activations", Binary},
    {"binary bn", "the same, batch norm re-estimated", ReestimatedBinary},
    {"dorefa", "DoReFa weights, fp32 activations", Dorefa},
    {"dorefa bn", "the same, batch norm re-estimated", ReestimatedDorefa},
};

constexpr LadderReference kReferences[] = {
    {"fp32", "weights=fp32,activations=fp32,accumulator=fp32", 32},
    {"fp16", "weights=fp16,activations=fp16,accumulator=fp32", 16},
    {"int8", "weights=int8:channel,activations=int8,accumulator=int32", 8},
};

}  // namespace

std::span<const LadderFamily> LadderFamilies() { return kFamilies; }
std::span<const LadderReference> LadderReferences() { return kReferences; }

}  // namespace bitscape::cli
