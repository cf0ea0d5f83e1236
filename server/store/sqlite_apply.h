// Writes one batch within the current transaction.
#pragma once

#include <absl/status/status.h>

#include "server/store/store.h"

namespace bitscape::server {

class Connection;

// After an error the transaction holds part of the batch: the caller rolls back. Errors: as
// Store::Write.
absl::Status ApplyBatch(Connection& connection, const WriteBatch& batch, int64_t revision);

}  // namespace bitscape::server
