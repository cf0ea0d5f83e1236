#include "client/cli/accelerator_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace bitscape::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Memory = v1::AcceleratorSpec::Memory;

// Weights go past the buffer; registers in each element hold them.
v1::AcceleratorSpec Spec() {
  v1::AcceleratorSpec spec;
  spec.set_name("array");
  spec.set_technology("65nm");
  spec.set_mac_family("native");
  spec.set_array_rows(12);
  spec.set_array_columns(14);
  spec.set_clock_ghz(0.2);
  spec.set_dataflow(v1::AcceleratorSpec::ROW_STATIONARY);
  Memory& registers = *spec.add_memories();
  registers.set_name("pad");
  registers.set_kind(Memory::REGISTER_FILE);
  registers.set_capacity_bytes(448);
  registers.set_width_bits(16);
  registers.set_per_pe(true);
  registers.add_holds(Memory::WEIGHTS);
  Memory& buffer = *spec.add_memories();
  buffer.set_name("buffer");
  buffer.set_kind(Memory::SRAM);
  buffer.set_capacity_bytes(110592);
  buffer.set_width_bits(64);
  buffer.set_read_bits_per_cycle(256);
  buffer.set_banks(2);
  buffer.add_holds(Memory::INPUTS);
  buffer.add_holds(Memory::OUTPUTS);
  Memory& dram = *spec.add_memories();
  dram.set_name("dram");
  dram.set_kind(Memory::DRAM);
  dram.set_width_bits(64);
  dram.set_bandwidth_bits_per_cycle(64);
  for (const auto tensor : {Memory::WEIGHTS, Memory::INPUTS, Memory::OUTPUTS}) {
    dram.add_holds(tensor);
  }
  return spec;
}

TEST(BlockDiagram, ShowsMemoriesLinksAndTheArray) {
  EXPECT_EQ(BlockDiagram(Spec()),
            "  +-------------------------------------------+\n"
            "  | dram  DRAM, unbounded                     |\n"
            "  |   64 bits wide, 64 bits a cycle           |\n"
            "  |   holds weights, inputs, outputs          |\n"
            "  +-------------------------------------------+\n"
            "       |  inputs, outputs; past buffer: weights\n"
            "  +-------------------------------------------+\n"
            "  | buffer  SRAM, 108 KiB, 2 banks            |\n"
            "  |   64 bits wide, 256 bits a cycle read     |\n"
            "  |   holds inputs, outputs                   |\n"
            "  +-------------------------------------------+\n"
            "       |  past pad: inputs, outputs\n"
            "  +-------------------------------------------+\n"
            "  | pad  registers, 448 B in each element     |\n"
            "  |   16 bits wide, no limit                  |\n"
            "  |   holds weights                           |\n"
            "  +-------------------------------------------+\n"
            "       |  weights\n"
            "  +-------------------------------------------+\n"
            "  | array  12 x 14 = 168 elements             |\n"
            "  |        row-stationary, 0.2 GHz            |\n"
            "  | MACs   native, as wide as each plan needs |\n"
            "  +-------------------------------------------+\n");
}

TEST(AcceleratorView, SaysWhatAreasArePricedFor) {
  v1::Accelerator accelerator;
  accelerator.set_name("accelerators/array");
  *accelerator.mutable_spec() = Spec();
  accelerator.mutable_spec()->add_sources("one");
  accelerator.mutable_spec()->add_sources("two");
  v1::MachinePrice price;
  price.set_plan("weights=int8,activations=int8,accumulator=int32");
  price.set_reduction_length(512);
  price.set_area_um2(4e6);
  v1::CostEstimate::Area& area = *price.add_area();
  area.set_component("mac_array");
  area.set_area_um2(1e6);
  v1::MachinePrice::Datapath& datapath = *price.add_datapaths();
  datapath.set_operands("int8 x int8 + int25");
  datapath.set_family("native");
  datapath.set_source("Horowitz");
  const std::string text = RenderView(ViewOf(accelerator, &price), false);
  EXPECT_THAT(text, HasSubstr("sources      one\n             two\n"));
  EXPECT_THAT(text, HasSubstr("mac_array  1 mm2   25.00%"));
  EXPECT_THAT(text, HasSubstr("int8 x int8 + int25  native"));
  EXPECT_THAT(text, HasSubstr("Priced for int8 / int8 / int32 with 512 products a sum"));
  EXPECT_THAT(RenderView(ViewOf(accelerator, nullptr), false),
              testing::Not(HasSubstr("Priced for")));
}

TEST(AcceleratorView, ListsWhatTellsMachinesApart) {
  v1::ListAcceleratorsResponse list;
  list.add_accelerators()->set_name("accelerators/array");
  *list.mutable_accelerators(0)->mutable_spec() = Spec();
  EXPECT_THAT(ViewOf(list).table.rows[0],
              ElementsAre("array", "65nm", "12x14", "0.2 GHz", "row-stationary", "native",
                          "as wide as each plan needs"));
  v1::AcceleratorSpec& spec = *list.mutable_accelerators(0)->mutable_spec();
  spec.set_dataflow(v1::AcceleratorSpec::WEIGHT_STATIONARY_SEARCHED);
  for (const char* format : {"int8", "int4", "fp16", "bf16"}) {
    auto& datapath = *spec.add_datapaths();
    datapath.set_weights(format);
    datapath.set_activations(format);
    datapath.set_accumulator("fp32");
  }
  EXPECT_EQ(ViewOf(list).table.rows[0][4], "weight-stationary (searched)");
  EXPECT_EQ(ViewOf(list).table.rows[0][6], "int8 x int8 + fp32; ... 4 in all");
}

}  // namespace
}  // namespace bitscape::cli
