#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <set>
#include <thread>

#include "bitscape/v1/front.grpc.pb.h"
#include "bitscape/v1/sweep.grpc.pb.h"
#include "bitscape/v1/trial.grpc.pb.h"
#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class SweepServiceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { running_ = std::make_unique<RunningServer>(); }
  static void TearDownTestSuite() { running_.reset(); }

  SweepServiceTest()
      : sweeps_(v1::SweepService::NewStub(running_->channel())),
        trials_(v1::TrialService::NewStub(running_->channel())),
        fronts_(v1::FrontService::NewStub(running_->channel())) {}

  grpc::Status Create(const v1::CreateSweepRequest& request, v1::Sweep* sweep) {
    Call call;
    return sweeps_->CreateSweep(&call, request, sweep);
  }
  // Creates a sweep and waits for its end.
  v1::Sweep Finish(const std::string& id, const v1::SweepSpec& spec) {
    v1::CreateSweepRequest request;
    request.set_sweep_id(id);
    *request.mutable_spec() = spec;
    v1::Sweep sweep;
    const grpc::Status status = Create(request, &sweep);
    EXPECT_TRUE(status.ok()) << status.error_message();
    v1::WatchSweepRequest watch;
    watch.set_name(sweep.name());
    Call call;
    const auto reader = sweeps_->WatchSweep(&call, watch);
    v1::SweepEvent event;
    while (reader->Read(&event)) {
      sweep = event.sweep();
    }
    EXPECT_TRUE(reader->Finish().ok());
    *sweep.mutable_spec() = spec;  // the last events carry none
    return sweep;
  }
  v1::Sweep Get(const std::string& name) {
    v1::GetSweepRequest request;
    request.set_name(name);
    Call call;
    v1::Sweep sweep;
    const grpc::Status status = sweeps_->GetSweep(&call, request, &sweep);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return sweep;
  }

  static std::unique_ptr<RunningServer> running_;
  std::unique_ptr<v1::SweepService::Stub> sweeps_;
  std::unique_ptr<v1::TrialService::Stub> trials_;
  std::unique_ptr<v1::FrontService::Stub> fronts_;
};
std::unique_ptr<RunningServer> SweepServiceTest::running_;

TEST_F(SweepServiceTest, RunsASweepToItsEnd) {
  v1::SweepSpec spec = SmallSweep(64, {"int2:channel", "int8:channel"});
  v1::SweepSpec::Reference& reference = *spec.add_references();
  reference.set_label("fp32");
  reference.set_plan("weights=fp32,activations=fp32");
  const v1::Sweep sweep = Finish("run-one", spec);
  EXPECT_EQ(sweep.name(), "sweeps/run-one");
  EXPECT_EQ(sweep.state(), v1::Sweep::SUCCEEDED) << sweep.error();
  EXPECT_EQ(sweep.progress().trials(), 3);
  EXPECT_EQ(sweep.progress().succeeded(), 3);
  EXPECT_EQ(sweep.progress().images(), 3 * 64);
  EXPECT_EQ(sweep.progress().images_evaluated(), 3 * 64);
  EXPECT_TRUE(sweep.has_create_time() && sweep.has_start_time() && sweep.has_end_time());
  EXPECT_EQ(sweep.spec().network(), "lenet5");

  v1::GetTrialRequest get;
  get.set_name("sweeps/run-one/trials/t000001");
  Call call;
  v1::Trial trial;
  ASSERT_TRUE(trials_->GetTrial(&call, get, &trial).ok());
  EXPECT_EQ(trial.state(), v1::Trial::SUCCEEDED);
  EXPECT_EQ(trial.plan(), "weights=int8:channel,activations=int8");
  EXPECT_EQ(trial.images_evaluated(), 64);
  EXPECT_EQ(trial.metrics().images(), 64);
  EXPECT_GT(trial.metrics().correct(), 48);
  EXPECT_GT(trial.metrics().energy_pj(), 0);
  EXPECT_EQ(trial.network(), "networks/lenet5");

  v1::QueryFrontRequest query;
  query.add_sweeps("sweeps/run-one");
  Call front_call;
  v1::Front front;
  ASSERT_TRUE(fronts_->QueryFront(&front_call, query, &front).ok());
  EXPECT_EQ(front.objectives_size(), 5);
  EXPECT_EQ(front.trials(), 3);
  EXPECT_EQ(front.points_size() + front.dominated(), 3);
  ASSERT_EQ(front.references_size(), 1);
  EXPECT_EQ(front.references(0).reference(), "fp32");
  EXPECT_EQ(front.references(0).trial(), "sweeps/run-one/trials/t000002");
  EXPECT_EQ(front.references(0).network(), "networks/lenet5");
  EXPECT_EQ(front.references(0).dataset(), "datasets/fashion-mnist");
  EXPECT_EQ(front.points(0).network(), "networks/lenet5");
  query.add_sweeps("run-one");  // the same again
  Call again_call;
  v1::Front again;
  ASSERT_TRUE(fronts_->QueryFront(&again_call, query, &again).ok());
  EXPECT_EQ(again.SerializeAsString(), front.SerializeAsString());
  EXPECT_EQ(front.points_size(), sweep.progress().front_size());
}

