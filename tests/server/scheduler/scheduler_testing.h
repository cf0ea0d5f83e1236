// A small network and data set, an evaluator whose results and pace the test sets, and sweeps.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/scheduler/library.h"
#include "server/scheduler/scheduler.h"
#include "server/store/store.h"
#include "server/trials/trial.h"

namespace bitscape::server {

inline constexpr int64_t kTestImages = 100;  // 3 slices of 32 images and one of 4
inline constexpr char kAnyMachine[] = "eyeriss_like";
inline constexpr char kIntegerMachine[] = "int8_array";  // refuses floats

// What the fake evaluators of one test did and may do. Thread-safe.
class EvaluatorControl {
 public:
  struct Call {
    std::vector<std::string> plans;
    data::ImageRange range;
  };

  // Evaluations wait from the `calls`-th on until more are allowed.
  void AllowOnly(int calls);
  void AllowAll();
  // Blocks until an evaluation waits.
  void AwaitWaiting();
  std::vector<Call> Calls();  // that were completed
  int64_t PlanImages();       // of all calls

  // The evaluator's. False: stop was requested.
  bool Begin(std::stop_token stop);
  void End(Call call);

 private:
  std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  int allowed_ = -1;  // < 0: any number
  int waiting_ = 0;
  std::vector<Call> calls_;
};

// Results follow from plan and image alone. Refuses plans with int3 weights.
LibrarySources FakeSources(EvaluatorControl& control);

// Correct images and loss of the first `images` images of a plan, as slices of `slice` add them.
struct Expected {
  int64_t correct = 0;
  double loss_sum = 0;
};
Expected ExpectedResult(const quantize::ResolvedPlan& plan, int64_t images, int64_t slice);

struct SweepRequest {
  std::vector<std::string> plans;
  std::vector<std::string> machines = {kAnyMachine};
  std::vector<std::string> references = {};  // of `plans`, by text
  std::string network = "tiny", dataset = "noise";
  int64_t images = kTestImages;
  int64_t slice_images = 32;
};
SweepPlan MakePlan(Library& library, const SweepRequest& request);

// "weights=X,activations=Y" for every pair.
std::vector<std::string> UniformPlans(const std::vector<std::string>& weights,
                                      const std::vector<std::string>& activations);

// Blocks until the sweep is in `state`; fails the test after 20 s.
Sweep AwaitState(Store& store, const std::string& id, SweepState state);

// Everything of a sweep's trials but times, attempts and revisions.
std::string Describe(Store& store, const std::string& id);

}  // namespace bitscape::server
