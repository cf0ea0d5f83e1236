#include "client/cli/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bitscape/v1/sweep.grpc.pb.h"
#include "tests/client/fake_server.h"

namespace bitscape::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::SweepEvent Event(const std::string& token, v1::Sweep::State state) {
  v1::SweepEvent event;
  event.mutable_sweep()->set_name("sweeps/a");
  event.mutable_sweep()->set_state(state);
  event.set_resume_token(token);
  return event;
}

// The first stream breaks off as a server does that shuts down; later ones end as told.
class Sweeps final : public v1::SweepService::Service {
 public:
  grpc::Status first_end = grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
  v1::Sweep::State last_state = v1::Sweep::SUCCEEDED;
  bool hangs = false;

  grpc::Status WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest* request,
                          grpc::ServerWriter<v1::SweepEvent>* writer) override {
    {
      const std::lock_guard lock(mutex_);
      tokens_.push_back(request->resume_token());
      if (tokens_.size() == 1) {
        writer->Write(Event("one", v1::Sweep::RUNNING));
        if (!hangs) return first_end;
      }
    }
    while (hangs && !context->IsCancelled()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    v1::SweepEvent last = Event("two", last_state);
    last.mutable_sweep()->set_error("the disk is full");
    writer->Write(last);
    return grpc::Status::OK;
  }
  std::vector<std::string> tokens() {
    const std::lock_guard lock(mutex_);
    return tokens_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> tokens_;
};

class WatchTest : public testing::Test {
 protected:
  absl::StatusOr<v1::Sweep> Watch(const WatchOptions& options = {}) {
    const FakeServer server(service_);
    Session session;
    session.globals.server = server.address();
    session.globals.quiet = true;
    return WatchSweep(session, "sweeps/a", options);
  }
  Sweeps service_;
};

TEST_F(WatchTest, GoesOnFromTheLastEventAfterARestart) {
  const auto sweep = Watch();
  ASSERT_TRUE(sweep.ok()) << sweep.status();
  EXPECT_EQ(sweep->state(), v1::Sweep::SUCCEEDED);
  EXPECT_THAT(service_.tokens(), ElementsAre("", "one"));
  EXPECT_TRUE(Outcome(*sweep).ok());
}

TEST_F(WatchTest, GoesOnWhereTheServerEndsTheStreamInPeace) {
  service_.first_end = grpc::Status::OK;
  const auto sweep = Watch();
  ASSERT_TRUE(sweep.ok()) << sweep.status();
  EXPECT_THAT(service_.tokens(), ElementsAre("", "one"));
}

TEST_F(WatchTest, EndsAtOtherErrors) {
  service_.first_end = grpc::Status(grpc::StatusCode::NOT_FOUND, "gone");
  EXPECT_EQ(Watch().status().message(), "gone");
}

TEST_F(WatchTest, SaysWhyASweepFailed) {
  service_.last_state = v1::Sweep::FAILED;
  const auto sweep = Watch();
  ASSERT_TRUE(sweep.ok()) << sweep.status();
  const absl::Status outcome = Outcome(*sweep);
  EXPECT_EQ(outcome.code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(outcome.message(), "sweeps/a has ended as FAILED: the disk is full");
}

TEST_F(WatchTest, TimesOutNamingTheState) {
  service_.hangs = true;
  WatchOptions options;
  options.timeout_seconds = 0.3;
  const absl::Status status = Watch(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("sweeps/a has not ended after 0.3 s: it is RUNNING"));
}

v1::SweepEvent OnTwoMachines(v1::SweepEvent event) {
  for (const char* name : {"accelerators/m", "accelerators/n"}) {
    event.mutable_sweep()->mutable_spec()->add_accelerators(name);
  }
  for (v1::Trial& trial : *event.mutable_trials()) trial.set_accelerator("accelerators/m");
  return event;
}

TEST(SweepPicture, FrontFollowsTheEvents) {
  SweepPicture picture;
  v1::SweepEvent event = Event("one", v1::Sweep::RUNNING);
  event.set_snapshot(true);
  for (const auto& [name, accuracy] : {std::pair("t1", 0.8), std::pair("t2", 0.9)}) {
    v1::Trial& trial = *event.add_trials();
    trial.set_name(name);
    trial.set_plan("weights=int4,activations=int8,accumulator=int32");
    trial.mutable_metrics()->set_accuracy(accuracy);
    trial.mutable_metrics()->set_energy_pj(2e6);
    event.add_front(name);
  }
  picture.Apply(event);
  const std::vector<std::string> lines = picture.FrontLines(5);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr("2 trials"));
  EXPECT_EQ(lines[1], "   90.00%       2 uJ  int4 / int8 / int32");
  picture.Apply(OnTwoMachines(event));
  EXPECT_EQ(picture.FrontLines(5)[1], "   90.00%       2 uJ  int4 / int8 / int32  on m");
  v1::SweepEvent delta = Event("two", v1::Sweep::RUNNING);
  delta.add_front("t1");
  picture.Apply(delta);
  EXPECT_EQ(picture.FrontLines(5).size(), 2u);
  EXPECT_EQ(picture.resume_token(), "two");
}

}  // namespace
}  // namespace bitscape::cli
