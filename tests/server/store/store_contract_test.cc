// One suite for every store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "server/store/store.h"
#include "server/trials/runner.h"
#include "tests/server/store/store_testing.h"

namespace bitscape::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Kind {
  const char* name;
  bool on_disk;
};

class EveryStore : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    store_.reset();
    if (!GetParam().on_disk) {
      store_ = CreateMemoryStore();
      return;
    }
    auto opened = OpenSqliteStore(folder_ / "new/folder/results.db");
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  // What is on disk must be there again; memory has nothing to reopen.
  void Reopen() {
    if (GetParam().on_disk) {
      Open();
    }
  }

  void Write(WriteBatch batch) {
    const absl::Status status = store_->Write(std::move(batch));
    ASSERT_TRUE(status.ok()) << status;
  }

  std::vector<int64_t> Ordinals(const TrialQuery& query) {
    const auto trials = store_->ListTrials(query);
    EXPECT_TRUE(trials.ok()) << trials.status();
    std::vector<int64_t> ordinals;
    for (const Trial& trial : *trials) {
      ordinals.push_back(trial.ordinal);
    }
    return ordinals;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, EveryStore,
                         ::testing::Values(Kind{"Memory", false}, Kind{"Sqlite", true}),
                         [](const auto& test) { return test.param.name; });

TEST_P(EveryStore, KeepsEveryFieldOfASweep) {
  Sweep sweep = ExampleSweep("alpha");
  sweep.state = SweepState::kFailed;
  sweep.error = "all failed";
  sweep.start_time_us = 200;
  sweep.end_time_us = 300;
  sweep.running_us = 40;
  Write({.sweeps = {sweep}});
  Reopen();
  const auto read = store_->GetSweep("alpha");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->spec, sweep.spec);
  EXPECT_EQ(read->state, SweepState::kFailed);
  EXPECT_EQ(read->error, "all failed");
  EXPECT_EQ(read->network, "resnet8");
  EXPECT_EQ(read->dataset, "fashion-mnist");
  EXPECT_EQ(read->evaluation.split, data::Split::kValidation);
  EXPECT_EQ(read->evaluation.images, 96);
  EXPECT_EQ(read->evaluation.calibration_images, 64);
  EXPECT_EQ(read->evaluation.seed, ~uint64_t{0});
  EXPECT_EQ(read->evaluation.slice_images, 32);
  EXPECT_THAT(read->objectives, ElementsAre("accuracy", "energy_pj"));
  EXPECT_EQ(read->create_time_us, 100);
  EXPECT_EQ(read->start_time_us, 200);
  EXPECT_EQ(read->end_time_us, 300);
  EXPECT_EQ(read->running_us, 40);
  EXPECT_EQ(read->trials, 3);
  EXPECT_EQ(read->images_per_trial, 96);
  EXPECT_EQ(read->revision, 1);
}

TEST_P(EveryStore, KeepsEveryFieldOfATrial) {
  Trial trial = ExampleTrial("alpha", 7, TrialState::kSucceeded);
  trial.spec.reference = "int8";
  trial.reason = "because";
  trial.attempts = 2;
  trial.images_evaluated = 96;
  trial.reused = true;
  trial.start_time_us = 5;
  trial.end_time_us = 6;
  trial.cost = TrialCost{1.5, 2.5, 3.5, 4.5, 5.5};
  trial.metrics = MakeMetrics(*trial.cost, 70, 96, 0.1 + 0.2);
  Write({.trials = {trial, ExampleTrial("alpha", 8)}});
  Reopen();
  const auto read = store_->GetTrial("alpha", 7);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->sweep, "alpha");
  EXPECT_EQ(read->ordinal, 7);
  EXPECT_EQ(read->spec.plan_text, trial.spec.plan_text);
  EXPECT_EQ(read->spec.accelerator, "eyeriss");
  EXPECT_EQ(read->spec.reference, "int8");
  EXPECT_EQ(read->spec.accuracy_key, "key7");
  EXPECT_EQ(read->spec.digest, "digest7");
  EXPECT_EQ(read->state, TrialState::kSucceeded);
  EXPECT_EQ(read->reason, "because");
  EXPECT_EQ(read->attempts, 2);
  EXPECT_EQ(read->images_evaluated, 96);
  EXPECT_TRUE(read->reused);
  EXPECT_EQ(read->start_time_us, 5);
  EXPECT_EQ(read->end_time_us, 6);
  ASSERT_TRUE(read->cost.has_value());
  EXPECT_EQ(read->cost->latency_cycles, 4.5);
  ASSERT_TRUE(read->metrics.has_value());
  EXPECT_EQ(read->metrics->accuracy, 70.0 / 96.0);
  EXPECT_EQ(read->metrics->accuracy_low, trial.metrics->accuracy_low);
  EXPECT_EQ(read->metrics->accuracy_high, trial.metrics->accuracy_high);
  EXPECT_EQ(read->metrics->loss, trial.metrics->loss);  // to the last bit
  EXPECT_EQ(read->metrics->energy_pj, 1.5);
  EXPECT_EQ(read->metrics->weight_bytes, 5.5);

  const auto bare = store_->GetTrial("alpha", 8);
  ASSERT_TRUE(bare.ok());
  EXPECT_FALSE(bare->cost.has_value());
  EXPECT_FALSE(bare->metrics.has_value());
  EXPECT_FALSE(bare->reused);
}

