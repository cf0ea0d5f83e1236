#include "client/cli/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "bitscape/v1/sweep.grpc.pb.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/cli/trouble.h"

namespace bitscape::cli {
namespace {

using std::chrono::system_clock;

// How long a watch waits for a server that has gone.
constexpr double kPatienceSeconds = 30;
constexpr size_t kFrontLines = 12;

absl::Status Interruption(const Session& session, const std::string& name) {
  const std::string hint = Hint(session.globals, "sweep watch " + LastPart(name));
  if (session.connection.is_remote()) {
    return absl::CancelledError(
        fmt::format("detached: {} goes on in the server; watch it again with: {}", name, hint));
  }
  return absl::CancelledError(
      fmt::format("interrupted: {} keeps what it has; go on with: {}", name, hint));
}

absl::Status Timeout(const std::string& name, const v1::Sweep& sweep, double seconds) {
  return absl::DeadlineExceededError(
      fmt::format("{} has not ended after {} s{}", name, Number(seconds),
                  sweep.name().empty() ? "" : ": it is " + v1::Sweep::State_Name(sweep.state())));
}

// Reads one stream to its end.
absl::Status ReadEvents(Session& session, const WatchOptions& options,
                        std::optional<system_clock::time_point> deadline, SweepPicture& picture,
                        const std::string& name, Progress& progress) {
  auto stub = session.Stub<v1::SweepService>();
  if (!stub.ok()) return stub.status();
  Call call;
  if (deadline) call.context()->set_deadline(*deadline);
  v1::WatchSweepRequest request;
  request.set_name(name);
  request.set_resume_token(picture.resume_token());
  const auto reader = (*stub)->WatchSweep(call.context(), request);
  v1::SweepEvent event;
  while (reader->Read(&event)) {
    picture.Apply(event);
    progress.Update(picture.State(), picture.FrontLines(kFrontLines));
    if (!options.print_events) continue;
    const auto line = ToJson(event, false);
    if (!line.ok()) return line.status();
    const absl::Status written = WriteStdout(*line);
    if (!written.ok()) return written;
    if (StdoutClosed()) call.context()->TryCancel();
  }
  return session.Check(reader->Finish());
}

}  // namespace

bool HasEnded(v1::Sweep::State state) {
  return state == v1::Sweep::SUCCEEDED || state == v1::Sweep::FAILED ||
         state == v1::Sweep::CANCELLED;
}

void SweepPicture::Apply(const v1::SweepEvent& event) {
  if (event.snapshot()) trials_.clear();
  v1::SweepSpec spec;
  sweep_.mutable_spec()->Swap(&spec);
  sweep_ = event.sweep();
  // Only a stream's first event brings the spec.
  if (!sweep_.has_spec()) sweep_.mutable_spec()->Swap(&spec);
  for (const v1::Trial& trial : event.trials()) trials_[trial.name()] = trial;
  front_.assign(event.front().begin(), event.front().end());
  resume_token_ = event.resume_token();
}

ProgressState SweepPicture::State() const {
  const v1::SweepProgress& progress = sweep_.progress();
  ProgressState state;
  state.done = progress.images_evaluated();
  state.total = progress.images();
  state.unit = "images";
  state.label = fmt::format("{} {}", sweep_.name(), v1::Sweep::State_Name(sweep_.state()));
  const int ended = progress.succeeded() + progress.stopped() + progress.infeasible() +
                    progress.failed() + progress.cancelled();
  state.note =
      fmt::format("{}/{} trials  front {}", ended, progress.trials(), progress.front_size());
  state.elapsed_seconds = SecondsOf(progress.elapsed());
  if (progress.has_remaining()) state.remaining_seconds = SecondsOf(progress.remaining());
  return state;
}

std::vector<std::string> SweepPicture::FrontLines(size_t limit) const {
  std::vector<const v1::Trial*> points;
  for (const std::string& name : front_) {
    const auto trial = trials_.find(name);
    if (trial != trials_.end()) points.push_back(&trial->second);
  }
  if (points.empty()) return {};
  std::stable_sort(points.begin(), points.end(), [](const v1::Trial* a, const v1::Trial* b) {
    return a->metrics().accuracy() > b->metrics().accuracy();
  });
  const bool several_machines = sweep_.spec().accelerators_size() > 1;
  std::vector<std::string> lines = {fmt::format(
      "  the front{}, {} trials: accuracy, energy, weights / activations / accumulator{}",
      HasEnded(sweep_.state()) ? "" : " so far", points.size(),
      several_machines ? ", machine" : "")};
  for (const v1::Trial* trial : points) {
    if (lines.size() > limit) {
      lines.push_back(fmt::format("  and {} more", points.size() - limit));
      break;
    }
    const v1::Metrics& metrics = trial->metrics();
    lines.push_back(fmt::format(
        "  {:>7}  {:>9}  {}{}{}", Percent(metrics.accuracy()), Energy(metrics.energy_pj()),
        ShortPlan(trial->plan()), several_machines ? "  on " + LastPart(trial->accelerator()) : "",
        trial->reference().empty() ? "" : "  (" + trial->reference() + ")"));
  }
  return lines;
}

absl::StatusOr<v1::Sweep> WatchSweep(Session& session, const std::string& name,
                                     const WatchOptions& options) {
  std::optional<system_clock::time_point> deadline;
  if (options.timeout_seconds) {
    deadline = system_clock::now() + std::chrono::duration_cast<system_clock::duration>(
                                         std::chrono::duration<double>(*options.timeout_seconds));
  }
  SweepPicture picture;
  Progress progress(session.globals);
  for (;;) {
    const absl::Status status = ReadEvents(session, options, deadline, picture, name, progress);
    progress.Finish();
    if (status.ok() && HasEnded(picture.sweep().state())) return picture.sweep();
    if (StdoutClosed()) return picture.sweep();
    if (Interrupted()) {
      return Interruption(session, name);
    }
    if (status.code() == absl::StatusCode::kDeadlineExceeded && deadline) {
      return Timeout(name, picture.sweep(), *options.timeout_seconds);
    }
    // A server that shuts down ends its streams, cancels them, or is just gone.
    if (!status.ok() && status.code() != absl::StatusCode::kUnavailable &&
        status.code() != absl::StatusCode::kCancelled) {
      return status;
    }
    if (!status.ok() && picture.sweep().name().empty() && session.connection.is_remote()) {
      return status;
    }
    if (!session.globals.quiet && session.connection.is_remote()) {
      fmt::print(stderr, "the server at {} has gone; waiting for it\n",
                 session.connection.address());
    }
    if (!Sleep(std::chrono::milliseconds(200))) continue;
    const absl::Status again = session.connection.Reconnect(kPatienceSeconds);
    if (!again.ok()) return again;
  }
}

absl::Status Outcome(const v1::Sweep& sweep) {
  if (sweep.state() == v1::Sweep::SUCCEEDED || StdoutClosed()) return absl::OkStatus();
  return absl::UnknownError(fmt::format("{} has ended as {}{}{}", sweep.name(),
                                        v1::Sweep::State_Name(sweep.state()),
                                        sweep.error().empty() ? "" : ": ", sweep.error()));
}

}  // namespace bitscape::cli
