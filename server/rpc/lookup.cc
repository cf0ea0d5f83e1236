#include "server/rpc/lookup.h"

#include <fmt/format.h>

#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "server/rpc/status_to_grpc.h"
#include "server/specs/resource_names.h"
#include "server/trials/identity.h"

namespace bitscape::server {
namespace {

// Looks up the resource behind "COLLECTION/ID" with `get(id)`.
template <typename Get>
auto Find(std::string_view collection, std::string_view type, std::string_view name,
          std::string_view field, Get get) -> decltype(get(std::string())) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string id, ParseName(collection, name, field));
  auto found = get(id);
  if (!found.ok()) {
    return AboutResource(found.status(), type, fmt::format("{}/{}", collection, id));
  }
  return found;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const network::Network>> FindNetwork(Library& library,
                                                                    std::string_view name,
                                                                    std::string_view field) {
  return Find("networks", "bitscape.v1.Network", name, field,
              [&](const std::string& id) { return library.GetNetwork(id); });
}

absl::StatusOr<std::shared_ptr<const data::Dataset>> FindDataset(Library& library,
                                                                 std::string_view name,
                                                                 std::string_view field) {
  return Find("datasets", "bitscape.v1.Dataset", name, field,
              [&](const std::string& id) { return library.GetDataset(id); });
}

absl::StatusOr<std::shared_ptr<const cost_models::Accelerator>> FindAccelerator(
    Library& library, std::string_view name, std::string_view field) {
  return Find("accelerators", "bitscape.v1.Accelerator", name, field,
              [&](const std::string& id) { return library.GetAccelerator(id); });
}

absl::StatusOr<Sweep> FindSweep(Store& store, std::string_view name, std::string_view field) {
  const auto get = [&](const std::string& id) -> absl::StatusOr<Sweep> {
    absl::StatusOr<Sweep> sweep = store.GetSweep(id);
    if (!absl::IsNotFound(sweep.status())) {
      return sweep;
    }
    constexpr int64_t kNewest = 1000;
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<Sweep> sweeps, store.ListSweeps("", kNewest));
    std::vector<std::string> ids;
    for (const Sweep& known : sweeps) {
      ids.push_back(known.id);
    }
    return absl::NotFoundError(fmt::format("there is no sweep '{}'{}", id, DidYouMean(id, ids)));
  };
  return Find("sweeps", "bitscape.v1.Sweep", name, field, get);
}

absl::StatusOr<PlanOnNetwork> FindPlan(const network::Network& network, const std::string& plan,
                                       std::string_view field) {
  if (plan.empty()) {
    return FieldError(field, "required: a plan such as weights=int8:channel,activations=int8");
  }
  const absl::StatusOr<quantize::PrecisionPlan> parsed = quantize::ParsePlan(plan);
  if (!parsed.ok()) {
    return AtField(field, parsed.status());
  }
  absl::StatusOr<quantize::ResolvedPlan> resolved =
      quantize::ResolvePlan(*parsed, LayerIdentities(network));
  if (!resolved.ok()) {
    return AtField(field, resolved.status());
  }
  return PlanOnNetwork{parsed->ToString(), *std::move(resolved)};
}

SweepContext SweepResources::Context() const {
  SweepContext context;
  context.network = network.get();
  context.dataset = dataset.get();
  for (const auto& accelerator : accelerators) {
    context.accelerators.push_back(accelerator.get());
  }
  return context;
}

absl::StatusOr<SweepResources> FindResources(Library& library, const v1::SweepSpec& spec) {
  SweepResources resources;
  if (!spec.network().empty()) {
    BITSCAPE_ASSIGN_OR_RETURN(resources.network,
                              FindNetwork(library, spec.network(), "spec.network"));
  }
  if (!spec.dataset().empty()) {
    BITSCAPE_ASSIGN_OR_RETURN(resources.dataset,
                              FindDataset(library, spec.dataset(), "spec.dataset"));
  }
  for (int i = 0; i < spec.accelerators_size(); ++i) {
    BITSCAPE_ASSIGN_OR_RETURN(
        auto accelerator,
        FindAccelerator(library, spec.accelerators(i), fmt::format("spec.accelerators[{}]", i)));
    resources.accelerators.push_back(std::move(accelerator));
  }
  return resources;
}

}  // namespace bitscape::server
