#include "server/store/sqlite_writer.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "engine/core/status.h"
#include "server/store/checks.h"
#include "server/store/sqlite_apply.h"

namespace bitscape::server {
namespace {

// Batches that may wait: enough for a group to be worth its sync, few enough that a slow disk slows
// the writers instead of filling the memory.
constexpr size_t kQueuedBatches = 64;

}  // namespace

SqliteWriter::SqliteWriter(std::unique_ptr<Connection> connection, ChangeSignal& signal)
    : connection_(std::move(connection)), signal_(signal), thread_([this] { Run(); }) {}

SqliteWriter::~SqliteWriter() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

absl::Status SqliteWriter::Write(WriteBatch batch) {
  BITSCAPE_RETURN_IF_ERROR(CheckBatch(batch));
  std::future<absl::Status> outcome;
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return queue_.size() < kQueuedBatches; });
    queue_.push_back({std::move(batch), {}});
    outcome = queue_.back().outcome.get_future();
  }
  work_.notify_one();
  return outcome.get();
}

int64_t SqliteWriter::Writes() const {
  std::lock_guard lock(mutex_);
  return writes_;
}

double SqliteWriter::WriteSeconds() const {
  std::lock_guard lock(mutex_);
  return write_seconds_;
}

void SqliteWriter::Run() {
  while (true) {
    std::vector<Pending> group;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) {
        return;
      }
      group.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
      queue_.clear();
    }
    room_.notify_all();
    CommitGroup(group);
  }
}

void SqliteWriter::CommitGroup(std::vector<Pending>& group) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<absl::Status> outcomes(group.size());
  int64_t revision = signal_.Revision();
  absl::Status status = ApplyGroup(group, outcomes, revision);
  if (!status.ok() && connection_->InTransaction()) {
    if (const absl::Status rolled_back = connection_->Execute("ROLLBACK"); !rolled_back.ok()) {
      status = Annotate(rolled_back, std::string(status.message()));
    }
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  {
    std::lock_guard lock(mutex_);
    writes_ += static_cast<int64_t>(group.size());
    write_seconds_ += seconds.count();
  }
  if (status.ok()) {
    signal_.Set(revision);
  }
  for (size_t i = 0; i < group.size(); ++i) {
    // Each caller gets a status of its own: nothing is shared between threads.
    group[i].outcome.set_value(outcomes[i].ok() ? absl::Status(status.code(), status.message())
                                                : std::move(outcomes[i]));
  }
}

absl::Status SqliteWriter::ApplyGroup(const std::vector<Pending>& group,
                                      std::vector<absl::Status>& outcomes, int64_t& revision) {
  BITSCAPE_RETURN_IF_ERROR(connection_->Execute("BEGIN IMMEDIATE"));
  for (size_t i = 0; i < group.size(); ++i) {
    BITSCAPE_RETURN_IF_ERROR(ApplyOne(group[i].batch, revision + 1, outcomes[i]));
    revision += outcomes[i].ok() ? 1 : 0;
  }
  {
    BITSCAPE_ASSIGN_OR_RETURN(
        Statement statement,
        connection_->Prepare("UPDATE meta SET value = ? WHERE key = 'revision'"));
    BITSCAPE_RETURN_IF_ERROR(statement.Bind(revision).Run());
  }
  return connection_->Execute("COMMIT");
}

// A batch that fails by itself takes nothing else of its group with it; an error that ends the
// transaction (a full disk) fails the group.
absl::Status SqliteWriter::ApplyOne(const WriteBatch& batch, int64_t revision,
                                    absl::Status& outcome) {
  BITSCAPE_RETURN_IF_ERROR(connection_->Execute("SAVEPOINT batch"));
  outcome = ApplyBatch(*connection_, batch, revision);
  if (outcome.ok()) {
    return connection_->Execute("RELEASE batch");
  }
  if (!connection_->InTransaction()) {
    return outcome;
  }
  return connection_->Execute("ROLLBACK TO batch; RELEASE batch");
}

}  // namespace bitscape::server
