#include "client/cli/network_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bitscape::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

v1::Network::Layer Layer(const std::string& name, const std::string& kind, int channels,
                         int filters, double macs) {
  v1::Network::Layer layer;
  layer.set_name(name);
  layer.set_kind(kind);
  layer.set_kernel("1x1");
  layer.set_channels(channels);
  layer.set_filters(filters);
  layer.set_groups(1);
  layer.set_stride(1);
  layer.set_output_height(1);
  layer.set_output_width(1);
  layer.set_weights(macs);
  layer.set_macs(macs);
  layer.set_reduction_length(channels);
  layer.set_reduction_bits(13);
  return layer;
}

v1::Network Network() {
  v1::Network network;
  network.set_name("networks/small");
  network.set_kind("shapes");
  network.set_outputs(32000);
  network.set_parameters(7000);
  network.set_embedding_parameters(2000);
  network.set_omitted("token table");
  network.set_weights(100);
  network.set_macs(300);
  v1::Network::Totals& totals = *network.add_totals();
  totals.set_kind("fc");
  totals.set_layers(5);
  totals.set_weights(1234567);
  totals.set_macs(7654321);
  totals.add_filter_sizes("1x1");
  totals.add_filter_sizes("3x3");
  totals.set_min_channels(16);
  totals.set_max_channels(4096);
  totals.set_min_filters(8);
  totals.set_max_filters(8);
  totals.set_max_reduction_length(4096);
  totals.set_max_reduction_bits(12);
  return network;
}

TEST(NetworkView, HasARowForEachLayerAndOneForItsKind) {
  v1::Network network = Network();
  *network.add_layers() = Layer("conv1", "conv", 4608, 512, 1234567);
  const View view = ViewOf(network);
  ASSERT_EQ(view.table.rows.size(), 2u);
  EXPECT_THAT(view.table.rows[0], ElementsAre("conv1", "conv", "1x1", "4,608", "512", "1", "1",
                                              "1x1", "1,234,567", "1,234,567", "4,608", "13"));
  EXPECT_THAT(view.table.rows[1], ElementsAre("5 layers", "fc", "1x1 3x3", "16-4,096", "8", "", "",
                                              "", "1,234,567", "7,654,321", "4,096", "12"));
  EXPECT_EQ(view.table.columns.size(), 12u);
}

TEST(NetworkView, SumsKindsWhereThereAreSeveral) {
  v1::Network network = Network();
  *network.add_layers() = Layer("conv1", "conv", 4608, 512, 1);
  v1::Network::Totals& conv = *network.add_totals();
  conv.set_kind("conv");
  conv.set_layers(13);
  conv.set_max_reduction_length(4608);
  conv.set_max_reduction_bits(13);
  const Table table = ViewOf(network).table;
  ASSERT_EQ(table.rows.size(), 4u);
  EXPECT_THAT(table.rows[3],
              ElementsAre("18 layers", "all", "", "", "", "", "", "", "100", "300", "4,608", "13"));
}

TEST(NetworkView, SharesARowAmongRepeatedTransformerLayers) {
  v1::Network network = Network();
  for (const char* name : {"layer0.q_proj", "layer0.up", "layer1.q_proj", "layer1.up", "lm_head"}) {
    *network.add_layers() = Layer(name, "fc", 64, 64, 4096);
  }
  *network.add_layers() = Layer("layer2.q_proj", "fc", 64, 32, 2048);  // differs
  *network.add_layers() = Layer("layerwise.x", "fc", 64, 64, 4096);
  *network.add_layers() = Layer("layer.x", "fc", 64, 64, 4096);
  const Table table = ViewOf(network).table;
  std::vector<std::string> names, times;
  EXPECT_EQ(table.columns.back().title, "TIMES");
  for (const auto& row : table.rows) {
    ASSERT_EQ(row.size(), table.columns.size());
    names.push_back(row.front());
    times.push_back(row.back());
  }
  EXPECT_THAT(names, ElementsAre("layer*.q_proj", "layer*.up", "lm_head", "layer2.q_proj",
                                 "layerwise.x", "layer.x", "5 layers"));
  EXPECT_THAT(times, ElementsAre("2", "2", "1", "1", "1", "1", ""));
}

TEST(NetworkView, SaysWhatItCannotDoAndWhatIsMissing) {
  v1::Network network = Network();
  std::string text = RenderView(ViewOf(network), false);
  EXPECT_THAT(text, HasSubstr("shapes, no weights: can be priced, not evaluated"));
  EXPECT_THAT(text, HasSubstr("7,000, of embeddings 2,000"));
  EXPECT_THAT(text, HasSubstr("token table"));
  EXPECT_THAT(text, Not(HasSubstr("LAYER")));
  network.set_kind("zoo");
  network.set_has_weights(true);
  network.clear_omitted();
  network.clear_embedding_parameters();
  text = RenderView(ViewOf(network), false);
  EXPECT_THAT(text, Not(HasSubstr("priced")));
  EXPECT_THAT(text, Not(HasSubstr("embeddings")));
  EXPECT_THAT(text, Not(HasSubstr("not in layers")));
}

TEST(NetworkView, ListsKinds) {
  v1::ListNetworksResponse networks;
  *networks.add_networks() = Network();
  v1::Network& broken = *networks.add_networks();
  broken.set_name("networks/broken");
  broken.set_error("cut short");
  const Table table = TableOf(networks);
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.columns[1].title, "KIND");
  EXPECT_THAT(table.rows[0], ElementsAre("small", "shapes", "", "32,000", "300", "100", ""));
  EXPECT_EQ(table.rows[1].front(), "broken");
  EXPECT_EQ(table.rows[1].back(), "unreadable: cut short");
}

}  // namespace
}  // namespace bitscape::cli
