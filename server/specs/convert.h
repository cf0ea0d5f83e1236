// The only converter between protos and the plain structs of engine, cost_models and server.
#pragma once

#include <absl/status/statusor.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "bitscape/v1/accelerator.pb.h"
#include "bitscape/v1/front.pb.h"
#include "bitscape/v1/sweep.pb.h"
#include "bitscape/v1/trial.pb.h"
#include "cost_models/accelerators/accelerator.h"
#include "engine/network/network.h"
#include "server/trials/trial.h"

namespace bitscape::server {

// Protos are in namespace bitscape::v1.

// Field errors carry a google.rpc.BadRequest payload (type URL
// "type.googleapis.com/google.rpc.BadRequest") naming the field.
absl::Status FieldError(std::string_view field, std::string_view description);
// An error about the value of `field`: the field goes before its message and into the payload; the
// code stays. OK stays OK.
absl::Status AtField(std::string_view field, const absl::Status& status);

// The beginning of a value for a message: at most `most` bytes, cut between characters.
std::string_view Excerpt(std::string_view text, size_t most = 100);
// The text, or its beginning and how much is left out. Errors travel in gRPC's headers, which hold
// 8 KiB in all: a message longer than kLongestMessage would take the whole answer with it.
inline constexpr size_t kLongestMessage = 1000;
std::string Shortened(std::string_view text, size_t most = kLongestMessage);

absl::StatusOr<cost_models::Accelerator> ToAccelerator(const v1::AcceleratorSpec& spec);
v1::AcceleratorSpec ToProto(const cost_models::Accelerator& accelerator);
// Reads share/bitscape/accelerators/NAME.yaml strictly.
absl::StatusOr<v1::AcceleratorSpec> ReadAcceleratorFile(const std::filesystem::path& path);

// What a sweep refers to, found by the caller.
struct SweepContext {
  const network::Network* network = nullptr;
  const data::Dataset* dataset = nullptr;
  std::vector<const cost_models::Accelerator*> accelerators;  // in the spec's order
};
// Expands the space into distinct trials (plans in file order, references last unless they are in
// the space already, which are then marked), resolves them, gives them their identities. Limits: 1
// to 100,000 trials. Errors: field errors with paths such as "spec.space.grids[0].weights[2]", for
// plans that can't be emulated, too.
absl::StatusOr<SweepPlan> ToSweepPlan(const v1::SweepSpec& spec, const SweepContext& context);

v1::Trial ToProto(const Trial& trial, const Sweep& sweep);
// The same with the sweep's spec already parsed: for lists.
v1::Trial ToProto(const Trial& trial, const v1::SweepSpec& spec);
v1::Metrics ToProto(const TrialMetrics& metrics);

}  // namespace bitscape::server
