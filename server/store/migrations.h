// The schema, as the steps that lead to it, and what is checked when a database is opened.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace bitscape::server {

class Connection;

// "bsdb" in ASCII: marks the file as ours (PRAGMA application_id; `file` shows it, too).
inline constexpr int64_t kApplicationId = 0x62736462;

// Leads from version - 1 (PRAGMA user_version) to version. Never changed once released: a new
// schema is a new row. README.md documents the result.
struct Migration {
  int version;
  const char* sql;
};
std::span<const Migration> Migrations();  // ascending from 1 without gaps

// Creates the schema in an empty database, or brings an older one up to date, each in one
// transaction; before the latter a backup is written to "<path>.v<version>.bak".
// Errors: kFailedPrecondition for a newer version, naming both; kInvalidArgument for a database of
// something else; kDataLoss. Nothing is written then.
absl::Status PrepareSchema(Connection& connection, const std::filesystem::path& path,
                           std::span<const Migration> migrations);

}  // namespace bitscape::server
