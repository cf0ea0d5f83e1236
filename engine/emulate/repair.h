// Post-training repairs: the graphs of plans that ask for them.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/core/thread_pool.h"
#include "engine/emulate/batch_runner.h"
#include "engine/emulate/calibration.h"
#include "engine/emulate/mac_layer.h"
#include "engine/emulate/repair_pass.h"
#include "engine/network/network.h"
#include "engine/quantize/precision_plan.h"

namespace bitscape::emulate {

// Makes the graph that a plan runs on, once for each combination: batch norm folded or kept, scales
// moved, weights and biases repaired. Not thread-safe.
class Repairer {
 public:
  // All must outlive the object. `images` are the calibration images.
  Repairer(const network::Network& network, CalibrationImages images, SharedState& shared,
           BatchRunner& runner, int threads);

  // The graph of each plan. Calibrates their variants, and repairs what the plans say: layers in
  // topological order, each seeing the layers before as the plan computes them. Pointers stay
  // valid. Errors: those of calibration, of running the network, and of LearnRounding, with the
  // layer's name; kFailedPrecondition for a repair without calibration images; kCancelled after a
  // request to stop.
  absl::StatusOr<std::vector<const NamedGraph*>> GraphsFor(
      std::span<const quantize::ResolvedPlan> plans, const std::stop_token& stop);
  absl::StatusOr<const NamedGraph*> GraphFor(const quantize::ResolvedPlan& plan,
                                             const std::stop_token& stop);

 private:
  struct Variant {
    std::string name;         // of graphs
    std::string calibration;  // NamedGraph::variant
    network::Network network;
  };
  absl::StatusOr<const Variant*> VariantFor(const quantize::ResolvedPlan& plan,
                                            const std::stop_token& stop);
  absl::StatusOr<Variant> MakeVariant(const quantize::ResolvedPlan& plan, const std::string& name,
                                      const std::stop_token& stop);
  absl::StatusOr<const NamedGraph*> GraphOf(const Variant& variant,
                                            const quantize::ResolvedPlan& plan,
                                            const std::stop_token& stop);
  absl::StatusOr<NamedGraph> CalibrationGraph(const Variant& variant) const;
  absl::StatusOr<CalibrationStatistics*> CalibrationOf(const Variant& variant);
  absl::Status FillHistogramsOf(const Variant& variant, const OperandSet& operands);
  absl::StatusOr<NamedGraph> MakeRepaired(const Variant& variant,
                                          const quantize::ResolvedPlan& plan, std::string name,
                                          const std::stop_token& stop);

  const network::Network& network_;
  const CalibrationImages images_;
  SharedState& shared_;
  BatchRunner& runner_;
  const int threads_;
  std::map<std::string, Variant> variants_;
  std::map<std::string, NamedGraph> graphs_;
};

}  // namespace bitscape::emulate
