// bitscape format accuracy: what every family of formats reaches at each width.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bitscape/v1/evaluation.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/format_ladder.h"
#include "client/cli/format_tables.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

struct Options {
  std::vector<std::string> networks{"resnet8", "dscnn"};
  std::vector<int> bits{8, 6, 5, 4, 3, 2, 1};
  std::vector<std::string> families;
  std::string dataset = "fashion-mnist", repair;
  int images = 0, choice_images = 1000;
};

// Plans that compete for one cell, or one reference.
struct Cell {
  std::string network, family;
  int bits = 0;
  std::vector<std::string> plans;
};

std::vector<Cell> CellsOf(const Options& options) {
  std::vector<Cell> cells;
  for (const std::string& network : options.networks) {
    for (const LadderReference& reference : LadderReferences()) {
      cells.push_back(
          {network, std::string(reference.name), reference.bits, {std::string(reference.plan)}});
    }
    for (const LadderFamily& family : LadderFamilies()) {
      if (!options.families.empty() && std::find(options.families.begin(), options.families.end(),
                                                 family.name) == options.families.end()) {
        continue;
      }
      for (const int bits : options.bits) {
        Cell cell{network, std::string(family.name), bits, family.plans(bits)};
        if (!options.repair.empty()) {
          for (std::string& plan : cell.plans) {
            // Before the rules, which can't hold it; the family's own stands.
            if (plan.find("repair=") != std::string::npos) continue;
            plan.insert(std::min(plan.find(';'), plan.size()), ",repair=" + options.repair);
          }
        }
        if (!cell.plans.empty()) cells.push_back(std::move(cell));
      }
    }
  }
  return cells;
}

// Evaluates plans of one network jointly.
class Evaluator {
 public:
  Evaluator(Session& session, const Options& options)
      : session_(session), options_(options), progress_(session.globals) {}

  // One for each plan, in order; empty where it can't be evaluated: then `problems` says why.
  absl::StatusOr<std::vector<v1::Evaluation>> Run(const std::string& network,
                                                  const std::string& split, int images,
                                                  const std::vector<std::string>& plans,
                                                  std::map<std::string, std::string>& problems) {
    auto stub = session_.Stub<v1::EvaluationService>();
    if (!stub.ok()) return stub.status();
    v1::EvaluatePlansRequest request;
    request.set_network(Qualified("networks", network));
    request.set_dataset(Qualified("datasets", options_.dataset));
    request.set_split(split);
    request.set_images(images);
    request.mutable_plans()->Assign(plans.begin(), plans.end());
    std::vector<v1::Evaluation> evaluations(plans.size());
    Call call;
    const auto reader = (*stub)->EvaluatePlans(call.context(), request);
    v1::EvaluatePlansResponse response;
    while (reader->Read(&response)) {
      for (const auto& result : response.results()) {
        const auto index = static_cast<size_t>(result.index());
        if (index >= plans.size()) {
          return absl::InternalError(
              fmt::format("the server returned plan {} of {}", index, plans.size()));
        }
        evaluations[index] = result.evaluation();
        if (!result.error().empty()) problems[plans[index]] = result.error();
      }
      ProgressState state;
      state.done = response.plans_evaluated();
      state.total = response.plans();
      state.unit = "plans";
      state.label = fmt::format("{}, {} split", network, split);
      state.elapsed_seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
      progress_.Update(state);
    }
    const absl::Status status = session_.Check(reader->Finish());
    if (!status.ok()) return status;
    return evaluations;
  }

  void Finish() { progress_.Finish(); }

