#include "client/cli/usage.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "proto/spec/nearest_name.h"

namespace bitscape::cli {
namespace {

bool IsOption(const std::string& argument) { return argument.size() > 1 && argument[0] == '-'; }

// The option's name in "--name=value", "-ovalue" and "--name".
std::string NameOf(const std::string& argument) {
  if (argument.starts_with("--")) return argument.substr(0, argument.find('='));
  return argument.substr(0, 2);
}

std::string Path(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : Path(*parent) + " " + app.get_name();
}

std::vector<std::string> OptionsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

// `name` empty: there is none.
std::string NoSuchCommand(const CLI::App& app, const std::string& name) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  const std::string problem = name.empty() ? fmt::format("{} needs a command", Path(app))
                                           : fmt::format("unknown command '{}' of {}{}", name,
                                                         Path(app), spec::Suggestion(name, names));
  return fmt::format("{}\n{} takes: {}", problem, Path(app), fmt::join(names, " "));
}

std::string UnknownOption(const CLI::App& app, const std::string& name) {
  return fmt::format("unknown option '{}' of {}{}\nsee {} --help", name, Path(app),
                     spec::Suggestion(name, OptionsOf(app)), Path(app));
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// Walks the commands as parsing does, to the first word that is none; "" if all are known.
std::string FindUnknown(const CLI::App& root, const std::vector<std::string>& arguments) {
  const CLI::App* app = &root;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") return "";
    if (IsOption(argument)) {
      const CLI::Option* option = app->get_option_no_throw(NameOf(argument));
      if (option == nullptr) return UnknownOption(*app, NameOf(argument));
      const bool holds_value = argument != NameOf(argument);
      if (!holds_value && TakesValue(*option)) ++i;
      continue;
    }
    if (app->get_subcommands(nullptr).empty()) continue;  // an argument of the verb
    const auto commands = app->get_subcommands(
        [&](const CLI::App* command) { return command->get_name() == argument; });
    if (commands.empty()) return NoSuchCommand(*app, argument);
    app = commands.front();
  }
  return app->get_subcommands(nullptr).empty() ? "" : NoSuchCommand(*app, "");
}

}  // namespace

std::string UsageText(const CLI::App& root, const std::vector<std::string>& arguments,
                      const CLI::ParseError& error) {
  // Other errors name what they are about: a value, a missing option.
  const bool may_be_unknown = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
                              dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  const std::string unknown = may_be_unknown ? FindUnknown(root, arguments) : "";
  if (!unknown.empty()) return unknown;
  return fmt::format("{} (see bitscape --help, bitscape NOUN VERB --help)", error.what());
}

std::string AddressProblem(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  if (address.starts_with(kUnix) && address.size() > kUnix.size()) return "";
  const size_t colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  constexpr int kLargestPort = 65535;
  const bool is_port = error == std::errc() && end == port.data() + port.size() && number > 0 &&
                       number <= kLargestPort;
  if (is_port && colon > 0) return "";
  return fmt::format("'{}' is not HOST:PORT with a port from 1 to {}, nor unix:PATH", address,
                     kLargestPort);
}

}  // namespace bitscape::cli
