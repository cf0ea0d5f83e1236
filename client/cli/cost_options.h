// Options that the verbs of `cost` share.
#pragma once

#include <absl/status/status.h>

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "bitscape/v1/cost.pb.h"

namespace bitscape::cli {

inline constexpr char kPlanHelp[] =
    "weights=...,activations=...,accumulator=...; rules for single layers follow after ';'. "
    "Integer plans want accumulator=int32: the default is fp32. '': fp32 everywhere";

// --node, --supply, --activity, --registers, --areas, --sram, --leakage. `reading` must live as
// long as the verb.
void AddReadingOptions(CLI::App* verb, v1::CostReading* reading);

// Plans of one network on machines, each option given once or more, or with commas between
// machines.
struct PlanOptions {
  std::string network;
  std::vector<std::string> plans, accelerators;
};
void AddPlanOptions(CLI::App* verb, PlanOptions* options);
// An option that one form of a command needs. Errors: kInvalidArgument naming it.
absl::Status Require(bool given, const std::string& option, const std::string& command);

}  // namespace bitscape::cli
