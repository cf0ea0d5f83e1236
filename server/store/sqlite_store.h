// What OpenSqliteStore fixes, open to the store's own tests.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "server/store/migrations.h"
#include "server/store/store.h"

namespace bitscape::server {

struct SqliteOptions {
  std::span<const Migration> migrations = Migrations();
  int64_t max_pages = 0;  // size limit in pages of 4096 bytes; 0: the disk's
};
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::filesystem::path& path,
                                                       const SqliteOptions& options);

}  // namespace bitscape::server
