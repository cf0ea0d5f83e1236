// bitscape network ...
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bitscape/v1/evaluation.grpc.pb.h"
#include "bitscape/v1/network.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/files.h"
#include "client/cli/network_view.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/cli/transfer.h"

namespace bitscape::cli {
namespace {

constexpr int64_t kMaxNetworkBytes = int64_t{1} << 30;

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

View ViewOf(const v1::QuantizationErrors& errors) {
  View view;
  view.facts = {{"plan", errors.plan()},
                {"images", Count(errors.images())},
                {"correct", fmt::format("{} ({} unquantized)", Count(errors.correct()),
                                        Count(errors.unquantized_correct()))},
                {"loss", fmt::format("{} ({} unquantized)", Number(errors.loss()),
                                     Number(errors.unquantized_loss()))},
                {"logits", Decibels(errors.logits_sqnr_db())}};
  view.table.columns = {{"RANK", Align::kRight},
                        {"LAYER"},
                        {"ALONE: LOSS", Align::kRight},
                        {"IMAGES", Align::kRight},
                        {"WEIGHTS", Align::kRight},
                        {"ACTIVATIONS", Align::kRight},
                        {"RESULT", Align::kRight},
                        {"BITS OF SUMS", Align::kRight},
                        {"FORMATS"}};
  std::vector<const v1::QuantizationErrors::Layer*> layers;
  for (const auto& layer : errors.layers()) layers.push_back(&layer);
  std::stable_sort(layers.begin(), layers.end(),
                   [](const auto* a, const auto* b) { return a->rank() < b->rank(); });
  for (const auto* layer : layers) {
    const bool integers = layer->lecture_sum_bits() > 0;
    view.table.rows.push_back(
        {std::to_string(layer->rank()), layer->name(),
         fmt::format("{:+.4f}", layer->loss_increase()),
         fmt::format("{:+d}", -layer->correct_lost()),
         layer->has_weights_sqnr_db() ? Decibels(layer->weights_sqnr_db()) : "-",
         Decibels(layer->activations_sqnr_db()), Decibels(layer->output_sqnr_db()),
         integers ? fmt::format("{}/{}/{}", layer->lecture_sum_bits(), layer->tight_sum_bits(),
                                layer->weight_sum_bits())
                  : "-",
         fmt::format("{} x {}", layer->weights(), layer->activations())});
  }
  view.note =
      "Most sensitive first. Alone: what the mean loss rises by, and images won or lost, with this "
      "layer alone quantized. dB: signal to quantization noise. Result: with the layers before. "
      "Bits "
      "of exact sums: n_w + n_a + ceil(log2 RSC), by the codes' ranges, by these weights.";
  return view;
}

void AddErrors(CommandLine& line, CLI::App* noun) {
  struct Options {
    std::string network, dataset, plan;
    int images = 0, calibration_images = 0;
    int64_t seed = 0;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = line.AddVerb(
      noun, "errors",
      "Shows what a plan's rounding does to each layer, the most sensitive first, and the bits "
      "that its sums need.",
      "network errors --network resnet8 --dataset fashion-mnist --plan "
      "weights=int4:channel,activations=int8\n"
      "network errors --network dscnn --dataset fashion-mnist --plan "
      "weights=mxfp4_e2m1,activations=mxfp8_e4m3 -o csv",
      [options](Session& session) {
        auto stub = session.Stub<v1::EvaluationService>();
        if (!stub.ok()) return stub.status();
        v1::MeasureErrorsRequest message;
        message.set_network(Qualified("networks", options->network));
        message.set_dataset(Qualified("datasets", options->dataset));
        message.set_plan(PlanOrFloat32(options->plan));
        message.set_images(options->images);
        message.set_calibration_images(options->calibration_images);
        message.set_seed(options->seed);
        const auto errors =
            session.Invoke(&v1::EvaluationService::Stub::MeasureErrors, **stub, message);
        if (!errors.ok()) return errors.status();
        return Print(session.globals, *errors, ViewOf(*errors), "layers");
      });
  verb->add_option("--network", options->network, "The network")->required();
  verb->add_option("--dataset", options->dataset, "The dataset")->required();
  verb->add_option("--plan", options->plan, "weights=...,activations=...,accumulator=...")
      ->required();
  AddCount(verb, "--images", options->images, "Of the validation split (0: the server's default)");
  AddCount(verb, "--calibration-images", options->calibration_images,
           "Images that ranges are found from (0: the server's default)");
  verb->add_option("--seed", options->seed, "Of what is random (0: 1)")->check(Integer64());
}

}  // namespace

void AddNetworkCommands(CommandLine& line) {
  CLI::App* noun = line.AddNoun("network", "Networks: those that ship, and your own");
  const auto limit = std::make_shared<int>(0);
  CLI::App* list =
      line.AddVerb(noun, "list", "Lists networks.", "network list\nnetwork list -o json",
                   [limit](Session& session) {
                     auto stub = session.Stub<v1::NetworkService>();
                     if (!stub.ok()) return stub.status();
                     const auto networks = session.InvokeForAll(
                         &v1::NetworkService::Stub::ListNetworks, **stub, v1::ListNetworksRequest(),
                         *limit, &v1::ListNetworksResponse::networks_size);
                     if (!networks.ok()) return networks.status();
                     View view;
                     view.table = TableOf(*networks);
                     return Print(session.globals, *networks, view, "networks");
                   });
  AddLimit(list, *limit);
  AddImport(line, noun);

  const auto name = std::make_shared<std::string>();
  CLI::App* describe = line.AddVerb(
      noun, "describe",
      "Shows a network's layers and totals: filter sizes, channels, weights, MACs, log2(RSC). A "
      "transformer's name may end in a number of tokens, as _s512.",
      "network describe vgg16\nnetwork describe llama_7b_decode_s512\n"
      "network describe resnet8 -o json",
      [name](Session& session) {
        auto stub = session.Stub<v1::NetworkService>();
        if (!stub.ok()) return stub.status();
        v1::GetNetworkRequest request;
        request.set_name(Qualified("networks", *name));
        const auto network = session.Invoke(&v1::NetworkService::Stub::GetNetwork, **stub, request);
        if (!network.ok()) return network.status();
        return Print(session.globals, *network, ViewOf(*network), "layers");
      });
  describe->add_option("network", *name, "The network's name")->required();
  AddErrors(line, noun);
}

}  // namespace bitscape::cli
