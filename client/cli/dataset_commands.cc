// bitscape dataset ...
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bitscape/v1/dataset.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/files.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/cli/transfer.h"

namespace bitscape::cli {
namespace {

using Chunk = v1::ImportDatasetRequest::Chunk;

constexpr int64_t kMaxFileBytes = int64_t{4} << 30;

View ViewOf(const v1::Dataset& dataset) {
  View view;
  view.facts = {
      {"dataset", dataset.name()},
      {"source", dataset.source()},
      {"digest", dataset.digest()},
      {"image", fmt::format("{}", fmt::join(dataset.image_shape(), "x"))},
      {"classes", std::to_string(dataset.classes())},
      {"images",
       fmt::format("{} test, {} validation, {} calibration", Count(dataset.test_images()),
                   Count(dataset.validation_images()), Count(dataset.calibration_images()))}};
  return view;
}

struct ImportOptions {
  std::string name, train_images, train_labels, test_images, test_labels;
};

absl::Status Import(Session& session, const ImportOptions& options) {
  std::vector<std::pair<Chunk::File, std::string>> files;
  for (const auto& [file, path] : {std::pair(Chunk::TRAIN_IMAGES, options.train_images),
                                   std::pair(Chunk::TRAIN_LABELS, options.train_labels),
                                   std::pair(Chunk::TEST_IMAGES, options.test_images),
                                   std::pair(Chunk::TEST_LABELS, options.test_labels)}) {
    if (path.empty()) continue;
    auto bytes = ReadInput(path, kMaxFileBytes);
    if (!bytes.ok()) return bytes.status();
    files.emplace_back(file, *std::move(bytes));
  }
  auto stub = session.Stub<v1::DatasetService>();
  if (!stub.ok()) return stub.status();
  Call call;
  v1::Dataset dataset;
  const auto writer = (*stub)->ImportDataset(call.context(), &dataset);
  v1::ImportDatasetRequest first;
  first.mutable_header()->set_dataset_id(LastPart(options.name));
  // A failed write means that the server has ended the call: Finish says why.
  bool open = writer->Write(first);
  for (const auto& [file, bytes] : files) {
    if (!open) break;
    ForEachChunk(bytes, [&](std::string_view chunk) {
      v1::ImportDatasetRequest request;
      request.mutable_chunk()->set_file(file);
      request.mutable_chunk()->set_bytes(std::string(chunk));
      return open = writer->Write(request);
    });
  }
  writer->WritesDone();
  const absl::Status status = session.Check(writer->Finish());
  if (!status.ok()) return status;
  return Print(session.globals, dataset, ViewOf(dataset));
}

}  // namespace

void AddDatasetCommands(CommandLine& line) {
  CLI::App* noun =
      line.AddNoun("dataset", "Labelled images with test, validation, calibration splits");
  const auto limit = std::make_shared<int>(0);
  CLI::App* list = line.AddVerb(
      noun, "list", "Lists datasets.", "dataset list\ndataset list -o json",
      [limit](Session& session) {
        auto stub = session.Stub<v1::DatasetService>();
        if (!stub.ok()) return stub.status();
        const auto datasets = session.InvokeForAll(&v1::DatasetService::Stub::ListDatasets, **stub,
                                                   v1::ListDatasetsRequest(), *limit,
                                                   &v1::ListDatasetsResponse::datasets_size);
        if (!datasets.ok()) return datasets.status();
        View view;
        view.table.columns = {{"DATASET"},
                              {"IMAGE"},
                              {"CLASSES", Align::kRight},
                              {"TEST", Align::kRight},
                              {"VALIDATION", Align::kRight},
                              {"CALIBRATION", Align::kRight},
                              {"SOURCE"}};
        for (const v1::Dataset& dataset : datasets->datasets()) {
          view.table.rows.push_back(
              {LastPart(dataset.name()), fmt::format("{}", fmt::join(dataset.image_shape(), "x")),
               std::to_string(dataset.classes()), Count(dataset.test_images()),
               Count(dataset.validation_images()), Count(dataset.calibration_images()),
               dataset.error().empty() ? dataset.source() : "unreadable: " + dataset.error()});
        }
        return Print(session.globals, *datasets, view, "datasets");
      });
  AddLimit(list, *limit);

  const auto options = std::make_shared<ImportOptions>();
  CLI::App* import = line.AddVerb(
      noun, "import", "Imports IDX files, plain or gzip.",
      "dataset import --name digits --train-images train-images.gz --train-labels train-labels.gz "
      "--test-images test-images.gz --test-labels test-labels.gz",
      [options](Session& session) { return Import(session, *options); });
  import->add_option("--name", options->name, "The dataset's name")->required();
  import->add_option("--train-images", options->train_images, "IDX file")->required();
  import->add_option("--train-labels", options->train_labels, "IDX file")->required();
  CLI::Option* images =
      import->add_option("--test-images", options->test_images,
                         "IDX file; without test files the training files are split three ways");
  CLI::Option* labels = import->add_option("--test-labels", options->test_labels, "IDX file");
  images->needs(labels);
  labels->needs(images);
}

}  // namespace bitscape::cli
