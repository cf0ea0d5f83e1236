// Datasets that Debian packages.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "engine/core/suggest.h"
#include "engine/data/dataset.h"

namespace bitscape::data {
namespace {

constexpr const char* kDefaultFolder = "/usr/share/datasets";

struct Builtin {
  std::string_view name;  // and its folder's
  std::string_view package;
  std::string_view train_images, train_labels, test_images, test_labels;
};

constexpr Builtin kBuiltins[] = {
    {"fashion-mnist", "dataset-fashion-mnist", "train-images-idx3-ubyte.gz",
     "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"},
};

}  // namespace

std::vector<std::string> BuiltinDatasetNames() {
  std::vector<std::string> names;
  for (const Builtin& builtin : kBuiltins) names.emplace_back(builtin.name);
  return names;
}

absl::StatusOr<Dataset> LoadBuiltinDataset(std::string_view name) {
  const auto* const builtin =
      std::ranges::find_if(kBuiltins, [name](const Builtin& row) { return row.name == name; });
  if (builtin == std::end(kBuiltins)) {
    return absl::NotFoundError(
        fmt::format("no dataset '{}'{}", name, DidYouMean(name, BuiltinDatasetNames())));
  }
  const char* variable = std::getenv("BITSCAPE_DATASETS_DIR");
  const std::filesystem::path folder =
      std::filesystem::path(variable != nullptr && *variable != '\0' ? variable : kDefaultFolder) /
      builtin->name;
  const IdxFiles files{folder / builtin->train_images, folder / builtin->train_labels,
                       folder / builtin->test_images, folder / builtin->test_labels};
  absl::StatusOr<Dataset> dataset = LoadIdxDataset(name, files);
  if (absl::IsNotFound(dataset.status())) {
    return absl::NotFoundError(
        fmt::format("dataset {}: {}; install the package {}, or set BITSCAPE_DATASETS_DIR", name,
                    std::string(dataset.status().message()), builtin->package));
  }
  if (dataset.ok()) dataset->source = folder.string();
  return dataset;
}

}  // namespace bitscape::data
