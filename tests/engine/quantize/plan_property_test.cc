// Plans made from random parts, and texts that are no plans.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "engine/quantize/precision_plan.h"

namespace bitscape::quantize {
namespace {

std::string Pick(std::vector<std::string> choices) {
  return *rc::gen::elementOf(std::move(choices));
}

std::string Join(const std::string& left, const std::string& right) {
  return left.empty() || right.empty() ? left + right : left + "," + right;
}

// Assignments in a random order, none of which needs the others.
std::string Assignments() {
  const std::string weights =
      Pick({"", "weights=int8:channel", "weights=fixed8.4:wrap", "weights=e4m3:bias=9:fn"});
  const std::string activations =
      Pick({"", "activations=uint8:clip=6", "activations=fp16", "activations=int4:token:dynamic"});
  const std::string accumulator = Pick(
      {"", "accumulator=fp32", "accumulator=fp16:chunk8:align12", "accumulator=fixed24.8:wrap"});
  return *rc::gen::arbitrary<bool>() ? Join(weights, Join(activations, accumulator))
                                     : Join(accumulator, Join(activations, weights));
}

RC_GTEST_PROP(PlanProperty, TextRoundTrips, ()) {
  std::string text = Join(Assignments(), Pick({"", "vector=bf16"}));
  text = Join(text, Pick({"", "fold=never", "fold=always"}));
  text = Join(text, Pick({"", "repair=none", "repair=bias+smooth0.25", "repair=adaround"}));
  for (int rules = *rc::gen::inRange(0, 4); rules > 0; --rules) {
    const std::string values = Assignments();
    if (!values.empty())
      text += ";[" + Pick({"first", "last", "op:conv", "b*", "?"}) + "]" + values;
  }
  const absl::StatusOr<PrecisionPlan> plan = ParsePlan(text);
  RC_ASSERT(plan.ok());
  const absl::StatusOr<PrecisionPlan> again = ParsePlan(plan->ToString());
  RC_ASSERT(again.ok());
  RC_ASSERT(*again == *plan);

  const std::vector<LayerIdentity> layers = {{"a", "conv"}, {"b", "conv"}, {"bc", "gemm"}};
  const absl::StatusOr<ResolvedPlan> resolved = ResolvePlan(*plan, layers);
  RC_ASSERT(resolved.ok());
  RC_ASSERT(resolved->Digest() == ResolvePlan(*again, layers)->Digest());
}

RC_GTEST_PROP(PlanProperty, AnswersAnyText, (const std::string& text)) {
  for (const std::string& whole :
       {text, "weights=" + text, "accumulator=int16:" + text, "repair=smooth" + text, "[" + text}) {
    const absl::StatusOr<PrecisionPlan> plan = ParsePlan(whole);
    if (plan.ok()) RC_ASSERT(*ParsePlan(plan->ToString()) == *plan);
  }
}

}  // namespace
}  // namespace bitscape::quantize
