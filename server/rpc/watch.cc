#include "server/rpc/watch.h"

#include <fmt/format.h>

#include <thread>
#include <vector>

#include "engine/core/status.h"
#include "server/rpc/lookup.h"
#include "server/rpc/sweep_proto.h"
#include "server/rpc/tokens.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

// A busy sweep commits many times a second; people don't read that fast.
constexpr std::chrono::milliseconds kBetweenEvents{200};
constexpr int64_t kPollMs = 200;  // how soon a client that went away is noticed
constexpr int64_t kTrialsPerQuery = 1000;

class Watch {
 public:
  Watch(ServiceContext& context, std::string id, v1::SweepSpec spec, int64_t seen,
        const std::function<bool(const v1::SweepEvent&)>& send)
      : context_(context),
        id_(std::move(id)),
        spec_(std::move(spec)),
        seen_(seen),
        snapshot_(seen < 0),
        send_(send) {}

  // Sends what changed after `seen`. Sets `ended` once the sweep's last state was sent.
  absl::Status Step(bool* ended);
  bool listening() const { return listening_; }
  int64_t store_revision() const { return store_revision_; }

 private:
  absl::Status SendChanges(const Sweep& sweep);
  absl::Status AddFront(const Sweep& sweep, v1::SweepEvent* event);
  std::string Token(int64_t revision) const {
    return revision < 0 ? "" : MakeToken("watch/" + id_, fmt::format("{}", revision));
  }

  ServiceContext& context_;
  const std::string id_;
  const v1::SweepSpec spec_;
  int64_t seen_;  // all changes up to this revision were sent; < 0: nothing
  bool snapshot_;
  bool first_ = true;
  bool listening_ = true;
  int64_t store_revision_ = -1;
  std::vector<std::string> front_;
  int32_t front_of_ = -1;  // how many trials had succeeded when front_ was computed
  const std::function<bool(const v1::SweepEvent&)>& send_;
};

absl::Status Watch::AddFront(const Sweep& sweep, v1::SweepEvent* event) {
  // Trials that have SUCCEEDED never change: as many of them are the same ones.
  const int32_t succeeded = event->sweep().progress().succeeded();
  if (succeeded != front_of_) {
    BITSCAPE_ASSIGN_OR_RETURN(const FrontResult front,
                              QueryFront(context_.store, {id_}, sweep.objectives, {}));
    front_.clear();
    for (const Trial& trial : front.points) {
      front_.push_back(TrialName(trial.sweep, trial.ordinal));
    }
    front_of_ = succeeded;
  }
  event->mutable_front()->Assign(front_.begin(), front_.end());
  return absl::OkStatus();
}

absl::Status Watch::SendChanges(const Sweep& sweep) {
  TrialQuery query;
  query.sweep = id_;
  query.after_revision = seen_;
  query.limit = kTrialsPerQuery;
  for (bool more = true; more && listening_;) {
    BITSCAPE_ASSIGN_OR_RETURN(const std::vector<Trial> trials, context_.store.ListTrials(query));
    more = static_cast<int64_t>(trials.size()) == kTrialsPerQuery;
    const bool changed = !trials.empty() || sweep.revision > seen_;
    if (!changed && !first_) {
      return absl::OkStatus();
    }
    size_t sent = 0;
    do {
      v1::SweepEvent event;
      BITSCAPE_ASSIGN_OR_RETURN(*event.mutable_sweep(), ToProto(sweep, context_.scheduler));
      if (!first_) {
        event.mutable_sweep()->clear_spec();
      }
      size_t bytes = event.ByteSizeLong();
      for (; sent < trials.size() && bytes < kMaxPageBytes; ++sent) {
        *event.add_trials() = ToProto(trials[sent], spec_);
        bytes += event.trials(event.trials_size() - 1).ByteSizeLong();
        query.after_ordinal = trials[sent].ordinal;
      }
      const bool last = sent == trials.size() && !more;
      BITSCAPE_RETURN_IF_ERROR(AddFront(sweep, &event));
      event.set_snapshot(first_ && snapshot_);
      // Only the last part of a change moves the token: a watch that breaks off before gets all
      // again.
      event.set_resume_token(Token(last ? store_revision_ : seen_));
      listening_ = send_(event);
      first_ = false;
    } while (sent < trials.size() && listening_);
  }
  return absl::OkStatus();
}

absl::Status Watch::Step(bool* ended) {
  // The revision before the state, the state before the trials: what changes in between is sent
  // again with the next event, never lost.
  store_revision_ = context_.store.Revision();
  BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, context_.store.GetSweep(id_));
  BITSCAPE_RETURN_IF_ERROR(SendChanges(sweep));
  seen_ = store_revision_;
  *ended = IsTerminal(sweep.state);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadResumeToken(const v1::WatchSweepRequest& request, const Sweep& sweep,
                                        Store& store) {
  if (request.resume_token().empty()) {
    return -1;
  }
  BITSCAPE_ASSIGN_OR_RETURN(
      const int64_t revision,
      ReadNumberToken("watch/" + sweep.id, request.resume_token(), "resume_token"));
  if (revision > store.Revision()) {
    return FieldError("resume_token", "is newer than this database");
  }
  return revision;
}

}  // namespace

absl::Status WatchSweep(const v1::WatchSweepRequest& request, ServiceContext& context,
                        const std::function<bool()>& gone,
                        const std::function<bool(const v1::SweepEvent&)>& send) {
  BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, FindSweep(context.store, request.name(), "name"));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t seen, ReadResumeToken(request, sweep, context.store));
  BITSCAPE_ASSIGN_OR_RETURN(const StreamSlots::Slot slot, context.watches.Take("watches"));
  BITSCAPE_ASSIGN_OR_RETURN(v1::SweepSpec spec, SpecOf(sweep));
  Watch watch(context, sweep.id, std::move(spec), seen, send);
  for (bool ended = false;;) {
    BITSCAPE_RETURN_IF_ERROR(watch.Step(&ended));
    if (ended || !watch.listening()) {
      return absl::OkStatus();
    }
    std::this_thread::sleep_for(kBetweenEvents);
    do {
      if (context.stopping.stop_requested()) {
        return absl::UnavailableError("the server is going down; the resume token stays valid");
      }
      if (gone()) {
        return absl::CancelledError("the client went away");
      }
    } while (context.store.WaitForChange(watch.store_revision(), kPollMs) <=
             watch.store_revision());
  }
}

}  // namespace bitscape::server
