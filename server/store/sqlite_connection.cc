#include "server/store/sqlite_connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <limits>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::server {
namespace {

// How long a statement waits for another process that has the database open (a shell, a backup).
constexpr int kBusyTimeoutMs = 5000;

bool NoSpace(int system_error) {
  return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
}

absl::StatusCode CodeOf(sqlite3* database, int result) {
  switch (result & 0xff) {
    case SQLITE_FULL:
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_IOERR:
      return NoSpace(sqlite3_system_errno(database)) ? absl::StatusCode::kResourceExhausted
                                                     : absl::StatusCode::kInternal;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status ErrorOf(sqlite3* database, int result) {
  const char* file = sqlite3_db_filename(database, "main");
  return absl::Status(CodeOf(database, result),
                      fmt::format("database '{}': {}", file == nullptr ? "" : file,
                                  result == sqlite3_errcode(database) ||
                                          result == sqlite3_extended_errcode(database)
                                      ? sqlite3_errmsg(database)
                                      : sqlite3_errstr(result)));
}

}  // namespace

Statement::Statement(sqlite3* database, sqlite3_stmt* statement)
    : database_(database), statement_(statement) {}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      next_(other.next_),
      bind_result_(other.bind_result_) {}

Statement::~Statement() {
  if (statement_ != nullptr) {
    sqlite3_reset(statement_);  // repeats the error of the last step, which Step has returned
    sqlite3_clear_bindings(statement_);
  }
}

Statement& Statement::Bind(int64_t value) {
  bind_result_ |= sqlite3_bind_int64(statement_, next_++, value);
  return *this;
}

Statement& Statement::Bind(double value) {
  bind_result_ |= sqlite3_bind_double(statement_, next_++, value);
  return *this;
}

Statement& Statement::Bind(std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  bind_result_ |=
      sqlite3_bind_text64(statement_, next_++, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindBlob(std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  bind_result_ |= sqlite3_bind_blob64(statement_, next_++, data, bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::BindNull() {
  bind_result_ |= sqlite3_bind_null(statement_, next_++);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_result_ != SQLITE_OK) {
    return ErrorOf(database_, bind_result_);
  }
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW || result == SQLITE_DONE) {
    return result == SQLITE_ROW;
  }
  return ErrorOf(database_, result);
}

absl::Status Statement::Run() {
  BITSCAPE_ASSIGN_OR_RETURN(const bool row, Step());
  return row ? absl::InternalError(
                   fmt::format("statement gave an unexpected row: {}", sqlite3_sql(statement_)))
             : absl::OkStatus();
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t Statement::Integer(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Real(int column) const {
  return IsNull(column) ? std::numeric_limits<double>::quiet_NaN()
                        : sqlite3_column_double(statement_, column);
}

std::string Statement::Text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::filesystem::path& path,
                                                             Mode mode) {
  const int flags =
      SQLITE_OPEN_NOMUTEX |
      (mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3* database = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  if (database == nullptr) {
    return absl::ResourceExhaustedError("no memory to open the database");
  }
  std::unique_ptr<Connection> connection(new Connection(database));
  if (result != SQLITE_OK) {
    return absl::Status(
        CodeOf(database, result),
        fmt::format("cannot open database '{}': {}", path.string(), sqlite3_errmsg(database)));
  }
  // SQLite opens a file that it may not write for reading, without a word.
  if (mode == Mode::kReadWrite && sqlite3_db_readonly(database, "main") == 1) {
    return absl::PermissionDeniedError(fmt::format("cannot write to database '{}'", path.string()));
  }
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, kBusyTimeoutMs);
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) {
    sqlite3_finalize(statement);
  }
  sqlite3_close(database_);
}

absl::Status Connection::Execute(const std::string& sql) {
  const int result = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? absl::OkStatus() : ErrorOf(database_, result);
}

absl::StatusOr<Statement> Connection::Prepare(const std::string& sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int result = sqlite3_prepare_v3(database_, sql.c_str(), static_cast<int>(sql.size()) + 1,
                                          SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (result != SQLITE_OK) {
      statements_.erase(sql);
      return ErrorOf(database_, result);
    }
  }
  return Statement(database_, statement);
}

absl::StatusOr<int64_t> Connection::QueryInteger(const std::string& sql) {
  BITSCAPE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  BITSCAPE_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? absl::StatusOr<int64_t>(statement.Integer(0))
             : absl::DataLossError(fmt::format("no row for: {}", sql));
}

absl::StatusOr<std::string> Connection::QueryText(const std::string& sql) {
  BITSCAPE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  BITSCAPE_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? absl::StatusOr<std::string>(statement.Text(0))
             : absl::DataLossError(fmt::format("no row for: {}", sql));
}

bool Connection::InTransaction() const { return sqlite3_get_autocommit(database_) == 0; }

absl::Status Connection::BackUp(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  BITSCAPE_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> copy, Open(path, Mode::kReadWrite));
  sqlite3_backup* backup = sqlite3_backup_init(copy->database_, "main", database_, "main");
  if (backup == nullptr) {
    return ErrorOf(copy->database_, sqlite3_extended_errcode(copy->database_));
  }
  const int result = sqlite3_backup_step(backup, /*pages=*/-1);
  sqlite3_backup_finish(backup);
  return result == SQLITE_DONE ? absl::OkStatus() : ErrorOf(copy->database_, result);
}

}  // namespace bitscape::server
