#include "client/cli/format_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "client/cli/format_page.h"

namespace bitscape::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(ShortSource, SaysWhoAndWhen) {
  EXPECT_EQ(ShortSource("IEEE 754-2019"), "IEEE 754-2019");
  EXPECT_EQ(ShortSource("OCP Microscaling Formats (MX) Specification 1.0"), "OCP MX 1.0");
  EXPECT_EQ(ShortSource("OCP 8-bit Floating Point Specification (OFP8) 1.0"), "OCP OFP8 1.0");
  EXPECT_EQ(ShortSource("Darvish Rouhani et al., Pushing the Limits, NeurIPS 2020"),
            "Darvish Rouhani 2020");
  EXPECT_EQ(ShortSource("Sun et al., Hybrid 8-bit Floating Point (HFP8) Training, NeurIPS 2019"),
            "Sun HFP8 2019");
  EXPECT_EQ(ShortSource("Tambe et al., Adaptive Encodings, DAC 2020, algorithm 1"), "Tambe 2020");
  EXPECT_EQ(ShortSource("Lloyd, Least Squares Quantization in PCM, 1982; Max 1960"), "Lloyd 1982");
  EXPECT_EQ(ShortSource("NVIDIA, Pretraining Large Language Models with NVFP4, 2025"),
            "NVIDIA 2025");
  EXPECT_EQ(ShortSource("Two's complement with a binary point"), "Two's complement");
  EXPECT_EQ(ShortSource(""), "");
}

TEST(ShortScale, SaysWhatIsStoredForHowMany) {
  EXPECT_EQ(ShortScale(""), "none");
  EXPECT_EQ(ShortScale("float32"), "float32");
  EXPECT_EQ(ShortScale("2^-8"), "2^-8");
  EXPECT_EQ(ShortScale("float32 for each 32 values"), "float32/32");
  EXPECT_EQ(ShortScale("float32 on each side"), "2 float32");
  EXPECT_EQ(ShortScale("table of levels"), "table");
  EXPECT_EQ(ShortScale("power of two, 8 bits, 2^-126 to 2^127"), "2^k");
  EXPECT_EQ(ShortScale("power of two, 8 bits, 2^-127 to 2^127 for each 32 values"), "2^k/32");
  EXPECT_EQ(ShortScale("fp8_e4m3 for each 16 values, then float32"), "fp8_e4m3/16+");
}

v1::ListFormatsResponse TwoFormats() {
  v1::ListFormatsResponse formats;
  v1::Format& msfp12 = *formats.add_formats();
  msfp12.set_catalog_name("msfp12");
  msfp12.set_name("bfp4");
  msfp12.set_summary("sign, 3 mantissa bits");
  msfp12.set_source("Darvish Rouhani et al., Pushing the Limits, NeurIPS 2020");
  msfp12.set_bits(4);
  msfp12.set_bits_per_value(4.5);
  msfp12.set_largest(7);
  msfp12.set_smallest_positive(1);
  msfp12.set_scale("power of two, 8 bits, 2^-129 to 2^125 for each 16 values");
  v1::Format& codebook = *formats.add_formats();
  codebook.set_catalog_name("codebook16");
  codebook.set_name("codebook16");
  codebook.set_bits(4);
  codebook.set_scale("table of levels");
  codebook.set_source("Han et al., Deep Compression, ICLR 2016");
  return formats;
}

TEST(FormatList, GivesFiguresOrWholeSources) {
  const View figures = FiguresOf(TwoFormats());
  EXPECT_THAT(figures.table.rows[0], ElementsAre("msfp12", "bfp4", "4", "4.5", "7", "1", "2^k/16",
                                                 "Darvish Rouhani 2020"));
  EXPECT_THAT(figures.table.rows[1],
              ElementsAre("codebook16", "", "4", "0", "-", "-", "table", "Han 2016"));
  EXPECT_THAT(figures.note, HasSubstr("--sources"));
  const View sources = SourcesOf(TwoFormats());
  EXPECT_THAT(sources.table.rows[0],
              ElementsAre("msfp12", "bfp4", "sign, 3 mantissa bits",
                          "Darvish Rouhani et al., Pushing the Limits, NeurIPS 2020"));
}

TEST(AccuracyTable, ReferencesStandAbove) {
  v1::AccuracyTable table;
  const auto add = [&](const char* network, const char* family, int bits, double accuracy) {
    v1::AccuracyTable::Cell& cell = *table.add_cells();
    cell.set_network(network);
    cell.set_family(family);
    cell.set_bits(bits);
    cell.set_accuracy(accuracy);
  };
  for (const char* const network : {"resnet8", "dscnn"}) {
    add(network, "fp32", 32, 0.9237);
    add(network, "fp16", 16, 0.9238);
    add(network, "int8", 8, 0.9232);
    add(network, "int", 8, 0.9234);
    add(network, "int", 4, 0.8877);
    add(network, "mx", 4, 0.9101);
  }
  const View view = ViewOf(table, std::array{8, 4});
  ASSERT_EQ(view.facts.size(), 2u);
  EXPECT_EQ(view.facts[0].first, "references on resnet8");
  EXPECT_EQ(view.facts[0].second, "fp32 92.37   fp16 92.38   int8 92.32");
  EXPECT_EQ(view.facts[1].first, "references on dscnn");
  ASSERT_EQ(view.table.rows.size(), 4u);
  EXPECT_THAT(view.table.rows[0], ElementsAre("resnet8", "int", "92.34", "88.77"));
  EXPECT_THAT(view.table.rows[1], ElementsAre("resnet8", "mx", "-", "91.01"));
  EXPECT_EQ(view.table.rows[2][0], "dscnn");
}

TEST(CutNote, WarnsOfNegativesThatAFormatLacks) {
  v1::FormatComparison comparison;
  const auto add = [&](const char* format, const char* tensor, double cut) {
    v1::FormatComparison::Row& row = *comparison.add_rows();
    row.set_format(format);
    row.set_tensor(tensor);
    row.set_values(10);
    row.set_negatives_cut(cut);
  };
  add("int8", "tensor", 0);
  EXPECT_EQ(CutNote(comparison), "");
  EXPECT_THAT(ViewOf(comparison).note, Not(HasSubstr("warning")));
  add("uint8", "tensor", 0.4821);
  EXPECT_EQ(
      CutNote(comparison),
      "warning: uint8 has no negative values: 48.21% of the values are negative and cut to 0");
  EXPECT_THAT(ViewOf(comparison).note, testing::EndsWith(CutNote(comparison)));
  comparison.Clear();
  add("uint4", "activations of conv1", 0.1);
  add("uint4", "weights of conv1", 0.5);
  add("uint4", "weights of conv2", 0);
  EXPECT_EQ(
      CutNote(comparison),
      "warning: uint4 has no negative values: 50.00% of the weights of conv1 are negative and "
      "cut to 0, and some of 1 more tensors");
}

}  // namespace
}  // namespace bitscape::cli
