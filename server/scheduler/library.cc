#include "server/scheduler/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "engine/network/shape_networks.h"
#include "server/scheduler/library_state.h"

namespace bitscape::server {
namespace {

using Kind = StoredResource::Kind;

absl::StatusOr<std::vector<std::string>> Names(Store& store, Kind kind,
                                               std::vector<std::string> names) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<StoredResource> stored, store.ListResources(kind));
  for (const StoredResource& resource : stored) {
    names.push_back(resource.name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

absl::Status Unknown(std::string_view what, std::string_view name,
                     const std::vector<std::string>& known) {
  return absl::NotFoundError(
      fmt::format("there is no {} '{}'{}", what, name, DidYouMean(name, known)));
}

// The kept one, or `load`s one and keeps it.
template <typename Value, typename Load>
absl::StatusOr<std::shared_ptr<const Value>> FindOrLoad(RecentlyUsed<const Value>& kept,
                                                        std::string_view name, const Load& load) {
  if (std::shared_ptr<const Value> found = kept.Find(name)) {
    return found;
  }
  absl::StatusOr<Value> loaded = load();
  if (!loaded.ok()) {
    return loaded.status();
  }
  auto value = std::make_shared<Value>(*std::move(loaded));
  value->name = std::string(name);
  kept.Keep(name, value);
  return value;
}

// Reads a stored resource, or says that the name is unknown.
template <typename Value>
absl::StatusOr<Value> LoadStored(Store& store, Kind kind, std::string_view what,
                                 std::string_view name, const std::vector<std::string>& known,
                                 absl::StatusOr<Value> (*read)(const StoredResource&)) {
  const absl::StatusOr<StoredResource> resource = store.GetResource(kind, name);
  if (absl::IsNotFound(resource.status())) {
    return Unknown(what, name, known);
  }
  BITSCAPE_RETURN_IF_ERROR(resource.status());
  return read(*resource);
}

}  // namespace

Library::Library(Store& store, LibrarySources sources)
    : state_(std::make_unique<State>(store, std::move(sources))) {}
Library::~Library() = default;

absl::StatusOr<std::vector<std::string>> Library::NetworkNames() {
  std::vector<std::string> names = network::ShapeNetworkNames();
  for (std::string& name : state_->sources.network_names()) {
    names.push_back(std::move(name));
  }
  return Names(state_->store, Kind::kNetwork, std::move(names));
}

absl::StatusOr<std::string_view> Library::NetworkKind(std::string_view name) {
  if (Contains(state_->sources.network_names(), name)) {
    return "zoo";
  }
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<std::string> imported,
                            Names(state_->store, Kind::kNetwork, {}));
  return Contains(imported, name) ? "imported" : "shapes";
}

absl::StatusOr<std::vector<std::string>> Library::DatasetNames() {
  return Names(state_->store, Kind::kDataset, state_->sources.dataset_names());
}

absl::StatusOr<std::vector<std::string>> Library::AcceleratorNames() {
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<std::string> files, AcceleratorFileNames());
  return Names(state_->store, Kind::kAccelerator, std::move(files));
}

absl::StatusOr<std::shared_ptr<const network::Network>> Library::GetNetwork(std::string_view name) {
  std::lock_guard lock(state_->mutex);
  return FindOrLoad(state_->networks, name, [&]() -> absl::StatusOr<network::Network> {
    if (Contains(state_->sources.network_names(), name)) {
      return state_->sources.load_network(name);
    }
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<std::string> known, NetworkNames());
    absl::StatusOr<network::Network> stored =
        LoadStored(state_->store, Kind::kNetwork, "network", name, known, ReadStoredNetwork);
    if (!absl::IsNotFound(stored.status())) {
      return stored;
    }
    absl::StatusOr<network::ShapeNetwork> shapes = network::FindShapeNetwork(name);
    if (absl::IsNotFound(shapes.status())) {
      return stored;
    }
    BITSCAPE_RETURN_IF_ERROR(shapes.status());
    return std::move(shapes->network);
  });
}

absl::StatusOr<std::shared_ptr<const data::Dataset>> Library::GetDataset(std::string_view name) {
  std::lock_guard lock(state_->mutex);
  return FindOrLoad(state_->datasets, name, [&]() -> absl::StatusOr<data::Dataset> {
    if (Contains(state_->sources.dataset_names(), name)) {
      return state_->sources.load_dataset(name);
    }
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<std::string> known, DatasetNames());
    return LoadStored(state_->store, Kind::kDataset, "dataset", name, known, ReadStoredDataset);
  });
}

absl::StatusOr<std::shared_ptr<const cost_models::Accelerator>> Library::GetAccelerator(
    std::string_view name) {
  std::lock_guard lock(state_->mutex);
  return FindOrLoad(state_->accelerators, name, [&]() -> absl::StatusOr<cost_models::Accelerator> {
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<std::string> files, AcceleratorFileNames());
    if (Contains(files, name)) {
      return ReadAcceleratorNamed(name);
    }
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<std::string> known, AcceleratorNames());
    return LoadStored(state_->store, Kind::kAccelerator, "accelerator", name, known,
                      ReadStoredAccelerator);
  });
}

absl::StatusOr<std::shared_ptr<emulate::Evaluator>> Library::GetEvaluator(
    std::string_view network, std::string_view dataset, int64_t calibration_images, uint64_t seed) {
  // The evaluator refers to both others: they live and die together.
  struct Bundle {
    std::shared_ptr<const network::Network> network;
    std::shared_ptr<const data::Dataset> dataset;
    std::unique_ptr<emulate::Evaluator> evaluator;
  };
  std::lock_guard lock(state_->evaluators_mutex);
  const std::string key = fmt::format("{}/{}/{}/{}", network, dataset, calibration_images, seed);
  if (std::shared_ptr<emulate::Evaluator> kept = state_->evaluators.Find(key)) {
    return kept;
  }
  auto bundle = std::make_shared<Bundle>();
  BITSCAPE_ASSIGN_OR_RETURN(bundle->network, GetNetwork(network));
  BITSCAPE_ASSIGN_OR_RETURN(bundle->dataset, GetDataset(dataset));
  BITSCAPE_ASSIGN_OR_RETURN(
      bundle->evaluator,
      state_->sources.create_evaluator(*bundle->network, *bundle->dataset,
                                       {.seed = seed, .calibration_images = calibration_images}));
  std::shared_ptr<emulate::Evaluator> evaluator(bundle, bundle->evaluator.get());
  state_->evaluators.Keep(key, evaluator);
  return evaluator;
}

}  // namespace bitscape::server
