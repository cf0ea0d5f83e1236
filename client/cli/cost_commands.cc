// bitscape cost ...: what plans cost on machines.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "bitscape/v1/cost.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/cost_options.h"
#include "client/cli/cost_page.h"
#include "client/cli/cost_view.h"
#include "client/cli/files.h"
#include "client/cli/output.h"
#include "client/cli/roofline.h"
#include "client/cli/sensitivity.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

// One plan on one machine.
struct EstimateOptions {
  std::string network, accelerator, plan, html;
  bool has_plan = false;
  bool layers = false;
  v1::CostReading reading;
};

void AddEstimateOptions(CLI::App* verb, EstimateOptions* options) {
  verb->add_option("--network", options->network, "The network");
  verb->add_option("--accelerator", options->accelerator, "The machine");
  verb->add_option_function<std::string>(
      "--plan",
      [options](const std::string& plan) {
        options->plan = plan;
        options->has_plan = true;
      },
      kPlanHelp);
  verb->add_option("--html", options->html, "Writes a self-contained page to this file instead");
  AddReadingOptions(verb, &options->reading);
}

absl::StatusOr<v1::CostEstimate> Estimate(Session& session, const EstimateOptions& options,
                                          const std::string& command) {
  for (const absl::Status& status :
       {Require(!options.network.empty(), "--network", command),
        Require(!options.accelerator.empty(), "--accelerator", command),
        Require(options.has_plan, "--plan", command)}) {
    if (!status.ok()) return status;
  }
  auto stub = session.Stub<v1::CostService>();
  if (!stub.ok()) return stub.status();
  v1::EstimateCostRequest request;
  request.set_network(Qualified("networks", options.network));
  request.set_accelerator(Qualified("accelerators", options.accelerator));
  request.set_plan(PlanOrFloat32(options.plan));
  *request.mutable_reading() = options.reading;
  return session.Invoke(&v1::CostService::Stub::EstimateCost, **stub, request);
}

absl::Status Cost(Session& session, const EstimateOptions& options) {
  const auto cost = Estimate(session, options, "cost");
  if (!cost.ok()) return cost.status();
  if (!options.html.empty()) return WriteOutput(options.html, RenderCostPage(*cost));
  if (options.layers && session.globals.output == "csv") return WriteStdout(LayerCsv(*cost));
  View view = ViewOf(*cost);
  if (options.layers) {
    const std::string mappings = MappingText(*cost);
    view.note = fmt::format("{}\n{}{}{}", RenderTable(LayerTable(*cost), false), mappings,
                            mappings.empty() ? "" : "\n", view.note);
  }
  return Print(session.globals, *cost, view);
}

absl::Status ShowRoofline(Session& session, const EstimateOptions& options) {
  const auto cost = Estimate(session, options, "cost roofline");
  if (!cost.ok()) return cost.status();
  const v1::CostRoofline roofline = RooflineOf(*cost);
  if (!options.html.empty()) return WriteOutput(options.html, RenderRooflinePage(roofline));
  return Print(session.globals, roofline, ViewOf(roofline), "layers");
}

absl::Status Compare(Session& session, const PlanOptions& options, const v1::CostReading& reading) {
  for (const absl::Status& status :
       {Require(!options.network.empty(), "--network", "cost compare"),
        Require(!options.plans.empty(), "--plan", "cost compare"),
        Require(!options.accelerators.empty(), "--accelerator", "cost compare")}) {
    if (!status.ok()) return status;
  }
  auto stub = session.Stub<v1::CostService>();
  if (!stub.ok()) return stub.status();
  v1::CompareCostsRequest request;
  request.set_network(Qualified("networks", options.network));
  for (const std::string& plan : options.plans) request.add_plans(PlanOrFloat32(plan));
  for (const std::string& name : options.accelerators) {
    request.add_accelerators(Qualified("accelerators", name));
  }
  *request.mutable_reading() = reading;
  const auto comparison = session.Invoke(&v1::CostService::Stub::CompareCosts, **stub, request);
  if (!comparison.ok()) return comparison.status();
  return Print(session.globals, *comparison, ViewOf(*comparison), "rows");
}

void AddRoofline(CommandLine& line, CLI::App* cost) {
  const auto options = std::make_shared<EstimateOptions>();
  CLI::App* verb =
      line.AddVerb(cost, "roofline",
                   "Shows for each layer what its traffic off chip allows and what it reaches.",
                   "cost roofline --network resnet8 --accelerator eyeriss_like --plan "
                   "weights=int8,activations=int8,accumulator=int32\n"
                   "cost roofline --network vgg16 --accelerator int8_array --plan "
                   "weights=int8,activations=int8,accumulator=int32 --html roofline.html",
                   [options](Session& session) { return ShowRoofline(session, *options); });
  AddEstimateOptions(verb, options.get());
}

