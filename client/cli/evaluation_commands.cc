// bitscape evaluate: one plan, now.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "bitscape/v1/evaluation.grpc.pb.h"
#include "bitscape/v1/format.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/cost_options.h"
#include "client/cli/format_page.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

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

bool HasNoNegatives(const std::string& notation) {
  const bool asymmetric = notation.find(":asym") != std::string::npos;
  return (notation.starts_with("uint") && !asymmetric) ||
         notation.find(":unsigned") != std::string::npos;
}

// What formats without negative values cut from the weights, and from the activations of some
// calibration images in the unquantized network; empty for nothing. An answer that fails says
// nothing: the evaluation itself stands.
std::string CutNoteOf(Session& session, const v1::EvaluateRequest& request,
                      const v1::Evaluation& evaluation) {
  constexpr size_t kMostFormats = 64;
  std::set<std::string> formats;
  // "weights of conv1" with its format; layers of several operands have numbered activations.
  std::set<std::pair<std::string, std::string>> used;
  for (const v1::Evaluation::Layer& layer : evaluation.layers()) {
    if (HasNoNegatives(layer.weights())) {
      used.emplace("weights of " + layer.name(), layer.weights());
      formats.insert(layer.weights());
    }
    if (HasNoNegatives(layer.activations())) {
      for (const char* const operand :
           {"activations of ", "activations 1 of ", "activations 2 of "}) {
        used.emplace(operand + layer.name(), layer.activations());
      }
      formats.insert(layer.activations());
    }
  }
  auto stub = session.Stub<v1::FormatService>();
  if (formats.empty() || formats.size() > kMostFormats || !stub.ok()) return "";
  v1::CompareFormatsRequest header;
  header.mutable_header()->mutable_formats()->Assign(formats.begin(), formats.end());
  header.mutable_header()->set_network(request.network());
  header.mutable_header()->set_dataset(request.dataset());
  Call call;
  v1::FormatComparison comparison, own;
  const auto writer = (*stub)->CompareFormats(call.context(), &comparison);
  writer->Write(header);
  writer->WritesDone();
  if (!session.Check(writer->Finish()).ok()) return "";
  for (const v1::FormatComparison::Row& row : comparison.rows()) {
    if (used.contains({row.tensor(), row.format()})) *own.add_rows() = row;
  }
  return CutNote(own);
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
  View view = ViewOf(result);
  if (session.globals.output == "table") view.note = CutNoteOf(session, request, result);
  return Print(session.globals, result, view);
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
        message.set_plan(PlanOrFloat32(options->plan));
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
  AddCount(verb, "--images", options->images, "Only the first images of the split (0: all)");
  AddCount(verb, "--calibration-images", options->calibration_images,
           "Images that ranges are found from (0: the server's default)");
  verb->add_option("--seed", options->seed, "Of what is random (0: 1)")->check(Integer64());
}

}  // namespace

void AddEvaluationCommands(CommandLine& line) { AddEvaluate(line); }

}  // namespace bitscape::cli
