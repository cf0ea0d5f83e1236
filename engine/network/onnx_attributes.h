// Typed, checked access to the attributes of one ONNX node.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace onnx {
class AttributeProto;
class NodeProto;
class TensorProto;
}  // namespace onnx

namespace bitscape::network {

// Remembers which attributes were read, so that one that nobody reads is an error, not silently
// lost. Getters return the default where the attribute is absent. Errors: kInvalidArgument for
// another type than the one asked for, or a float that is not finite.
class OnnxAttributes {
 public:
  // `node` must outlive the object. Errors: an attribute given twice.
  static absl::StatusOr<OnnxAttributes> Create(const onnx::NodeProto& node);

  bool Has(std::string_view name) const { return attributes_.contains(name); }
  absl::StatusOr<int64_t> Int(std::string_view name, int64_t default_value);
  absl::StatusOr<float> Float(std::string_view name, float default_value);
  absl::StatusOr<std::string> String(std::string_view name, std::string default_value);
  // Nothing where absent.
  absl::StatusOr<std::optional<std::vector<int64_t>>> Ints(std::string_view name);
  absl::StatusOr<std::vector<float>> Floats(std::string_view name);
  absl::StatusOr<const onnx::TensorProto*> Tensor(std::string_view name);  // null where absent
  void Ignore(std::string_view name);  // known, and without influence on the result

  // Errors: kUnimplemented naming an attribute that was given but not read.
  absl::Status AllRead() const;

 private:
  struct Entry {
    const onnx::AttributeProto* proto;
    bool read = false;
  };
  // The attribute after checking its type; null where absent.
  absl::StatusOr<const onnx::AttributeProto*> Find(std::string_view name, int type);

  std::map<std::string, Entry, std::less<>> attributes_;
};

}  // namespace bitscape::network
