#include <fmt/format.h>
#include <grpcpp/server_context.h>

#include <variant>

#include "bitscape/v1/cost.grpc.pb.h"
#include "cost_models/accelerators/cost_model.h"
#include "engine/core/status.h"
#include "server/rpc/cost_proto.h"
#include "server/rpc/cost_readings.h"
#include "server/rpc/cost_requests.h"
#include "server/rpc/cost_sensitivity.h"
#include "server/rpc/cost_validation.h"
#include "server/rpc/lookup.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {

namespace {

class CostServiceImpl final : public v1::CostService::Service {
 public:
  explicit CostServiceImpl(ServiceContext& context)
      : context_(context), validator_(context.library) {}

  grpc::Status EstimateCost(grpc::ServerContext*, const v1::EstimateCostRequest* request,
                            v1::CostEstimate* response) override {
    return Handle([&] { return Estimate(*request, response); });
  }
  grpc::Status CompareCosts(grpc::ServerContext* call, const v1::CompareCostsRequest* request,
                            v1::CostComparison* response) override {
    return Handle([&] { return Compare(call, *request, response); });
  }
  grpc::Status AnalyzeSensitivity(grpc::ServerContext* call,
                                  const v1::AnalyzeSensitivityRequest* request,
                                  v1::CostSensitivity* response) override {
    return Handle([&]() -> absl::Status {
      BITSCAPE_ASSIGN_OR_RETURN(
          *response, AnalyzeCostSensitivity(*request, context_, [&] { return Cancelled(call); }));
      return absl::OkStatus();
    });
  }
  grpc::Status PriceMachine(grpc::ServerContext*, const v1::PriceMachineRequest* request,
                            v1::MachinePrice* response) override {
    return Handle([&]() -> absl::Status {
      BITSCAPE_ASSIGN_OR_RETURN(
          const auto accelerator,
          FindAccelerator(context_.library, request->accelerator(), "accelerator"));
      BITSCAPE_ASSIGN_OR_RETURN(*response, PriceOfMachine(*request, *accelerator));
      return absl::OkStatus();
    });
  }
  grpc::Status ValidateCostModel(grpc::ServerContext*, const v1::ValidateCostModelRequest* request,
                                 v1::CostValidation* response) override {
    return Handle([&]() -> absl::Status {
      BITSCAPE_ASSIGN_OR_RETURN(*response, validator_.Validate(*request));
      return absl::OkStatus();
    });
  }

 private:
  // A mapping search may take a while: nobody may wait for it any more.
  bool Cancelled(grpc::ServerContext* call) const {
    return call->IsCancelled() || context_.stopping.stop_requested();
  }
  absl::Status Estimate(const v1::EstimateCostRequest& request, v1::CostEstimate* response);
  absl::Status Compare(grpc::ServerContext* call, const v1::CompareCostsRequest& request,
                       v1::CostComparison* response);

  ServiceContext& context_;
  CostValidator validator_;
};

absl::Status CostServiceImpl::Estimate(const v1::EstimateCostRequest& request,
                                       v1::CostEstimate* response) {
  Library& library = context_.library;
  BITSCAPE_ASSIGN_OR_RETURN(const auto network, FindNetwork(library, request.network(), "network"));
  BITSCAPE_ASSIGN_OR_RETURN(const auto accelerator,
                            FindAccelerator(library, request.accelerator(), "accelerator"));
  BITSCAPE_ASSIGN_OR_RETURN(const PlanOnNetwork plan, FindPlan(*network, request.plan(), "plan"));
  BITSCAPE_ASSIGN_OR_RETURN(const cost_models::TechnologyOptions reading,
                            ReadingOf(request.reading(), *accelerator, "reading"));
  const std::vector<network::MacShape> shapes = network::MacShapes(*network);
  BITSCAPE_ASSIGN_OR_RETURN(
      const cost_models::CostOutcome outcome,
      cost_models::AnalyticCostModel().Estimate(shapes, plan.resolved, *accelerator, reading));
  if (const auto* infeasible = std::get_if<cost_models::Infeasible>(&outcome)) {
    return absl::FailedPreconditionError(fmt::format("accelerator '{}' can't run the plan: {}",
                                                     accelerator->name, infeasible->reason));
  }
  *response = ToProto(std::get<cost_models::CostReport>(outcome), shapes, plan.resolved);
  response->set_plan(plan.text);
  response->set_network(NetworkName(network->name));
  response->set_accelerator(AcceleratorName(accelerator->name));
  response->set_cost_model_version(std::string(cost_models::CostModelVersion()));
  *response->mutable_reading() = ToProto(reading);
  return absl::OkStatus();
}

v1::CostComparison::Row RowOf(const absl::StatusOr<cost_models::CostOutcome>& outcome) {
  v1::CostComparison::Row row;
  if (!outcome.ok()) {
    row.set_infeasible(std::string(outcome.status().message()));
    return row;
  }
  if (const auto* infeasible = std::get_if<cost_models::Infeasible>(&*outcome)) {
    row.set_infeasible(infeasible->reason);
    return row;
  }
  const auto& report = std::get<cost_models::CostReport>(*outcome);
  row.set_energy_pj(report.EnergyPj());
  row.set_latency_cycles(report.LatencyCycles());
  row.set_latency_seconds(report.LatencySeconds());
  row.set_area_um2(report.AreaUm2());
  row.set_weight_bytes(report.WeightBytes());
  for (const cost_models::EnergyItem& item : EnergyByComponent(report)) {
    v1::CostEstimate::Energy& energy = *row.add_energy();
    energy.set_component(item.component);
    energy.set_energy_pj(item.energy_pj);
  }
  return row;
}

absl::Status CostServiceImpl::Compare(grpc::ServerContext* call,
                                      const v1::CompareCostsRequest& request,
                                      v1::CostComparison* response) {
  BITSCAPE_ASSIGN_OR_RETURN(const PlansOnMachines work,
                            FindPlansOnMachines(request, context_.library));
  std::vector<cost_models::TechnologyOptions> readings;
  for (const auto& accelerator : work.accelerators) {
    BITSCAPE_ASSIGN_OR_RETURN(readings.emplace_back(),
                              ReadingOf(request.reading(), *accelerator, "reading"));
  }
  const std::vector<network::MacShape> shapes = network::MacShapes(*work.network);
  for (const PlanOnNetwork& plan : work.plans) {
    for (size_t i = 0; i < work.accelerators.size(); ++i) {
      if (Cancelled(call)) {
        return absl::CancelledError("the call was cancelled");
      }
      v1::CostComparison::Row row = RowOf(cost_models::AnalyticCostModel().Estimate(
          shapes, plan.resolved, *work.accelerators[i], readings[i]));
      row.set_plan(plan.text);
      row.set_accelerator(AcceleratorName(work.accelerators[i]->name));
      *response->add_rows() = std::move(row);
    }
  }
  response->set_network(NetworkName(work.network->name));
  response->set_cost_model_version(std::string(cost_models::CostModelVersion()));
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<grpc::Service> MakeCostService(ServiceContext& context) {
  return std::make_unique<CostServiceImpl>(context);
}

}  // namespace bitscape::server
