// Rules that the public schema keeps, read off its descriptors.
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "server/rpc/services.h"

namespace bitscape::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;

void AddMessages(const Descriptor* message, std::vector<const Descriptor*>* messages) {
  messages->push_back(message);
  for (int i = 0; i < message->nested_type_count(); ++i) {
    AddMessages(message->nested_type(i), messages);
  }
}

std::set<const FileDescriptor*> Files() {
  std::set<const FileDescriptor*> files;
  for (const std::string& name : ServiceNames()) {
    const FileDescriptor* file = DescriptorPool::generated_pool()->FindServiceByName(name)->file();
    files.insert(file);
    for (int i = 0; i < file->dependency_count(); ++i) {
      if (file->dependency(i)->package() == "bitscape.v1") {
        files.insert(file->dependency(i));
      }
    }
  }
  return files;
}

std::vector<const Descriptor*> Messages() {
  std::vector<const Descriptor*> messages;
  for (const FileDescriptor* file : Files()) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      AddMessages(file->message_type(i), &messages);
    }
  }
  return messages;
}

std::vector<const MethodDescriptor*> Methods() {
  std::vector<const MethodDescriptor*> methods;
  for (const std::string& name : ServiceNames()) {
    const auto* service = DescriptorPool::generated_pool()->FindServiceByName(name);
    for (int i = 0; i < service->method_count(); ++i) {
      methods.push_back(service->method(i));
    }
  }
  return methods;
}

// "bitscape.v1.Trial.state = 8 enum optional"
std::set<std::string> Fields() {
  std::set<std::string> fields;
  for (const Descriptor* message : Messages()) {
    for (int i = 0; i < message->field_count(); ++i) {
      const FieldDescriptor* field = message->field(i);
      fields.insert(absl::StrCat(field->full_name(), " = ", field->number(), " ",
                                 field->type_name(), field->is_repeated() ? " repeated" : ""));
    }
  }
  return fields;
}

TEST(ProtoContract, EnumsBeginUnspecified) {
  for (const Descriptor* message : Messages()) {
    for (int i = 0; i < message->enum_type_count(); ++i) {
      const EnumDescriptor* type = message->enum_type(i);
      ASSERT_NE(type->FindValueByNumber(0), nullptr) << type->full_name();
      EXPECT_TRUE(absl::EndsWith(type->FindValueByNumber(0)->name(), "_UNSPECIFIED"))
          << type->full_name();
    }
  }
}

TEST(ProtoContract, CountsAreJsonNumbers) {
  // Protobuf's JSON writes 64-bit integers as text. Only what is no count may be one.
  const std::set<std::string> allowed = {"bitscape.v1.CompareFormatsRequest.Header.shape",
                                         "bitscape.v1.EvaluatePlansRequest.seed",
                                         "bitscape.v1.EvaluateRequest.seed",
                                         "bitscape.v1.MeasureErrorsRequest.seed",
                                         "bitscape.v1.RoundTensorRequest.Header.shape",
                                         "bitscape.v1.SweepSpec.Evaluation.seed"};
  for (const Descriptor* message : Messages()) {
    for (int i = 0; i < message->field_count(); ++i) {
      const FieldDescriptor* field = message->field(i);
      const bool wide = field->cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
                        field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
      EXPECT_TRUE(!wide || allowed.contains(field->full_name())) << field->full_name();
      EXPECT_FALSE(field->is_map()) << field->full_name() << ": files can't set maps";
    }
  }
}

TEST(ProtoContract, ListsArePaged) {
  int lists = 0;
  for (const MethodDescriptor* method : Methods()) {
    if (!absl::StartsWith(method->name(), "List")) {
      continue;
    }
    ++lists;
    const FieldDescriptor* size = method->input_type()->FindFieldByName("page_size");
    const FieldDescriptor* token = method->input_type()->FindFieldByName("page_token");
    const FieldDescriptor* next = method->output_type()->FindFieldByName("next_page_token");
    ASSERT_TRUE(size && token && next) << method->full_name();
    EXPECT_EQ(size->cpp_type(), FieldDescriptor::CPPTYPE_INT32) << method->full_name();
    EXPECT_EQ(token->cpp_type(), FieldDescriptor::CPPTYPE_STRING) << method->full_name();
    EXPECT_EQ(next->cpp_type(), FieldDescriptor::CPPTYPE_STRING) << method->full_name();
  }
  EXPECT_EQ(lists, 6);
}

TEST(ProtoContract, KeepsEveryFieldThatItHadOnce) {
  // Fields may be added, never renumbered, retyped or removed: clients and databases hold them.
  // After adding some: BITSCAPE_UPDATE_GOLDEN=1 rpc_contract_test, and read the diff.
  const std::set<std::string> fields = Fields();
  if (std::getenv("BITSCAPE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream golden(BITSCAPE_PROTO_GOLDEN);
    for (const std::string& field : fields) {
      golden << field << '\n';
    }
  }
  std::ifstream golden(BITSCAPE_PROTO_GOLDEN);
  int known = 0;
  for (std::string line; std::getline(golden, line); ++known) {
    EXPECT_TRUE(fields.contains(line)) << line;
  }
  EXPECT_GT(known, 100) << BITSCAPE_PROTO_GOLDEN;
}

}  // namespace
}  // namespace bitscape::server
