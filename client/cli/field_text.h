// Single fields of messages as text, in the JSON mapping's values.
#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace bitscape::cli {

// A number, a word or a time: not a message with fields of its own.
bool IsScalar(const google::protobuf::FieldDescriptor& field);
// Text that YAML must quote: strings, enum values, times.
bool IsText(const google::protobuf::FieldDescriptor& field);
// Of a scalar field; the element `index` of a repeated one, which is -1 for others. Numbers have as
// many digits as tell them apart from their neighbours.
std::string FieldText(const google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor& field, int index);

}  // namespace bitscape::cli