TEST_F(SweepServiceTest, MakesIdsThatDiffer) {
  std::set<std::string> names;
  for (int i = 0; i < 3; ++i) {
    v1::CreateSweepRequest request;
    *request.mutable_spec() = SmallSweep(32);
    v1::Sweep sweep;
    ASSERT_TRUE(Create(request, &sweep).ok());
    EXPECT_THAT(sweep.name(), StartsWith("sweeps/s20"));
    names.insert(sweep.name());
  }
  EXPECT_EQ(names.size(), 3u);
}

TEST_F(SweepServiceTest, AnswersARepeatedRequestWithTheFirstSweep) {
  v1::CreateSweepRequest request;
  *request.mutable_spec() = SmallSweep(32);
  request.set_request_id("the-same");
  v1::Sweep first;
  v1::Sweep second;
  ASSERT_TRUE(Create(request, &first).ok());
  ASSERT_TRUE(Create(request, &second).ok());
  EXPECT_EQ(first.name(), second.name());
  request.mutable_spec()->set_display_name("another");
  const grpc::Status other = Create(request, &second);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(other.error_message(), HasSubstr("'the-same' made sweep"));
  request.set_request_id(std::string(200, 'x'));
  EXPECT_THAT(Create(request, &second).error_message(), HasSubstr("request_id: has 200 bytes"));
}

