// How formats round a tensor, and a network's weights and activations.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "bitscape/v1/format.pb.h"
#include "engine/formats/quantizer.h"
#include "server/scheduler/library.h"

namespace bitscape::server {

// The header's notations. Errors: field errors.
absl::StatusOr<std::vector<formats::Quantizer>> FindFormats(
    const v1::CompareFormatsRequest::Header& header);

// One row a format. Stopped: some rows are missing.
v1::FormatComparison CompareOnTensor(std::span<const formats::Quantizer> formats,
                                     std::span<const int64_t> shape, std::span<const float> values,
                                     const std::stop_token& stop);

// One row a format and tensor: the weights of every MAC layer, and with a dataset its activations.
// Errors: field errors. Stopped: kCancelled, or some rows are missing.
absl::StatusOr<v1::FormatComparison> CompareOnNetwork(
    std::span<const formats::Quantizer> formats, const v1::CompareFormatsRequest::Header& header,
    Library& library, const std::stop_token& stop);

}  // namespace bitscape::server
