#include "engine/network/zoo.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "engine/core/files.h"
#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "engine/network/onnx_import.h"

namespace bitscape::network {
namespace {

constexpr int64_t kMaxJsonBytes = 1 << 20;

absl::StatusOr<std::vector<float>> ReadFloatArray(const nlohmann::json& document, const char* key) {
  const auto found = document.find(key);
  const bool valid = found != document.end() && found->is_array() && !found->empty() &&
                     std::ranges::all_of(*found, [](const auto& v) { return v.is_number(); });
  if (!valid) {
    return absl::InvalidArgumentError(fmt::format("'{}' should be a list of numbers", key));
  }
  return found->get<std::vector<float>>();
}

// The file beside a zoo network: {"mean": [...], "std": [...], ...}.
absl::StatusOr<InputScaling> ReadScaling(const std::filesystem::path& path) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxJsonBytes));
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return absl::InvalidArgumentError(fmt::format("{}: not a JSON object", path.string()));
  }
  InputScaling scaling;
  for (const auto& [key, values] :
       {std::pair("mean", &scaling.mean), std::pair("std", &scaling.std)}) {
    absl::StatusOr<std::vector<float>> read = ReadFloatArray(document, key);
    if (!read.ok()) return Annotate(read.status(), path.string());
    *values = *std::move(read);
  }
  return scaling;
}

}  // namespace

std::vector<std::string> ZooNames() {
  std::vector<std::string> names;
  const absl::StatusOr<std::filesystem::path> data = DataDirectory();
  if (!data.ok()) return names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(*data / "zoo", error)) {
    std::filesystem::path path = entry.path();
    if (path.extension() != ".onnx") continue;
    if (std::filesystem::exists(path.replace_extension(".json"), error)) {
      names.push_back(path.stem().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

absl::StatusOr<Network> LoadZooNetwork(std::string_view name) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::filesystem::path data, DataDirectory());
  const std::vector<std::string> names = ZooNames();
  if (std::ranges::find(names, name) == names.end()) {
    return absl::NotFoundError(fmt::format("no network '{}' in {}{}", name, (data / "zoo").string(),
                                           DidYouMean(name, names)));
  }
  const std::filesystem::path path = data / "zoo" / fmt::format("{}.onnx", name);
  std::filesystem::path scaling_path = path;
  BITSCAPE_ASSIGN_OR_RETURN(const InputScaling scaling,
                            ReadScaling(scaling_path.replace_extension(".json")));
  return ImportOnnxFile(path, name, scaling);
}

}  // namespace bitscape::network
