// `bitscape NOUN VERB`: the tree of commands, each with the global options and examples.
#pragma once

#include <absl/status/status.h>

#include <CLI/App.hpp>
#include <functional>
#include <string>

#include "client/cli/globals.h"
#include "client/cli/session.h"

namespace bitscape::cli {

using Command = std::function<absl::Status(Session&)>;

class CommandLine {
 public:
  explicit CommandLine(Globals& globals);

  CLI::App& root() { return root_; }
  CLI::App* AddNoun(const std::string& name, const std::string& description);
  // `examples`: lines without the leading "bitscape". `form_flags`: of the output's form, where the
  // verb has other uses for the usual ones.
  CLI::App* AddVerb(CLI::App* parent, const std::string& name, const std::string& description,
                    const std::string& examples, Command command,
                    const std::string& form_flags = kFormFlags);

  // The command that the arguments name. Errors: kInvalidArgument. Prints help or version itself:
  // then the command is empty.
  absl::StatusOr<Command> Parse(int argc, char** argv);

 private:
  static constexpr char kFormFlags[] = "-o,--output";
  void AddGlobals(CLI::App* app, const std::string& form_flags);

  Globals& globals_;
  CLI::App root_;
  Command selected_;
};

// One for each file of commands.
void AddSweepCommands(CommandLine& line);
void AddFrontCommands(CommandLine& line);
void AddTrialCommands(CommandLine& line);
void AddNetworkCommands(CommandLine& line);
void AddDatasetCommands(CommandLine& line);
void AddFormatCommands(CommandLine& line);
void AddAccuracyCommand(CommandLine& line, CLI::App* noun);  // of `format`
void AddAcceleratorCommands(CommandLine& line);
void AddEvaluationCommands(CommandLine& line);
void AddCostCommands(CommandLine& line);
void AddServerCommands(CommandLine& line);

}  // namespace bitscape::cli
