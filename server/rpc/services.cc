#include "server/rpc/services.h"

#include <fmt/format.h>

namespace bitscape::server {

absl::StatusOr<StreamSlots::Slot> StreamSlots::Take(std::string_view what) {
  if (--free_ < 0) {
    ++free_;
    return absl::ResourceExhaustedError(
        fmt::format("{} {} are open already, the most that this server serves", slots_, what));
  }
  return Slot(*this);
}

std::vector<std::unique_ptr<grpc::Service>> MakeServices(ServiceContext& context) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(MakeAcceleratorService(context));
  services.push_back(MakeCostService(context));
  services.push_back(MakeDatasetService(context));
  services.push_back(MakeEvaluationService(context));
  services.push_back(MakeFormatService(context));
  services.push_back(MakeFrontService(context));
  services.push_back(MakeNetworkService(context));
  services.push_back(MakeServerService(context));
  services.push_back(MakeSweepService(context));
  services.push_back(MakeTrialService(context));
  return services;
}

const std::vector<std::string>& ServiceNames() {
  static const std::vector<std::string> names = {
      "bitscape.v1.AcceleratorService", "bitscape.v1.CostService",   "bitscape.v1.DatasetService",
      "bitscape.v1.EvaluationService",  "bitscape.v1.FormatService", "bitscape.v1.FrontService",
      "bitscape.v1.NetworkService",     "bitscape.v1.ServerService", "bitscape.v1.SweepService",
      "bitscape.v1.TrialService"};
  return names;
}

}  // namespace bitscape::server
