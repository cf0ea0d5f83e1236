// Metrics in Prometheus' text format. Every series that can exist is there from the start, at 0.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/scheduler/scheduler.h"

namespace bitscape::server {

struct BuildInfo {
  std::string version, engine_version, cost_model_version;
};

// What is read at the time of a scrape.
struct ScrapeValues {
  int64_t trials_queued = 0, trials_running = 0;
  int64_t sqlite_writes = 0;
  double sqlite_write_seconds = 0;
  int64_t sqlite_size_bytes = 0, sqlite_wal_bytes = 0;
};

// Thread-safe.
class Telemetry : public SchedulerListener {
 public:
  explicit Telemetry(const BuildInfo& build);
  ~Telemetry() override;

  void OnTrialEnded(TrialState outcome, double seconds) override;
  void OnImagesEvaluated(int64_t images) override;
  void OnEvaluationReused() override;

  // Makes the series of a method appear before its first call.
  void AddRpcMethod(std::string_view service, std::string_view method);
  // `code` is the name of a gRPC code: "OK", "NotFound", ...
  void OnRpcHandled(std::string_view service, std::string_view method, std::string_view code);

  // Called at each scrape; null: nothing is read (the server is going down).
  void SetScrapeSource(std::function<ScrapeValues()> source);
  // The exposition format, version 0.0.4.
  std::string Text() const;

 private:
  struct Metrics;
  std::unique_ptr<Metrics> metrics_;
};

}  // namespace bitscape::server
