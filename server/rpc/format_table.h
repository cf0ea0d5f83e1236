// A quantizer as the Format resource: facts and decode table.
#pragma once

#include "bitscape/v1/format.pb.h"
#include "engine/formats/quantizer.h"

namespace bitscape::server {

// `with_codes`: the decode table, where there are at most 256 codes and their values, at scale 1,
// are the same for all data.
v1::Format ToProto(const formats::Quantizer& quantizer, bool with_codes);

}  // namespace bitscape::server
