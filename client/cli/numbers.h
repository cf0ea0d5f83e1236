// Checks of numbers on the command line whose messages give the value and what is allowed.
#pragma once

#include <CLI/Error.hpp>  // which the next one needs
#include <CLI/Validators.hpp>

namespace bitscape::cli {

// A whole number from 0 on that fits 32 bits: counts and limits.
CLI::Validator Count32();
// A whole number of 64 bits.
CLI::Validator Integer64();
// A finite number above 0.
CLI::Validator Positive();
// A finite number.
CLI::Validator Finite();

}  // namespace bitscape::cli
