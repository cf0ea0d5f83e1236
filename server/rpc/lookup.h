// From the names in requests to the things they stand for.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bitscape/v1/sweep.pb.h"
#include "engine/quantize/precision_plan.h"
#include "server/scheduler/library.h"
#include "server/specs/convert.h"
#include "server/store/store.h"

namespace bitscape::server {

// Errors: field errors for names of a wrong form; kNotFound with the nearest name and a
// google.rpc.ResourceInfo.
absl::StatusOr<std::shared_ptr<const network::Network>> FindNetwork(Library& library,
                                                                    std::string_view name,
                                                                    std::string_view field);
absl::StatusOr<std::shared_ptr<const data::Dataset>> FindDataset(Library& library,
                                                                 std::string_view name,
                                                                 std::string_view field);
absl::StatusOr<std::shared_ptr<const cost_models::Accelerator>> FindAccelerator(
    Library& library, std::string_view name, std::string_view field);
absl::StatusOr<Sweep> FindSweep(Store& store, std::string_view name, std::string_view field);

// A plan's text on a network's layers.
struct PlanOnNetwork {
  std::string text;  // canonical
  quantize::ResolvedPlan resolved;
};
absl::StatusOr<PlanOnNetwork> FindPlan(const network::Network& network, const std::string& plan,
                                       std::string_view field);

// Keeps what a SweepContext points at.
struct SweepResources {
  std::shared_ptr<const network::Network> network;
  std::shared_ptr<const data::Dataset> dataset;
  std::vector<std::shared_ptr<const cost_models::Accelerator>> accelerators;

  SweepContext Context() const;
};
// What `spec` names; a name left out stays null, which ToSweepPlan refuses.
absl::StatusOr<SweepResources> FindResources(Library& library, const v1::SweepSpec& spec);

}  // namespace bitscape::server
