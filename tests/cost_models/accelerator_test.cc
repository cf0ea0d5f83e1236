#include "cost_models/accelerators/accelerator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "tests/cost_models/machines.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;
using Edit = std::function<void(Accelerator*)>;

struct BadField {
  const char* name;
  Edit edit;
  const char* message;
};

class InvalidAccelerator : public ::testing::TestWithParam<BadField> {};

TEST_P(InvalidAccelerator, MessageNamesFieldValueAndWhatIsAllowed) {
  Accelerator machine = EyerissLike();
  GetParam().edit(&machine);
  const absl::Status status = Validate(machine);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

const BadField kBadFields[] = {
    {"Name", [](Accelerator* a) { a->name.clear(); }, "name: \"\", allowed: a name"},
    {"Technology", [](Accelerator* a) { a->technology = "3nm"; },
     "technology: technology \"3nm\" is unknown; known: 65nm, 45nm"},
    {"Family", [](Accelerator* a) { a->mac_family = "serial"; },
     "mac_family: MAC family \"serial\" is unknown; known: native"},
    {"Rows", [](Accelerator* a) { a->array_rows = 0; }, "array_rows: 0, allowed: 1 to 65536"},
    {"Columns", [](Accelerator* a) { a->array_columns = -3; },
     "array_columns: -3, allowed: 1 to 65536"},
    {"Clock", [](Accelerator* a) { a->clock_ghz = std::numeric_limits<double>::quiet_NaN(); },
     "clock_ghz: nan, allowed: 1e-09 to 10"},
    {"NoMemory", [](Accelerator* a) { a->memories.clear(); },
     "memories: none, allowed: at least DRAM"},
    {"MemoryName", [](Accelerator* a) { a->memories[1].name.clear(); }, "memories[1].name: \"\""},
    {"TwiceNamed", [](Accelerator* a) { a->memories[1].name = "dram"; },
     "memories[2].name: dram, allowed: a name that no other memory has"},
    {"Width", [](Accelerator* a) { a->memories[1].width_bits = 0; },
     "memories[1].width_bits: 0, allowed: 1 to 65536"},
    {"Bandwidth", [](Accelerator* a) { a->memories[1].bandwidth_bits_per_cycle = 0; },
     "memories[1].bandwidth_bits_per_cycle: 0, allowed: 1e-06 to 1000000000000000; 0 (never "
     "limits) only for"},
    {"Holds",
     [](Accelerator* a) { a->memories[1].holds_inputs = a->memories[1].holds_outputs = false; },
     "memories[1].holds: nothing, allowed: WEIGHTS, INPUTS, OUTPUTS"},
    {"Capacity", [](Accelerator* a) { a->memories[1].capacity_bytes = 0; },
     "memories[1]: capacity_bytes 0: a \"sram\" has 16 to 67108864 bytes"},
    {"Primitive", [](Accelerator* a) { a->memories[1].primitive = "srm"; },
     "memories[1]: primitive \"srm\" is unknown"},
    {"PrimitiveOfKind", [](Accelerator* a) { a->memories[1].primitive = "dram"; },
     "memories[1].primitive: dram, allowed: a primitive of a SRAM"},
    {"LastIsDram", [](Accelerator* a) { a->memories.pop_back(); },
     "memories[1].kind: SRAM, allowed: DRAM for the last memory"},
    {"DramInside", [](Accelerator* a) { a->memories[0].kind = MemoryKind::kDram; },
     "memories[0].kind: DRAM, allowed: DRAM only for the last memory"},
    {"DramCapacity", [](Accelerator* a) { a->memories[2].capacity_bytes = 1e9; },
     "memories[2].capacity_bytes: 1000000000"},
    {"DramPerElement", [](Accelerator* a) { a->memories[2].per_pe = true; },
     "memories[2].per_pe: true, allowed: false for DRAM"},
    {"DramHoldsAll", [](Accelerator* a) { a->memories[2].holds_weights = false; },
     "memories[2].holds: DRAM holds all of WEIGHTS, INPUTS and OUTPUTS"},
    {"ElementHoldsInputs", [](Accelerator* a) { a->memories[0].holds_inputs = true; },
     "memories[0].holds: a per_pe memory holds WEIGHTS only"},
    {"SecondElementMemory",
     [](Accelerator* a) {
       a->memories[1] = a->memories[0];
       a->memories[1].name = "second";
     },
     "memories[1].per_pe: true, allowed: one per_pe memory, and the first in the list"},
    {"TwoBuffersOfOneTensor",
     [](Accelerator* a) {
       MemoryLevel buffer = a->memories[1];
       buffer.name = "second";
       a->memories.insert(a->memories.begin() + 2, buffer);
     },
     "memories[2].holds: INPUTS, allowed: one shared on-chip memory for each tensor, and "
     "global_buffer holds it"},
    {"DatapathFamily",
     [](Accelerator* a) {
       a->datapaths = {FixedDatapath("int8", "int8", "int32")};
       a->datapaths[0].family = "natve";
     },
     "datapaths[0].family: MAC family \"natve\" is unknown"},
    {"DotLength",
     [](Accelerator* a) {
       a->design.dot_length = 16;
       a->datapaths = {FixedDatapath("int8", "int8", "int32")};
       a->datapaths[0].design.dot_length = 5;
     },
     "datapaths[0].design.dot_length: 5, allowed: a divisor of the array's design.dot_length, 16"},
    {"WidthSteps",
     [](Accelerator* a) {
       a->design.weight_widths = {2, 8, 4};
     },
     "design.weight_widths[2]: 4, allowed: above 8, the one before"},
    {"Rate",
     [](Accelerator* a) {
       a->datapaths = {FixedDatapath("int8", "int8", "int32")};
       a->datapaths[0].macs_per_cycle = -1;
     },
     "datapaths[0].macs_per_cycle: -1, allowed: 0.001 to 1024; 0: what the family says"},
    {"Instances",
     [](Accelerator* a) {
       a->closed_form = false;
       a->memories[1].instances_x = 5;
     },
     "memories[1].instances_x: 5, allowed: a divisor of 14"},
    {"PerPeOutside",
     [](Accelerator* a) {
       a->closed_form = false;
       std::swap(a->memories[0], a->memories[1]);
     },
     "memories[1].per_pe: true, allowed: memories of the elements before those that several share"},
    {"Supply", [](Accelerator* a) { a->supply_v = 2; }, "supply_v: "},
    {"FreeOnChip", [](Accelerator* a) { a->memories[1].primitive = kFreeMemory; },
     "memories[1].primitive: free, allowed: a primitive of a SRAM"},
    {"NetworkEnergy", [](Accelerator* a) { a->memories[1].network_pj_per_bit = -0.1; },
     "memories[1].network_pj_per_bit: -0.1, allowed: 0 to 1000000"},
    {"EndlessTransfer", [](Accelerator* a) { a->memories[2].bandwidth_bits_per_cycle = 1e-300; },
     "memories[2].bandwidth_bits_per_cycle: 1e-300, allowed: 1e-06 to"},
    {"ReadPort", [](Accelerator* a) { a->memories[1].read_bits_per_cycle = -1; },
     "memories[1].read_bits_per_cycle: -1, allowed: 1e-06 to 1000000000000000, or 0"},
    {"AccessEnergy", [](Accelerator* a) { a->memories[1].read_pj_per_bit = 1e300; },
     "memories[1].read_pj_per_bit: 1e+300, allowed: 0 to 1000000"},
    {"Datapaths",
     [](Accelerator* a) { a->datapaths.assign(65, FixedDatapath("int8", "int8", "int32")); },
     "datapaths: 65, allowed: up to 64"},
    // What only searched dataflows count.
    {"ClosedFormInstancesX", [](Accelerator* a) { a->memories[1].instances_x = 2; },
     "memories[1].instances_x: 2, allowed: 1 in the WEIGHT_STATIONARY dataflow"},
    {"ClosedFormInstancesY", [](Accelerator* a) { a->memories[1].instances_y = 2; },
     "memories[1].instances_y: 2, allowed: 1 in the WEIGHT_STATIONARY dataflow"},
    {"ClosedFormReadPort", [](Accelerator* a) { a->memories[1].read_bits_per_cycle = 8; },
     "memories[1].read_bits_per_cycle: 8, allowed: 0 in the WEIGHT_STATIONARY dataflow"},
    {"ClosedFormWritePort", [](Accelerator* a) { a->memories[1].write_bits_per_cycle = 8; },
     "memories[1].write_bits_per_cycle: 8, allowed: 0 in the WEIGHT_STATIONARY dataflow"},
    {"ClosedFormNetwork", [](Accelerator* a) { a->memories[1].network_pj_per_bit = 0.5; },
     "memories[1].network_pj_per_bit: 0.5, allowed: 0 in the WEIGHT_STATIONARY dataflow"},
    {"ClosedFormHalves", [](Accelerator* a) { a->memories[1].double_buffered = true; },
     "memories[1].double_buffered: true, allowed: false in the WEIGHT_STATIONARY dataflow"},
    {"ClosedFormUnicast", [](Accelerator* a) { a->memories[1].unicast_inputs = true; },
     "memories[1].unicast: INPUTS, allowed: nothing in the WEIGHT_STATIONARY dataflow"},
};

INSTANTIATE_TEST_SUITE_P(Fields, InvalidAccelerator, ::testing::ValuesIn(kBadFields),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Accelerator, ShippedMachinesAreValid) {
  EXPECT_TRUE(Validate(EyerissLike()).ok()) << Validate(EyerissLike());
  EXPECT_TRUE(Validate(Int8Array()).ok()) << Validate(Int8Array());
}

TEST(Accelerator, DigestIsOfTheContentAndNotOfTheName) {
  const std::string digest = EyerissLike().Digest();
  EXPECT_EQ(digest.size(), 64u);
  Accelerator renamed = EyerissLike();
  renamed.name = "other";
  renamed.description = "text";
  renamed.sources = {"a paper"};
  EXPECT_EQ(renamed.Digest(), digest);

  const Edit edits[] = {
      [](Accelerator* a) { a->array_rows = 13; },
      [](Accelerator* a) { a->array_columns = 13; },
      [](Accelerator* a) { a->clock_ghz = 0.3; },
      [](Accelerator* a) { a->technology = "65nm"; },
      [](Accelerator* a) { a->mac_family = "other"; },
      [](Accelerator* a) { a->datapaths = {FixedDatapath("int8", "int8", "int32")}; },
      [](Accelerator* a) { a->memories[0].name = "spad"; },
      [](Accelerator* a) { a->memories[0].capacity_bytes = 64; },
      [](Accelerator* a) { a->memories[0].width_bits = 8; },
      [](Accelerator* a) { a->memories[0].per_pe = false; },
      [](Accelerator* a) { a->memories[0].kind = MemoryKind::kSram; },
      [](Accelerator* a) { a->memories[1].holds_weights = true; },
      [](Accelerator* a) { a->memories[1].holds_inputs = false; },
      [](Accelerator* a) { a->memories[1].holds_outputs = false; },
      [](Accelerator* a) { a->memories[1].bandwidth_bits_per_cycle = 1; },
      [](Accelerator* a) { a->memories[2].primitive = "dram_ddr3"; },
      [](Accelerator* a) { a->memories[1].read_bits_per_cycle = 1; },
      [](Accelerator* a) { a->memories[1].write_bits_per_cycle = 1; },
      [](Accelerator* a) { a->memories[1].instances_x = 2; },
      [](Accelerator* a) { a->memories[1].instances_y = 2; },
      [](Accelerator* a) { a->memories[1].banks = 2; },
      [](Accelerator* a) { a->memories[1].double_buffered = true; },
      [](Accelerator* a) { a->memories[1].unicast_weights = true; },
      [](Accelerator* a) { a->memories[1].unicast_inputs = true; },
      [](Accelerator* a) { a->memories[1].unicast_outputs = true; },
      [](Accelerator* a) { a->memories[1].read_pj_per_bit = 1; },
      [](Accelerator* a) { a->memories[1].write_pj_per_bit = 1; },
      [](Accelerator* a) { a->memories[1].network_pj_per_bit = 1; },
      [](Accelerator* a) { a->supply_v = 0.8; },
      [](Accelerator* a) { a->dataflow = Dataflow::kAny; },
      [](Accelerator* a) { a->closed_form = false; },
      [](Accelerator* a) { a->design.dot_length = 2; },
      [](Accelerator* a) { a->design.serial_bits = 2; },
      [](Accelerator* a) { a->design.scales_voltage = true; },
      [](Accelerator* a) { a->design.weight_widths = {4}; },
      [](Accelerator* a) { a->design.activation_widths = {4}; },
  };
  for (const Edit& edit : edits) {
    Accelerator changed = EyerissLike();
    edit(&changed);
    EXPECT_NE(changed.Digest(), digest) << (&edit - edits);
  }
}

}  // namespace
}  // namespace bitscape::cost_models
