// Reads YAML, JSON and text-format specs into protos by reflection, strictly: an unknown key is an
// error with file, line, column and the nearest valid name.
#pragma once

#include <absl/status/status.h>
#include <google/protobuf/message.h>

#include <string_view>

namespace bitscape::spec {

enum class Syntax { kYaml, kJson, kTextProto };
// By the file's ending: .yaml .yml .json .textproto .txtpb; YAML (of which JSON is a part) for
// others.
Syntax SyntaxOf(std::string_view file);

// Field names in snake_case or lowerCamelCase; enum values by name, in any case. Limits: 4 MiB,
// depth 64, no aliases beyond 10,000 expanded nodes. Errors: kInvalidArgument "FILE:LINE:COLUMN:
// ..." naming key or value, what is allowed.
absl::Status ReadSpec(std::string_view text, std::string_view file, Syntax syntax,
                      google::protobuf::Message* message);

}  // namespace bitscape::spec
