#include "engine/emulate/batch_runner.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/evaluator.h"

namespace bitscape::emulate {

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
  for (const std::unique_ptr<Workspace>& workspace : workspaces_) {
    workspace->Fit(program);
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
    const absl::Status status = workspace.Run(program);
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
