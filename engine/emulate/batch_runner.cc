#include "engine/emulate/batch_runner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/evaluator.h"

namespace bitscape::emulate {
namespace {

// What this process may use at most: the machine's memory, or its control group's share of it.
int64_t MemoryBytes() {
  const int64_t physical = int64_t{sysconf(_SC_PHYS_PAGES)} * int64_t{sysconf(_SC_PAGESIZE)};
  int64_t group = 0;
  std::ifstream limit("/sys/fs/cgroup/memory.max");  // "max" where there is none
  return limit >> group && group > 0 ? std::min(group, physical) : physical;
}

// The system grants memory that it does not have and ends the process when it is used: so buffers
// beyond it are refused before.
absl::Status CheckMemory(const Program& program, int64_t threads) {
  const int64_t limit = MemoryBytes();
  const int64_t each = program.buffer_bytes();
  if (each <= limit / threads) {
    return absl::OkStatus();
  }
  constexpr double kGigabyte = 1e9;
  return absl::ResourceExhaustedError(
      fmt::format("evaluation needs {:.1f} GB of buffers on each of {} threads for batches of {} "
                  "images, this machine has {:.1f} GB",
                  static_cast<double>(each) / kGigabyte, threads, kBatchSize,
                  static_cast<double>(limit) / kGigabyte));
}

}  // namespace

BatchRunner::BatchRunner(Engine& engine, PixelScaler pixels, int threads)
    : pixels_(std::move(pixels)), pool_(threads) {
  for (int worker = 0; worker < threads; ++worker) {
    workspaces_.push_back(std::make_unique<Workspace>(engine));
  }
}

absl::Status BatchRunner::Run(const Program& program, const data::ImageSet& images,
                              data::ImageRange range, const std::stop_token& stop,
                              const Visitor& visit) {
  const int64_t batches = (range.size() + kBatchSize - 1) / kBatchSize;
  std::vector<absl::Status> failures(workspaces_.size());
  std::atomic<bool> failed = false;
  const int64_t workers = std::min(batches, static_cast<int64_t>(workspaces_.size()));
  BITSCAPE_RETURN_IF_ERROR(CheckMemory(program, workers));
  for (int64_t worker = 0; worker < workers; ++worker) {
    workspaces_[static_cast<size_t>(worker)]->Fit(program);
  }
  pool_.ParallelFor(batches, [&](int64_t batch, int worker) {
    if (failed || stop.stop_requested()) {
      return;
    }
    const SingleThreaded single;
    Workspace& workspace = *workspaces_[static_cast<size_t>(worker)];
    const int64_t first = range.begin + batch * kBatchSize;
    const int64_t count = std::min(kBatchSize, range.end - first);
    float* input = workspace.input(program);
    for (int64_t i = 0; i < kBatchSize; ++i) {
      pixels_.Load(images, first + std::min(i, count - 1), input + i * images.image_elements());
    }
    const absl::Status status = workspace.Run(program, first);
    if (!status.ok()) {
      failures[static_cast<size_t>(worker)] = status;
      failed = true;
      return;
    }
    visit(batch, count, workspace);
  });
  for (const absl::Status& status : failures) {
    BITSCAPE_RETURN_IF_ERROR(status);
  }
  return stop.stop_requested() ? absl::CancelledError("evaluation cancelled") : absl::OkStatus();
}

}  // namespace bitscape::emulate
