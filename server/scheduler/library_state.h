// What the library keeps.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/scheduler/library.h"

namespace bitscape::server {

// The values used last, by name. Not thread-safe.
template <typename Value>
class RecentlyUsed {
 public:
  explicit RecentlyUsed(size_t capacity) : capacity_(capacity) {}

  std::shared_ptr<Value> Find(std::string_view name) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    if (found == entries_.end()) {
      return nullptr;
    }
    std::rotate(entries_.begin(), found, found + 1);
    return entries_.front().second;
  }

  void Keep(std::string_view name, std::shared_ptr<Value> value) {
    entries_.emplace(entries_.begin(), std::string(name), std::move(value));
    if (entries_.size() > capacity_) {
      entries_.pop_back();
    }
  }

 private:
  const size_t capacity_;
  std::vector<std::pair<std::string, std::shared_ptr<Value>>> entries_;  // newest first
};

struct Library::State {
  State(Store& the_store, LibrarySources the_sources)
      : store(the_store), sources(std::move(the_sources)) {}

  Store& store;
  const LibrarySources sources;

  // Held while something is loaded or imported, so that no two threads load the same.
  std::mutex mutex;
  RecentlyUsed<const network::Network> networks{48};  // a list reads all that ship
  RecentlyUsed<const data::Dataset> datasets{4};      // some 50 MB each
  RecentlyUsed<const cost_models::Accelerator> accelerators{64};

  // Held while an evaluator is made; taken before `mutex`.
  std::mutex evaluators_mutex;
  RecentlyUsed<emulate::Evaluator> evaluators{3};  // each keeps threads and rounded weights
};

absl::Status CheckResourceName(StoredResource::Kind kind, std::string_view name);

// Names of share/bitscape/accelerators/*.yaml, sorted.
absl::StatusOr<std::vector<std::string>> AcceleratorFileNames();

// Stored resources read back.
absl::StatusOr<network::Network> ReadStoredNetwork(const StoredResource& resource);
absl::StatusOr<data::Dataset> ReadStoredDataset(const StoredResource& resource);
absl::StatusOr<cost_models::Accelerator> ReadStoredAccelerator(const StoredResource& resource);
absl::StatusOr<cost_models::Accelerator> ReadAcceleratorNamed(std::string_view name);

}  // namespace bitscape::server
