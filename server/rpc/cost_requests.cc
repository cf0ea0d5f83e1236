#include "server/rpc/cost_requests.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "engine/core/status.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

absl::Status CheckCount(std::string_view field, int count, int most) {
  if (count >= 1 && count <= most) {
    return absl::OkStatus();
  }
  return FieldError(field, fmt::format("{} are given, 1 to {} are allowed", count, most));
}

}  // namespace

absl::StatusOr<PlansOnMachines> FindPlansOnMachines(const v1::CompareCostsRequest& request,
                                                    Library& library) {
  constexpr int kMostPlans = 64;
  constexpr int kMostAccelerators = 16;
  PlansOnMachines found;
  BITSCAPE_ASSIGN_OR_RETURN(found.network, FindNetwork(library, request.network(), "network"));
  BITSCAPE_RETURN_IF_ERROR(CheckCount("plans", request.plans_size(), kMostPlans));
  BITSCAPE_RETURN_IF_ERROR(
      CheckCount("accelerators", request.accelerators_size(), kMostAccelerators));
  for (int i = 0; i < request.plans_size(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(PlanOnNetwork plan, FindPlan(*found.network, request.plans(i),
                                                           fmt::format("plans[{}]", i)));
    found.plans.push_back(std::move(plan));
  }
  for (int i = 0; i < request.accelerators_size(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(
        auto accelerator,
        FindAccelerator(library, request.accelerators(i), fmt::format("accelerators[{}]", i)));
    found.accelerators.push_back(std::move(accelerator));
  }
  return found;
}

}  // namespace bitscape::server
