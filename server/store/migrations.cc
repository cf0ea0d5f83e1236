#include "server/store/migrations.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "engine/core/status.h"
#include "server/store/sqlite_connection.h"

namespace bitscape::server {
namespace {

constexpr std::array kMigrations = {
    Migration{1, R"sql(
CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 0);

CREATE TABLE sweep (
  id TEXT NOT NULL PRIMARY KEY,
  spec BLOB NOT NULL,
  state INTEGER NOT NULL,
  error TEXT NOT NULL,
  network TEXT NOT NULL,
  dataset TEXT NOT NULL,
  split INTEGER NOT NULL,
  images INTEGER NOT NULL,
  calibration_images INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  slice_images INTEGER NOT NULL,
  objectives TEXT NOT NULL,
  create_time_us INTEGER NOT NULL,
  start_time_us INTEGER NOT NULL,
  end_time_us INTEGER NOT NULL,
  running_us INTEGER NOT NULL,
  trials INTEGER NOT NULL,
  images_per_trial INTEGER NOT NULL,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sweep_age ON sweep (create_time_us, id);

CREATE TABLE trial (
  sweep TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  plan TEXT NOT NULL,
  accelerator TEXT NOT NULL,
  reference TEXT NOT NULL,
  accuracy_key TEXT NOT NULL,
  digest TEXT NOT NULL,
  state INTEGER NOT NULL,
  reason TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  images_evaluated INTEGER NOT NULL,
  reused INTEGER NOT NULL,
  start_time_us INTEGER NOT NULL,
  end_time_us INTEGER NOT NULL,
  energy_pj REAL,
  area_um2 REAL,
  latency_seconds REAL,
  latency_cycles REAL,
  weight_bytes REAL,
  correct INTEGER,
  images INTEGER,
  loss REAL,
  revision INTEGER NOT NULL,
  PRIMARY KEY (sweep, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX trial_revision ON trial (sweep, revision);
CREATE INDEX trial_state ON trial (sweep, state, images_evaluated);

CREATE TABLE slice (
  accuracy_key TEXT NOT NULL,
  begin_image INTEGER NOT NULL,
  images INTEGER NOT NULL,
  correct BLOB NOT NULL,
  loss_sum REAL,
  PRIMARY KEY (accuracy_key, begin_image)
) STRICT, WITHOUT ROWID;

CREATE TABLE resource (
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  metadata TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE resource_blob (
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE (kind, name, position)
) STRICT;

CREATE TABLE request (
  id TEXT NOT NULL PRIMARY KEY,
  sweep TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql"},
};

// A full check reads the whole file: up to this size it takes less than a second, above it only the
// schema is read when the database is opened.
constexpr int64_t kCheckedBytes = int64_t{256} << 20;

absl::Status CheckIntegrity(Connection& connection, const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || size > static_cast<std::uintmax_t>(kCheckedBytes)) {
    return absl::OkStatus();
  }
  BITSCAPE_ASSIGN_OR_RETURN(const std::string verdict,
                            connection.QueryText("PRAGMA quick_check(1)"));
  return verdict == "ok" ? absl::OkStatus()
                         : absl::DataLossError(
                               fmt::format("database '{}' is corrupt: {}", path.string(), verdict));
}

absl::Status SyncFile(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) {
    ::close(descriptor);
  }
  return synced ? absl::OkStatus()
                : absl::InternalError(fmt::format("cannot sync '{}': {}", path.string(),
                                                  std::generic_category().message(error)));
}

std::filesystem::path Folder(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

// Complete under its final name or not there at all.
absl::Status BackUpVersion(Connection& connection, const std::filesystem::path& path,
                           int64_t version) {
  const std::string backup = fmt::format("{}.v{}.bak", path.string(), version);
  const std::string unfinished = backup + ".tmp";
  BITSCAPE_RETURN_IF_ERROR(connection.BackUp(unfinished));
  BITSCAPE_RETURN_IF_ERROR(SyncFile(unfinished));
  std::error_code error;
  std::filesystem::rename(unfinished, backup, error);
  if (error) {
    return absl::InternalError(
        fmt::format("cannot write backup '{}': {}", backup, error.message()));
  }
  return SyncFile(Folder(path));
}

absl::Status Apply(Connection& connection, std::span<const Migration> migrations) {
  std::string script = "BEGIN IMMEDIATE;\n";
  for (const Migration& migration : migrations) {
    script += migration.sql;
  }
  script += fmt::format("PRAGMA application_id = {};\nPRAGMA user_version = {};\nCOMMIT;\n",
                        kApplicationId, migrations.back().version);
  absl::Status status = connection.Execute(script);
  if (!status.ok() && connection.InTransaction()) {
    BITSCAPE_RETURN_IF_ERROR(connection.Execute("ROLLBACK"));
  }
  return status;
}

}  // namespace

std::span<const Migration> Migrations() { return kMigrations; }

absl::Status PrepareSchema(Connection& connection, const std::filesystem::path& path,
                           std::span<const Migration> migrations) {
  const int64_t newest = migrations.back().version;
  const absl::StatusOr<int64_t> id = connection.QueryInteger("PRAGMA application_id");
  if (id.status().code() == absl::StatusCode::kDataLoss &&
      id.status().message().find("not a database") != std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a bitscape database: not an SQLite file", path.string()));
  }
  BITSCAPE_RETURN_IF_ERROR(id.status());
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t version, connection.QueryInteger("PRAGMA user_version"));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t tables,
                            connection.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  if (*id == 0 && version == 0 && tables == 0) {
    BITSCAPE_RETURN_IF_ERROR(Apply(connection, migrations));
    return SyncFile(Folder(path));  // SQLite syncs the file, the folder's new entry is ours
  }
  if (*id != kApplicationId) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a bitscape database: its application id is {:#010x}, not {:#010x}",
                    path.string(), *id, kApplicationId));
  }
  if (version > newest) {
    return absl::FailedPreconditionError(
        fmt::format("database '{}' has schema version {}, this bitscape knows versions up to {}: "
                    "open it with a newer bitscape",
                    path.string(), version, newest));
  }
  if (version < 1) {
    return absl::DataLossError(
        fmt::format("database '{}' has schema version {}", path.string(), version));
  }
  BITSCAPE_RETURN_IF_ERROR(CheckIntegrity(connection, path));
  if (version < newest) {
    BITSCAPE_RETURN_IF_ERROR(BackUpVersion(connection, path, version));
    return Annotate(
        Apply(connection, migrations.subspan(static_cast<size_t>(version))),
        fmt::format("migrating '{}' from version {} to {}", path.string(), version, newest));
  }
  return absl::OkStatus();
}

}  // namespace bitscape::server
