// Exit codes of the command, and how errors become text.
#pragma once

#include <absl/status/status.h>

#include <string>

namespace grpc {
class Status;
}

namespace bitscape::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;  // usage or validation
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitAuthentication = 4;
inline constexpr int kExitPrecondition = 5;
inline constexpr int kExitUnavailable = 6;
inline constexpr int kExitTimeout = 124;
inline constexpr int kExitInterrupted = 130;

// gRPC's status codes and abseil's have the same values, so this is the mapping for both.
int ExitCode(absl::StatusCode code);

// Keeps google.rpc.BadRequest details as a payload.
absl::Status FromGrpc(const grpc::Status& status);

// The field that a google.rpc.BadRequest in `status` is about; "" without one.
std::string FieldOf(const absl::Status& status);

// "error: ..." in one line; then, indented, what else the message holds, and the field violations
// that it does not tell already.
std::string ErrorText(const absl::Status& status);

}  // namespace bitscape::cli
