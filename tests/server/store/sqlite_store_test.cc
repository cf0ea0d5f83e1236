// What only the store on disk has: its file, lock, versions and limits.
#include "server/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>

#include "engine/core/files.h"
#include "tests/server/store/store_testing.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;

// Runs SQL as another program would; returns the first column of the last row.
std::string RunSql(const std::filesystem::path& path, const std::string& sql) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  std::string value;
  const auto keep = [](void* out, int, char** columns, char**) {
    *static_cast<std::string*>(out) = columns[0] == nullptr ? "" : columns[0];
    return 0;
  };
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), keep, &value, &message), SQLITE_OK) << message;
  sqlite3_close(database);
  return value;
}

void WriteBytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string Bytes(const std::filesystem::path& path) {
  return ReadFile(path, int64_t{1} << 30).value();
}

std::unique_ptr<Store> Open(const std::filesystem::path& path) {
  auto store = OpenSqliteStore(path);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

class SqliteStoreTest : public ::testing::Test {
 protected:
  void CreateWithOneSweep() {
    ASSERT_TRUE(Open(path_)->Write({.sweeps = {ExampleSweep("alpha")}}).ok());
  }

  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "results.db";
};

TEST_F(SqliteStoreTest, UsesAWriteAheadLogAndMarksTheFile) {
  const auto store = Open(path_);
  ASSERT_TRUE(store->Write({.sweeps = {ExampleSweep("alpha")}}).ok());
  EXPECT_EQ(RunSql(path_, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(RunSql(path_, "PRAGMA application_id"), std::to_string(kApplicationId));
  EXPECT_EQ(RunSql(path_, "PRAGMA user_version"), "1");
  EXPECT_EQ(RunSql(path_,
                   "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND "
                   "type = 'table' AND name NOT LIKE 'sqlite_%' AND NOT strict"),
            "0");
  EXPECT_EQ(RunSql(path_, "PRAGMA integrity_check"), "ok");
}

TEST_F(SqliteStoreTest, TellsItsStatistics) {
  const auto store = Open(path_);
  ASSERT_TRUE(store->Write({.sweeps = {ExampleSweep("alpha")}}).ok());
  const Store::Statistics statistics = store->GetStatistics();
  EXPECT_EQ(statistics.path, path_.string());
  EXPECT_EQ(statistics.schema_version, 1);
  EXPECT_EQ(statistics.writes, 1);
  EXPECT_GT(statistics.write_seconds, 0);
  EXPECT_GT(statistics.size_bytes, 0);
  EXPECT_GT(statistics.wal_bytes, 0);
}

TEST_F(SqliteStoreTest, RefusesASecondServerAndNamesTheFirst) {
  auto first = Open(path_);
  const auto second = OpenSqliteStore(path_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr("in use by process " + std::to_string(::getpid())),
                    HasSubstr("results.db.lock")));
  first.reset();
  EXPECT_TRUE(OpenSqliteStore(path_).ok());
}

// The links are there before the database.
TEST_F(SqliteStoreTest, RefusesASecondServerByAnotherNameOfTheFile) {
  std::filesystem::create_directory(folder_ / "links");
  const std::filesystem::path links[] = {folder_ / "absolute.db",
                                         folder_ / "links" / "relative.db"};
  std::filesystem::create_symlink(path_, links[0]);
  std::filesystem::create_symlink("../absolute.db", links[1]);
  const auto first = Open(links[1]);
  for (const std::filesystem::path& name : {path_, links[0], folder_ / "links/../results.db"}) {
    const auto second = OpenSqliteStore(name);
    EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition) << name;
    EXPECT_THAT(std::string(second.status().message()), HasSubstr("results.db.lock"));
  }
}

TEST_F(SqliteStoreTest, RefusesANewerVersionAndLeavesItAlone) {
  CreateWithOneSweep();
  RunSql(path_, "PRAGMA user_version = 9");
  const std::string before = Bytes(path_);
  const auto store = OpenSqliteStore(path_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()),
              AllOf(HasSubstr("schema version 9"), HasSubstr("versions up to 1")));
  EXPECT_EQ(Bytes(path_), before);
}

TEST_F(SqliteStoreTest, RefusesTheDatabaseOfAnotherProgram) {
  RunSql(path_, "CREATE TABLE songs (name TEXT)");
  const std::string before = Bytes(path_);
  const auto store = OpenSqliteStore(path_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("is not a bitscape database"));
  EXPECT_EQ(Bytes(path_), before);
}

