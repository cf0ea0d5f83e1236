// One line about the trials of a sweep that have no result, and commands to go on with.
#pragma once

#include <string>

#include "bitscape/v1/sweep.pb.h"
#include "client/cli/session.h"

namespace bitscape::cli {

// "bitscape COMMAND" with the options that reach the same server or database.
std::string Hint(const Globals& globals, const std::string& command);

// "1 of 12 trials failed, 2 can't run on their machine: REASON" with the first line of `reason`,
// which may be empty; "" if there are none.
std::string TroubleText(const v1::SweepProgress& progress, const std::string& reason);

// Says so on stderr, with the first reason and the command that lists them.
absl::Status NoteTrouble(Session& session, const v1::Sweep& sweep);

}  // namespace bitscape::cli
