#include "client/cli/exit_codes.h"

#include <absl/strings/cord.h>
#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace bitscape::cli {
namespace {

TEST(ExitCode, FollowsTheTable) {
  EXPECT_EQ(ExitCode(absl::StatusCode::kOk), 0);
  EXPECT_EQ(ExitCode(absl::StatusCode::kInternal), 1);
  EXPECT_EQ(ExitCode(absl::StatusCode::kUnknown), 1);
  EXPECT_EQ(ExitCode(absl::StatusCode::kInvalidArgument), 2);
  EXPECT_EQ(ExitCode(absl::StatusCode::kNotFound), 3);
  EXPECT_EQ(ExitCode(absl::StatusCode::kUnauthenticated), 4);
  EXPECT_EQ(ExitCode(absl::StatusCode::kPermissionDenied), 4);
  EXPECT_EQ(ExitCode(absl::StatusCode::kFailedPrecondition), 5);
  EXPECT_EQ(ExitCode(absl::StatusCode::kAlreadyExists), 5);
  EXPECT_EQ(ExitCode(absl::StatusCode::kUnavailable), 6);
  EXPECT_EQ(ExitCode(absl::StatusCode::kDeadlineExceeded), 124);
  EXPECT_EQ(ExitCode(absl::StatusCode::kCancelled), 130);
}

TEST(ErrorText, StartsWithOneLineAndIndentsTheRest) {
  EXPECT_EQ(ErrorText(absl::NotFoundError("no network")), "error: no network\n");
  EXPECT_EQ(ErrorText(absl::InvalidArgumentError("column 3:\n  int99\n  ^")),
            "error: column 3:\n    int99\n    ^\n");
}

TEST(ErrorText, DoesNotRepeatAViolationThatIsTheMessage) {
  google::rpc::BadRequest bad_request;
  auto& violation = *bad_request.add_field_violations();
  violation.set_field("plan");
  violation.set_description("is empty");
  absl::Status status = absl::InvalidArgumentError("plan: is empty");
  status.SetPayload("type.googleapis.com/google.rpc.BadRequest",
                    absl::Cord(bad_request.SerializeAsString()));
  EXPECT_EQ(ErrorText(status), "error: plan: is empty\n");
}

TEST(ErrorText, NamesEachFieldOfABadRequest) {
  google::rpc::BadRequest bad_request;
  auto& violation = *bad_request.add_field_violations();
  violation.set_field("spec.space.grids[0].weights[2]");
  violation.set_description("unknown format int99x");
  google::rpc::Status details;
  details.add_details()->PackFrom(bad_request);
  const grpc::Status from_server(grpc::StatusCode::INVALID_ARGUMENT, "the spec is wrong",
                                 details.SerializeAsString());

  const absl::Status status = FromGrpc(from_server);

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorText(status),
            "error: the spec is wrong\n  spec.space.grids[0].weights[2]: unknown format int99x\n");
}

TEST(FromGrpc, KeepsCodeAndMessageWhereDetailsAreNotReadable) {
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::ABORTED, "stopped", "\xff\xff"));
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "stopped");
}

}  // namespace
}  // namespace bitscape::cli
