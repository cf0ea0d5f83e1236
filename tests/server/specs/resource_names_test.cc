#include "server/specs/resource_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;

TEST(ResourceNames, ParseWhatTheyBuild) {
  EXPECT_EQ(NetworkName("lenet5"), "networks/lenet5");
  EXPECT_EQ(*ParseName("networks", "networks/lenet5", "name"), "lenet5");
  EXPECT_EQ(*ParseName("networks", "lenet5", "name"), "lenet5");
  EXPECT_EQ(TrialName("s1", 42), "sweeps/s1/trials/t000042");
  const absl::StatusOr<TrialKey> key = ParseTrialName("sweeps/s1/trials/t000042", "name");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->sweep, "s1");
  EXPECT_EQ(key->ordinal, 42);
}

TEST(ResourceNames, RefuseOtherForms) {
  for (const char* name : {"", "networks/", "sweeps/a", "networks/a/b"}) {
    const absl::Status status = ParseName("networks", name, "name").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("of the form 'networks/ID'")) << name;
  }
  for (const char* name : {"", "s1", "sweeps/s1", "sweeps/s1/trials/", "sweeps/s1/trials/x",
                           "sweeps//trials/t000001", "sweeps/a/b/trials/t000001"}) {
    EXPECT_THAT(std::string(ParseTrialName(name, "name").status().message()),
                HasSubstr("of the form 'sweeps/ID/trials/ID'"))
        << name;
  }
}

TEST(CheckId, KnowsWhatAnIdIs) {
  EXPECT_TRUE(CheckId("a", false, "id").ok());
  EXPECT_TRUE(CheckId("a-1", false, "id").ok());
  EXPECT_TRUE(CheckId("a_1", true, "id").ok());
  EXPECT_TRUE(CheckId(std::string(63, 'a'), false, "id").ok());
  const std::string too_long(64, 'a');
  for (const std::string& id :
       {std::string(), std::string("1a"), std::string("A"), std::string("a_1"), std::string("a/b"),
        std::string("\xc3\xa4"), too_long}) {
    EXPECT_THAT(std::string(CheckId(id, false, "sweep_id").message()),
                HasSubstr("sweep_id: '" + id.substr(0, 100) + "' is not an id"))
        << id;
  }
}

TEST(Excerpt, CutsBetweenCharacters) {
  EXPECT_EQ(Excerpt("abc", 3), "abc");
  EXPECT_EQ(Excerpt("abcd", 3), "abc");
  EXPECT_EQ(Excerpt("ab\xc3\xa4", 3), "ab");
  EXPECT_EQ(Excerpt("\xe2\x82\xac\xe2\x82\xac", 5), "\xe2\x82\xac");
}

TEST(FieldError, CarriesTheField) {
  const absl::Status status = FieldError("spec.network", "required");
  EXPECT_EQ(status.message(), "spec.network: required");
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  ASSERT_TRUE(payload.has_value());
  google::rpc::BadRequest details;
  ASSERT_TRUE(details.ParseFromString(std::string(*payload)));
  ASSERT_EQ(details.field_violations_size(), 1);
  EXPECT_EQ(details.field_violations(0).field(), "spec.network");
  EXPECT_EQ(details.field_violations(0).description(), "required");
}

TEST(AtField, KeepsTheCode) {
  EXPECT_TRUE(AtField("a", absl::OkStatus()).ok());
  EXPECT_EQ(AtField("a", absl::UnimplementedError("b")), [] {
    absl::Status status(absl::StatusCode::kUnimplemented, "a: b");
    google::rpc::BadRequest details;
    auto* violation = details.add_field_violations();
    violation->set_field("a");
    violation->set_description("b");
    status.SetPayload("type.googleapis.com/google.rpc.BadRequest",
                      absl::Cord(details.SerializeAsString()));
    return status;
  }());
}

}  // namespace
}  // namespace bitscape::server
