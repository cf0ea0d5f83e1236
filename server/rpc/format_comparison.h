// How formats round a tensor, and a network's weights and activations.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bitscape/v1/format.pb.h"
#include "engine/formats/quantizer.h"
#include "server/scheduler/library.h"

namespace bitscape::server {

// The header's notations. Errors: field errors.
absl::StatusOr<std::vector<formats::Quantizer>> FindFormats(
    const v1::CompareFormatsRequest::Header& header);

// One row a format.
v1::FormatComparison CompareOnTensor(std::span<const formats::Quantizer> formats,
                                     std::span<const int64_t> shape, std::span<const float> values);

// One row a format and tensor: the weights of every MAC layer, and with a dataset its activations. Errors: field errors.
absl::StatusOr<v1::FormatComparison> CompareOnNetwork(
    std::span<const formats::Quantizer> formats, const v1::CompareFormatsRequest::Header& header,
    Library& library);

}  // namespace bitscape::server
