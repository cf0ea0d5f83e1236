// Follows one sweep: a snapshot, then what changed, until it has ended.
#pragma once

#include <absl/status/status.h>

#include <functional>

#include "bitscape/v1/sweep.pb.h"
#include "server/rpc/services.h"

namespace bitscape::server {

// Calls `send` with each event; it returns false where nobody listens any more. `gone` is asked
// several times a second. Errors: those of FindSweep and of tokens; kUnavailable when the server is
// going down (the last token resumes the watch).
absl::Status WatchSweep(const v1::WatchSweepRequest& request, ServiceContext& context,
                        const std::function<bool()>& gone,
                        const std::function<bool(const v1::SweepEvent&)>& send);

}  // namespace bitscape::server
