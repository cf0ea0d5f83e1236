#include "server/telemetry/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const BuildInfo kBuild = {.version = "1.2.3", .engine_version = "e4", .cost_model_version = "c5"};

TEST(Telemetry, ShowsEverySeriesFromTheStart) {
  const Telemetry telemetry(kBuild);
  const std::string text = telemetry.Text();
  for (const char* outcome : {"succeeded", "stopped", "infeasible", "failed", "cancelled"}) {
    EXPECT_THAT(text,
                HasSubstr(std::string("bitscape_trials_total{outcome=\"") + outcome + "\"} 0"));
  }
  for (const char* line :
       {"bitscape_trials_queued 0", "bitscape_trials_running 0",
        "bitscape_trial_duration_seconds_count 0", "bitscape_images_evaluated_total 0",
        "bitscape_evaluations_avoided_total{reason=\"reused\"} 0",
        "bitscape_sqlite_write_duration_seconds_count 0",
        "bitscape_sqlite_write_duration_seconds_sum 0", "bitscape_sqlite_wal_size_bytes 0",
        "# TYPE bitscape_trials_total counter", "# TYPE bitscape_trial_duration_seconds histogram",
        "process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_open_fds "}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, HasSubstr("version=\"1.2.3\""));
  EXPECT_THAT(text, HasSubstr("engine_version=\"e4\""));
}

TEST(Telemetry, CountsTrials) {
  Telemetry telemetry(kBuild);
  telemetry.OnTrialEnded(TrialState::kSucceeded, 0.5);
  telemetry.OnTrialEnded(TrialState::kSucceeded, 20);
  telemetry.OnTrialEnded(TrialState::kInfeasible, 0);
  telemetry.OnImagesEvaluated(1000);
  telemetry.OnEvaluationReused();
  const std::string text = telemetry.Text();
  EXPECT_THAT(text, HasSubstr("bitscape_trials_total{outcome=\"succeeded\"} 2"));
  EXPECT_THAT(text, HasSubstr("bitscape_trials_total{outcome=\"infeasible\"} 1"));
  EXPECT_THAT(text, HasSubstr("bitscape_trial_duration_seconds_count 2"));
  EXPECT_THAT(text, HasSubstr("bitscape_trial_duration_seconds_sum 20.5"));
  EXPECT_THAT(text, HasSubstr("bitscape_trial_duration_seconds_bucket{le=\"1\"} 1"));
  EXPECT_THAT(text, HasSubstr("bitscape_images_evaluated_total 1000"));
  EXPECT_THAT(text, HasSubstr("bitscape_evaluations_avoided_total{reason=\"reused\"} 1"));
}

TEST(Telemetry, CountsCallsByCode) {
  Telemetry telemetry(kBuild);
  telemetry.AddRpcMethod("S", "M");
  EXPECT_THAT(telemetry.Text(), HasSubstr("grpc_method=\"M\",grpc_service=\"S\"} 0"));
  telemetry.OnRpcHandled("S", "M", "OK");
  telemetry.OnRpcHandled("S", "M", "NotFound");
  telemetry.OnRpcHandled("S", "M", "NotFound");
  EXPECT_THAT(telemetry.Text(),
              HasSubstr("{grpc_code=\"OK\",grpc_method=\"M\",grpc_service=\"S\"} 1"));
  EXPECT_THAT(telemetry.Text(),
              HasSubstr("{grpc_code=\"NotFound\",grpc_method=\"M\",grpc_service=\"S\"} 2"));
}

TEST(Telemetry, ReadsTheSourceAtEachScrape) {
  Telemetry telemetry(kBuild);
  int64_t queued = 3;
  telemetry.SetScrapeSource([&] {
    return ScrapeValues{.trials_queued = queued,
                        .trials_running = 2,
                        .sqlite_writes = 4,
                        .sqlite_write_seconds = 0.25,
                        .sqlite_wal_bytes = 4096};
  });
  EXPECT_THAT(telemetry.Text(), HasSubstr("bitscape_trials_queued 3"));
  queued = 5;
  const std::string text = telemetry.Text();
  EXPECT_THAT(text, HasSubstr("bitscape_trials_queued 5"));
  EXPECT_THAT(text, HasSubstr("bitscape_trials_running 2"));
  EXPECT_THAT(text, HasSubstr("bitscape_sqlite_write_duration_seconds_sum 0.25"));
  EXPECT_THAT(text, HasSubstr("bitscape_sqlite_write_duration_seconds_count 4"));
  EXPECT_THAT(text, HasSubstr("bitscape_sqlite_wal_size_bytes 4096"));
  telemetry.SetScrapeSource(nullptr);
  EXPECT_THAT(telemetry.Text(), HasSubstr("bitscape_trials_queued 0"));
}

}  // namespace
}  // namespace bitscape::server
