// bitscape evaluate, bitscape cost: one plan, now.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "bitscape/v1/evaluation.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

constexpr char kPlanHelp[] =
    "weights=...,activations=...,accumulator=...; rules for single layers follow after ';'. "
    "Integer "
    "plans want accumulator=int32: the default is fp32";

View ViewOf(const v1::Evaluation& evaluation) {
  View view;
  view.facts = {
      {"plan", evaluation.plan()},
      {"accuracy",
       fmt::format("{} ({} of {} on {}; 95% {})", Percent(evaluation.accuracy()),
                   evaluation.correct(), evaluation.images(), evaluation.split(),
                   PercentInterval(evaluation.accuracy_low(), evaluation.accuracy_high()))},
      {"loss", Number(evaluation.loss())},
      {"speed", fmt::format("{} images/s", Count(evaluation.images_per_second()))}};
  view.table.columns = {{"LAYER"},       {"WEIGHTS"}, {"ACTIVATIONS"}, {"ACCUMULATOR"},
                        {"COMPUTED IN"}, {"EXACT"},   {"WHY"}};
  for (const v1::Evaluation::Layer& layer : evaluation.layers()) {
    view.table.rows.push_back({layer.name(), layer.weights(), layer.activations(),
                               layer.accumulator(), layer.path(), layer.exact() ? "yes" : "no",
                               layer.reason()});
  }
  return view;
}

absl::Status Evaluate(Session& session, const v1::EvaluateRequest& request) {
  auto stub = session.Stub<v1::EvaluationService>();
  if (!stub.ok()) return stub.status();
  Call call;
  const auto reader = (*stub)->Evaluate(call.context(), request);
  const auto start = std::chrono::steady_clock::now();
  Progress progress(session.globals);
  v1::EvaluateResponse response;
  v1::Evaluation result;
  bool has_result = false;
  while (reader->Read(&response)) {
    ProgressState state;
    state.done = response.images_evaluated();
    state.total = response.images();
    state.unit = "images";
    state.elapsed_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (state.done > 0 && state.done < state.total) {
      state.remaining_seconds = state.elapsed_seconds * (state.total - state.done) / state.done;
    }
    if (!response.has_result()) {
      progress.Update(state);
      continue;
    }
    has_result = true;
    result = response.result();
  }
  progress.Finish();
  const absl::Status status = session.Check(reader->Finish());
  if (!status.ok()) return status;
  if (!has_result) return absl::UnavailableError("the server ended before it had a result");
  return Print(session.globals, result, ViewOf(result));
}

View ViewOf(const v1::CostEstimate& cost) {
  View view;
  view.facts = {{"accelerator", cost.accelerator()},
                {"plan", cost.plan()},
                {"energy", Energy(cost.energy_pj())},
                {"latency", fmt::format("{} ({} cycles)", Seconds(cost.latency_seconds()),
                                        Count(cost.latency_cycles()))},
                {"area", Area(cost.area_um2())},
                {"weights", Bytes(cost.weight_bytes())},
                {"cost model", cost.cost_model_version()}};
  for (const auto& area : cost.area()) {
    view.facts.emplace_back("  area of " + area.component(), Area(area.area_um2()));
  }
  view.table.columns = {{"LAYER"},
                        {"MACS", Align::kRight},
                        {"ENERGY", Align::kRight},
                        {"CYCLES", Align::kRight},
                        {"UTILIZATION", Align::kRight},
                        {"BOUND BY"},
                        {"WEIGHTS", Align::kRight},
                        {"ENERGY BY COMPONENT"}};
  for (const auto& layer : cost.layers()) {
    std::string parts;
    for (const auto& energy : layer.energy()) {
      parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", energy.component(),
                           Energy(energy.energy_pj()));
    }
    view.table.rows.push_back({layer.name(), Count(layer.macs()), Energy(layer.energy_pj()),
                               Count(layer.latency_cycles()), Percent(layer.utilization()),
                               layer.bound(), Bytes(layer.weight_bytes()), parts});
  }
  return view;
}

void AddEvaluate(CommandLine& line) {
  struct Options {
    std::string network, dataset, plan, split;
    int images = 0, calibration_images = 0;
    int64_t seed = 0;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = line.AddVerb(
      &line.root(), "evaluate",
      "Measures one plan's accuracy, now. csv prints one row, the other forms the layers too.",
      "evaluate --network resnet8 --dataset fashion-mnist --plan "
      "weights=int8:channel,activations=int8,accumulator=int32\n"
      "evaluate --network lenet5 --dataset fashion-mnist --images 1000 --plan "
      "weights=int4:channel,activations=int8,accumulator=int32 -o csv",
      [options](Session& session) {
        v1::EvaluateRequest message;
        message.set_network(Qualified("networks", options->network));
        message.set_dataset(Qualified("datasets", options->dataset));
        message.set_plan(options->plan);
        message.set_split(options->split);
        message.set_images(options->images);
        message.set_calibration_images(options->calibration_images);
        message.set_seed(options->seed);
        return Evaluate(session, message);
      });
  verb->add_option("--network", options->network, "The network")->required();
  verb->add_option("--dataset", options->dataset, "The dataset")->required();
  verb->add_option("--plan", options->plan, kPlanHelp)->required();
  verb->add_option("--split", options->split, "test (the default), validation, calibration");
  verb->add_option("--images", options->images, "Only the first images of the split (0: all)")
      ->check(Count32());
  verb->add_option("--calibration-images", options->calibration_images,
                   "Images that ranges are found from (0: the server's default)")
      ->check(Count32());
  verb->add_option("--seed", options->seed, "Of what is random (0: 1)")->check(Integer64());
}

void AddCost(CommandLine& line) {
  struct Options {
    std::string network, accelerator, plan;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = line.AddVerb(
      &line.root(), "cost",
      "Prices one plan on one machine, now: one inference of one image. csv prints one "
      "row, the totals; the other forms hold the layers too.",
      "cost --network resnet8 --accelerator eyeriss_like --plan "
      "weights=int8:channel,activations=int8,accumulator=int32",
      [options](Session& session) {
        auto stub = session.Stub<v1::EvaluationService>();
        if (!stub.ok()) return stub.status();
        v1::EstimateCostRequest request;
        request.set_network(Qualified("networks", options->network));
        request.set_accelerator(Qualified("accelerators", options->accelerator));
        request.set_plan(options->plan);
        const auto cost =
            session.Invoke(&v1::EvaluationService::Stub::EstimateCost, **stub, request);
        if (!cost.ok()) return cost.status();
        return Print(session.globals, *cost, ViewOf(*cost));
      });
  verb->add_option("--network", options->network, "The network")->required();
  verb->add_option("--accelerator", options->accelerator, "The machine")->required();
  verb->add_option("--plan", options->plan, kPlanHelp)->required();
}

}  // namespace

void AddEvaluationCommands(CommandLine& line) {
  AddEvaluate(line);
  AddCost(line);
}

}  // namespace bitscape::cli
