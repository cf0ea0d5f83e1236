#include "server/telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;

TEST(Log, WritesOneJsonObjectALine) {
  ::testing::internal::CaptureStderr();
  {
    const absl::StatusOr<std::unique_ptr<Log>> log = Log::Create("info", true);
    ASSERT_TRUE(log.ok());
    (*log)->Debug("unseen");
    (*log)->Info("a \"quoted\"\nmessage {}", {{"path", "C:\\x"}, {"n", "5"}});
    (*log)->Error("bad");
  }
  std::istringstream lines(::testing::internal::GetCapturedStderr());
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  nlohmann::json json = nlohmann::json::parse(line);
  EXPECT_EQ(json["message"], "a \"quoted\"\nmessage {}");
  EXPECT_EQ(json["level"], "info");
  EXPECT_EQ(json["path"], "C:\\x");
  EXPECT_EQ(json["n"], "5");
  EXPECT_THAT(json["time"].get<std::string>(), ::testing::MatchesRegex("....-..-..T..:..:......Z"));
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(nlohmann::json::parse(line)["level"], "error");
  EXPECT_FALSE(std::getline(lines, line));
}

TEST(Log, IsSilentWhenTold) {
  ::testing::internal::CaptureStderr();
  (*Log::Create("off", true))->Error("x");
  (*Log::Create("debug", false))->Error("x");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Log, RefusesUnknownLevels) {
  EXPECT_THAT(std::string(Log::Create("loud", true).status().message()),
              HasSubstr("log level 'loud' is unknown; allowed: debug, info, warning, error, off"));
}

}  // namespace
}  // namespace bitscape::server