TEST_F(SqliteStoreTest, RefusesAFileThatIsNoDatabase) {
  WriteBytes(path_, std::string(5000, 'x'));
  const auto store = OpenSqliteStore(path_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("not an SQLite file"));
  EXPECT_EQ(Bytes(path_), std::string(5000, 'x'));
  EXPECT_EQ(OpenSqliteStore(path_.parent_path()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SqliteStoreTest, TakesAnEmptyFileAsNew) {
  WriteBytes(path_, "");
  EXPECT_TRUE(Open(path_)->Write({.sweeps = {ExampleSweep("alpha")}}).ok());
}

TEST_F(SqliteStoreTest, ReportsCorruptionAsDataLoss) {
  {
    const auto store = Open(path_);
    WriteBatch batch;
    for (int64_t ordinal = 0; ordinal < 2000; ++ordinal) {
      batch.trials.push_back(ExampleTrial("alpha", ordinal));
    }
    ASSERT_TRUE(store->Write(std::move(batch)).ok());
  }
  std::string bytes = Bytes(path_);
  ASSERT_GT(bytes.size(), 200'000u);
  bytes.replace(100'000, 40'000, std::string(40'000, '\x5a'));
  WriteBytes(path_, bytes);
  EXPECT_EQ(OpenSqliteStore(path_).status().code(), absl::StatusCode::kDataLoss);
  WriteBytes(path_, bytes.substr(0, 6000));  // cut off
  EXPECT_EQ(OpenSqliteStore(path_).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqliteStoreTest, MigratesAfterABackup) {
  CreateWithOneSweep();
  const std::vector<Migration> migrations = {
      Migrations()[0], {2, "ALTER TABLE sweep ADD COLUMN owner TEXT NOT NULL DEFAULT 'nobody';"}};
  auto store = OpenSqliteStore(path_, SqliteOptions{.migrations = migrations});
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->GetSweep("alpha").ok());
  EXPECT_EQ((*store)->GetStatistics().schema_version, 2);
  store->reset();
  EXPECT_EQ(RunSql(path_, "PRAGMA user_version"), "2");
  EXPECT_EQ(RunSql(path_, "SELECT owner FROM sweep"), "nobody");
  const std::filesystem::path backup = path_.string() + ".v1.bak";
  EXPECT_EQ(RunSql(backup, "PRAGMA user_version"), "1");
  EXPECT_EQ(RunSql(backup, "SELECT id FROM sweep"), "alpha");
  EXPECT_FALSE(std::filesystem::exists(backup.string() + ".tmp"));
  // This build knows version 1 only.
  EXPECT_EQ(OpenSqliteStore(path_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SqliteStoreTest, LeavesTheDatabaseAsItWasWhenAMigrationFails) {
  CreateWithOneSweep();
  const std::vector<Migration> migrations = {
      Migrations()[0],
      {2, "CREATE TABLE half (x INTEGER) STRICT; CREATE TABLE sweep (x INTEGER);"}};
  const auto store = OpenSqliteStore(path_, SqliteOptions{.migrations = migrations});
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("from version 1 to 2"));
  EXPECT_EQ(RunSql(path_, "PRAGMA user_version"), "1");
  EXPECT_EQ(RunSql(path_, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), "0");
  EXPECT_TRUE(Open(path_)->GetSweep("alpha").ok());
}

TEST_F(SqliteStoreTest, LivesOnWhenTheDiskIsFull) {
  auto store = OpenSqliteStore(path_, SqliteOptions{.max_pages = 64});
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Write({.sweeps = {ExampleSweep("alpha")}}).ok());
  const int64_t before = (*store)->Revision();
  Sweep big = ExampleSweep("big");
  big.spec = std::string(1'000'000, 'x');
  const absl::Status full = (*store)->Write({.sweeps = {big}});
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("full"));
  EXPECT_EQ((*store)->Revision(), before);
  EXPECT_FALSE((*store)->GetSweep("big").ok());
  EXPECT_TRUE((*store)->Write({.sweeps = {ExampleSweep("small")}}).ok());
  EXPECT_TRUE((*store)->GetSweep("small").ok());
}

TEST_F(SqliteStoreTest, WaitsForAnotherProgramsTransaction) {
  const auto store = Open(path_);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  auto write = std::async(std::launch::async,
                          [&] { return store->Write({.sweeps = {ExampleSweep("alpha")}}); });
  EXPECT_EQ(write.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_TRUE(write.get().ok());
  sqlite3_close(other);
}

TEST_F(SqliteStoreTest, ReadsWhileItWrites) {
  const auto store = Open(path_);
  ASSERT_TRUE(store->Write({.sweeps = {ExampleSweep("alpha")}}).ok());
  std::vector<std::future<int>> readers;
  std::atomic<bool> stop = false;
  for (int i = 0; i < 6; ++i) {  // more than there are reader connections
    readers.push_back(std::async(std::launch::async, [&] {
      int64_t seen = 0;
      int errors = 0;
      while (!stop) {
        const auto sweep = store->GetSweep("alpha");
        errors += !sweep.ok() || sweep->running_us < seen ? 1 : 0;
        seen = sweep.ok() ? sweep->running_us : seen;
      }
      return errors;
    }));
  }
  for (int64_t i = 0; i < 200; ++i) {
    Sweep sweep = ExampleSweep("alpha");
    sweep.running_us = i;
    ASSERT_TRUE(store->Write({.sweeps = {sweep}}).ok());
    EXPECT_EQ(store->GetSweep("alpha")->running_us, i);
  }
  stop = true;
  for (auto& reader : readers) {
    EXPECT_EQ(reader.get(), 0);
  }
}

}  // namespace
}  // namespace bitscape::server
