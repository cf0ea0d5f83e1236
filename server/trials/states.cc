#include <cstdlib>

#include "server/trials/trial.h"

namespace bitscape::server {

// No default branches: the compiler lists what a new state must answer.
std::string_view ToString(TrialState state) {
  switch (state) {
    case TrialState::kQueued:
      return "QUEUED";
    case TrialState::kRunning:
      return "RUNNING";
    case TrialState::kSucceeded:
      return "SUCCEEDED";
    case TrialState::kStopped:
      return "STOPPED";
    case TrialState::kInfeasible:
      return "INFEASIBLE";
    case TrialState::kFailed:
      return "FAILED";
    case TrialState::kCancelled:
      return "CANCELLED";
  }
  std::abort();
}

std::string_view ToString(SweepState state) {
  switch (state) {
    case SweepState::kPending:
      return "PENDING";
    case SweepState::kRunning:
      return "RUNNING";
    case SweepState::kPausing:
      return "PAUSING";
    case SweepState::kPaused:
      return "PAUSED";
    case SweepState::kCancelling:
      return "CANCELLING";
    case SweepState::kCancelled:
      return "CANCELLED";
    case SweepState::kSucceeded:
      return "SUCCEEDED";
    case SweepState::kFailed:
      return "FAILED";
  }
  std::abort();
}

bool IsTerminal(TrialState state) {
  return state != TrialState::kQueued && state != TrialState::kRunning;
}

bool IsTerminal(SweepState state) {
  return state == SweepState::kCancelled || state == SweepState::kSucceeded ||
         state == SweepState::kFailed;
}

bool IsLegal(SweepState from, SweepState to) {
  using enum SweepState;
  switch (from) {
    case kPending:  // not in work: pausing and cancelling take effect at once
      return to == kRunning || to == kPaused || to == kCancelled;
    case kRunning:  // back to pending where the server was stopped
      return to == kPending || to == kPausing || to == kCancelling || to == kSucceeded ||
             to == kFailed;
    case kPausing:
      return to == kPaused || to == kCancelling;
    case kPaused:
      return to == kPending || to == kCancelled;
    case kCancelling:
      return to == kCancelled;
    case kCancelled:
    case kSucceeded:
    case kFailed:
      return false;
  }
  std::abort();
}

bool IsLegal(TrialState from, TrialState to) {
  using enum TrialState;
  switch (from) {
    case kQueued:  // succeeded at once: its accuracy was known
      return to == kRunning || to == kSucceeded || to == kInfeasible || to == kFailed ||
             to == kCancelled;
    case kRunning:  // back to queued where the sweep was paused or the server stopped
      return to == kQueued || to == kSucceeded || to == kStopped || to == kFailed ||
             to == kCancelled;
    case kSucceeded:
    case kStopped:
    case kInfeasible:
    case kFailed:
    case kCancelled:
      return false;
  }
  std::abort();
}

}  // namespace bitscape::server
