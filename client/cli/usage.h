// What is wrong with a command line, in words that name the culprit and the nearest right one.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace bitscape::cli {

// `arguments`: without the program's name; `error`: what parsing them on `root` has thrown.
std::string UsageText(const CLI::App& root, const std::vector<std::string>& arguments,
                      const CLI::ParseError& error);

// What is wrong with a server's address: "" for HOST:PORT and unix:PATH.
std::string AddressProblem(const std::string& address);

}  // namespace bitscape::cli
