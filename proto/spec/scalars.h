// Scalars of a spec -> values of proto fields.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <optional>
#include <string>

#include "proto/spec/yaml_tree.h"

namespace bitscape::spec {

// Sets (or, where repeated, adds to) a field that is no message. Returns what is wrong, without a
// position: the value, and what the field takes.
std::optional<std::string> StoreScalar(const YamlNode& node,
                                       const google::protobuf::FieldDescriptor& field,
                                       google::protobuf::Message* message);

// "text", "a whole number", "one of A, B", ...: what the field takes.
std::string Expected(const google::protobuf::FieldDescriptor& field);

// "nothing", "a list", "a map", or the quoted scalar: what the file has.
std::string Describe(const YamlNode& node);

}  // namespace bitscape::spec