void AddCompare(CommandLine& line, CLI::App* cost) {
  const auto options = std::make_shared<PlanOptions>();
  const auto reading = std::make_shared<v1::CostReading>();
  CLI::App* verb = line.AddVerb(
      cost, "compare",
      "Prices every plan on every machine, with ratios to the first; csv and jsonl have one row "
      "for each.",
      "cost compare --network resnet8 --accelerator eyeriss_like,int8_array --plan "
      "weights=int8,activations=int8,accumulator=int32 --plan "
      "weights=int4,activations=int8,accumulator=int32",
      [options, reading](Session& session) { return Compare(session, *options, *reading); });
  AddPlanOptions(verb, options.get());
  AddReadingOptions(verb, reading.get());
}

void AddSensitivity(CommandLine& line, CLI::App* cost) {
  const auto options = std::make_shared<SensitivityOptions>();
  CLI::App* verb = line.AddVerb(
      cost, "sensitivity",
      "Prices a sweep's trials, or plans, again under every reading of the sources (registers, "
      "areas, SRAM, activity, leakage, node), and marks what stays on the front under all.",
      "cost sensitivity --sweep SWEEP\n"
      "cost sensitivity --sweep SWEEP --objective accuracy,energy_pj\n"
      "cost sensitivity --network resnet8 --accelerator eyeriss_like,int8_array --plan "
      "weights=int8,activations=int8,accumulator=int32 --plan "
      "weights=int4,activations=int4,accumulator=int32",
      [options](Session& session) { return ShowSensitivity(session, *options); });
  verb->add_option("--sweep,--sweeps", options->sweeps, "Sweeps")->allow_extra_args(false);
  AddPlanOptions(verb, &options->plans);
  verb->add_option("--objective,--objectives", options->objectives,
                   "2 to 6 of accuracy, loss, energy_pj, area_um2, latency_seconds, weight_bytes "
                   "(else the first sweep's own, of plans all costs)")
      ->delimiter(',')
      ->allow_extra_args(false);
  AddReadingOptions(verb, &options->base);
}

absl::Status Validate(Session& session, const std::string& group) {
  auto stub = session.Stub<v1::CostService>();
  if (!stub.ok()) return stub.status();
  v1::ValidateCostModelRequest request;
  request.set_group(group);
  const auto validation =
      session.Invoke(&v1::CostService::Stub::ValidateCostModel, **stub, request);
  if (!validation.ok()) return validation.status();
  const absl::Status printed = Print(session.globals, *validation, ViewOf(*validation), "rows");
  if (!printed.ok() || validation->passes()) return printed;
  std::string names;
  for (const v1::CostValidation::Row& row : validation->rows()) {
    if (!row.passes()) names += fmt::format("\n{}: {}", row.group(), row.name());
  }
  return absl::InternalError(
      fmt::format("{} figures are outside their bounds:{}", validation->failures(), names));
}

void AddValidate(CommandLine& line, CLI::App* cost) {
  const auto group = std::make_shared<std::string>();
  CLI::App* verb = line.AddVerb(
      cost, "validate",
      "Shows every published figure beside the model's, with the deviation; exits 1 if one is "
      "outside its bound.",
      "cost validate\ncost validate --group horowitz\ncost validate -o csv",
      [group](Session& session) { return Validate(session, *group); });
  verb->add_option("--group", *group, "Only the figures of one source");
}

}  // namespace

void AddCostCommands(CommandLine& line) {
  const auto options = std::make_shared<EstimateOptions>();
  CLI::App* cost = line.AddVerb(
      &line.root(), "cost",
      "Prices one plan on one machine, now: one inference of one image. csv prints one row, the "
      "totals (with --layers one for each component of a layer); json holds everything. Its "
      "commands compare plans and machines.",
      "cost --network resnet8 --accelerator eyeriss_like --plan "
      "weights=int8:channel,activations=int8,accumulator=int32\n"
      "cost --network resnet8 --accelerator eyeriss_like --plan "
      "weights=int8,activations=int8,accumulator=int32 --layers --node 7nm --html cost.html\n"
      "cost compare --help",
      [options](Session& session) { return Cost(session, *options); });
  AddEstimateOptions(cost, options.get());
  cost->add_flag("--layers", options->layers, "Every component of every layer");
  AddCompare(line, cost);
  AddRoofline(line, cost);
  AddSensitivity(line, cost);
  AddValidate(line, cost);
}

}  // namespace bitscape::cli
