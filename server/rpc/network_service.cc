#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "bitscape/v1/network.grpc.pb.h"
#include "engine/core/status.h"
#include "engine/network/layer_totals.h"
#include "engine/network/mac_shape.h"
#include "engine/network/shape_networks.h"
#include "server/rpc/lookup.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/rpc/tokens.h"
#include "server/rpc/upload.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

void AddLayer(const network::Network& network, const network::Node& node,
              const network::MacShape& shape, v1::Network* proto) {
  v1::Network::Layer& layer = *proto->add_layers();
  layer.set_name(shape.name);
  layer.set_op(shape.op);
  layer.set_kind(std::string(network::LayerKind(shape)));
  layer.set_macs(static_cast<double>(shape.Macs()));
  layer.set_weights(shape.weights_are_activations ? 0
                                                  : static_cast<double>(shape.WeightElements()));
  layer.set_reduction_length(static_cast<double>(shape.ReductionLength()));
  layer.set_reduction_bits(network::ReductionBits(shape.ReductionLength()));
  const network::Node& source = network.nodes[static_cast<size_t>(node.inputs[0])];
  layer.set_input_shape(network::ToString(source.shape));
  layer.set_output_shape(network::ToString(node.shape));
  layer.set_kernel(fmt::format("{}x{}", shape.r, shape.s));
  layer.set_groups(static_cast<int32_t>(shape.groups));
  layer.set_stride(static_cast<int32_t>(shape.stride_h));
  layer.set_channels(static_cast<int32_t>(shape.c));
  layer.set_filters(static_cast<int32_t>(shape.groups * shape.m));
  layer.set_output_height(static_cast<int32_t>(shape.p));
  layer.set_output_width(static_cast<int32_t>(shape.q));
}

void AddTotals(const network::LayerTotals& totals, v1::Network* proto) {
  v1::Network::Totals& sum = *proto->add_totals();
  sum.set_kind(std::string(totals.kind));
  sum.set_layers(static_cast<int32_t>(totals.layers));
  sum.set_weights(static_cast<double>(totals.weights));
  sum.set_macs(static_cast<double>(totals.macs));
  sum.mutable_filter_sizes()->Assign(totals.filter_sizes.begin(), totals.filter_sizes.end());
  sum.set_min_channels(static_cast<int32_t>(totals.min_channels));
  sum.set_max_channels(static_cast<int32_t>(totals.max_channels));
  sum.set_min_filters(static_cast<int32_t>(totals.min_filters));
  sum.set_max_filters(static_cast<int32_t>(totals.max_filters));
  sum.set_max_reduction_length(static_cast<double>(totals.max_reduction_length));
  sum.set_max_reduction_bits(network::ReductionBits(totals.max_reduction_length));
}

v1::Network ToResource(const network::Network& network, std::string_view kind, bool with_layers) {
  v1::Network proto;
  proto.set_name(NetworkName(network.name));
  proto.set_digest(network.Digest());
  proto.set_source(network.source);
  proto.set_kind(std::string(kind));
  proto.set_has_weights(network.HasWeights());
  for (const int64_t size : network.nodes[0].shape) {
    proto.add_input_shape(static_cast<int32_t>(size));
  }
  auto parameters = static_cast<double>(network::ParameterCount(network));
  if (kind == "shapes") {  // not found: a zoo file that has gone since it was read
    if (const auto shapes = network::FindShapeNetwork(network.name); shapes.ok()) {
      parameters = static_cast<double>(shapes->Parameters());
      proto.set_embedding_parameters(static_cast<double>(shapes->embedding_parameters));
      proto.set_other_parameters(static_cast<double>(shapes->other_parameters));
      proto.set_omitted(shapes->omitted);
    }
  }
  proto.set_parameters(parameters);
  const network::Node& output = network.nodes[static_cast<size_t>(network.output)];
  proto.set_outputs(static_cast<int32_t>(network::ElementCount(output.shape)));
  const std::vector<int> nodes = network::MacLayers(network);
  const std::vector<network::MacShape> shapes = network::MacShapes(network);
  double macs = 0;
  double weights = 0;
  for (const network::LayerTotals& totals : network::TotalsByKind(shapes)) {
    macs += static_cast<double>(totals.macs);
    weights += static_cast<double>(totals.weights);
    if (with_layers) {
      AddTotals(totals, &proto);
    }
  }
  proto.set_macs(macs);
  proto.set_weights(weights);
  for (size_t i = 0; with_layers && i < shapes.size(); ++i) {
    AddLayer(network, network.nodes[static_cast<size_t>(nodes[i])], shapes[i], &proto);
  }
  return proto;
}

network::InputScaling ToScaling(const v1::ImportNetworkRequest::Header& header) {
  network::InputScaling scaling;
  for (const double mean : header.mean()) {
    scaling.mean.push_back(static_cast<float>(mean));
  }
  for (const double std : header.std()) {
    scaling.std.push_back(static_cast<float>(std));
  }
  return scaling;
}

