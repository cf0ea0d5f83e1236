#include "engine/network/onnx_attributes.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::network {

using onnx::AttributeProto;

namespace {

// Files of ONNX's first version leave the type out; the field that is filled tells it.
int TypeOf(const AttributeProto& attribute) {
  if (attribute.type() != AttributeProto::UNDEFINED) return attribute.type();
  if (attribute.has_f()) return AttributeProto::FLOAT;
  if (attribute.has_i()) return AttributeProto::INT;
  if (attribute.has_s()) return AttributeProto::STRING;
  if (attribute.has_t()) return AttributeProto::TENSOR;
  if (attribute.floats_size() > 0) return AttributeProto::FLOATS;
  if (attribute.ints_size() > 0) return AttributeProto::INTS;
  return AttributeProto::UNDEFINED;
}

std::string TypeName(int type) {
  return AttributeProto::AttributeType_Name(static_cast<AttributeProto::AttributeType>(type));
}

absl::Status CheckFinite(std::string_view name, float value) {
  if (std::isfinite(value)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("attribute '{}' is {}, not a finite number", name, value));
}

}  // namespace

absl::StatusOr<OnnxAttributes> OnnxAttributes::Create(const onnx::NodeProto& node) {
  OnnxAttributes attributes;
  for (const AttributeProto& attribute : node.attribute()) {
    if (!attributes.attributes_.emplace(attribute.name(), Entry{&attribute}).second) {
      return absl::InvalidArgumentError(
          fmt::format("attribute '{}' is given twice", attribute.name()));
    }
  }
  return attributes;
}

absl::StatusOr<const AttributeProto*> OnnxAttributes::Find(std::string_view name, int type) {
  const auto found = attributes_.find(name);
  if (found == attributes_.end()) return nullptr;
  found->second.read = true;
  const AttributeProto& attribute = *found->second.proto;
  if (!attribute.ref_attr_name().empty()) {
    return absl::UnimplementedError(
        fmt::format("attribute '{}' refers to a function's attribute", name));
  }
  if (TypeOf(attribute) != type) {
    return absl::InvalidArgumentError(fmt::format("attribute '{}' is of type {}, {} is expected",
                                                  name, TypeName(TypeOf(attribute)),
                                                  TypeName(type)));
  }
  return &attribute;
}

absl::StatusOr<int64_t> OnnxAttributes::Int(std::string_view name, int64_t default_value) {
  BITSCAPE_ASSIGN_OR_RETURN(const AttributeProto* attribute, Find(name, AttributeProto::INT));
  return attribute == nullptr ? default_value : attribute->i();
}

absl::StatusOr<float> OnnxAttributes::Float(std::string_view name, float default_value) {
  BITSCAPE_ASSIGN_OR_RETURN(const AttributeProto* attribute, Find(name, AttributeProto::FLOAT));
  if (attribute == nullptr) return default_value;
  BITSCAPE_RETURN_IF_ERROR(CheckFinite(name, attribute->f()));
  return attribute->f();
}

absl::StatusOr<std::string> OnnxAttributes::String(std::string_view name,
                                                   std::string default_value) {
  BITSCAPE_ASSIGN_OR_RETURN(const AttributeProto* attribute, Find(name, AttributeProto::STRING));
  return attribute == nullptr ? std::move(default_value) : attribute->s();
}

absl::StatusOr<std::optional<std::vector<int64_t>>> OnnxAttributes::Ints(std::string_view name) {
  BITSCAPE_ASSIGN_OR_RETURN(const AttributeProto* attribute, Find(name, AttributeProto::INTS));
  if (attribute == nullptr) return std::optional<std::vector<int64_t>>();
  return std::vector<int64_t>(attribute->ints().begin(), attribute->ints().end());
}

absl::StatusOr<std::vector<float>> OnnxAttributes::Floats(std::string_view name) {
  BITSCAPE_ASSIGN_OR_RETURN(const AttributeProto* attribute, Find(name, AttributeProto::FLOATS));
  std::vector<float> values;
  if (attribute != nullptr) values.assign(attribute->floats().begin(), attribute->floats().end());
  for (const float value : values) BITSCAPE_RETURN_IF_ERROR(CheckFinite(name, value));
  return values;
}

absl::StatusOr<const onnx::TensorProto*> OnnxAttributes::Tensor(std::string_view name) {
  BITSCAPE_ASSIGN_OR_RETURN(const AttributeProto* attribute, Find(name, AttributeProto::TENSOR));
  return attribute == nullptr ? nullptr : &attribute->t();
}

void OnnxAttributes::Ignore(std::string_view name) {
  const auto found = attributes_.find(name);
  if (found != attributes_.end()) found->second.read = true;
}

absl::Status OnnxAttributes::AllRead() const {
  for (const auto& [name, entry] : attributes_) {
    if (!entry.read) {
      return absl::UnimplementedError(fmt::format("attribute '{}' is not supported", name));
    }
  }
  return absl::OkStatus();
}

}  // namespace bitscape::network