TEST_F(SweepServiceTest, CreatesOneSweepForSimultaneousRequests) {
  std::vector<std::string> names(8);
  std::vector<std::thread> threads;
  for (std::string& name : names) {
    threads.emplace_back([&] {
      v1::CreateSweepRequest request;
      *request.mutable_spec() = SmallSweep(32);
      request.set_request_id("at-once");
      v1::Sweep sweep;
      if (Create(request, &sweep).ok()) {
        name = sweep.name();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_NE(names[0], "");
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 1u);
}

TEST_F(SweepServiceTest, ValidatesWithoutCreating) {
  v1::CreateSweepRequest request;
  *request.mutable_spec() = SmallSweep(32, {"int4", "int8"});
  request.set_sweep_id("only-checked");
  request.set_validate_only(true);
  v1::Sweep sweep;
  ASSERT_TRUE(Create(request, &sweep).ok());
  EXPECT_EQ(sweep.name(), "sweeps/only-checked");
  EXPECT_EQ(sweep.progress().trials(), 2);
  EXPECT_EQ(sweep.state(), v1::Sweep::STATE_UNSPECIFIED);
  v1::GetSweepRequest get;
  get.set_name("only-checked");
  Call call;
  EXPECT_EQ(sweeps_->GetSweep(&call, get, &sweep).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(SweepServiceTest, RefusesAnIdInUse) {
  Finish("in-use", SmallSweep(32));
  v1::CreateSweepRequest request;
  *request.mutable_spec() = SmallSweep(32);
  request.set_sweep_id("in-use");
  v1::Sweep sweep;
  for (const bool validate_only : {false, true}) {
    request.set_validate_only(validate_only);
    const grpc::Status status = Create(request, &sweep);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS) << validate_only;
    EXPECT_THAT(status.error_message(), HasSubstr("in-use"));
  }
}

TEST_F(SweepServiceTest, NamesTheBadField) {
  v1::CreateSweepRequest request;
  *request.mutable_spec() = SmallSweep(32, {"int8", "int8:chanel"});
  v1::Sweep sweep;
  grpc::Status status = Create(request, &sweep);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_EQ(FieldsOf(status).field_violations_size(), 1);
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "spec.space.grids[0].weights[1]");

  request.set_sweep_id("Bad_Id");
  status = Create(request, &sweep);
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "sweep_id");
  request.clear_sweep_id();

  *request.mutable_spec() = SmallSweep(32);
  request.mutable_spec()->set_network("lenet");
  status = Create(request, &sweep);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("did you mean 'lenet5'?"));
  EXPECT_EQ(ResourceOf(status).resource_name(), "networks/lenet");

  request.clear_spec();
  status = Create(request, &sweep);
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "spec.network");
}

TEST_F(SweepServiceTest, NamesTheNearestSweep) {
  Finish("nearest", SmallSweep(32));
  v1::GetSweepRequest get;
  get.set_name("sweeps/nearset");
  Call call;
  v1::Sweep sweep;
  const grpc::Status status = sweeps_->GetSweep(&call, get, &sweep);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "there is no sweep 'nearset'; did you mean 'nearest'?");
  EXPECT_EQ(ResourceOf(status).resource_type(), "bitscape.v1.Sweep");
}

TEST_F(SweepServiceTest, CancelsOnce) {
  v1::CreateSweepRequest create;
  create.set_sweep_id("to-cancel");
  *create.mutable_spec() = SmallSweep(10000, {"int3", "int4", "int5", "int6", "int7", "int8"});
  create.mutable_spec()->set_network("resnet8");
  v1::Sweep sweep;
  ASSERT_TRUE(Create(create, &sweep).ok());
  v1::CancelSweepRequest cancel;
  cancel.set_name("sweeps/to-cancel");
  Call call;
  const grpc::Status status = sweeps_->CancelSweep(&call, cancel, &sweep);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(sweep.state() == v1::Sweep::CANCELLING || sweep.state() == v1::Sweep::CANCELLED);
  v1::WatchSweepRequest watch;
  watch.set_name(sweep.name());
  Call watch_call;
  const auto reader = sweeps_->WatchSweep(&watch_call, watch);
  v1::SweepEvent event;
  while (reader->Read(&event)) {
    sweep = event.sweep();
  }
  EXPECT_EQ(sweep.state(), v1::Sweep::CANCELLED);
  EXPECT_GT(sweep.progress().cancelled(), 0);
  Call again;
  const grpc::Status refused = sweeps_->CancelSweep(&again, cancel, &sweep);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("CANCELLED"));
}