absl::Status CheckHeader(const v1::ImportNetworkRequest::Header& header) {
  BITSCAPE_RETURN_IF_ERROR(CheckId(header.network_id(), /*underscore=*/true, "header.network_id"));
  for (int i = 0; i < header.mean_size(); ++i) {
    if (!std::isfinite(header.mean(i))) {
      return FieldError(fmt::format("header.mean[{}]", i),
                        fmt::format("{} is not finite", header.mean(i)));
    }
  }
  for (int i = 0; i < header.std_size(); ++i) {
    if (!std::isfinite(header.std(i)) || header.std(i) <= 0) {
      return FieldError(fmt::format("header.std[{}]", i),
                        fmt::format("{} is not a positive number", header.std(i)));
    }
  }
  if (header.mean().empty() || header.mean_size() != header.std_size()) {
    return FieldError("header.std", fmt::format("{} values and {} means; one of each is required, "
                                                "or one a channel",
                                                header.std_size(), header.mean_size()));
  }
  return absl::OkStatus();
}

class NetworkServiceImpl final : public v1::NetworkService::Service {
 public:
  explicit NetworkServiceImpl(ServiceContext& context) : context_(context) {}

  grpc::Status ListNetworks(grpc::ServerContext*, const v1::ListNetworksRequest* request,
                            v1::ListNetworksResponse* response) override {
    return Handle([&] { return List(*request, response); });
  }
  grpc::Status GetNetwork(grpc::ServerContext*, const v1::GetNetworkRequest* request,
                          v1::Network* response) override {
    return Handle([&]() -> absl::Status {
      BITSCAPE_ASSIGN_OR_RETURN(const auto network,
                                FindNetwork(context_.library, request->name(), "name"));
      BITSCAPE_ASSIGN_OR_RETURN(const std::string_view kind,
                                context_.library.NetworkKind(network->name));
      *response = ToResource(*network, kind, /*with_layers=*/true);
      return absl::OkStatus();
    });
  }
  grpc::Status ImportNetwork(grpc::ServerContext*,
                             grpc::ServerReader<v1::ImportNetworkRequest>* reader,
                             v1::Network* response) override {
    return Handle([&] { return Import(reader, response); });
  }

 private:
  absl::Status List(const v1::ListNetworksRequest& request, v1::ListNetworksResponse* response) {
    BITSCAPE_ASSIGN_OR_RETURN(std::vector<std::string> names, context_.library.NetworkNames());
    BITSCAPE_ASSIGN_OR_RETURN(
        NamePage page,
        PageOfNames("networks", std::move(names), request.page_size(), request.page_token()));
    for (const std::string& name : page.names) {
      BITSCAPE_ASSIGN_OR_RETURN(const std::string_view kind, context_.library.NetworkKind(name));
      const auto network = context_.library.GetNetwork(name);
      if (network.ok()) {
        *response->add_networks() = ToResource(**network, kind, /*with_layers=*/false);
      } else {
        v1::Network& unreadable = *response->add_networks();
        unreadable.set_name(NetworkName(name));
        unreadable.set_error(std::string(network.status().message()));
      }
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  }

  absl::Status Import(grpc::ServerReader<v1::ImportNetworkRequest>* reader, v1::Network* response) {
    BITSCAPE_ASSIGN_OR_RETURN(const StreamSlots::Slot slot, context_.uploads.Take("uploads"));
    v1::ImportNetworkRequest part;
    if (!reader->Read(&part) || !part.has_header()) {
      return FieldError("header", "required in the first message");
    }
    const v1::ImportNetworkRequest::Header header = part.header();
    BITSCAPE_RETURN_IF_ERROR(CheckHeader(header));
    Upload upload(kMaxUploadBytes);
    std::string onnx;
    while (reader->Read(&part)) {
      if (part.part_case() != v1::ImportNetworkRequest::kChunk) {
        return FieldError("chunk", "required in every message after the first");
      }
      BITSCAPE_RETURN_IF_ERROR(upload.Append(part.chunk(), &onnx));
    }
    const std::string file = header.file_name().empty() ? header.network_id() : header.file_name();
    const auto network = context_.library.ImportNetwork(header.network_id(), file, std::move(onnx),
                                                        ToScaling(header), header.validate_only());
    if (!network.ok()) {
      return AboutResource(network.status(), "bitscape.v1.Network",
                           NetworkName(header.network_id()));
    }
    BITSCAPE_ASSIGN_OR_RETURN(const std::string_view kind,
                              context_.library.NetworkKind(header.network_id()));
    *response = ToResource(**network, kind == "zoo" ? kind : "imported",  // also when only checked
                           /*with_layers=*/true);
    return absl::OkStatus();
  }

  ServiceContext& context_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeNetworkService(ServiceContext& context) {
  return std::make_unique<NetworkServiceImpl>(context);
}

}  // namespace bitscape::server
