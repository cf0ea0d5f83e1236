// A machine as a block diagram in characters, and its facts.
#pragma once

#include <string>

#include "bitscape/v1/accelerator_service.pb.h"
#include "bitscape/v1/cost.pb.h"
#include "client/cli/output.h"

namespace bitscape::cli {

// "weight-stationary", "row-stationary", "free", ...
std::string DataflowText(const v1::AcceleratorSpec& spec);
// "int8 x int8 + int32; ...", or that the machine is built for the plan.
std::string DatapathsText(const v1::AcceleratorSpec& spec);

// Memories from off chip inwards, the tensors that move between them, and the array.
std::string BlockDiagram(const v1::AcceleratorSpec& spec);

// `price`: what areas and datapaths cost; null where nothing could be priced.
View ViewOf(const v1::Accelerator& accelerator, const v1::MachinePrice* price);
View ViewOf(const v1::ListAcceleratorsResponse& accelerators);

}  // namespace bitscape::cli
