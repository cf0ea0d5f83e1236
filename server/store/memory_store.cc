#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "engine/core/status.h"
#include "server/store/change_signal.h"
#include "server/store/checks.h"
#include "server/store/store.h"

namespace bitscape::server {
namespace {

using ResourceKey = std::pair<StoredResource::Kind, std::string>;

class MemoryStore final : public Store {
 public:
  absl::Status Write(WriteBatch batch) override {
    BITSCAPE_RETURN_IF_ERROR(CheckBatch(batch));
    std::lock_guard lock(mutex_);
    BITSCAPE_RETURN_IF_ERROR(CheckFits(batch));
    ++writes_;
    ++revision_;
    for (Sweep& sweep : batch.sweeps) {
      sweep.revision = revision_;
      sweeps_.insert_or_assign(sweep.id, std::move(sweep));
    }
    for (Trial& trial : batch.trials) {
      trial.revision = revision_;
      trial.spec.plan = {};  // not stored
      auto& trials = trials_[trial.sweep];
      trials.insert_or_assign(trial.ordinal, std::move(trial));
    }
    for (SliceRecord& slice : batch.slices) {
      AccuracyRecord& record = accuracy_[slice.key];
      record.key = slice.key;
      record.images += static_cast<int64_t>(slice.correct.size());
      record.correct.insert(record.correct.end(), slice.correct.begin(), slice.correct.end());
      record.loss_sums.push_back(slice.loss_sum);
    }
    for (StoredResource& resource : batch.resources) {
      ResourceKey key(resource.kind, resource.name);
      resources_.insert_or_assign(std::move(key), std::move(resource));
    }
    if (!batch.request_id.empty()) {
      requests_.emplace(std::move(batch.request_id), std::move(batch.request_sweep));
    }
    signal_.Set(revision_);
    return absl::OkStatus();
  }

  absl::StatusOr<Sweep> GetSweep(std::string_view id) override {
    std::lock_guard lock(mutex_);
    const auto found = sweeps_.find(id);
    return found == sweeps_.end() ? absl::StatusOr<Sweep>(SweepNotFound(id)) : found->second;
  }

  absl::StatusOr<std::vector<Sweep>> ListSweeps(std::string_view after, int64_t limit) override {
    BITSCAPE_RETURN_IF_ERROR(CheckLimit(limit));
    std::lock_guard lock(mutex_);
    const auto last = sweeps_.find(after);
    if (!after.empty() && last == sweeps_.end()) {
      return SweepNotFound(after);
    }
    const auto age = [](const Sweep& sweep) { return std::pair(sweep.create_time_us, sweep.id); };
    std::vector<Sweep> page;
    for (const auto& [id, sweep] : sweeps_) {
      if (after.empty() || age(sweep) < age(last->second)) {
        page.push_back(sweep);
      }
    }
    std::sort(page.begin(), page.end(),
              [&](const Sweep& a, const Sweep& b) { return age(a) > age(b); });
    page.resize(std::min(page.size(), static_cast<size_t>(limit)));
    return page;
  }

  absl::StatusOr<std::optional<std::string>> FindRequest(std::string_view request_id) override {
    std::lock_guard lock(mutex_);
    const auto found = requests_.find(request_id);
    return found == requests_.end() ? std::nullopt : std::optional(found->second);
  }

  absl::StatusOr<Trial> GetTrial(std::string_view sweep, int64_t ordinal) override {
    std::lock_guard lock(mutex_);
    if (const auto trials = trials_.find(sweep); trials != trials_.end()) {
      if (const auto found = trials->second.find(ordinal); found != trials->second.end()) {
        return found->second;
      }
    }
    return TrialNotFound(sweep, ordinal);
  }

