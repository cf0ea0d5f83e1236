#include "server/store/sqlite_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <system_error>
#include <utility>

#include "engine/core/status.h"
#include "server/store/change_signal.h"
#include "server/store/checks.h"
#include "server/store/file_lock.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_rows.h"
#include "server/store/sqlite_writer.h"

namespace bitscape::server {
namespace {

// Readers at once: more would wait for the two or so processors anyway.
constexpr int kReaders = 4;

// Pages in the write-ahead log after which the writer checkpoints (4 MB).
constexpr int kCheckpointPages = 1000;

// Read-only connections, lent to one thread at a time. They never checkpoint: SQLite before 3.51.3
// can corrupt a database when two connections do.
class ReaderPool {
 public:
  explicit ReaderPool(std::filesystem::path path) : path_(std::move(path)) {}

  // Runs `read` with a connection; waits while all are lent.
  template <typename Read>
  auto With(const Read& read) -> decltype(read(std::declval<Connection&>())) {
    BITSCAPE_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Borrow());
    auto result = read(*connection);
    Return(std::move(connection));
    return result;
  }

 private:
  absl::StatusOr<std::unique_ptr<Connection>> Borrow() {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !idle_.empty() || open_ < kReaders; });
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    BITSCAPE_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                              Connection::Open(path_, Connection::Mode::kReadOnly));
    BITSCAPE_RETURN_IF_ERROR(
        connection->Execute("PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0"));
    ++open_;
    return connection;
  }

  void Return(std::unique_ptr<Connection> connection) {
    {
      std::lock_guard lock(mutex_);
      idle_.push_back(std::move(connection));
    }
    returned_.notify_one();
  }

  const std::filesystem::path path_;
  std::mutex mutex_;  // guards all below
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;
  int open_ = 0;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(std::filesystem::path path, std::unique_ptr<FileLock> lock,
              std::unique_ptr<Connection> connection, int64_t revision, int schema_version)
      : path_(std::move(path)),
        schema_version_(schema_version),
        lock_(std::move(lock)),
        writer_(std::move(connection), signal_),
        readers_(path_) {
    signal_.Set(revision);
  }

  absl::Status Write(WriteBatch batch) override { return writer_.Write(std::move(batch)); }

  absl::StatusOr<Sweep> GetSweep(std::string_view id) override {
    return readers_.With([&](Connection& connection) -> absl::StatusOr<Sweep> {
      BITSCAPE_ASSIGN_OR_RETURN(
          Statement statement,
          connection.Prepare(fmt::format("SELECT {} FROM sweep WHERE id = ?", kSweepColumns)));
      BITSCAPE_ASSIGN_OR_RETURN(const bool found, statement.Bind(id).Step());
      return found ? absl::StatusOr<Sweep>(ReadSweep(statement)) : SweepNotFound(id);
    });
  }

  absl::StatusOr<std::vector<Sweep>> ListSweeps(std::string_view after, int64_t limit) override {
    BITSCAPE_RETURN_IF_ERROR(CheckLimit(limit));
    int64_t before_us = 0;
    if (!after.empty()) {
      BITSCAPE_ASSIGN_OR_RETURN(const Sweep last, GetSweep(after));
      before_us = last.create_time_us;
    }
    return readers_.With([&](Connection& connection) -> absl::StatusOr<std::vector<Sweep>> {
      BITSCAPE_ASSIGN_OR_RETURN(
          Statement statement,
          connection.Prepare(fmt::format(
              "SELECT {} FROM sweep {} ORDER BY create_time_us DESC, id DESC LIMIT ?",
              kSweepColumns, after.empty() ? "" : "WHERE (create_time_us, id) < (?, ?)")));
      if (!after.empty()) {
        statement.Bind(before_us).Bind(after);
      }
      statement.Bind(limit);
      return ReadRows<Sweep>(statement, ReadSweep);
    });
  }

  absl::StatusOr<std::optional<std::string>> FindRequest(std::string_view request_id) override {
    return readers_.With([&](Connection& connection) -> absl::StatusOr<std::optional<std::string>> {
      BITSCAPE_ASSIGN_OR_RETURN(Statement statement,
                                connection.Prepare("SELECT sweep FROM request WHERE id = ?"));
      BITSCAPE_ASSIGN_OR_RETURN(const bool found, statement.Bind(request_id).Step());
      return found ? std::optional(statement.Text(0)) : std::nullopt;
    });
  }

  absl::StatusOr<Trial> GetTrial(std::string_view sweep, int64_t ordinal) override {
    return readers_.With([&](Connection& connection) -> absl::StatusOr<Trial> {
      BITSCAPE_ASSIGN_OR_RETURN(
          Statement statement,
          connection.Prepare(
              fmt::format("SELECT {} FROM trial WHERE sweep = ? AND ordinal = ?", kTrialColumns)));
      BITSCAPE_ASSIGN_OR_RETURN(const bool found, statement.Bind(sweep).Bind(ordinal).Step());
      return found ? absl::StatusOr<Trial>(ReadTrial(statement)) : TrialNotFound(sweep, ordinal);
    });
  }

  absl::StatusOr<std::vector<Trial>> ListTrials(const TrialQuery& query) override {
    BITSCAPE_RETURN_IF_ERROR(CheckLimit(query.limit));
    // Watchers ask for the few trials that changed: by the index. Pages go by the primary key.
    const bool changes = query.after_revision >= 0;
    std::string sql = fmt::format("SELECT {} FROM trial {} WHERE sweep = ? AND ordinal > ?",
                                  kTrialColumns, changes ? "INDEXED BY trial_revision" : "");
    if (changes) {
      sql += " AND revision > ?";
    }
    if (!query.states.empty()) {
      std::string states;
      for (TrialState state : query.states) {
        states += fmt::format("{}{}", states.empty() ? "" : ", ", static_cast<int>(state));
      }
      sql += fmt::format(" AND state IN ({})", states);
    }
    sql += " ORDER BY ordinal LIMIT ?";
    return readers_.With([&](Connection& connection) -> absl::StatusOr<std::vector<Trial>> {
      BITSCAPE_ASSIGN_OR_RETURN(Statement statement, connection.Prepare(sql));
      statement.Bind(std::string_view(query.sweep)).Bind(query.after_ordinal);
      if (changes) {
        statement.Bind(query.after_revision);
      }
      statement.Bind(query.limit);
      return ReadRows<Trial>(statement, ReadTrial);
    });
  }

  absl::StatusOr<SweepCounts> CountTrials(std::string_view sweep) override {
    return readers_.With([&](Connection& connection) -> absl::StatusOr<SweepCounts> {
      BITSCAPE_ASSIGN_OR_RETURN(
          Statement statement,
          connection.Prepare("SELECT state, count(*), sum(images_evaluated) FROM trial "
                             "WHERE sweep = ? GROUP BY state"));
      statement.Bind(sweep);
      SweepCounts counts;
      while (true) {
        BITSCAPE_ASSIGN_OR_RETURN(const bool row, statement.Step());
        if (!row) {
          return counts;
        }
        counts.by_state[static_cast<TrialState>(statement.Integer(0))] = statement.Integer(1);
        counts.images_evaluated += statement.Integer(2);
      }
    });
  }

  absl::StatusOr<std::optional<AccuracyRecord>> GetAccuracy(std::string_view key) override {
    return readers_.With(
        [&](Connection& connection) -> absl::StatusOr<std::optional<AccuracyRecord>> {
          BITSCAPE_ASSIGN_OR_RETURN(
              Statement statement,
              connection.Prepare("SELECT begin_image, images, correct, loss_sum FROM slice "
                                 "WHERE accuracy_key = ? ORDER BY begin_image"));
          statement.Bind(key);
          AccuracyRecord record;
          record.key = std::string(key);
          while (true) {
            BITSCAPE_ASSIGN_OR_RETURN(const bool row, statement.Step());
            if (!row) {
              return record.images == 0 ? std::nullopt : std::optional(std::move(record));
            }
            const int64_t images = statement.Integer(1);
            if (statement.Integer(0) != record.images ||
                !UnpackBits(statement.Text(2), images, record.correct)) {
              return absl::DataLossError(
                  fmt::format("database '{}': accuracy record {} is damaged after {} images",
                              path_.string(), key, record.images));
            }
            record.images += images;
            record.loss_sums.push_back(statement.Real(3));
          }
        });
  }

  absl::StatusOr<StoredResource> GetResource(StoredResource::Kind kind,
                                             std::string_view name) override {
    return readers_.With([&](Connection& connection) -> absl::StatusOr<StoredResource> {
      // One statement, so that the row and its files are of one commit.
      BITSCAPE_ASSIGN_OR_RETURN(
          Statement statement,
          connection.Prepare("SELECT digest, metadata, bytes FROM resource LEFT JOIN resource_blob "
                             "USING (kind, name) WHERE kind = ? AND name = ? ORDER BY position"));
      statement.Bind(static_cast<int64_t>(kind)).Bind(name);
      StoredResource resource{kind, std::string(name), {}, {}, {}};
      bool found = false;
      while (true) {
        BITSCAPE_ASSIGN_OR_RETURN(const bool row, statement.Step());
        if (!row) {
          return found ? absl::StatusOr<StoredResource>(std::move(resource))
                       : ResourceNotFound(kind, name);
        }
        found = true;
        resource.digest = statement.Text(0);
        resource.metadata = statement.Text(1);
        if (!statement.IsNull(2)) {
          resource.blobs.push_back(statement.Text(2));
        }
      }
    });
  }

  absl::StatusOr<std::vector<StoredResource>> ListResources(StoredResource::Kind kind) override {
    return readers_.With(
        [&](Connection& connection) -> absl::StatusOr<std::vector<StoredResource>> {
          BITSCAPE_ASSIGN_OR_RETURN(
              Statement statement, connection.Prepare("SELECT name, digest, metadata FROM resource "
                                                      "WHERE kind = ? ORDER BY name"));
          statement.Bind(static_cast<int64_t>(kind));
          return ReadRows<StoredResource>(statement, [&](const Statement& row) {
            return StoredResource{kind, row.Text(0), row.Text(1), row.Text(2), {}};
          });
        });
  }

  int64_t Revision() override { return signal_.Revision(); }

  int64_t WaitForChange(int64_t revision, int64_t timeout_ms) override {
    return signal_.Wait(revision, timeout_ms);
  }

  Statistics GetStatistics() override {
    return {path_.string(),  SizeOf(path_),    SizeOf(path_.string() + "-wal"),
            schema_version_, writer_.Writes(), writer_.WriteSeconds()};
  }

 private:
  template <typename Row, typename Read>
  static absl::StatusOr<std::vector<Row>> ReadRows(Statement& statement, const Read& read) {
    std::vector<Row> rows;
    while (true) {
      BITSCAPE_ASSIGN_OR_RETURN(const bool row, statement.Step());
      if (!row) {
        return rows;
      }
      rows.push_back(read(statement));
    }
  }

  static int64_t SizeOf(const std::filesystem::path& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    return error ? 0 : static_cast<int64_t>(size);
  }

  // Destroyed from the last to the first: readers close before the writer, whose close makes the
  // last checkpoint, and the lock goes after both.
  const std::filesystem::path path_;
  const int schema_version_;
  const std::unique_ptr<FileLock> lock_;
  ChangeSignal signal_;
  SqliteWriter writer_;
  ReaderPool readers_;
};

