// What every store refuses, in the same words.
#pragma once

#include <absl/status/status.h>

#include <string_view>

#include "server/store/store.h"

namespace bitscape::server {

// Ids, keys and names are there; metrics come with costs and a slice is not empty.
absl::Status CheckBatch(const WriteBatch& batch);
absl::Status CheckLimit(int64_t limit);

absl::Status SweepNotFound(std::string_view id);
absl::Status TrialNotFound(std::string_view sweep, int64_t ordinal);
absl::Status ResourceNotFound(StoredResource::Kind kind, std::string_view name);
// `images`: how many the record holds.
absl::Status SliceDoesNotFollow(const SliceRecord& slice, int64_t images);
absl::Status RequestIdInUse(std::string_view request_id);

std::string_view ToString(StoredResource::Kind kind);  // "network"

}  // namespace bitscape::server
