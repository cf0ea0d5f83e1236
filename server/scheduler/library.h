// Resolves names to networks, datasets and accelerators: the zoo, the built-in ones, what users
// imported, and networks of which only the shapes are known.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cost_models/accelerators/accelerator.h"
#include "engine/data/dataset.h"
#include "engine/emulate/evaluator.h"
#include "engine/network/network.h"
#include "server/store/store.h"

namespace bitscape::server {

// Where networks, datasets and evaluators come from, apart from the store. Tests give their own.
struct LibrarySources {
  std::function<std::vector<std::string>()> network_names;
  std::function<absl::StatusOr<network::Network>(std::string_view)> load_network;
  std::function<std::vector<std::string>()> dataset_names;
  std::function<absl::StatusOr<data::Dataset>(std::string_view)> load_dataset;
  std::function<absl::StatusOr<std::unique_ptr<emulate::Evaluator>>(
      const network::Network&, const data::Dataset&, const emulate::EvaluateOptions&)>
      create_evaluator;
};
LibrarySources BuiltinSources();  // the zoo, the built-in datasets, the oneDNN evaluator

// Thread-safe. Loaded things are kept and shared (several users at once hold them: shared_ptr).
class Library {
 public:
  // The store must outlive the library.
  explicit Library(Store& store, LibrarySources sources = BuiltinSources());
  ~Library();

  // Sorted. Errors: those of the store, and kNotFound without the accelerators' folder.
  absl::StatusOr<std::vector<std::string>> NetworkNames();
  absl::StatusOr<std::vector<std::string>> DatasetNames();
  absl::StatusOr<std::vector<std::string>> AcceleratorNames();

  // Errors: kNotFound with the nearest name. A network may lack weights (Network::HasWeights); what
  // was imported goes before shapes of the same name.
  absl::StatusOr<std::shared_ptr<const network::Network>> GetNetwork(std::string_view name);
  // Where GetNetwork finds a network: "zoo", "imported", or "shapes" if in none of the two.
  absl::StatusOr<std::string_view> NetworkKind(std::string_view name);
  absl::StatusOr<std::shared_ptr<const data::Dataset>> GetDataset(std::string_view name);
  absl::StatusOr<std::shared_ptr<const cost_models::Accelerator>> GetAccelerator(
      std::string_view name);

  // Shared evaluator for (network, dataset, calibration images, seed); created on first use, a few
  // are kept.
  absl::StatusOr<std::shared_ptr<emulate::Evaluator>> GetEvaluator(std::string_view network,
                                                                   std::string_view dataset,
                                                                   int64_t calibration_images,
                                                                   uint64_t seed);

  // Check, then keep. Errors: what the importer says; kInvalidArgument for a name that is not 1 to
  // 63 of [a-z0-9_-] starting with a letter; kAlreadyExists if the name stands for other content
  // (the same content again is fine).
  absl::StatusOr<std::shared_ptr<const network::Network>> ImportNetwork(
      std::string_view name, std::string_view file, std::string onnx, network::InputScaling scaling,
      bool validate_only);
  struct DatasetFiles {
    std::string train_images, train_labels, test_images, test_labels;
  };
  absl::StatusOr<std::shared_ptr<const data::Dataset>> ImportDataset(std::string_view name,
                                                                     DatasetFiles files);
  absl::StatusOr<std::shared_ptr<const cost_models::Accelerator>> CreateAccelerator(
      const cost_models::Accelerator& accelerator, std::string spec_bytes, bool validate_only);

 private:
  struct State;
  // Requires the state's mutex.
  absl::Status KeepNew(StoredResource::Kind kind, std::string_view name, std::string digest,
                       std::string metadata, std::vector<std::string> blobs);

  std::unique_ptr<State> state_;
};

}  // namespace bitscape::server
