// The only thread that writes: takes all batches that wait and commits them in one transaction.
#pragma once

#include <absl/status/status.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "server/store/change_signal.h"
#include "server/store/sqlite_connection.h"
#include "server/store/store.h"

namespace bitscape::server {

// Thread-safe. The destructor commits what waits, then closes the connection.
class SqliteWriter {
 public:
  // `signal` holds the newest revision, is told each new one, and must outlive the writer.
  SqliteWriter(std::unique_ptr<Connection> connection, ChangeSignal& signal);
  ~SqliteWriter();

  // Blocks until committed or failed.
  absl::Status Write(WriteBatch batch);

  int64_t Writes() const;
  double WriteSeconds() const;  // spent in transactions

 private:
  struct Pending {
    WriteBatch batch;
    std::promise<absl::Status> outcome;
  };

  void Run();
  void CommitGroup(std::vector<Pending>& group);
  // Fills outcomes with each batch's own error; the status is the whole group's.
  absl::Status ApplyGroup(const std::vector<Pending>& group, std::vector<absl::Status>& outcomes,
                          int64_t& revision);
  absl::Status ApplyOne(const WriteBatch& batch, int64_t revision, absl::Status& outcome);

  const std::unique_ptr<Connection> connection_;  // the writer thread's alone
  ChangeSignal& signal_;

  mutable std::mutex mutex_;  // guards all below but thread_
  std::condition_variable work_;
  std::condition_variable room_;
  std::deque<Pending> queue_;
  bool stopping_ = false;
  int64_t writes_ = 0;
  double write_seconds_ = 0;

  std::thread thread_;
};

}  // namespace bitscape::server
