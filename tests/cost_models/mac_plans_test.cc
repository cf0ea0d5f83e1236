// Plans of every format and accumulator, as they resolve.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "engine/formats/catalog.h"
#include "tests/cost_models/machines.h"
#include "tests/cost_models/operands.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;

// What a plan of these formats costs on a native datapath; 0: refused, with an error that names
// something of the plan; nothing: it does not resolve.
std::optional<double> PriceOf(const std::string& text, const network::MacShape& layer) {
  const absl::StatusOr<quantize::PrecisionPlan> plan = quantize::ParsePlan(text);
  if (!plan.ok()) return std::nullopt;
  const auto resolved = quantize::ResolvePlan(*plan, {{layer.name, layer.op}});
  if (!resolved.ok()) return std::nullopt;
  const MacFamily& native = **FindMacFamily("native");
  const absl::StatusOr<MacOperands> operands = OperandsFor(*resolved, 0, layer);
  const absl::Status taken = operands.ok() ? native.check(*operands, {}) : operands.status();
  if (!taken.ok()) {
    EXPECT_EQ(taken.code(), absl::StatusCode::kUnimplemented) << text;
    EXPECT_THAT(std::string(taken.message()),
                ::testing::AnyOf(HasSubstr("accumulator int32 adds codes under one scale"),
                                 HasSubstr("accumulator int16:wrap adds codes under one scale"),
                                 HasSubstr("products across scales for each")))
        << text;
    return 0;
  }
  const MacCost cost = native.estimate(*operands, *operands, {}, Node45());
  EXPECT_TRUE(std::isfinite(cost.energy_pj) && cost.energy_pj > 0) << text;
  EXPECT_TRUE(std::isfinite(cost.output.energy_pj) && cost.output.energy_pj > 0) << text;
  EXPECT_FALSE(ToString(*operands).empty());
  return cost.energy_pj;
}

TEST(MacFamily, EveryPairOfCatalogueFormatsHasAPrice) {
  const network::MacShape conv = ConvLayer("conv", 64, 16, 3, 8);
  int priced = 0;
  for (const formats::CatalogRow& weights : formats::Catalog()) {
    for (const formats::CatalogRow& activations : formats::Catalog()) {
      const std::string text =
          "weights=" + std::string(weights.name) + ",activations=" + std::string(activations.name);
      const std::optional<double> price = PriceOf(text, conv);
      if (!price.has_value()) continue;  // token and position of weights, channel of activations
      EXPECT_GT(*price, 0) << text;
      ++priced;
    }
  }
  EXPECT_GT(priced, 3000);
}

TEST(MacFamily, EveryAccumulatorAndGranularityHasAPriceOrANamedRefusal) {
  network::MacShape product = GemmLayer("scores", 64, 64);
  product.op = "matmul";
  product.weights_are_activations = true;
  const std::vector<network::MacShape> layers = {ConvLayer("conv", 64, 16, 3, 8),
                                                 GemmLayer("fc", 64, 10), product};
  std::vector<std::string> weights;
  for (const formats::CatalogRow& row : formats::Catalog()) {
    weights.emplace_back(row.name);
    for (const char* modifier : {":channel", ":block16", ":stochastic"}) {
      weights.push_back(weights.back().substr(0, row.name.size()) + modifier);
    }
  }
  int priced = 0, refused = 0;
  for (const std::string& format : weights) {
    for (const char* activations : {"int8", "uint8:asym:dynamic", "fp8_e4m3", "mxfp8_e4m3",
                                    "int8:token", "log4:sqrt2:block16", "int8:stochastic"}) {
      for (const char* accumulator :
           {"fp32", "int32", "fp16", "fp16:chunk16", "fp32:chunk8:align25", "fixed24.12",
            "int16:wrap", "bf16:stochastic", "fp16:chunk64"}) {
        for (const network::MacShape& layer : layers) {
          const std::optional<double> price =
              PriceOf("weights=" + format + ",activations=" + activations +
                          ",accumulator=" + accumulator + ",vector=bf16",
                      layer);
          if (price.has_value()) ++(*price > 0 ? priced : refused);
        }
      }
    }
  }
  std::printf("%d plans priced, %d refused\n", priced, refused);
  EXPECT_GT(priced, 10'000);
  EXPECT_GT(refused, 100);
  EXPECT_LT(refused, priced / 10);
}

}  // namespace
}  // namespace bitscape::cost_models
