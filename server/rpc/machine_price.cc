#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "engine/core/status.h"
#include "server/rpc/cost_proto.h"
#include "server/rpc/cost_readings.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

// What a machine that is built for the plan is shown with. Its sums have 512 products, so that
// exact accumulators have a width.
constexpr char kDefaultPlan[] = "weights=int8,activations=int8,accumulator=int32";
constexpr int kDefaultReduction = 512;

// The plans to try, and the products of one sum: a fixed datapath is the same whatever it sums, so
// one product fits each.
struct Candidates {
  std::vector<std::string> plans;
  int reduction = kDefaultReduction;
};

Candidates CandidatesFor(const v1::PriceMachineRequest& request,
                         const cost_models::Accelerator& accelerator) {
  Candidates candidates;
  if (!accelerator.datapaths.empty()) {
    candidates.reduction = 1;
  }
  if (!request.plan().empty()) {
    candidates.plans.push_back(request.plan());
  } else if (accelerator.datapaths.empty()) {
    candidates.plans.push_back(kDefaultPlan);
  }
  for (const cost_models::Datapath& datapath : accelerator.datapaths) {
    if (!request.plan().empty()) {
      break;
    }
    // A tree adds its products before the accumulator rounds.
    quantize::Accumulator accumulator = datapath.accumulator;
    if (accumulator.kind == quantize::Accumulator::Kind::kNarrow) {
      accumulator.chunk = std::max(accumulator.chunk, datapath.design.dot_length);
    }
    candidates.plans.push_back(
        fmt::format("weights={},activations={},accumulator={}", datapath.weights.ToString(),
                    datapath.activations.ToString(), accumulator.ToString()));
  }
  return candidates;
}

v1::MachinePrice ToProto(const cost_models::LaidPlan& laid,
                         const cost_models::Accelerator& accelerator) {
  v1::MachinePrice price;
  for (const cost_models::AreaItem& item : laid.report.area) {
    v1::CostEstimate::Area& area = *price.add_area();
    area.set_component(item.component);
    area.set_area_um2(item.area_um2);
  }
  price.set_area_um2(laid.report.AreaUm2());
  double fastest = 0;
  for (size_t i = 0; i < laid.datapaths.built.size(); ++i) {
    const cost_models::MacCost& cost = laid.datapaths.costs[i];
    v1::MachinePrice::Datapath& datapath = *price.add_datapaths();
    datapath.set_operands(cost_models::ToString(laid.datapaths.built[i]));
    datapath.set_family(std::string(laid.datapaths.families[i]->name));
    datapath.set_energy_pj(cost.energy_pj);
    datapath.set_area_um2(cost.area_um2);
    datapath.set_macs_per_cycle(cost.macs_per_cycle);
    datapath.set_delay_ns(cost.delay_ns);
    const std::string& own =
        i < accelerator.datapaths.size() ? accelerator.datapaths[i].source : std::string();
    datapath.set_source(own.empty() ? std::string(laid.datapaths.families[i]->source) : own);
    fastest = std::max(fastest, cost.macs_per_cycle);
  }
  price.set_multipliers(laid.report.multipliers);
  price.set_peak_macs_per_second(laid.report.multipliers * fastest * laid.report.clock_ghz * 1e9);
  return price;
}

}  // namespace

absl::StatusOr<v1::MachinePrice> PriceOfMachine(const v1::PriceMachineRequest& request,
                                                const cost_models::Accelerator& accelerator) {
  BITSCAPE_ASSIGN_OR_RETURN(const cost_models::TechnologyOptions options,
                            ReadingOf(request.reading(), accelerator, "reading"));
  const Candidates candidates = CandidatesFor(request, accelerator);
  network::MacShape shape;
  shape.name = "sum";
  shape.op = "gemm";
  shape.c = candidates.reduction;
  std::string reason = "it has no datapath";
  for (const std::string& text : candidates.plans) {
    const absl::StatusOr<quantize::PrecisionPlan> plan = quantize::ParsePlan(text);
    if (!plan.ok()) {
      return AtField("plan", plan.status());
    }
    const auto resolved = quantize::ResolvePlan(*plan, {{shape.name, shape.op}});
    if (!resolved.ok()) {
      if (!request.plan().empty()) {
        return AtField("plan", resolved.status());
      }
      reason = std::string(resolved.status().message());
      continue;
    }
    BITSCAPE_ASSIGN_OR_RETURN(const auto laid,
                              cost_models::LayPlan({&shape, 1}, *resolved, accelerator, options));
    if (const auto* infeasible = std::get_if<cost_models::Infeasible>(&laid)) {
      reason = infeasible->reason;
      continue;
    }
    v1::MachinePrice price = ToProto(std::get<cost_models::LaidPlan>(laid), accelerator);
    price.set_accelerator(AcceleratorName(accelerator.name));
    price.set_plan(plan->ToString());
    price.set_reduction_length(candidates.reduction);
    *price.mutable_reading() = ToProto(options);
    return price;
  }
  return absl::FailedPreconditionError(
      fmt::format("accelerator '{}' can't be priced: {}", accelerator.name, reason));
}

}  // namespace bitscape::server