TEST_F(SweepServiceTest, PausesAndResumes) {
  v1::CreateSweepRequest create;
  create.set_sweep_id("to-pause");
  *create.mutable_spec() = SmallSweep(4096, {"int3", "int4", "int5"});
  create.mutable_spec()->set_network("resnet8");
  create.mutable_spec()->mutable_evaluation()->set_slice_images(64);
  v1::Sweep sweep;
  ASSERT_TRUE(Create(create, &sweep).ok());
  v1::PauseSweepRequest pause;
  pause.set_name("to-pause");
  Call call;
  const grpc::Status status = sweeps_->PauseSweep(&call, pause, &sweep);
  ASSERT_TRUE(status.ok()) << status.error_message();
  while (sweep.state() == v1::Sweep::PAUSING) {
    sweep = Get("to-pause");
  }
  EXPECT_EQ(sweep.state(), v1::Sweep::PAUSED);
  v1::ResumeSweepRequest resume;
  resume.set_name("to-pause");
  Call resume_call;
  ASSERT_TRUE(sweeps_->ResumeSweep(&resume_call, resume, &sweep).ok());
  Call again;
  EXPECT_EQ(sweeps_->ResumeSweep(&again, resume, &sweep).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  v1::CancelSweepRequest cancel;
  cancel.set_name("to-pause");
  Call cancel_call;
  EXPECT_TRUE(sweeps_->CancelSweep(&cancel_call, cancel, &sweep).ok());
}

TEST_F(SweepServiceTest, ListsSweepsPageByPage) {
  for (const char* id : {"page-a", "page-b", "page-c"}) {
    Finish(id, SmallSweep(32));
  }
  v1::ListSweepsRequest list;
  list.set_page_size(2);
  std::vector<std::string> names;
  do {
    Call call;
    v1::ListSweepsResponse page;
    const grpc::Status status = sweeps_->ListSweeps(&call, list, &page);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_LE(page.sweeps_size(), 2);
    for (const v1::Sweep& sweep : page.sweeps()) {
      names.push_back(sweep.name());
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  ASSERT_GE(names.size(), 3u);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  names.resize(3);
  EXPECT_THAT(names, ElementsAre("sweeps/page-c", "sweeps/page-b", "sweeps/page-a"));

  v1::ListSweepsResponse page;
  list.set_page_token("nonsense");
  Call bad_token;
  grpc::Status status = sweeps_->ListSweeps(&bad_token, list, &page);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "page_token");
  list.clear_page_token();
  list.set_page_size(-1);
  Call bad_size;
  status = sweeps_->ListSweeps(&bad_size, list, &page);
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "page_size");
}

TEST_F(SweepServiceTest, EndsAPageOfLongSpecsEarly) {
  v1::SweepSpec spec = SmallSweep(32);
  spec.set_display_name(std::string(1'500'000, 'x'));
  for (const char* id : {"long-a", "long-b", "long-c"}) {
    Finish(id, spec);
  }
  v1::ListSweepsRequest list;
  Call call;
  v1::ListSweepsResponse page;
  const grpc::Status status = sweeps_->ListSweeps(&call, list, &page);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(page.sweeps_size(), 2);
  EXPECT_EQ(page.sweeps(1).name(), "sweeps/long-b");
  list.set_page_token(page.next_page_token());
  list.set_page_size(1);
  Call next;
  ASSERT_TRUE(sweeps_->ListSweeps(&next, list, &page).ok());
  ASSERT_EQ(page.sweeps_size(), 1);
  EXPECT_EQ(page.sweeps(0).name(), "sweeps/long-a");
}

TEST_F(SweepServiceTest, ServesAHundredClientsAtOnce) {
  Finish("popular", SmallSweep(32));
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 100; ++i) {
    clients.emplace_back([&] {
      // A channel of its own: gRPC shares connections between equal ones.
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      const auto stub = v1::SweepService::NewStub(grpc::CreateCustomChannel(
          running_->server().Addresses()[0], grpc::InsecureChannelCredentials(), arguments));
      for (int k = 0; k < 5; ++k) {
        v1::GetSweepRequest request;
        request.set_name("popular");
        Call call;
        v1::Sweep sweep;
        if (stub->GetSweep(&call, request, &sweep).ok() && sweep.state() == v1::Sweep::SUCCEEDED) {
          ++answered;
        }
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(answered, 500);
}

TEST_F(SweepServiceTest, ListsTrialsByStateAndPage) {
  v1::SweepSpec spec = SmallSweep(32);
  spec.clear_space();
  spec.mutable_space()->add_plans("weights=int4,activations=int8,accumulator=int32");
  spec.mutable_space()->add_plans("weights=int8,activations=int8,accumulator=int32");
  spec.mutable_space()->add_plans("weights=fp16,activations=fp16");
  spec.clear_accelerators();
  spec.add_accelerators("int8_array");  // takes no fp16
  Finish("states", spec);
  v1::ListTrialsRequest list;
  list.set_parent("sweeps/states");
  list.set_page_size(1);
  list.add_states(v1::Trial::SUCCEEDED);
  Call call;
  v1::ListTrialsResponse page;
  ASSERT_TRUE(trials_->ListTrials(&call, list, &page).ok());
  ASSERT_EQ(page.trials_size(), 1);
  EXPECT_EQ(page.trials(0).name(), "sweeps/states/trials/t000000");
  list.set_page_token(page.next_page_token());
  Call second;
  ASSERT_TRUE(trials_->ListTrials(&second, list, &page).ok());
  ASSERT_EQ(page.trials_size(), 1);
  EXPECT_EQ(page.trials(0).name(), "sweeps/states/trials/t000001");
  EXPECT_EQ(page.next_page_token(), "");

  // A token belongs to its list: other states, another token.
  list.add_states(v1::Trial::FAILED);
  Call mixed;
  EXPECT_EQ(trials_->ListTrials(&mixed, list, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  list.clear_page_token();
  list.clear_states();
  list.add_states(v1::Trial::INFEASIBLE);
  Call infeasible;
  ASSERT_TRUE(trials_->ListTrials(&infeasible, list, &page).ok());
  ASSERT_EQ(page.trials_size(), 1);
  EXPECT_NE(page.trials(0).reason(), "");
  list.add_states(v1::Trial::STATE_UNSPECIFIED);
  Call unspecified;
  EXPECT_THAT(trials_->ListTrials(&unspecified, list, &page).error_message(),
              HasSubstr("states[1]: 0 is not a state"));
}

TEST_F(SweepServiceTest, TellsWhichTrialsThereAre) {
  Finish("one-trial", SmallSweep(32));
  v1::GetTrialRequest get;
  get.set_name("sweeps/one-trial/trials/t000007");
  Call call;
  v1::Trial trial;
  grpc::Status status = trials_->GetTrial(&call, get, &trial);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(),
              HasSubstr("sweep 'one-trial' has no trial 't000007'; it has 1"));
  get.set_name("one-trial/7");
  Call malformed;
  status = trials_->GetTrial(&malformed, get, &trial);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  get.set_name("sweeps/none-such/trials/t000000");
  Call no_sweep;
  EXPECT_EQ(trials_->GetTrial(&no_sweep, get, &trial).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(SweepServiceTest, RefusesBadFrontQueries) {
  Finish("front-query", SmallSweep(32));
  v1::Front front;
  v1::QueryFrontRequest query;
  Call none;
  grpc::Status status = fronts_->QueryFront(&none, query, &front);
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "sweeps");
  query.add_sweeps("front-query");
  query.add_objectives("accuracy");
  query.add_objectives("enrgy_pj");
  Call unknown;
  status = fronts_->QueryFront(&unknown, query, &front);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("did you mean 'energy_pj'?"));
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "objectives");
  query.set_objectives(1, "energy_pj");
  query.add_reference_point(1);
  Call lengths;
  status = fronts_->QueryFront(&lengths, query, &front);
  EXPECT_EQ(status.error_message(),
            "reference_point: 1 values; one for each of 2 objectives, or none, is required");
  query.add_reference_point(std::nan(""));
  Call not_finite;
  status = fronts_->QueryFront(&not_finite, query, &front);
  EXPECT_EQ(status.error_message(), "reference_point: nan is not finite");
  query.clear_reference_point();
  query.add_sweeps("none-such");
  Call missing;
  EXPECT_EQ(fronts_->QueryFront(&missing, query, &front).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace bitscape::server
