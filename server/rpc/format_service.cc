#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "bitscape/v1/format.grpc.pb.h"
#include "engine/core/status.h"
#include "engine/formats/catalog.h"
#include "engine/formats/quantizer.h"
#include "engine/quantize/tensor_rounding.h"
#include "server/rpc/evaluation_work.h"
#include "server/rpc/format_comparison.h"
#include "server/rpc/format_table.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/rpc/tokens.h"
#include "server/rpc/upload.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

static_assert(std::endian::native == std::endian::little, "chunks are little-endian floats");

constexpr int64_t kMaxValues = int64_t{1} << 26;
constexpr int kMaxDimensions = 8;

using RoundStream = grpc::ServerReaderWriter<v1::RoundTensorResponse, v1::RoundTensorRequest>;

// Number of values. Errors: a field error for sizes below 1 or a product over the limit.
absl::StatusOr<int64_t> CheckShape(const google::protobuf::RepeatedField<int64_t>& shape) {
  if (shape.empty() || shape.size() > kMaxDimensions) {
    return FieldError("header.shape",
                      fmt::format("{} dimensions; allowed: 1 to {}", shape.size(), kMaxDimensions));
  }
  int64_t values = 1;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] < 1 || shape[i] > kMaxValues / values) {
      return FieldError(fmt::format("header.shape[{}]", i),
                        fmt::format("{} is out of range: every size is at least 1, and a tensor "
                                    "has at most {} values",
                                    shape[i], kMaxValues));
    }
    values *= shape[i];
  }
  return values;
}

// The values that follow a header.
template <typename Request, typename Stream>
absl::StatusOr<std::vector<float>> ReadValues(int64_t count, Stream& stream) {
  constexpr auto kFloatBytes = static_cast<int64_t>(sizeof(float));
  Upload upload(count * kFloatBytes);
  std::string bytes;
  Request part;
  while (stream.Read(&part)) {
    if (part.part_case() != Request::kChunk) {
      return FieldError("chunk", "required in every message after the first");
    }
    if (static_cast<int64_t>(bytes.size() + part.chunk().size()) > count * kFloatBytes) {
      return FieldError("chunk", fmt::format("more bytes than the {} of the {} float32 values that "
                                             "the shape tells",
                                             count * kFloatBytes, count));
    }
    BITSCAPE_RETURN_IF_ERROR(upload.Append(part.chunk(), &bytes));
  }
  if (static_cast<int64_t>(bytes.size()) != count * kFloatBytes) {
    return FieldError("chunk", fmt::format("{} bytes were sent; the shape tells {} float32 values, "
                                           "{} bytes",
                                           bytes.size(), count, count * kFloatBytes));
  }
  std::vector<float> values(static_cast<size_t>(count));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

absl::Status Round(StreamSlots& uploads, RoundStream& stream) {
  BITSCAPE_ASSIGN_OR_RETURN(const StreamSlots::Slot slot, uploads.Take("uploads"));
  v1::RoundTensorRequest first;
  if (!stream.Read(&first) || !first.has_header()) {
    return FieldError("header", "required in the first message");
  }
  const absl::StatusOr<formats::Quantizer> quantizer =
      formats::ParseQuantizer(first.header().format());
  if (!quantizer.ok()) {
    return AtField("header.format", quantizer.status());
  }
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t count, CheckShape(first.header().shape()));
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<float> values,
                            ReadValues<v1::RoundTensorRequest>(count, stream));
  const std::vector<int64_t> shape(first.header().shape().begin(), first.header().shape().end());
  BITSCAPE_ASSIGN_OR_RETURN(const quantize::RoundedTensor tensor,
                            quantize::RoundTensor(*quantizer, shape, values));
  const std::vector<float>& rounded = tensor.values;
  v1::RoundTensorResponse response;
  constexpr size_t kValuesPerChunk = static_cast<size_t>(kMaxChunkBytes) / sizeof(float);
  for (size_t begin = 0; begin < rounded.size(); begin += kValuesPerChunk) {
    const size_t size = std::min(kValuesPerChunk, rounded.size() - begin);
    response.set_chunk(&rounded[begin], size * sizeof(float));
    if (!stream.Write(response)) {
      return absl::CancelledError("the client went away");
    }
  }
  return absl::OkStatus();
}

using CompareStream = grpc::ServerReader<v1::CompareFormatsRequest>;

