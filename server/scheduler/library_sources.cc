#include "engine/network/zoo.h"
#include "server/scheduler/library.h"

namespace bitscape::server {

LibrarySources BuiltinSources() {
  return {.network_names = network::ZooNames,
          .load_network = network::LoadZooNetwork,
          .dataset_names = data::BuiltinDatasetNames,
          .load_dataset = data::LoadBuiltinDataset,
          .create_evaluator = emulate::Evaluator::Create};
}

}  // namespace bitscape::server
