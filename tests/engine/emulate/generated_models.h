// The generated networks that between them have every operator, as parameters of tests.
#pragma once

#include <cstdint>
#include <string>

#include "tests/engine/network/onnx_builder.h"

namespace bitscape::emulate {

struct Model {
  std::string name;
  std::string (*bytes)();
  int64_t channels, size;  // of an image
};

inline const Model kGeneratedModels[] = {
    {"GroupedConv", bitscape::testing::GroupedConvModel, 1, 28},
    {"Branches", bitscape::testing::BranchesModel, 3, 32},
    {"Mlp", bitscape::testing::MlpModel, 1, 28},
    {"Attention", bitscape::testing::AttentionModel, 1, 16}};

}  // namespace bitscape::emulate
