// Bounds the memory that parsing an ONNX file takes, before parsing it.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string_view>

namespace bitscape::network {

// Walks the encoded model without building it and adds up what its messages, strings and numbers
// will take in memory: two bytes of an empty node become hundreds. Errors: kResourceExhausted where
// that exceeds `max_parsed_bytes`. A file that can't be walked is kInvalidArgument, as it would be
// for the parser.
absl::Status CheckParsedSize(std::string_view bytes, int64_t max_parsed_bytes);

}  // namespace bitscape::network
