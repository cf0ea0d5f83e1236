#include <fmt/format.h>

#include "bitscape/v1/dataset.grpc.pb.h"
#include "engine/core/status.h"
#include "server/rpc/lookup.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/rpc/tokens.h"
#include "server/rpc/upload.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

using Chunk = v1::ImportDatasetRequest::Chunk;

v1::Dataset ToResource(const data::Dataset& dataset) {
  v1::Dataset proto;
  proto.set_name(DatasetName(dataset.name));
  proto.set_digest(dataset.digest);
  proto.set_source(dataset.source);
  for (const int64_t size : {dataset.test.channels, dataset.test.height, dataset.test.width}) {
    proto.add_image_shape(static_cast<int32_t>(size));
  }
  proto.set_classes(dataset.test.classes);
  proto.set_test_images(static_cast<int32_t>(dataset.test.size()));
  proto.set_validation_images(static_cast<int32_t>(dataset.validation.size()));
  proto.set_calibration_images(static_cast<int32_t>(dataset.calibration.size()));
  return proto;
}

std::string* FileOf(Chunk::File file, Library::DatasetFiles& files) {
  switch (file) {
    case Chunk::TRAIN_IMAGES:
      return &files.train_images;
    case Chunk::TRAIN_LABELS:
      return &files.train_labels;
    case Chunk::TEST_IMAGES:
      return &files.test_images;
    case Chunk::TEST_LABELS:
      return &files.test_labels;
    default:
      return nullptr;
  }
}

class DatasetServiceImpl final : public v1::DatasetService::Service {
 public:
  explicit DatasetServiceImpl(ServiceContext& context) : context_(context) {}

  grpc::Status ListDatasets(grpc::ServerContext*, const v1::ListDatasetsRequest* request,
                            v1::ListDatasetsResponse* response) override {
    return Handle([&] { return List(*request, response); });
  }
  grpc::Status GetDataset(grpc::ServerContext*, const v1::GetDatasetRequest* request,
                          v1::Dataset* response) override {
    return Handle([&] {
      const auto dataset = FindDataset(context_.library, request->name(), "name");
      if (dataset.ok()) {
        *response = ToResource(**dataset);
      }
      return dataset.status();
    });
  }
  grpc::Status ImportDataset(grpc::ServerContext*,
                             grpc::ServerReader<v1::ImportDatasetRequest>* reader,
                             v1::Dataset* response) override {
    return Handle([&] { return Import(reader, response); });
  }

 private:
  absl::Status List(const v1::ListDatasetsRequest& request, v1::ListDatasetsResponse* response) {
    BITSCAPE_ASSIGN_OR_RETURN(std::vector<std::string> names, context_.library.DatasetNames());
    BITSCAPE_ASSIGN_OR_RETURN(
        NamePage page,
        PageOfNames("datasets", std::move(names), request.page_size(), request.page_token()));
    for (const std::string& name : page.names) {
      const auto dataset = context_.library.GetDataset(name);
      if (dataset.ok()) {
        *response->add_datasets() = ToResource(**dataset);
      } else {
        v1::Dataset& unreadable = *response->add_datasets();
        unreadable.set_name(DatasetName(name));
        unreadable.set_error(std::string(dataset.status().message()));
      }
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  }

  absl::Status Import(grpc::ServerReader<v1::ImportDatasetRequest>* reader, v1::Dataset* response) {
    BITSCAPE_ASSIGN_OR_RETURN(const StreamSlots::Slot slot, context_.uploads.Take("uploads"));
    v1::ImportDatasetRequest part;
    if (!reader->Read(&part) || !part.has_header()) {
      return FieldError("header", "required in the first message");
    }
    const std::string id = part.header().dataset_id();
    BITSCAPE_RETURN_IF_ERROR(CheckId(id, /*underscore=*/true, "header.dataset_id"));
    Upload upload(kMaxUploadBytes);
    Library::DatasetFiles files;
    while (reader->Read(&part)) {
      if (!part.has_chunk()) {
        return FieldError("chunk", "required in every message after the first");
      }
      std::string* file = FileOf(part.chunk().file(), files);
      if (file == nullptr) {
        return FieldError("chunk.file",
                          fmt::format("{} is not a file; allowed: TRAIN_IMAGES, TRAIN_LABELS, "
                                      "TEST_IMAGES, TEST_LABELS",
                                      static_cast<int>(part.chunk().file())));
      }
      BITSCAPE_RETURN_IF_ERROR(upload.Append(part.chunk().bytes(), file));
    }
    const auto dataset = context_.library.ImportDataset(id, std::move(files));
    if (!dataset.ok()) {
      return AboutResource(dataset.status(), "bitscape.v1.Dataset", DatasetName(id));
    }
    *response = ToResource(**dataset);
    return absl::OkStatus();
  }

  ServiceContext& context_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeDatasetService(ServiceContext& context) {
  return std::make_unique<DatasetServiceImpl>(context);
}

}  // namespace bitscape::server
