#include "server/telemetry/telemetry.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <map>
#include <sstream>
#include <utility>

#include "server/telemetry/scrape.h"

namespace bitscape::server {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;

// Label values of trial outcomes.
constexpr std::array<std::pair<TrialState, const char*>, 5> kOutcomes = {{
    {TrialState::kSucceeded, "succeeded"},
    {TrialState::kStopped, "stopped"},
    {TrialState::kInfeasible, "infeasible"},
    {TrialState::kFailed, "failed"},
    {TrialState::kCancelled, "cancelled"},
}};

Family<Counter>& AddCounters(prometheus::Registry& registry, const std::string& name,
                             const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

}  // namespace

struct Telemetry::Metrics {
  prometheus::Registry registry;
  std::map<TrialState, Counter*> trials;
  Histogram* duration = nullptr;
  Counter* images = nullptr;
  Counter* reused = nullptr;
  Family<Counter>* rpcs = nullptr;
  Scrape scrape;
};

Telemetry::Telemetry(const BuildInfo& build) : metrics_(std::make_unique<Metrics>()) {
  prometheus::Registry& registry = metrics_->registry;
  Family<Counter>& trials =
      AddCounters(registry, "bitscape_trials_total", "Trials that ended, by outcome.");
  for (const auto& [state, outcome] : kOutcomes) {
    metrics_->trials[state] = &trials.Add({{"outcome", outcome}});
  }
  // 10 ms to 5 min in steps of about 3.
  const Histogram::BucketBoundaries seconds = {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300};
  metrics_->duration =
      &prometheus::BuildHistogram()
           .Name("bitscape_trial_duration_seconds")
           .Help("From a trial's start to its end, for trials that were evaluated.")
           .Register(registry)
           .Add({}, seconds);
  metrics_->images = &AddCounters(registry, "bitscape_images_evaluated_total",
                                  "Images that were evaluated, each once for each plan.")
                          .Add({});
  metrics_->reused = &AddCounters(registry, "bitscape_evaluations_avoided_total",
                                  "Trials whose accuracy was not measured anew, by reason.")
                          .Add({{"reason", "reused"}});
  metrics_->rpcs = &AddCounters(registry, "grpc_server_handled_total",
                                "Calls that were answered, by service, method and code.");
  prometheus::BuildGauge()
      .Name("bitscape_build_info")
      .Help("1; the labels say what runs.")
      .Register(registry)
      .Add({{"version", build.version},
            {"engine_version", build.engine_version},
            {"cost_model_version", build.cost_model_version}})
      .Set(1);
}

Telemetry::~Telemetry() = default;

void Telemetry::OnTrialEnded(TrialState outcome, double seconds) {
  const auto counter = metrics_->trials.find(outcome);
  if (counter == metrics_->trials.end()) {
    return;  // not an outcome
  }
  counter->second->Increment();
  const bool evaluated = outcome == TrialState::kSucceeded || outcome == TrialState::kStopped ||
                         outcome == TrialState::kFailed;
  if (evaluated) {
    metrics_->duration->Observe(seconds);
  }
}

void Telemetry::OnImagesEvaluated(int64_t images) {
  metrics_->images->Increment(static_cast<double>(images));
}

void Telemetry::OnEvaluationReused() { metrics_->reused->Increment(); }

void Telemetry::AddRpcMethod(std::string_view service, std::string_view method) {
  metrics_->rpcs->Add({{"grpc_service", std::string(service)},
                       {"grpc_method", std::string(method)},
                       {"grpc_code", "OK"}});
}

void Telemetry::OnRpcHandled(std::string_view service, std::string_view method,
                             std::string_view code) {
  metrics_->rpcs
      ->Add({{"grpc_service", std::string(service)},
             {"grpc_method", std::string(method)},
             {"grpc_code", std::string(code)}})
      .Increment();
}

void Telemetry::SetScrapeSource(std::function<ScrapeValues()> source) {
  metrics_->scrape.SetSource(std::move(source));
}

std::string Telemetry::Text() const {
  std::vector<prometheus::MetricFamily> families = metrics_->registry.Collect();
  for (prometheus::MetricFamily& family : metrics_->scrape.Collect()) {
    families.push_back(std::move(family));
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

}  // namespace bitscape::server
