#include "proto/spec/scalars.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "proto/spec/nearest_name.h"

namespace bitscape::spec {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Calls Set or Add, as the field asks.
#define BITSCAPE_STORE(TYPE, value)                                    \
  (field.is_repeated() ? reflection->Add##TYPE(message, &field, value) \
                       : reflection->Set##TYPE(message, &field, value))

std::vector<std::string> EnumNames(const FieldDescriptor& field) {
  std::vector<std::string> names;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    const std::string& name = field.enum_type()->value(i)->name();
    if (!absl::EndsWith(name, "_UNSPECIFIED")) {
      names.push_back(name);
    }
  }
  return names;
}

std::string WrongType(const YamlNode& node, const FieldDescriptor& field) {
  return absl::StrCat("'", field.name(), "' takes ", Expected(field), ", not ", Describe(node));
}

template <typename Integer>
std::optional<std::string> ReadInteger(const YamlNode& node, const FieldDescriptor& field,
                                       Integer* value) {
  // Protobuf's JSON writes 64-bit numbers as text.
  if (node.quoted && sizeof(Integer) < 8) {
    return WrongType(node, field);
  }
  if (absl::SimpleAtoi(node.scalar, value)) {
    return std::nullopt;
  }
  double number = 0;
  if (!absl::SimpleAtod(node.scalar, &number) || number != std::floor(number)) {
    return WrongType(node, field);
  }
  constexpr Integer kLow = std::numeric_limits<Integer>::min();
  constexpr Integer kHigh = std::numeric_limits<Integer>::max();
  if (std::abs(number) <= 9007199254740992.0 && number >= static_cast<double>(kLow) &&
      number <= static_cast<double>(kHigh)) {
    *value = static_cast<Integer>(number);  // "1e3" and "5.0"
    return std::nullopt;
  }
  return absl::StrCat("'", field.name(), "' is ", node.scalar, ", out of range: ", kLow, " to ",
                      kHigh);
}

std::optional<std::string> ReadDouble(const YamlNode& node, const FieldDescriptor& field,
                                      double limit, double* value) {
  if (node.quoted || !absl::SimpleAtod(node.scalar, value)) {
    return WrongType(node, field);
  }
  if (!std::isfinite(*value) || std::abs(*value) > limit) {
    return absl::StrCat("'", field.name(), "' is ", node.scalar,
                        ", out of range: a finite number of magnitude up to ", limit);
  }
  return std::nullopt;
}

std::optional<std::string> StoreEnum(const YamlNode& node, const FieldDescriptor& field,
                                     Message* message) {
  const EnumValueDescriptor* value =
      field.enum_type()->FindValueByName(absl::AsciiStrToUpper(node.scalar));
  const std::vector<std::string> names = EnumNames(field);
  if (value == nullptr || absl::EndsWith(value->name(), "_UNSPECIFIED")) {
    return absl::StrCat(WrongType(node, field), Suggestion(node.scalar, names));
  }
  const Reflection* reflection = message->GetReflection();
  BITSCAPE_STORE(Enum, value);
  return std::nullopt;
}

std::optional<std::string> StoreNumber(const YamlNode& node, const FieldDescriptor& field,
                                       Message* message) {
  const Reflection* reflection = message->GetReflection();
  std::optional<std::string> error;
  const auto store_integer = [&](auto value, auto store) {
    error = ReadInteger(node, field, &value);
    if (!error) {
      store(value);
    }
  };
  double number = 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      store_integer(int32_t{}, [&](int32_t value) { BITSCAPE_STORE(Int32, value); });
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      store_integer(uint32_t{}, [&](uint32_t value) { BITSCAPE_STORE(UInt32, value); });
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      store_integer(int64_t{}, [&](int64_t value) { BITSCAPE_STORE(Int64, value); });
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      store_integer(uint64_t{}, [&](uint64_t value) { BITSCAPE_STORE(UInt64, value); });
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      error = ReadDouble(node, field, std::numeric_limits<double>::max(), &number);
      if (!error) {
        BITSCAPE_STORE(Double, number);
      }
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      error = ReadDouble(node, field, std::numeric_limits<float>::max(), &number);
      if (!error) {
        BITSCAPE_STORE(Float, static_cast<float>(number));
      }
      break;
    default:
      error = absl::StrCat("'", field.name(), "' is a field that files can't set");
  }
  return error;
}

}  // namespace

std::string Expected(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return absl::StrCat("a map (", field.message_type()->name(), ")");
    case FieldDescriptor::CPPTYPE_STRING:
      return "text";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("one of ", absl::StrJoin(EnumNames(field), ", "));
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "a number";
    default:
      return "a whole number";
  }
}

std::string Describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar: {
      constexpr size_t kShown = 60;
      size_t shown = std::min(kShown, node.scalar.size());
      const bool cut = shown < node.scalar.size();
      while (cut && shown > 0 && (static_cast<unsigned char>(node.scalar[shown]) & 0xC0) == 0x80) {
        --shown;  // inside a character (UTF-8)
      }
      return absl::StrCat(node.quoted ? "the text '" : "'", node.scalar.substr(0, shown),
                          cut ? "...'" : "'");
    }
    default:
      return "nothing";
  }
}

std::optional<std::string> StoreScalar(const YamlNode& node, const FieldDescriptor& field,
                                       Message* message) {
  if (node.kind != YamlNode::Kind::kScalar) {
    return WrongType(node, field);
  }
  const Reflection* reflection = message->GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_BYTES) {
        return absl::StrCat("'", field.name(), "' holds bytes, which files can't set");
      }
      BITSCAPE_STORE(String, node.scalar);
      return std::nullopt;
    case FieldDescriptor::CPPTYPE_BOOL:
      if (node.quoted || (node.scalar != "true" && node.scalar != "false")) {
        return WrongType(node, field);
      }
      BITSCAPE_STORE(Bool, node.scalar == "true");
      return std::nullopt;
    case FieldDescriptor::CPPTYPE_ENUM:
      return StoreEnum(node, field, message);
    default:
      return StoreNumber(node, field, message);
  }
}

}  // namespace bitscape::spec