TEST_P(EveryStore, KeepsALossThatIsNotANumber) {
  Trial trial = ExampleTrial("alpha", 0, TrialState::kSucceeded);
  trial.cost = TrialCost{};
  trial.metrics = MakeMetrics(*trial.cost, 1, 2, std::nan(""));
  Write({.trials = {trial}, .slices = {ExampleSlice("k", 0, 2, std::nan(""))}});
  const auto read = store_->GetTrial("alpha", 0);
  ASSERT_TRUE(read.ok() && read->metrics.has_value());
  EXPECT_TRUE(std::isnan(read->metrics->loss));
  EXPECT_EQ(read->metrics->correct, 1);
  const auto record = store_->GetAccuracy("k");
  ASSERT_TRUE(record.ok() && record->has_value());
  EXPECT_TRUE(std::isnan((*record)->loss_sums.at(0)));
}

TEST_P(EveryStore, ReplacesById) {
  Write({.sweeps = {ExampleSweep("alpha")}, .trials = {ExampleTrial("alpha", 0)}});
  Sweep sweep = ExampleSweep("alpha");
  sweep.state = SweepState::kRunning;
  Write({.sweeps = {sweep}, .trials = {ExampleTrial("alpha", 0, TrialState::kRunning)}});
  EXPECT_EQ(store_->GetSweep("alpha")->state, SweepState::kRunning);
  EXPECT_EQ(store_->GetTrial("alpha", 0)->state, TrialState::kRunning);
  EXPECT_THAT(*store_->ListSweeps("", 10), SizeIs(1));
  EXPECT_THAT(Ordinals({.sweep = "alpha"}), ElementsAre(0));
}

