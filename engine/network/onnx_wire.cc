#include "engine/network/onnx_wire.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <onnx/onnx_pb.h>

#include "engine/core/status.h"

namespace bitscape::network {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;

// Generous sizes in memory: a message object with its place in a list, a string object, a number.
constexpr int64_t kMessageBytes = 320;
constexpr int64_t kStringBytes = 64;
constexpr int64_t kNumberBytes = 16;  // lists grow by doubling
constexpr int kMaxDepth = 100;        // the parser's own limit

class Walker {
 public:
  Walker(std::string_view bytes, int64_t limit)
      : input_(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size())),
        limit_(limit) {}

  // Walks one message up to the end of the stream or the current length limit.
  absl::Status Walk(const Descriptor* type, int depth) {
    if (depth > kMaxDepth) return absl::InvalidArgumentError("messages nested more than 100 deep");
    BITSCAPE_RETURN_IF_ERROR(Add(kMessageBytes));
    while (const uint32_t tag = input_.ReadTag()) {
      const FieldDescriptor* field =
          type == nullptr ? nullptr
                          : type->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
      if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
        if (!WireFormatLite::SkipField(&input_, tag)) return Malformed();
        BITSCAPE_RETURN_IF_ERROR(Add(kNumberBytes));
        continue;
      }
      int length = 0;
      if (!input_.ReadVarintSizeAsInt(&length)) return Malformed();
      BITSCAPE_RETURN_IF_ERROR(WalkContent(field, length, depth));
    }
    return input_.ConsumedEntireMessage() ? absl::OkStatus() : Malformed();
  }

 private:
  absl::Status WalkContent(const FieldDescriptor* field, int length, int depth) {
    if (length > input_.BytesUntilLimit()) return Malformed();
    if (field != nullptr && field->type() == FieldDescriptor::TYPE_MESSAGE) {
      const auto limit = input_.PushLimit(length);
      BITSCAPE_RETURN_IF_ERROR(Walk(field->message_type(), depth + 1));
      input_.PopLimit(limit);
      return absl::OkStatus();
    }
    if (!input_.Skip(length)) return Malformed();
    // Packed integers take at least a byte each, packed floats keep their size; unknown fields are
    // kept.
    const bool integers = field != nullptr && field->is_packable() &&
                          field->cpp_type() != FieldDescriptor::CPPTYPE_FLOAT &&
                          field->cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE;
    return Add(kStringBytes + int64_t{length} * (integers ? kNumberBytes : 1));
  }

  absl::Status Add(int64_t bytes) {
    total_ += bytes;
    if (total_ <= limit_) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        fmt::format("unpacked it takes more than {} bytes, the limit", limit_));
  }

  static absl::Status Malformed() {
    return absl::InvalidArgumentError("not an ONNX model, or cut short");
  }

  google::protobuf::io::CodedInputStream input_;
  int64_t limit_;
  int64_t total_ = 0;
};

}  // namespace

absl::Status CheckParsedSize(std::string_view bytes, int64_t max_parsed_bytes) {
  return Walker(bytes, max_parsed_bytes).Walk(onnx::ModelProto::descriptor(), 0);
}

}  // namespace bitscape::network
