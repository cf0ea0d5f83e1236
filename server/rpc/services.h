// The gRPC services. Each has one file; all share this context.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "server/scheduler/library.h"
#include "server/scheduler/scheduler.h"
#include "server/store/store.h"

namespace bitscape::server {

// Counts streams. A stream holds a thread for its whole life, so the number of streams is bounded
// well below the number of threads: unary calls always find one.
class StreamSlots {
 public:
  explicit StreamSlots(int slots) : free_(slots), slots_(slots) {}

  // Given back by its destructor.
  class Slot {
   public:
    explicit Slot(StreamSlots& owner) : owner_(&owner) {}
    Slot(Slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (owner_ != nullptr) {
        ++owner_->free_;
      }
    }

   private:
    StreamSlots* owner_;
  };
  // Errors: kResourceExhausted naming the limit and `what`.
  absl::StatusOr<Slot> Take(std::string_view what);

 private:
  std::atomic<int> free_;
  const int slots_;
};

// What GetServerStatus tells. Set once the ports are open, while calls may come in already.
class Listeners {
 public:
  void Set(std::vector<std::string> addresses) {
    const std::lock_guard lock(mutex_);
    addresses_ = std::move(addresses);
  }
  std::vector<std::string> Get() const {
    const std::lock_guard lock(mutex_);
    return addresses_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> addresses_;
};

struct ServiceContext {
  Store& store;
  Library& library;
  Scheduler& scheduler;
  std::stop_token stopping;  // the server is going down: streams end
  StreamSlots watches{96};
  StreamSlots evaluations{8};
  StreamSlots uploads{4};  // each holds up to kMaxUploadBytes in memory
  Listeners listeners{};
  bool embedded = false;
  int64_t start_time_us = 0;
};

inline constexpr int64_t kMaxUploadBytes = int64_t{1} << 30;
inline constexpr int64_t kMaxChunkBytes = int64_t{1} << 20;

// All services in the order in which reflection lists them. `context` must outlive them.
std::vector<std::unique_ptr<grpc::Service>> MakeServices(ServiceContext& context);

std::unique_ptr<grpc::Service> MakeAcceleratorService(ServiceContext& context);
std::unique_ptr<grpc::Service> MakeCostService(ServiceContext& context);
std::unique_ptr<grpc::Service> MakeDatasetService(ServiceContext& context);
std::unique_ptr<grpc::Service> MakeEvaluationService(ServiceContext& context);
std::unique_ptr<grpc::Service> MakeFormatService(ServiceContext& context);
std::unique_ptr<grpc::Service> MakeFrontService(ServiceContext& context);
std::unique_ptr<grpc::Service> MakeNetworkService(ServiceContext& context);
std::unique_ptr<grpc::Service> MakeServerService(ServiceContext& context);
std::unique_ptr<grpc::Service> MakeSweepService(ServiceContext& context);
std::unique_ptr<grpc::Service> MakeTrialService(ServiceContext& context);

// Full names of the services: "bitscape.v1.SweepService", ...
const std::vector<std::string>& ServiceNames();

}  // namespace bitscape::server
