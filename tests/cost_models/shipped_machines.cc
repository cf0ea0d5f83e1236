#include "tests/cost_models/shipped_machines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "engine/core/files.h"
#include "server/specs/convert.h"

namespace bitscape::cost_models {
namespace {

std::filesystem::path Folder() {
  const absl::StatusOr<std::filesystem::path> data = DataDirectory();
  EXPECT_TRUE(data.ok()) << data.status();
  return data.ok() ? *data / "accelerators" : std::filesystem::path();
}

}  // namespace

std::vector<std::string> ShippedNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
    names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Accelerator Shipped(std::string_view name) {
  const absl::StatusOr<v1::AcceleratorSpec> spec =
      server::ReadAcceleratorFile(Folder() / (std::string(name) + ".yaml"));
  EXPECT_TRUE(spec.ok()) << spec.status();
  if (!spec.ok()) return {};
  const absl::StatusOr<Accelerator> machine = server::ToAccelerator(*spec);
  EXPECT_TRUE(machine.ok()) << name << ": " << machine.status();
  return machine.ok() ? *machine : Accelerator{};
}

}  // namespace bitscape::cost_models