  absl::StatusOr<std::vector<Trial>> ListTrials(const TrialQuery& query) override {
    BITSCAPE_RETURN_IF_ERROR(CheckLimit(query.limit));
    std::lock_guard lock(mutex_);
    std::vector<Trial> page;
    const auto trials = trials_.find(query.sweep);
    if (trials == trials_.end()) {
      return page;
    }
    for (auto next = trials->second.upper_bound(query.after_ordinal);
         next != trials->second.end() && static_cast<int64_t>(page.size()) < query.limit; ++next) {
      const Trial& trial = next->second;
      const bool state_asked =
          query.states.empty() ||
          std::find(query.states.begin(), query.states.end(), trial.state) != query.states.end();
      if (state_asked && trial.revision > query.after_revision) {
        page.push_back(trial);
      }
    }
    return page;
  }

  absl::StatusOr<SweepCounts> CountTrials(std::string_view sweep) override {
    std::lock_guard lock(mutex_);
    SweepCounts counts;
    if (const auto trials = trials_.find(sweep); trials != trials_.end()) {
      for (const auto& [ordinal, trial] : trials->second) {
        ++counts.by_state[trial.state];
        counts.images_evaluated += trial.images_evaluated;
      }
    }
    return counts;
  }

  absl::StatusOr<std::optional<AccuracyRecord>> GetAccuracy(std::string_view key) override {
    std::lock_guard lock(mutex_);
    const auto found = accuracy_.find(key);
    return found == accuracy_.end() ? std::nullopt : std::optional(found->second);
  }

  absl::StatusOr<StoredResource> GetResource(StoredResource::Kind kind,
                                             std::string_view name) override {
    std::lock_guard lock(mutex_);
    const auto found = resources_.find(ResourceKey(kind, name));
    return found == resources_.end() ? absl::StatusOr<StoredResource>(ResourceNotFound(kind, name))
                                     : found->second;
  }

  absl::StatusOr<std::vector<StoredResource>> ListResources(StoredResource::Kind kind) override {
    std::lock_guard lock(mutex_);
    std::vector<StoredResource> list;
    for (const auto& [key, resource] : resources_) {
      if (key.first == kind) {
        list.push_back({kind, resource.name, resource.digest, resource.metadata, {}});
      }
    }
    return list;
  }

  int64_t Revision() override { return signal_.Revision(); }

  int64_t WaitForChange(int64_t revision, int64_t timeout_ms) override {
    return signal_.Wait(revision, timeout_ms);
  }

  Statistics GetStatistics() override {
    std::lock_guard lock(mutex_);
    Statistics statistics;
    statistics.path = ":memory:";
    statistics.writes = writes_;
    return statistics;
  }

 private:
  // Whether the batch can be applied as a whole. Requires mutex_.
  absl::Status CheckFits(const WriteBatch& batch) const {
    std::map<std::string, int64_t, std::less<>> images;
    for (const SliceRecord& slice : batch.slices) {
      const auto record = accuracy_.find(slice.key);
      const int64_t held = record == accuracy_.end() ? 0 : record->second.images;
      int64_t& expected = images.try_emplace(slice.key, held).first->second;
      if (slice.begin != expected) {
        return SliceDoesNotFollow(slice, expected);
      }
      expected += static_cast<int64_t>(slice.correct.size());
    }
    if (!batch.request_id.empty() && requests_.contains(batch.request_id)) {
      return RequestIdInUse(batch.request_id);
    }
    return absl::OkStatus();
  }

  std::mutex mutex_;  // guards all below but signal_, which has its own
  int64_t revision_ = 0;
  int64_t writes_ = 0;
  std::map<std::string, Sweep, std::less<>> sweeps_;
  std::map<std::string, std::map<int64_t, Trial>, std::less<>> trials_;
  std::map<std::string, AccuracyRecord, std::less<>> accuracy_;
  std::map<ResourceKey, StoredResource> resources_;
  std::map<std::string, std::string, std::less<>> requests_;
  ChangeSignal signal_;
};

}  // namespace

std::unique_ptr<Store> CreateMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace bitscape::server
