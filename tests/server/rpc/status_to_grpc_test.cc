#include "server/rpc/status_to_grpc.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

TEST(ToGrpc, KeepsCodeAndMessage) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpc(absl::Status(static_cast<absl::StatusCode>(code), "why"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message(), "why");
    EXPECT_EQ(status.error_details(), "");
  }
}

TEST(ToGrpc, SendsFieldViolations) {
  const grpc::Status status = ToGrpc(FieldError("spec.network", "required"));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 3);
  EXPECT_EQ(details.message(), "spec.network: required");
  ASSERT_EQ(details.details_size(), 1);
  google::rpc::BadRequest request;
  ASSERT_TRUE(details.details(0).UnpackTo(&request));
  EXPECT_EQ(request.field_violations(0).field(), "spec.network");
}

// gRPC's headers hold 8 KiB: what is longer would reach the client as another error.
TEST(ToGrpc, ShortensWhatHeadersCannotHold) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "\xC3\xA9";  // e acute: two bytes
  const grpc::Status field = ToGrpc(AtField("spec." + text, absl::InvalidArgumentError(text)));
  const grpc::Status named =
      ToGrpc(AboutResource(absl::NotFoundError(text), "bitscape.v1.Network", "networks/" + text));
  for (const grpc::Status& status : {field, named}) {
    EXPECT_LT(3 * status.error_message().size() + status.error_details().size() * 4 / 3, 8000u);
    EXPECT_NE(status.error_message().find("more bytes)"), std::string::npos);
    EXPECT_FALSE(status.error_details().empty());
  }
  EXPECT_EQ(field.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(named.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(Handle, TellsWhereMemoryDoesNotSuffice) {
  const grpc::Status status = Handle([]() -> absl::Status { throw std::bad_alloc(); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "the server has not enough memory for this request");
  EXPECT_TRUE(Handle([] { return absl::OkStatus(); }).ok());
  EXPECT_EQ(Handle([] { return absl::AbortedError("x"); }).error_message(), "x");
}

TEST(AboutResource, NamesTheResourceOfNotFoundOnly) {
  const grpc::Status status =
      ToGrpc(AboutResource(absl::NotFoundError("no"), "bitscape.v1.Network", "networks/x"));
  google::rpc::Status details;
  google::rpc::ResourceInfo info;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.resource_type(), "bitscape.v1.Network");
  EXPECT_EQ(info.resource_name(), "networks/x");
  EXPECT_EQ(AboutResource(absl::InternalError("x"), "t", "n"), absl::InternalError("x"));
  EXPECT_TRUE(AboutResource(absl::OkStatus(), "t", "n").ok());
}

TEST(CodeName, FollowsTheValues) {
  EXPECT_EQ(CodeName(grpc::StatusCode::OK), "OK");
  EXPECT_EQ(CodeName(grpc::StatusCode::NOT_FOUND), "NotFound");
  EXPECT_EQ(CodeName(grpc::StatusCode::UNAUTHENTICATED), "Unauthenticated");
}

}  // namespace
}  // namespace bitscape::server
