// The results database. One writer thread commits in groups; a write is acknowledged, and watchers
// told, only after its commit. On disk: SQLite, WAL, synchronous=FULL, STRICT tables, user_version
// migrations (schema: server/store/README.md).
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/trials/trial.h"

namespace bitscape::server {

// A stored file: an imported network, dataset file set, or accelerator.
struct StoredResource {
  enum class Kind { kNetwork = 1, kDataset = 2, kAccelerator = 3 } kind = Kind::kNetwork;
  std::string name;
  std::string digest;              // of the parsed resource
  std::string metadata;            // JSON: input scaling, file names
  std::vector<std::string> blobs;  // the files' bytes
};

// Accuracy of one plan, shared by every trial with the same key.
struct AccuracyRecord {
  std::string key;
  int64_t images = 0;             // evaluated so far: a prefix of the split
  std::vector<uint8_t> correct;   // one byte an image, `images` of them
  std::vector<double> loss_sums;  // one a slice, added in order at the end
};

struct SliceRecord {
  std::string key;
  int64_t begin = 0;  // must equal the record's images so far
  std::vector<uint8_t> correct;
  double loss_sum = 0;
};

struct SweepCounts {
  std::map<TrialState, int64_t> by_state;
  int64_t images_evaluated = 0;
};

struct TrialQuery {
  std::string sweep = {};
  std::vector<TrialState> states = {};  // empty: all
  int64_t after_ordinal = -1;
  int64_t after_revision = -1;  // trials changed after it
  int64_t limit = 1000;
};

// One step that is committed as a whole.
struct WriteBatch {
  std::vector<Sweep> sweeps = {};        // insert or replace by id
  std::vector<Trial> trials = {};        // insert or replace by (sweep, ordinal)
  std::vector<SliceRecord> slices = {};  // appended to their accuracy records
  std::vector<StoredResource> resources = {};
  std::string request_id = {}, request_sweep = {};  // remembers CreateSweep's request id
};

// Thread-safe. Every method that reads sees all acknowledged writes.
class Store {
 public:
  virtual ~Store() = default;

  // Blocks until committed (or failed: nothing of the batch is visible then). The stored sweeps and
  // trials get the commit's revision. Errors: kFailedPrecondition for a slice that does not follow
  // its record; kAlreadyExists for a request id in use; kInvalidArgument (an empty id, key or name;
  // metrics without costs); kResourceExhausted (disk full, or a value above SQLite's 1 GB);
  // kUnavailable (another process holds the database's lock for seconds); kInternal. The store goes
  // on working after any of them.
  virtual absl::Status Write(WriteBatch batch) = 0;

  virtual absl::StatusOr<Sweep> GetSweep(std::string_view id) = 0;  // kNotFound
  // Newest first (by creation time, then id); `after` is the last id of the page before, or empty.
  // Errors: kNotFound for an unknown `after`; kInvalidArgument for a limit below 1.
  virtual absl::StatusOr<std::vector<Sweep>> ListSweeps(std::string_view after, int64_t limit) = 0;
  virtual absl::StatusOr<std::optional<std::string>> FindRequest(std::string_view request_id) = 0;
  virtual absl::StatusOr<Trial> GetTrial(std::string_view sweep, int64_t ordinal) = 0;  // kNotFound
  // By ordinal; none for an unknown sweep. Error: kInvalidArgument for a limit below 1.
  virtual absl::StatusOr<std::vector<Trial>> ListTrials(const TrialQuery& query) = 0;
  virtual absl::StatusOr<SweepCounts> CountTrials(std::string_view sweep) = 0;
  virtual absl::StatusOr<std::optional<AccuracyRecord>> GetAccuracy(std::string_view key) = 0;
  virtual absl::StatusOr<StoredResource> GetResource(StoredResource::Kind kind,
                                                     std::string_view name) = 0;  // kNotFound
  // Without blobs; by name.
  virtual absl::StatusOr<std::vector<StoredResource>> ListResources(StoredResource::Kind kind) = 0;

  // The newest revision; grows with every commit.
  virtual int64_t Revision() = 0;
  // Blocks until Revision() > revision, the deadline, or shutdown of the store; returns Revision().
  virtual int64_t WaitForChange(int64_t revision, int64_t timeout_ms) = 0;

  struct Statistics {
    std::string path;
    int64_t size_bytes = 0, wal_bytes = 0;
    int schema_version = 0;
    int64_t writes = 0;
    double write_seconds = 0;
  };
  virtual Statistics GetStatistics() = 0;
};

// Opens or creates the database; takes the file lock beside it ("<path>.lock").
// Errors: kFailedPrecondition: another server holds it, or the database is of a newer version (both
// named); kInvalidArgument: not a bitscape database; kDataLoss: corrupt; kPermissionDenied.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::filesystem::path& path);
// The same contract in memory: tests, and the oracle of the contract suite.
std::unique_ptr<Store> CreateMemoryStore();

}  // namespace bitscape::server