TEST_P(EveryStore, NamesWhatIsNotThere) {
  EXPECT_EQ(store_->GetSweep("ghost").status(), absl::NotFoundError("no sweep 'ghost'"));
  EXPECT_EQ(store_->GetTrial("ghost", 3).status(),
            absl::NotFoundError("no trial 't000003' in sweep 'ghost'"));
  EXPECT_EQ(store_->GetResource(StoredResource::Kind::kDataset, "ghost").status(),
            absl::NotFoundError("no stored dataset 'ghost'"));
  EXPECT_FALSE(store_->GetAccuracy("ghost")->has_value());
  EXPECT_FALSE(store_->FindRequest("ghost")->has_value());
  EXPECT_THAT(Ordinals({.sweep = "ghost"}), IsEmpty());
  EXPECT_THAT(store_->CountTrials("ghost")->by_state, IsEmpty());
  EXPECT_EQ(store_->ListSweeps("ghost", 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(EveryStore, ListsSweepsNewestFirstInPages) {
  Write({.sweeps = {ExampleSweep("b", 10), ExampleSweep("d", 30), ExampleSweep("a", 20),
                    ExampleSweep("c", 20)}});
  std::vector<std::string> ids;
  std::string after;
  while (true) {
    const auto page = store_->ListSweeps(after, 3);
    ASSERT_TRUE(page.ok()) << page.status();
    if (page->empty()) {
      break;
    }
    for (const Sweep& sweep : *page) {
      ids.push_back(sweep.id);
    }
    after = ids.back();
  }
  EXPECT_THAT(ids, ElementsAre("d", "c", "a", "b"));
}

TEST_P(EveryStore, ListsTrialsByOrdinalStateAndRevision) {
  Write({.trials = {ExampleTrial("alpha", 2), ExampleTrial("alpha", 0), ExampleTrial("beta", 9),
                    ExampleTrial("alpha", 1, TrialState::kFailed)}});
  const int64_t before = store_->Revision();
  Write({.trials = {ExampleTrial("alpha", 2, TrialState::kFailed)}});
  Write({.trials = {ExampleTrial("alpha", 0, TrialState::kRunning)}});
  EXPECT_THAT(Ordinals({.sweep = "alpha"}), ElementsAre(0, 1, 2));
  EXPECT_THAT(Ordinals({.sweep = "alpha", .after_ordinal = 0}), ElementsAre(1, 2));
  EXPECT_THAT(Ordinals({.sweep = "alpha", .limit = 2}), ElementsAre(0, 1));
  EXPECT_THAT(Ordinals({.sweep = "alpha", .after_ordinal = 0, .limit = 1}), ElementsAre(1));
  EXPECT_THAT(Ordinals({.sweep = "alpha", .states = {TrialState::kFailed}}), ElementsAre(1, 2));
  EXPECT_THAT(Ordinals({.sweep = "alpha", .states = {TrialState::kFailed, TrialState::kRunning}}),
              ElementsAre(0, 1, 2));
  EXPECT_THAT(Ordinals({.sweep = "alpha", .after_revision = before}), ElementsAre(0, 2));
  EXPECT_THAT(Ordinals({.sweep = "alpha", .after_revision = before + 1}), ElementsAre(0));
  EXPECT_THAT(Ordinals({.sweep = "alpha", .after_revision = store_->Revision()}), IsEmpty());
}

TEST_P(EveryStore, RefusesALimitBelowOne) {
  EXPECT_THAT(std::string(store_->ListTrials({.sweep = "a", .limit = 0}).status().message()),
              HasSubstr("limit of 0"));
  EXPECT_EQ(store_->ListSweeps("", 0).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(EveryStore, CountsTrialsByState) {
  Trial done = ExampleTrial("alpha", 0, TrialState::kSucceeded);
  done.images_evaluated = 96;
  Trial running = ExampleTrial("alpha", 1, TrialState::kRunning);
  running.images_evaluated = 32;
  Write({.trials = {done, running, ExampleTrial("alpha", 2), ExampleTrial("alpha", 3)}});
  const auto counts = store_->CountTrials("alpha");
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->by_state.at(TrialState::kSucceeded), 1);
  EXPECT_EQ(counts->by_state.at(TrialState::kRunning), 1);
  EXPECT_EQ(counts->by_state.at(TrialState::kQueued), 2);
  EXPECT_EQ(counts->images_evaluated, 128);
}

TEST_P(EveryStore, JoinsSlicesInOrder) {
  // 33 images: the last byte of bits is not full.
  Write({.slices = {ExampleSlice("k", 0, 32, 1.25)}});
  Write({.slices = {ExampleSlice("k", 32, 33, 0.1), ExampleSlice("other", 0, 5, 3),
                    ExampleSlice("k", 65, 1, -7)}});
  Reopen();
  const auto record = store_->GetAccuracy("k");
  ASSERT_TRUE(record.ok() && record->has_value()) << record.status();
  EXPECT_EQ((*record)->key, "k");
  EXPECT_EQ((*record)->images, 66);
  EXPECT_EQ((*record)->correct, ExampleSlice("", 0, 66, 0).correct);
  EXPECT_THAT((*record)->loss_sums, ElementsAre(1.25, 0.1, -7.0));
}

TEST_P(EveryStore, RefusesASliceThatDoesNotFollowAndTheWholeBatchWithIt) {
  Write({.slices = {ExampleSlice("k", 0, 32, 1)}});
  const int64_t before = store_->Revision();
  for (int64_t begin : {0, 31, 33, 64}) {
    const absl::Status status =
        store_->Write({.sweeps = {ExampleSweep("alpha")},
                       .trials = {ExampleTrial("alpha", 0)},
                       .slices = {ExampleSlice("new", 0, 8, 1), ExampleSlice("k", begin, 32, 1)}});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("the record holds 32 images"));
  }
  EXPECT_EQ(store_->Revision(), before);
  EXPECT_FALSE(store_->GetSweep("alpha").ok());
  EXPECT_FALSE(store_->GetTrial("alpha", 0).ok());
  EXPECT_FALSE(store_->GetAccuracy("new")->has_value());
  EXPECT_EQ((*store_->GetAccuracy("k"))->images, 32);
  Write({.slices = {ExampleSlice("k", 32, 32, 1)}});  // and goes on
  EXPECT_EQ((*store_->GetAccuracy("k"))->images, 64);
}

TEST_P(EveryStore, RefusesIncompleteBatches) {
  Trial trial = ExampleTrial("alpha", 0);
  trial.metrics = TrialMetrics{};
  EXPECT_THAT(std::string(store_->Write({.trials = {trial}}).message()),
              HasSubstr("metrics without costs"));
  EXPECT_THAT(std::string(store_->Write({.sweeps = {ExampleSweep("")}}).message()),
              HasSubstr("without an id"));
  EXPECT_THAT(std::string(store_->Write({.slices = {{"k", 0, {}, 0}}}).message()),
              HasSubstr("at least one image"));
  EXPECT_THAT(std::string(store_->Write({.request_id = "r", .request_sweep = ""}).message()),
              HasSubstr("request id"));
}

TEST_P(EveryStore, RemembersRequestIds) {
  Write({.sweeps = {ExampleSweep("alpha")}, .request_id = "r1", .request_sweep = "alpha"});
  Reopen();
  EXPECT_EQ(store_->FindRequest("r1")->value(), "alpha");
  const absl::Status again = store_->Write(
      {.sweeps = {ExampleSweep("beta")}, .request_id = "r1", .request_sweep = "beta"});
  EXPECT_EQ(again, absl::AlreadyExistsError("request id 'r1' is in use"));
  EXPECT_FALSE(store_->GetSweep("beta").ok());
}

TEST_P(EveryStore, KeepsResources) {
  using enum StoredResource::Kind;
  const std::string bytes("\0\1\xff", 3);
  Write({.resources = {{kNetwork, "net", "d1", "{}", {bytes, "", "second"}},
                       {kNetwork, "bare", "d2", "", {}},
                       {kDataset, "net", "d3", "", {"other"}}}});
  Reopen();
  const auto read = store_->GetResource(kNetwork, "net");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->digest, "d1");
  EXPECT_EQ(read->metadata, "{}");
  EXPECT_THAT(read->blobs, ElementsAre(bytes, "", "second"));
  const auto list = store_->ListResources(kNetwork);
  ASSERT_TRUE(list.ok());
  ASSERT_THAT(*list, SizeIs(2));
  EXPECT_EQ((*list)[0].name, "bare");
  EXPECT_EQ((*list)[1].name, "net");
  EXPECT_THAT((*list)[1].blobs, IsEmpty());
  EXPECT_THAT(store_->GetResource(kNetwork, "bare")->blobs, IsEmpty());
  // Replaced with its files, not mixed with the old ones.
  Write({.resources = {{kNetwork, "net", "d4", "", {"only"}}}});
  EXPECT_THAT(store_->GetResource(kNetwork, "net")->blobs, ElementsAre("only"));
}

TEST_P(EveryStore, RaisesTheRevisionWithEveryBatch) {
  EXPECT_EQ(store_->Revision(), 0);
  Write({.sweeps = {ExampleSweep("alpha")}});
  Write({.trials = {ExampleTrial("alpha", 0)}});
  Write({.trials = {ExampleTrial("alpha", 1)}});
  EXPECT_EQ(store_->Revision(), 3);
  EXPECT_EQ(store_->GetSweep("alpha")->revision, 1);
  EXPECT_EQ(store_->GetTrial("alpha", 0)->revision, 2);
  Reopen();
  EXPECT_EQ(store_->Revision(), 3);
  Write({.trials = {ExampleTrial("alpha", 0)}});
  EXPECT_EQ(store_->GetTrial("alpha", 0)->revision, 4);
}

TEST_P(EveryStore, WakesWatchersAfterACommit) {
  EXPECT_EQ(store_->WaitForChange(-1, 60'000), 0);  // already newer
  EXPECT_EQ(store_->WaitForChange(0, 1), 0);        // times out
  std::atomic<int64_t> seen = -1;
  std::thread watcher([&] {
    seen = store_->WaitForChange(0, 60'000);
    // Told after the commit: what it was told of is there.
    EXPECT_TRUE(store_->GetSweep("alpha").ok());
  });
  Write({.sweeps = {ExampleSweep("alpha")}});
  watcher.join();
  EXPECT_EQ(seen, 1);
}

TEST_P(EveryStore, TakesManyWritersAtOnce) {
  constexpr int kWriters = 6;
  constexpr int kBatches = 40;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      const std::string sweep = "s" + std::to_string(writer);
      for (int batch = 0; batch < kBatches; ++batch) {
        // Every fourth batch can't be applied; its neighbours in the group must not notice.
        const bool bad = batch % 4 == 3;
        const absl::Status status = store_->Write(
            {.trials = {ExampleTrial(sweep, batch)},
             .slices = {ExampleSlice(sweep + "k" + std::to_string(batch), bad ? 5 : 0, 8, 1)}});
        EXPECT_EQ(status.ok(), !bad) << status;
        EXPECT_EQ(store_->GetTrial(sweep, batch).ok(), !bad);
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  EXPECT_EQ(store_->Revision(), kWriters * kBatches * 3 / 4);
  for (int writer = 0; writer < kWriters; ++writer) {
    EXPECT_THAT(Ordinals({.sweep = "s" + std::to_string(writer)}), SizeIs(kBatches * 3 / 4));
  }
}

}  // namespace
}  // namespace bitscape::server
