// Numbers on the command line: checks whose messages give the value and what is allowed, and the
// options that many verbs have.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Error.hpp>  // which the next one needs
#include <CLI/Validators.hpp>
#include <string>

namespace bitscape::cli {

// A whole number from 0 on that fits 32 bits: counts and limits.
CLI::Validator Count32();
// A whole number of 64 bits.
CLI::Validator Integer64();
// A finite number above 0.
CLI::Validator Positive();
// A finite number.
CLI::Validator Finite();

// An option that takes a Count32.
CLI::Option* AddCount(CLI::App* verb, const std::string& name, int& count,
                      const std::string& description);
// --limit of lists.
CLI::Option* AddLimit(CLI::App* list, int& limit);

}  // namespace bitscape::cli
