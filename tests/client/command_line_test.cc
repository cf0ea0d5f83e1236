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

std::string ErrorOf(std::initializer_list<std::string> arguments) {
  return std::string(Parse(arguments).command.status().message());
}

TEST_F(CommandLineTest, NamesUnknownCommandsAndOptionsAndTheNearest) {
  EXPECT_EQ(ErrorOf({"sweep", "lst"}),
            "unknown command 'lst' of bitscape sweep; did you mean 'list'?\n"
            "bitscape sweep takes: submit list get watch wait cancel pause resume");
  EXPECT_THAT(ErrorOf({"-o", "json", "swep", "list"}),
              HasSubstr("unknown command 'swep' of bitscape; did you mean 'sweep'?"));
  EXPECT_THAT(ErrorOf({"sweep", "submit", "--imges=3", "a.yaml"}),
              HasSubstr("unknown option '--imges' of bitscape sweep submit; did you mean "
                        "'--images'?"));
  EXPECT_THAT(ErrorOf({"sweep", "list", "-o", "json", "--qwertyuiop"}),
              HasSubstr("unknown option '--qwertyuiop' of bitscape sweep list\n"));
  EXPECT_THAT(ErrorOf({"sweep"}), HasSubstr("bitscape sweep takes: submit"));
}

TEST_F(CommandLineTest, SaysWhichNumbersItTakes) {
  EXPECT_THAT(ErrorOf({"sweep", "list", "--limit", "-1"}),
              HasSubstr("--limit: '-1' is not a whole number from 0 to 2147483647"));
  EXPECT_THAT(ErrorOf({"sweep", "submit", "a", "--images", "99999999999"}),
              HasSubstr("--images: '99999999999' is not a whole number"));
  EXPECT_THAT(ErrorOf({"sweep", "wait", "a", "--timeout", "0"}),
              HasSubstr("--timeout: '0' is not a number above 0"));
  EXPECT_THAT(ErrorOf({"front", "show", "a", "--reference-point", "0.5,x"}),
              HasSubstr("'x' is not a finite number"));
  EXPECT_TRUE(Parse({"front", "show", "a", "--reference-point", "0.5,1e9"}).command.ok());
  EXPECT_TRUE(Parse({"sweep", "wait", "a", "--timeout", "0.5"}).command.ok());
}

TEST_F(CommandLineTest, AddressesHaveAPort) {
  for (const char* address : {"h", "h:", "h:x", "h:0", "h:65536", ":7420", "unix:"}) {
    EXPECT_THAT(ErrorOf({"sweep", "list", "--server", address}),
                HasSubstr(std::string("--server: '") + address + "' is not HOST:PORT"));
  }
  for (const char* address : {"h:1", "127.0.0.1:65535", "[::1]:7420", "unix:/a.sock"}) {
    EXPECT_TRUE(Parse({"sweep", "list", "--server", address}).command.ok()) << address;
  }
  setenv("BITSCAPE_SERVER", "host", 1);
  EXPECT_THAT(ErrorOf({"sweep", "list"}), HasSubstr("BITSCAPE_SERVER: 'host'"));
}

}  // namespace
}  // namespace bitscape::cli
