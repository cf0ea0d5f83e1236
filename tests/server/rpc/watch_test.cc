#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "bitscape/v1/sweep.grpc.pb.h"
#include "bitscape/v1/trial.grpc.pb.h"
#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;

class WatchTest : public ::testing::Test {
 protected:
  WatchTest() { Connect(); }

  void Connect() { sweeps_ = v1::SweepService::NewStub(running_.channel()); }
  void Create(const std::string& id, const v1::SweepSpec& spec) {
    v1::CreateSweepRequest request;
    request.set_sweep_id(id);
    *request.mutable_spec() = spec;
    Call call;
    v1::Sweep sweep;
    const grpc::Status status = sweeps_->CreateSweep(&call, request, &sweep);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  static v1::WatchSweepRequest Watch(const std::string& name, const std::string& token = "") {
    v1::WatchSweepRequest request;
    request.set_name(name);
    request.set_resume_token(token);
    return request;
  }
  // resnet8 on all images: some seconds of work in many slices.
  static v1::SweepSpec LongSweep() {
    v1::SweepSpec spec = SmallSweep(10000, {"int3", "int4", "int5", "int6", "int7", "int8"});
    spec.set_network("resnet8");
    spec.mutable_evaluation()->set_slice_images(128);
    return spec;
  }

  RunningServer running_;
  std::unique_ptr<v1::SweepService::Stub> sweeps_;
};

TEST_F(WatchTest, SendsASnapshotAndThenEveryChange) {
  Create("w", SmallSweep(2048, {"int2", "int4", "int8"}));
  Call call;
  const auto reader = sweeps_->WatchSweep(&call, Watch("sweeps/w"));
  std::map<std::string, v1::Trial::State> states;
  v1::SweepEvent event;
  int events = 0;
  while (reader->Read(&event)) {
    EXPECT_EQ(event.snapshot(), events == 0);
    EXPECT_NE(event.resume_token(), "");
    if (events == 0) {
      EXPECT_EQ(event.trials_size(), 3) << "the snapshot has all trials";
    }
    for (const v1::Trial& trial : event.trials()) {
      states[trial.name()] = trial.state();
    }
    ++events;
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(event.sweep().state(), v1::Sweep::SUCCEEDED);
  EXPECT_GT(event.front_size(), 0);
  ASSERT_EQ(states.size(), 3u);
  for (const auto& [name, state] : states) {
    EXPECT_EQ(state, v1::Trial::SUCCEEDED) << name;
  }
}

TEST_F(WatchTest, ResumesWhereItLeftOff) {
  Create("w", SmallSweep(64, {"int2", "int8"}));
  std::string token;
  {
    Call call;
    const auto reader = sweeps_->WatchSweep(&call, Watch("w"));
    for (v1::SweepEvent event; reader->Read(&event);) {
      token = event.resume_token();
    }
  }
  running_.Restart();
  Connect();
  Call call;
  const auto reader = sweeps_->WatchSweep(&call, Watch("w", token));
  v1::SweepEvent event;
  ASSERT_TRUE(reader->Read(&event)) << "a watch begins with the sweep as it is";
  EXPECT_FALSE(event.snapshot());
  EXPECT_EQ(event.trials_size(), 0) << "all changes were seen before";
  EXPECT_EQ(event.sweep().state(), v1::Sweep::SUCCEEDED);
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_TRUE(reader->Finish().ok());
}

// Every message stays below gRPC's default limit of 4 MiB, however long the plans' texts.
TEST_F(WatchTest, CutsLongPlansIntoSeveralEventsAndPages) {
  v1::SweepSpec spec = SmallSweep(32, {"int8"});
  constexpr int kPlans = 300;
  for (int plan = 0; plan < kPlans; ++plan) {
    std::string text = "weights=int8,activations=int8,accumulator=int32";
    int choices = plan;  // a width of 2 to 8 bits for each layer tells the plans apart
    for (const std::string layer : {"conv1", "conv2", "fc1", "fc2", "fc3"}) {
      text +=
          ";[" + layer + std::string(1700, '*') + "]weights=int" + std::to_string(2 + choices % 7);
      choices /= 7;
    }
    spec.mutable_space()->add_plans(text);
  }
  Create("long-plans", spec);
  Call watching;
  const auto reader = sweeps_->WatchSweep(&watching, Watch("sweeps/long-plans"));
  v1::SweepEvent event;
  std::set<std::string> seen;
  int with_spec = 0;
  int planned = 0;
  while (reader->Read(&event)) {
    EXPECT_LT(event.ByteSizeLong(), size_t{4} << 20);
    with_spec += event.sweep().has_spec() ? 1 : 0;
    planned = event.sweep().progress().trials();
    for (const v1::Trial& trial : event.trials()) seen.insert(trial.name());
  }
  const grpc::Status ended = reader->Finish();
  EXPECT_TRUE(ended.ok()) << ended.error_message();
  EXPECT_EQ(with_spec, 1);
  EXPECT_EQ(static_cast<int>(seen.size()), planned);
  EXPECT_GT(planned, kPlans / 2);

  const auto trials = v1::TrialService::NewStub(running_.channel());
  v1::ListTrialsRequest list;
  list.set_parent("sweeps/long-plans");
  list.set_page_size(1000);
  std::set<std::string> listed;
  do {
    Call call;
    v1::ListTrialsResponse page;
    const grpc::Status status = trials->ListTrials(&call, list, &page);
    ASSERT_TRUE(status.ok()) << status.error_message();
    for (const v1::Trial& trial : page.trials()) listed.insert(trial.name());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(listed, seen);
}

TEST_F(WatchTest, RefusesUnknownSweepsAndTokens) {
  Create("w", SmallSweep(32));
  v1::SweepEvent event;
  Call missing;
  auto reader = sweeps_->WatchSweep(&missing, Watch("ww"));
  EXPECT_FALSE(reader->Read(&event));
  grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("did you mean 'w'?"));
  Call bad;
  reader = sweeps_->WatchSweep(&bad, Watch("w", "bad-token"));
  EXPECT_FALSE(reader->Read(&event));
  status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "resume_token");
}

TEST_F(WatchTest, IsFreedWhenTheClientGoes) {
  Create("w", LongSweep());
  // More than there are slots, one after the other: each must give its slot back.
  for (int i = 0; i < 120; ++i) {
    Call call;
    const auto reader = sweeps_->WatchSweep(&call, Watch("w"));
    v1::SweepEvent event;
    if (i % 10 == 0) {
      ASSERT_TRUE(reader->Read(&event)) << i;
    }
    call.TryCancel();
    EXPECT_NE(reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << i;
  }
}

TEST_F(WatchTest, LeavesThreadsForUnaryCalls) {
  Create("w", LongSweep());
  struct Watcher {
    Call call;
    std::unique_ptr<grpc::ClientReader<v1::SweepEvent>> reader;
  };
  std::vector<std::unique_ptr<Watcher>> watchers;
  int served = 0;
  int refused = 0;
  for (int i = 0; i < 110; ++i) {
    auto watcher = std::make_unique<Watcher>();
    watcher->reader = sweeps_->WatchSweep(&watcher->call, Watch("w"));
    v1::SweepEvent event;
    if (watcher->reader->Read(&event)) {
      ++served;
      watchers.push_back(std::move(watcher));
    } else {
      const grpc::Status status = watcher->reader->Finish();
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
      EXPECT_THAT(status.error_message(), HasSubstr("96 watches are open already"));
      ++refused;
    }
  }
  EXPECT_EQ(served, 96);
  EXPECT_EQ(refused, 14);
  v1::GetSweepRequest get;
  get.set_name("w");
  Call call;
  v1::Sweep sweep;
  EXPECT_TRUE(sweeps_->GetSweep(&call, get, &sweep).ok());
  for (const auto& watcher : watchers) {
    watcher->call.TryCancel();
  }
}

TEST_F(WatchTest, EndsWhenTheServerGoesDown) {
  Create("w", LongSweep());
  Call call;
  const auto reader = sweeps_->WatchSweep(&call, Watch("w"));
  v1::SweepEvent event;
  ASSERT_TRUE(reader->Read(&event));
  std::thread shutdown([this] { running_.server().Shutdown(); });
  while (reader->Read(&event)) {
  }
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("the resume token stays valid"));
  shutdown.join();
}

}  // namespace
}  // namespace bitscape::server
