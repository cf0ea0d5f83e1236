#include <absl/strings/str_replace.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "engine/core/files.h"
#include "engine/core/status.h"
#include "engine/network/onnx_import.h"
#include "server/scheduler/library_state.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

using Kind = StoredResource::Kind;

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kNetwork:
      return "network";
    case Kind::kDataset:
      return "dataset";
    case Kind::kAccelerator:
      return "accelerator";
  }
  std::abort();
}

absl::Status Exists(Kind kind, std::string_view name) {
  return absl::AlreadyExistsError(fmt::format(
      "{} '{}' exists already with other content: choose another name", KindName(kind), name));
}

// A folder of one's own that goes with the object.
class ScratchFolder {
 public:
  static absl::StatusOr<ScratchFolder> Create() {
    std::error_code error;
    std::string name =
        (std::filesystem::temp_directory_path(error) / "bitscape-import-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr) {
      return absl::ResourceExhaustedError(fmt::format("cannot create folder '{}'", name));
    }
    return ScratchFolder(std::move(name));
  }
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}
  ~ScratchFolder() {
    std::error_code error;  // a leftover in the folder for temporary files does no harm
    if (!path_.empty()) {
      std::filesystem::remove_all(path_, error);
    }
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ScratchFolder& operator=(ScratchFolder&&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// `files` in the order of data::IdxFiles; empty test files are absent.
absl::StatusOr<data::Dataset> LoadFromBytes(std::string_view name,
                                            const std::vector<std::string>& files) {
  constexpr const char* kNames[] = {"train-images", "train-labels", "test-images", "test-labels"};
  data::IdxFiles paths;
  std::filesystem::path* const targets[] = {&paths.train_images, &paths.train_labels,
                                            &paths.test_images, &paths.test_labels};
  if (files.size() != std::size(kNames)) {
    return absl::DataLossError(fmt::format("dataset '{}' is stored with {} files, {} are needed",
                                           name, files.size(), std::size(kNames)));
  }
  BITSCAPE_ASSIGN_OR_RETURN(const ScratchFolder folder, ScratchFolder::Create());
  for (size_t i = 0; i < files.size(); ++i) {
    if (!files[i].empty()) {
      *targets[i] = folder.path() / kNames[i];
      BITSCAPE_RETURN_IF_ERROR(WriteFileAtomically(*targets[i], files[i]));
    }
  }
  absl::StatusOr<data::Dataset> dataset = data::LoadIdxDataset(name, paths);
  if (!dataset.ok()) {
    // The folder is nothing to whoever sent the files.
    return absl::Status(dataset.status().code(),
                        absl::StrReplaceAll(dataset.status().message(),
                                            {{folder.path().string() + "/", "uploaded file "}}));
  }
  dataset->source = "imported";  // the folder is gone
  return dataset;
}

std::string NetworkMetadata(std::string_view file, const network::InputScaling& scaling) {
  return nlohmann::json{{"file", std::string(file)}, {"mean", scaling.mean}, {"std", scaling.std}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::filesystem::path AcceleratorFolder(const std::filesystem::path& data) {
  return data / "accelerators";
}

}  // namespace

absl::Status CheckResourceName(Kind kind, std::string_view name) {
  constexpr size_t kLongest = 63;
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const bool ok = !name.empty() && name.size() <= kLongest && is_letter(name.front()) &&
                  std::all_of(name.begin(), name.end(), [&](char c) {
                    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
                  });
  return ok ? absl::OkStatus()
            : absl::InvalidArgumentError(
                  fmt::format("{} name '{}': 1 to {} of a-z, 0-9, - and _ are allowed, starting "
                              "with a letter",
                              KindName(kind), name, kLongest));
}

absl::StatusOr<std::vector<std::string>> AcceleratorFileNames() {
  BITSCAPE_ASSIGN_OR_RETURN(const std::filesystem::path data, DataDirectory());
  const std::filesystem::path folder = AcceleratorFolder(data);
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".yaml") {
      names.push_back(entry.path().stem().string());
    }
  }
  if (error) {
    return absl::NotFoundError(
        fmt::format("the accelerators' folder {}: {}", folder.string(), error.message()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<cost_models::Accelerator> ReadAcceleratorNamed(std::string_view name) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::filesystem::path data, DataDirectory());
  const std::filesystem::path file = AcceleratorFolder(data) / fmt::format("{}.yaml", name);
  BITSCAPE_ASSIGN_OR_RETURN(const v1::AcceleratorSpec spec, ReadAcceleratorFile(file));
  return ToAccelerator(spec);
}

absl::StatusOr<network::Network> ReadStoredNetwork(const StoredResource& resource) {
  try {
    const nlohmann::json metadata = nlohmann::json::parse(resource.metadata);
    network::InputScaling scaling;
    metadata.at("mean").get_to(scaling.mean);
    metadata.at("std").get_to(scaling.std);
    return network::ImportOnnx(resource.blobs.at(0), metadata.at("file").get<std::string>(),
                               resource.name, scaling);
  } catch (const std::exception& error) {
    return absl::DataLossError(
        fmt::format("network '{}' is stored incompletely: {}", resource.name, error.what()));
  }
}

absl::StatusOr<data::Dataset> ReadStoredDataset(const StoredResource& resource) {
  return LoadFromBytes(resource.name, resource.blobs);
}

absl::StatusOr<cost_models::Accelerator> ReadStoredAccelerator(const StoredResource& resource) {
  v1::AcceleratorSpec spec;
  if (resource.blobs.empty() || !spec.ParseFromString(resource.blobs.front())) {
    return absl::DataLossError(
        fmt::format("accelerator '{}' is stored incompletely", resource.name));
  }
  return ToAccelerator(spec);
}

absl::StatusOr<std::shared_ptr<const network::Network>> Library::ImportNetwork(
    std::string_view name, std::string_view file, std::string onnx, network::InputScaling scaling,
    bool validate_only) {
  BITSCAPE_RETURN_IF_ERROR(CheckResourceName(Kind::kNetwork, name));
  BITSCAPE_ASSIGN_OR_RETURN(network::Network imported,
                            network::ImportOnnx(onnx, file, name, scaling));
  auto network = std::make_shared<const network::Network>(std::move(imported));
  const absl::StatusOr<std::shared_ptr<const network::Network>> known = GetNetwork(name);
  if (known.ok()) {
    return (*known)->Digest() == network->Digest()
               ? known
               : absl::StatusOr<std::shared_ptr<const network::Network>>(
                     Exists(Kind::kNetwork, name));
  }
  if (!absl::IsNotFound(known.status())) {
    return known.status();
  }
  if (validate_only) {
    return network;
  }
  std::lock_guard lock(state_->mutex);
  BITSCAPE_RETURN_IF_ERROR(KeepNew(Kind::kNetwork, name, network->Digest(),
                                   NetworkMetadata(file, scaling), {std::move(onnx)}));
  state_->networks.Keep(name, network);
  return network;
}

absl::StatusOr<std::shared_ptr<const data::Dataset>> Library::ImportDataset(std::string_view name,
                                                                            DatasetFiles files) {
  BITSCAPE_RETURN_IF_ERROR(CheckResourceName(Kind::kDataset, name));
  std::vector<std::string> blobs = {std::move(files.train_images), std::move(files.train_labels),
                                    std::move(files.test_images), std::move(files.test_labels)};
  BITSCAPE_ASSIGN_OR_RETURN(data::Dataset imported, LoadFromBytes(name, blobs));
  auto dataset = std::make_shared<const data::Dataset>(std::move(imported));
  const absl::StatusOr<std::shared_ptr<const data::Dataset>> known = GetDataset(name);
  if (known.ok()) {
    return (*known)->digest == dataset->digest
               ? known
               : absl::StatusOr<std::shared_ptr<const data::Dataset>>(Exists(Kind::kDataset, name));
  }
  if (!absl::IsNotFound(known.status())) {
    return known.status();
  }
  std::lock_guard lock(state_->mutex);
  BITSCAPE_RETURN_IF_ERROR(KeepNew(Kind::kDataset, name, dataset->digest, "{}", std::move(blobs)));
  state_->datasets.Keep(name, dataset);
  return dataset;
}

absl::StatusOr<std::shared_ptr<const cost_models::Accelerator>> Library::CreateAccelerator(
    const cost_models::Accelerator& accelerator, std::string spec_bytes, bool validate_only) {
  BITSCAPE_RETURN_IF_ERROR(CheckResourceName(Kind::kAccelerator, accelerator.name));
  BITSCAPE_RETURN_IF_ERROR(cost_models::Validate(accelerator));
  auto created = std::make_shared<const cost_models::Accelerator>(accelerator);
  const auto known = GetAccelerator(accelerator.name);
  if (known.ok()) {
    return (*known)->Digest() == created->Digest()
               ? known
               : absl::StatusOr<std::shared_ptr<const cost_models::Accelerator>>(
                     Exists(Kind::kAccelerator, accelerator.name));
  }
  if (!absl::IsNotFound(known.status())) {
    return known.status();
  }
  if (validate_only) {
    return created;
  }
  std::lock_guard lock(state_->mutex);
  BITSCAPE_RETURN_IF_ERROR(KeepNew(Kind::kAccelerator, accelerator.name, created->Digest(), "{}",
                                   {std::move(spec_bytes)}));
  state_->accelerators.Keep(accelerator.name, created);
  return created;
}

absl::Status Library::KeepNew(Kind kind, std::string_view name, std::string digest,
                              std::string metadata, std::vector<std::string> blobs) {
  const absl::StatusOr<StoredResource> stored = state_->store.GetResource(kind, name);
  if (stored.ok()) {  // somebody was faster
    return stored->digest == digest ? absl::OkStatus() : Exists(kind, name);
  }
  if (!absl::IsNotFound(stored.status())) {
    return stored.status();
  }
  WriteBatch batch;
  batch.resources.push_back(
      {kind, std::string(name), std::move(digest), std::move(metadata), std::move(blobs)});
  return state_->store.Write(std::move(batch));
}

}  // namespace bitscape::server
