// Runs a program over a range of images, a batch on each thread.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "engine/core/thread_pool.h"
#include "engine/data/dataset.h"
#include "engine/emulate/plan_support.h"
#include "engine/emulate/program.h"

namespace bitscape::emulate {

class BatchRunner {
 public:
  // Sees the outputs of batch number `batch` of the range, whose first `count` images are real.
  // Called from several threads, for one batch at a time each.
  using Visitor = std::function<void(int64_t batch, int64_t count, const Workspace& workspace)>;

  BatchRunner(Engine& engine, PixelScaler pixels, int threads);

  // The tail is padded with the range's last image.
  // Errors: kCancelled once `stop` is asked for; kResourceExhausted where the buffers of all
  // threads are larger than this machine's memory; what a step failed with.
  absl::Status Run(const Program& program, const data::ImageSet& images, data::ImageRange range,
                   const std::stop_token& stop, const Visitor& visit);

 private:
  const PixelScaler pixels_;
  std::vector<std::unique_ptr<Workspace>> workspaces_;  // one a thread
  ThreadPool pool_;
};

}  // namespace bitscape::emulate
