// bitscape network ...
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bitscape/v1/network.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/files.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/cli/transfer.h"

namespace bitscape::cli {
namespace {

constexpr int64_t kMaxNetworkBytes = int64_t{1} << 30;

View ViewOf(const v1::Network& network) {
  View view;
  view.facts = {{"network", network.name()},
                {"source", network.source()},
                {"digest", network.digest()},
                {"input", fmt::format("{}", fmt::join(network.input_shape(), "x"))},
                {"outputs", std::to_string(network.outputs())},
                {"MACs", Count(network.macs())},
                {"weights", Count(network.weights())},
                {"parameters", Count(network.parameters())}};
  view.table.columns = {{"LAYER"},
                        {"OP"},
                        {"INPUT"},
                        {"OUTPUT"},
                        {"KERNEL"},
                        {"MACS", Align::kRight},
                        {"WEIGHTS", Align::kRight},
                        {"PRODUCTS IN A SUM", Align::kRight},
                        {"BITS FOR THEM", Align::kRight}};
  for (const v1::Network::Layer& layer : network.layers()) {
    view.table.rows.push_back({layer.name(), layer.op(), layer.input_shape(), layer.output_shape(),
                               layer.kernel(), Count(layer.macs()), Count(layer.weights()),
                               Count(layer.reduction_length()),
                               std::to_string(layer.reduction_bits())});
  }
  if (network.layers().empty()) view.table = {};
  return view;
}

struct ImportOptions {
  std::string file, name;
  std::vector<double> mean, std;
  bool validate_only = false;
};

absl::Status Import(Session& session, const ImportOptions& options) {
  const auto bytes = ReadInput(options.file, kMaxNetworkBytes);
  if (!bytes.ok()) return bytes.status();
  auto stub = session.Stub<v1::NetworkService>();
  if (!stub.ok()) return stub.status();
  Call call;
  v1::Network network;
  const auto writer = (*stub)->ImportNetwork(call.context(), &network);
  v1::ImportNetworkRequest first;
  auto& header = *first.mutable_header();
  header.set_network_id(LastPart(options.name));
  header.set_file_name(options.file);
  header.mutable_mean()->Assign(options.mean.begin(), options.mean.end());
  header.mutable_std()->Assign(options.std.begin(), options.std.end());
  header.set_validate_only(options.validate_only);
  // A failed write means that the server has ended the call: Finish says why.
  if (writer->Write(first)) {
    ForEachChunk(*bytes, [&](std::string_view chunk) {
      v1::ImportNetworkRequest request;
      request.set_chunk(std::string(chunk));
      return writer->Write(request);
    });
  }
  writer->WritesDone();
  const absl::Status status = session.Check(writer->Finish());
  if (!status.ok()) return status;
  return Print(session.globals, network, ViewOf(network));
}

void AddImport(CommandLine& line, CLI::App* noun) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* verb = line.AddVerb(
      noun, "import", "Imports an ONNX file; x = (pixel / 255 - mean) / std is its input.",
      "network import model.onnx --name mine --mean 0.2860 --std 0.3530\n"
      "network import rgb.onnx --name rgb --mean 0.49,0.48,0.45 --std 0.25,0.24,0.26",
      [options](Session& session) { return Import(session, *options); });
  verb->add_option("file", options->file, "The ONNX file")->required();
  verb->add_option("--name", options->name, "The network's name")->required();
  verb->add_option("--mean", options->mean, "Of a pixel in [0, 1]: one value, or one a channel")
      ->check(Finite())
      ->delimiter(',')
      ->required();
  verb->add_option("--std", options->std, "The same for the standard deviation")
      ->check(Finite())
      ->delimiter(',')
      ->required();
  verb->add_flag("--validate-only", options->validate_only, "Checks the file and keeps nothing");
}

}  // namespace

void AddNetworkCommands(CommandLine& line) {
  CLI::App* noun = line.AddNoun("network", "Networks: those that ship, and your own");
  const auto limit = std::make_shared<int>(0);
  CLI::App* list = line.AddVerb(
      noun, "list", "Lists networks.", "network list\nnetwork list -o json",
      [limit](Session& session) {
        auto stub = session.Stub<v1::NetworkService>();
        if (!stub.ok()) return stub.status();
        const auto networks = session.InvokeForAll(&v1::NetworkService::Stub::ListNetworks, **stub,
                                                   v1::ListNetworksRequest(), *limit,
                                                   &v1::ListNetworksResponse::networks_size);
        if (!networks.ok()) return networks.status();
        View view;
        view.table.columns = {{"NETWORK"},
                              {"INPUT"},
                              {"OUTPUTS", Align::kRight},
                              {"MACS", Align::kRight},
                              {"WEIGHTS", Align::kRight},
                              {"SOURCE"}};
        for (const v1::Network& network : networks->networks()) {
          view.table.rows.push_back(
              {LastPart(network.name()), fmt::format("{}", fmt::join(network.input_shape(), "x")),
               std::to_string(network.outputs()), Count(network.macs()), Count(network.weights()),
               network.error().empty() ? network.source() : "unreadable: " + network.error()});
        }
        return Print(session.globals, *networks, view, "networks");
      });
  list->add_option("--limit", *limit, "At most so many (0: all)")->check(Count32());
  AddImport(line, noun);

  const auto name = std::make_shared<std::string>();
  CLI::App* describe = line.AddVerb(
      noun, "describe", "Shows a network's layers: MACs, weights, lengths of their sums.",
      "network describe resnet8\nnetwork describe resnet8 -o json", [name](Session& session) {
        auto stub = session.Stub<v1::NetworkService>();
        if (!stub.ok()) return stub.status();
        v1::GetNetworkRequest request;
        request.set_name(Qualified("networks", *name));
        const auto network = session.Invoke(&v1::NetworkService::Stub::GetNetwork, **stub, request);
        if (!network.ok()) return network.status();
        return Print(session.globals, *network, ViewOf(*network), "layers");
      });
  describe->add_option("network", *name, "The network's name")->required();
}

}  // namespace bitscape::cli
