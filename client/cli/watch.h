// Follows a sweep to its end: progress with ETA and the growing front on stderr.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bitscape/v1/sweep.pb.h"
#include "client/cli/progress.h"
#include "client/cli/session.h"

namespace bitscape::cli {

bool HasEnded(v1::Sweep::State state);

// A sweep as its events have told it so far.
class SweepPicture {
 public:
  void Apply(const v1::SweepEvent& event);

  const v1::Sweep& sweep() const { return sweep_; }
  const std::string& resume_token() const { return resume_token_; }
  ProgressState State() const;
  // A title and the front's points, the most accurate first, at most `limit`.
  std::vector<std::string> FrontLines(size_t limit) const;

 private:
  v1::Sweep sweep_;
  std::map<std::string, v1::Trial> trials_;
  std::vector<std::string> front_;
  std::string resume_token_;
};

struct WatchOptions {
  std::optional<double> timeout_seconds;
  // Prints every event to stdout, one a line.
  bool print_events = false;
};

// The ended sweep. Goes on from the last event seen when the server restarts. Errors:
// kDeadlineExceeded, kCancelled by Ctrl-C (the sweep itself is left alone, and the message says how
// to go on), kUnavailable when the server stays away.
absl::StatusOr<v1::Sweep> WatchSweep(Session& session, const std::string& name,
                                     const WatchOptions& options);

// OK if it SUCCEEDED; else kUnknown, saying how it ended and why.
absl::Status Outcome(const v1::Sweep& sweep);

}  // namespace bitscape::cli
