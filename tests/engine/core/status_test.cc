#include "engine/core/status.h"

#include <gtest/gtest.h>

namespace bitscape {
namespace {

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  BITSCAPE_ASSIGN_OR_RETURN(const int half, Half(value));
  return Half(half);
}

TEST(Status, AssignOrReturnPassesErrorsUp) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(7).status().message(), "odd");
  EXPECT_EQ(Quarter(6).status().message(), "odd");
}

TEST(Status, AnnotateKeepsCodeAndPayload) {
  absl::Status status = absl::NotFoundError("no such layer");
  status.SetPayload("type", absl::Cord("payload"));
  const absl::Status annotated = Annotate(status, "plan");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(annotated.message(), "plan: no such layer");
  EXPECT_EQ(annotated.GetPayload("type"), absl::Cord("payload"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "plan").ok());
}

}  // namespace
}  // namespace bitscape
