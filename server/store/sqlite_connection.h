// A thin skin over SQLite's C interface: statuses, prepared statements, nothing else.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace bitscape::server {

// One use of a prepared statement: binds in order, steps, reads columns from 0. The destructor
// makes it ready for the next use. Bound text must live until then.
class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& operator=(Statement&&) = delete;

  Statement& Bind(int64_t value);
  Statement& Bind(double value);  // SQLite stores a NaN as NULL
  Statement& Bind(std::string_view text);
  Statement& BindBlob(std::string_view bytes);
  Statement& BindNull();

  // True: a row is there. False: there are no more.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();

  bool IsNull(int column) const;
  int64_t Integer(int column) const;
  double Real(int column) const;       // NULL reads as NaN
  std::string Text(int column) const;  // blobs, too

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_;
  int next_ = 1;
  int bind_result_ = 0;
};

// Not thread-safe: one thread at a time.
class Connection {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::filesystem::path& path,
                                                          Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Statements separated by semicolons, without results.
  absl::Status Execute(const std::string& sql);
  // Prepared once, kept. Two uses of one text must not overlap.
  absl::StatusOr<Statement> Prepare(const std::string& sql);
  absl::StatusOr<int64_t> QueryInteger(const std::string& sql);  // first column of the first row
  absl::StatusOr<std::string> QueryText(const std::string& sql);
  bool InTransaction() const;
  // Copies the whole database to `path`, which is replaced.
  absl::Status BackUp(const std::filesystem::path& path);

 private:
  explicit Connection(sqlite3* database) : database_(database) {}

  sqlite3* const database_;
  std::map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace bitscape::server
