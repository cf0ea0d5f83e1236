// What every method of every service does alike: paging, names that don't exist, requests that make
// no sense.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/rpc/services.h"
#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using ::testing::HasSubstr;

std::unique_ptr<Message> NewMessage(const Descriptor* type) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

std::vector<const MethodDescriptor*> UnaryMethods() {
  std::vector<const MethodDescriptor*> methods;
  for (const std::string& name : ServiceNames()) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    for (int i = 0; i < service->method_count(); ++i) {
      if (!service->method(i)->client_streaming() && !service->method(i)->server_streaming()) {
        methods.push_back(service->method(i));
      }
    }
  }
  return methods;
}

class RpcContract : public ::testing::TestWithParam<const MethodDescriptor*> {
 protected:
  static void SetUpTestSuite() { running_ = std::make_unique<RunningServer>(); }
  static void TearDownTestSuite() { running_.reset(); }

  // Calls the method with raw bytes.
  grpc::Status Call(const std::string& bytes) {
    server::Call call;
    grpc::CompletionQueue queue;
    grpc::GenericStub stub(running_->channel());
    const grpc::Slice slice(bytes);
    const auto reader = stub.PrepareUnaryCall(
        &call, fmt::format("/{}/{}", GetParam()->service()->full_name(), GetParam()->name()),
        grpc::ByteBuffer(&slice, 1), &queue);
    reader->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    reader->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }
  // Calls it with one field set.
  grpc::Status CallWith(const std::string& field, const std::string& value) {
    const std::unique_ptr<Message> request = NewMessage(GetParam()->input_type());
    request->GetReflection()->SetString(request.get(),
                                        GetParam()->input_type()->FindFieldByName(field), value);
    return Call(request->SerializeAsString());
  }
  bool Takes(const std::string& field) const {
    return GetParam()->input_type()->FindFieldByName(field) != nullptr;
  }
  static void ExpectFieldViolation(const grpc::Status& status, const std::string& field) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    ASSERT_EQ(FieldsOf(status).field_violations_size(), 1) << status.error_message();
    EXPECT_EQ(FieldsOf(status).field_violations(0).field(), field);
    EXPECT_NE(FieldsOf(status).field_violations(0).description(), "");
  }

  static std::unique_ptr<RunningServer> running_;
};
std::unique_ptr<RunningServer> RpcContract::running_;

TEST_P(RpcContract, RefusesAnEmptyRequestOrAnswersIt) {
  const grpc::Status status = Call("");
  if (!status.ok()) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_EQ(FieldsOf(status).field_violations_size(), 1) << status.error_message();
  }
}

TEST_P(RpcContract, RefusesBytesThatAreNoMessage) {
  if (GetParam()->input_type()->field_count() == 0) {
    return;  // any field is an unknown one to an empty message
  }
  // Field 1, length-delimited, longer than what follows.
  const grpc::Status status = Call(
      "\x0a\x7f"
      "abc");
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(Call("").error_code() != grpc::StatusCode::UNAVAILABLE) << "the server lives on";
}

TEST_P(RpcContract, RefusesNegativePageSizesAndForeignTokens) {
  if (!Takes("page_token")) {
    return;
  }
  if (Takes("parent")) {
    return;  // covered by the tests of trials: they need a sweep
  }
  const std::unique_ptr<Message> request = NewMessage(GetParam()->input_type());
  request->GetReflection()->SetInt32(request.get(),
                                     GetParam()->input_type()->FindFieldByName("page_size"), -5);
  ExpectFieldViolation(Call(request->SerializeAsString()), "page_size");
  ExpectFieldViolation(CallWith("page_token", "Zm9yZWlnbg"), "page_token");
}

TEST_P(RpcContract, NamesWhatIsNotThere) {
  if (!Takes("name")) {
    return;
  }
  if (GetParam()->name() == "GetFormat") {
    ExpectFieldViolation(CallWith("name", "no-such-format"), "name");
    return;
  }
  const bool trial = GetParam()->name() == "GetTrial";
  const grpc::Status status =
      CallWith("name", trial ? "sweeps/none-such/trials/t000001" : "none-such");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("none-such"));
  EXPECT_THAT(ResourceOf(status).resource_name(), HasSubstr("/none-such"));
  EXPECT_THAT(ResourceOf(status).resource_type(), HasSubstr("bitscape.v1."));
  ExpectFieldViolation(CallWith("name", ""), "name");
  ExpectFieldViolation(CallWith("name", "a/b/c"), "name");
}

INSTANTIATE_TEST_SUITE_P(Methods, RpcContract, ::testing::ValuesIn(UnaryMethods()),
                         [](const auto& test) { return test.param->name(); });

}  // namespace
}  // namespace bitscape::server