 private:
  Session& session_;
  const Options& options_;
  Progress progress_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// The cells of one network, each reduced to its best plan on the validation split: more correct
// images, then less loss, then the first.
absl::Status ChoosePlans(Evaluator& evaluator, const Options& options, const std::string& network,
                         std::vector<Cell*>& cells, std::map<std::string, std::string>& problems) {
  std::vector<std::string> plans;
  for (const Cell* cell : cells) plans.insert(plans.end(), cell->plans.begin(), cell->plans.end());
  if (plans.empty()) return absl::OkStatus();
  const auto evaluations =
      evaluator.Run(network, "validation", options.choice_images, plans, problems);
  if (!evaluations.ok()) return evaluations.status();
  size_t next = 0;
  for (Cell* cell : cells) {
    const v1::Evaluation* best = nullptr;
    std::string plan;
    for (const std::string& candidate : cell->plans) {
      const v1::Evaluation& evaluation = (*evaluations)[next++];
      if (evaluation.images() == 0) continue;
      const bool better = best == nullptr || std::pair(-evaluation.correct(), evaluation.loss()) <
                                                 std::pair(-best->correct(), best->loss());
      if (!better) continue;
      best = &evaluation;
      plan = candidate;
    }
    cell->plans.assign(best == nullptr ? 0 : 1, plan);
  }
  return absl::OkStatus();
}

std::string NoteOf(const Options& options, const std::map<std::string, std::string>& problems) {
  std::string note = fmt::format(
      "Top-1 in percent on the test split. Codebooks, binary, ternary and DoReFa round the weights "
      "alone.\nOf a family's splits and range choices the best on {} validation images was taken; "
      "-o json or csv names it.",
      options.choice_images);
  if (!problems.empty()) {
    note += fmt::format("\n{} plans could not be evaluated, the first: {}: {}", problems.size(),
                        problems.begin()->first, problems.begin()->second);
  }
  return note;
}

// Each value once, where it stands first.
template <typename Value>
void KeepFirsts(std::vector<Value>& values) {
  std::vector<Value> firsts;
  for (const Value& value : values) {
    if (std::find(firsts.begin(), firsts.end(), value) == firsts.end()) firsts.push_back(value);
  }
  values = std::move(firsts);
}

absl::Status Accuracy(Session& session, Options options) {
  KeepFirsts(options.networks);
  KeepFirsts(options.bits);
  std::vector<Cell> cells = CellsOf(options);
  std::vector<int> candidates;
  for (const Cell& cell : cells) candidates.push_back(static_cast<int>(cell.plans.size()));
  std::map<std::string, std::string> problems;
  v1::AccuracyTable table;
  Evaluator evaluator(session, options);
  for (const std::string& network : options.networks) {
    std::vector<Cell*> open;
    for (Cell& cell : cells) {
      if (cell.network == network && cell.plans.size() > 1) open.push_back(&cell);
    }
    absl::Status status = ChoosePlans(evaluator, options, network, open, problems);
    if (!status.ok()) return status;
    std::vector<size_t> shown;
    std::vector<std::string> plans;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].network != network || cells[i].plans.empty()) continue;
      shown.push_back(i);
      plans.push_back(cells[i].plans[0]);
    }
    const auto evaluations = evaluator.Run(network, "test", options.images, plans, problems);
    if (!evaluations.ok()) return evaluations.status();
    for (size_t i = 0; i < shown.size(); ++i) {
      const v1::Evaluation& evaluation = (*evaluations)[i];
      if (evaluation.images() == 0) continue;
      const Cell& source = cells[shown[i]];
      v1::AccuracyTable::Cell& cell = *table.add_cells();
      cell.set_network(source.network);
      cell.set_family(source.family);
      cell.set_bits(source.bits);
      cell.set_plan(evaluation.plan());
      cell.set_candidates(candidates[shown[i]]);
      cell.set_correct(evaluation.correct());
      cell.set_images(evaluation.images());
      cell.set_accuracy(evaluation.accuracy());
      cell.set_accuracy_low(evaluation.accuracy_low());
      cell.set_accuracy_high(evaluation.accuracy_high());
    }
  }
  evaluator.Finish();
  if (!options.repair.empty() && !problems.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "--repair {}: {}: {}", options.repair, problems.begin()->first, problems.begin()->second));
  }
  View view = ViewOf(table, options.bits);
  view.note = NoteOf(options, problems);
  return Print(session.globals, table, view, "cells");
}

}  // namespace

void AddAccuracyCommand(CommandLine& line, CLI::App* noun) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = line.AddVerb(
      noun, "accuracy",
      "Prints a table: the accuracy that every family of formats reaches at each width, next to "
      "fp32, fp16 and int8.",
      "format accuracy\n"
      "format accuracy --network lenet5 --bits 8,4 --images 2000\n"
      "format accuracy --family int --family int:channel --bits 4,3 --repair adaround+bias -o csv",
      [options](Session& session) { return Accuracy(session, *options); });
  verb->add_option("--network", options->networks, "Networks (default: resnet8,dscnn)")
      ->delimiter(',');
  verb->add_option("--dataset", options->dataset, "The dataset (default: fashion-mnist)");
  verb->add_option("--bits", options->bits, "Widths of a weight (default: 8,6,5,4,3,2,1)")
      ->delimiter(',')
      ->check(CLI::Range(1, 16));
  std::vector<std::string> names;
  for (const LadderFamily& family : LadderFamilies()) names.emplace_back(family.name);
  verb->add_option("--family", options->families, "Only these families (default: all)")
      ->check(CLI::IsMember(names));
  AddCount(verb, "--images", options->images, "Only the first images of the test split (0: all)");
  AddCount(verb, "--choice-images", options->choice_images,
           "Validation images that the range choices are compared on (default: 1000)");
  verb->add_option("--repair", options->repair,
                   "Repairs of every plan but the references, as adaround+bias");
}

}  // namespace bitscape::cli
