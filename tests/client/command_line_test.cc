#include "client/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

namespace bitscape::cli {
namespace {

using testing::HasSubstr;

struct Parsed {
  Globals globals;
  absl::StatusOr<Command> command;
};

Parsed Parse(std::initializer_list<std::string> arguments) {
  Parsed parsed{{}, absl::UnknownError("not parsed")};
  CommandLine line(parsed.globals);
  AddSweepCommands(line);
  AddFrontCommands(line);
  AddFormatCommands(line);
  AddNetworkCommands(line);
  AddEvaluationCommands(line);
  std::vector<std::string> texts = {"bitscape"};
  texts.insert(texts.end(), arguments);
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  parsed.command = line.Parse(static_cast<int>(argv.size()), argv.data());
  return parsed;
}

class CommandLineTest : public testing::Test {
 protected:
  void SetUp() override { unsetenv("BITSCAPE_SERVER"); }
  void TearDown() override { unsetenv("BITSCAPE_SERVER"); }
};

TEST_F(CommandLineTest, TakesGlobalOptionsBeforeAndAfterTheVerb) {
  const Parsed before = Parse({"-o", "json", "--server", "h:1", "sweep", "list"});
  EXPECT_EQ(before.globals.output, "json");
  EXPECT_EQ(before.globals.server, "h:1");
  const Parsed after = Parse({"sweep", "list", "-o", "json", "--server", "h:1"});
  EXPECT_EQ(after.globals.output, "json");
  EXPECT_EQ(after.globals.server, "h:1");
  EXPECT_TRUE(*after.command);
}

TEST_F(CommandLineTest, TakesTheServerFromTheEnvironmentLast) {
  setenv("BITSCAPE_SERVER", "env:1", 1);
  EXPECT_EQ(Parse({"sweep", "list"}).globals.server, "env:1");
  EXPECT_EQ(Parse({"sweep", "list", "--server", "h:1"}).globals.server, "h:1");
  EXPECT_EQ(Parse({"sweep", "list", "--database", "x.db"}).globals.server, "");
}

TEST_F(CommandLineTest, NamesThatAreCommandsStayNames) {
  EXPECT_TRUE(Parse({"sweep", "get", "list"}).command.ok());
  EXPECT_TRUE(Parse({"network", "describe", "cost"}).command.ok());
}

TEST_F(CommandLineTest, OutputIsAFileWhereTheVerbSaysSo) {
  const Parsed round = Parse(
      {"format", "round", "int8", "--shape", "4", "--input", "a", "--output", "b", "-o", "json"});
  ASSERT_TRUE(round.command.ok()) << round.command.status();
  EXPECT_EQ(round.globals.output, "json");
  const Parsed report = Parse({"report", "a", "-o", "a.html"});
  ASSERT_TRUE(report.command.ok()) << report.command.status();
  EXPECT_EQ(report.globals.output, "table");
}

TEST_F(CommandLineTest, RefusesWhatItDoesNotKnow) {
  for (const auto& arguments : {std::initializer_list<std::string>{"swep", "list"},
                                {"sweep", "lst"},
                                {"sweep", "list", "--bogus"},
                                {"sweep", "list", "extra"},
                                {"sweep", "list", "-o", "xml"},
                                {"sweep", "list", "--limit", "-1"},
                                {"sweep"},
                                {"sweep", "list", "--server", "h:1", "--database", "d"},
                                {"evaluate", "--network", "n"}}) {
    EXPECT_EQ(Parse(arguments).command.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace bitscape::cli
