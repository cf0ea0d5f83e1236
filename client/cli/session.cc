#include "client/cli/session.h"

namespace bitscape::cli {

absl::Status Session::Check(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  if (status.error_code() == grpc::StatusCode::CANCELLED && Interrupted()) {
    return absl::CancelledError("interrupted");
  }
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    return absl::UnavailableError(fmt::format("the server at {} can't be reached: {}",
                                              connection.address(), status.error_message()));
  }
  return FromGrpc(status);
}

}  // namespace bitscape::cli