absl::Status ConfigureWriter(Connection& connection, const std::filesystem::path& path,
                             const SqliteOptions& options) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string mode,
                            connection.QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError(
        fmt::format("database '{}': the file system does not take a write-ahead log (journal mode "
                    "'{}'); use a local disk",
                    path.string(), mode));
  }
  // The log is cut back to twice the size at which it is checkpointed.
  BITSCAPE_RETURN_IF_ERROR(connection.Execute(fmt::format(
      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = {}; PRAGMA journal_size_limit = {}",
      kCheckpointPages, 2 * kCheckpointPages * 4096)));
  return options.max_pages == 0
             ? absl::OkStatus()
             : connection.Execute(fmt::format("PRAGMA max_page_count = {}", options.max_pages));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::filesystem::path& path,
                                                       const SqliteOptions& options) {
  std::error_code error;
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) {
      return absl::PermissionDeniedError(fmt::format("cannot create folder '{}': {}",
                                                     path.parent_path().string(), error.message()));
    }
  }
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is a folder, not a database", path.string()));
  }
  BITSCAPE_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, FileLock::Acquire(path));
  BITSCAPE_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                            Connection::Open(path, Connection::Mode::kReadWrite));
  BITSCAPE_RETURN_IF_ERROR(PrepareSchema(*connection, path, options.migrations));
  BITSCAPE_RETURN_IF_ERROR(ConfigureWriter(*connection, path, options));
  BITSCAPE_ASSIGN_OR_RETURN(
      const int64_t revision,
      connection->QueryInteger("SELECT value FROM meta WHERE key = 'revision'"));
  return std::make_unique<SqliteStore>(path, std::move(lock), std::move(connection), revision,
                                       options.migrations.back().version);
}

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::filesystem::path& path) {
  return OpenSqliteStore(path, SqliteOptions{});
}

}  // namespace bitscape::server