absl::Status Compare(ServiceContext& context, grpc::ServerContext* call, CompareStream& stream,
                     v1::FormatComparison* response) {
  BITSCAPE_ASSIGN_OR_RETURN(const StreamSlots::Slot slot, context.uploads.Take("uploads"));
  v1::CompareFormatsRequest first;
  if (!stream.Read(&first) || !first.has_header()) {
    return FieldError("header", "required in the first message");
  }
  const v1::CompareFormatsRequest::Header& header = first.header();
  BITSCAPE_ASSIGN_OR_RETURN(const std::vector<formats::Quantizer> formats, FindFormats(header));
  if (header.shape().empty() == header.network().empty()) {
    return FieldError("header.network", "give either a network or the shape of a tensor");
  }
  std::stop_source stop;
  const CancelWatch watch(call, context.stopping, stop);
  if (header.network().empty()) {
    if (!header.dataset().empty()) {
      return FieldError("header.dataset", "is for a network's activations, not for a tensor");
    }
    BITSCAPE_ASSIGN_OR_RETURN(const int64_t count, CheckShape(header.shape()));
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<float> values,
                              ReadValues<v1::CompareFormatsRequest>(count, stream));
    const std::vector<int64_t> shape(header.shape().begin(), header.shape().end());
    *response = CompareOnTensor(formats, shape, values, stop.get_token());
  } else {
    if (v1::CompareFormatsRequest more; stream.Read(&more)) {
      return FieldError("chunk", "a network has its own values: nothing follows the header");
    }
    BITSCAPE_ASSIGN_OR_RETURN(*response,
                              CompareOnNetwork(formats, header, context.library, stop.get_token()));
  }
  if (stop.stop_requested()) {
    return context.stopping.stop_requested() ? absl::UnavailableError("the server is going down")
                                             : absl::CancelledError("the client went away");
  }
  return absl::OkStatus();
}

class FormatServiceImpl final : public v1::FormatService::Service {
 public:
  explicit FormatServiceImpl(ServiceContext& context) : context_(context) {}

  grpc::Status ListFormats(grpc::ServerContext*, const v1::ListFormatsRequest* request,
                           v1::ListFormatsResponse* response) override {
    return Handle([&] { return List(*request, response); });
  }
  grpc::Status GetFormat(grpc::ServerContext*, const v1::GetFormatRequest* request,
                         v1::Format* response) override {
    return Handle([&]() -> absl::Status {
      const absl::StatusOr<formats::Quantizer> quantizer = formats::ParseQuantizer(request->name());
      if (!quantizer.ok()) {
        return AtField("name", quantizer.status());
      }
      *response = ToProto(*quantizer, /*with_codes=*/true);
      return absl::OkStatus();
    });
  }
  grpc::Status RoundTensor(grpc::ServerContext*, RoundStream* stream) override {
    return Handle([&] { return Round(context_.uploads, *stream); });
  }
  grpc::Status CompareFormats(grpc::ServerContext* call, CompareStream* stream,
                              v1::FormatComparison* response) override {
    return Handle([&] { return Compare(context_, call, *stream, response); });
  }

 private:
  static absl::Status List(const v1::ListFormatsRequest& request,
                           v1::ListFormatsResponse* response) {
    std::vector<std::string> names;
    std::map<std::string_view, const formats::CatalogRow*> rows;
    for (const formats::CatalogRow& row : formats::Catalog()) {
      names.emplace_back(row.name);
      rows[row.name] = &row;
    }
    std::sort(names.begin(), names.end());
    BITSCAPE_ASSIGN_OR_RETURN(
        NamePage page,
        PageOfNames("formats", std::move(names), request.page_size(), request.page_token()));
    for (const std::string& name : page.names) {
      BITSCAPE_ASSIGN_OR_RETURN(const formats::Quantizer quantizer, formats::ParseQuantizer(name));
      v1::Format& format = *response->add_formats();
      format = ToProto(quantizer, /*with_codes=*/false);
      format.set_catalog_name(name);
      format.set_summary(std::string(rows.at(name)->summary));
      format.set_source(std::string(rows.at(name)->source));
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  }

  ServiceContext& context_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFormatService(ServiceContext& context) {
  return std::make_unique<FormatServiceImpl>(context);
}

}  // namespace bitscape::server
