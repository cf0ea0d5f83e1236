#include "client/cli/sensitivity.h"

#include "bitscape/v1/cost.grpc.pb.h"
#include "client/cli/cost_view.h"
#include "client/cli/output.h"
#include "client/cli/text.h"

namespace bitscape::cli {

absl::Status ShowSensitivity(Session& session, const SensitivityOptions& options) {
  const PlanOptions& plans = options.plans;
  if (options.sweeps.empty()) {
    for (const absl::Status& status :
         {Require(!plans.network.empty(), "--sweep, or else --network", "cost sensitivity"),
          Require(!plans.plans.empty(), "--plan", "cost sensitivity"),
          Require(!plans.accelerators.empty(), "--accelerator", "cost sensitivity")}) {
      if (!status.ok()) return status;
    }
  }
  auto stub = session.Stub<v1::CostService>();
  if (!stub.ok()) return stub.status();
  v1::AnalyzeSensitivityRequest request;
  for (const std::string& sweep : options.sweeps) request.add_sweeps(Qualified("sweeps", sweep));
  request.set_network(Qualified("networks", plans.network));
  for (const std::string& plan : plans.plans) request.add_plans(PlanOrFloat32(plan));
  for (const std::string& name : plans.accelerators) {
    request.add_accelerators(Qualified("accelerators", name));
  }
  request.mutable_objectives()->Assign(options.objectives.begin(), options.objectives.end());
  *request.mutable_reading() = options.base;
  const auto sensitivity =
      session.Invoke(&v1::CostService::Stub::AnalyzeSensitivity, **stub, request);
  if (!sensitivity.ok()) return sensitivity.status();
  return Print(session.globals, *sensitivity, ViewOf(*sensitivity), "points");
}

}  // namespace bitscape::cli
