// Speed of emulation on one core, against plain fp32 oneDNN and against one plan at a time. Each
// figure is a ratio of medians over interleaved runs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/emulate/evaluator.h"
#include "engine/network/passes.h"
#include "engine/network/zoo.h"
#include "engine/quantize/precision_plan.h"
#include "tests/bench/plain_resnet8.h"

namespace bitscape::bench {
namespace {

using emulate::Evaluator;
using quantize::ResolvedPlan;

constexpr char kInt8Plan[] = "weights=int8:channel,activations=int8,accumulator=int32";

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    throw std::runtime_error(value.status().ToString());
  }
  return *std::move(value);
}

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Runs each of `works` in turn, `runs` times after one for warming up; median seconds of each.
std::vector<double> Interleaved(int runs, const std::vector<std::function<void()>>& works) {
  std::vector<std::vector<double>> seconds(works.size());
  for (int run = -1; run < runs; ++run) {
    for (size_t i = 0; i < works.size(); ++i) {
      const double taken = Seconds(works[i]);
      if (run >= 0) {
        seconds[i].push_back(taken);
      }
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& of_one : seconds) {
    medians.push_back(Median(std::move(of_one)));
  }
  return medians;
}

class Emulation {
 public:
  Emulation(int64_t images, int runs)
      : images_(images),
        runs_(runs),
        network_(Must(network::LoadZooNetwork("resnet8"))),
        folded_(network::FoldBatchNorm(network_)),
        dataset_(Must(data::LoadBuiltinDataset("fashion-mnist"))) {
    for (const int mac : network::MacLayers(network_)) {
      const network::Node& node = network_.nodes[static_cast<size_t>(mac)];
      layers_.push_back({node.name, std::string(network::OperatorName(node.op))});
    }
  }

  // Joint evaluation is several times the work of one plan, so it takes an eighth of the images.
  // So do narrow accumulators.
  std::vector<nlohmann::json> Figures() {
    return Concatenated(Concatenated(SinglePlanFigures(), NarrowFigure()), JointFigure());
  }

 private:
  static std::vector<nlohmann::json> Concatenated(std::vector<nlohmann::json> figures,
                                                  nlohmann::json last) {
    figures.push_back(std::move(last));
    return figures;
  }

  ResolvedPlan Plan(const std::string& text) const {
    return Must(quantize::ResolvePlan(Must(quantize::ParsePlan(text)), layers_));
  }
  std::unique_ptr<Evaluator> OneCore() const {
    return Must(Evaluator::Create(network_, dataset_, {.threads = 1}));
  }

  static int64_t Evaluate(Evaluator& evaluator, std::span<const ResolvedPlan> plans,
                          int64_t images) {
    return Must(evaluator.Evaluate(plans, data::Split::kTest, {0, images}))[0].Correct();
  }

  std::vector<nlohmann::json> SinglePlanFigures() {
    PlainResnet8 plain(folded_);
    const std::unique_ptr<Evaluator> fp32 = OneCore();
    const std::unique_ptr<Evaluator> int8 = OneCore();
    const std::vector<ResolvedPlan> fp32_plan{Plan("weights=fp32,activations=fp32")};
    const std::vector<ResolvedPlan> int8_plan{Plan(kInt8Plan)};
    int64_t plain_correct = 0;
    int64_t fp32_correct = 0;
    int64_t int8_correct = 0;
    const std::vector<double> seconds =
        Interleaved(runs_, {[&] { plain_correct = plain.Correct(dataset_.test, images_); },
                            [&] { fp32_correct = Evaluate(*fp32, fp32_plan, images_); },
                            [&] { int8_correct = Evaluate(*int8, int8_plan, images_); }});
    const auto rate = [&](size_t i) { return static_cast<double>(images_) / seconds[i]; };
    nlohmann::json detail{{"network", "resnet8"},
                          {"images", images_},
                          {"runs", runs_},
                          {"threads", 1},
                          {"plain_images_per_second", rate(0)},
                          {"plain_correct", plain_correct}};
    nlohmann::json fp32_detail = detail;
    fp32_detail.update({{"plans", {"weights=fp32,activations=fp32"}},
                        {"images_per_second", rate(1)},
                        {"correct", fp32_correct}});
    nlohmann::json int8_detail = detail;
    int8_detail.update(
        {{"plans", {kInt8Plan}}, {"images_per_second", rate(2)}, {"correct", int8_correct}});
    return {Figure("fp32plan_vs_fp32", seconds[0] / seconds[1], fp32_detail),
            Figure("int8_vs_fp32", seconds[0] / seconds[2], int8_detail)};
  }

  // Partial sums rounded after every four products, against the same network in plain fp32.
  nlohmann::json NarrowFigure() {
    const std::string narrow_text = "weights=int8:channel,activations=int8,accumulator=fp16:chunk4";
    const int64_t images = std::max<int64_t>(32, images_ / 8 / 32 * 32);
    const std::unique_ptr<Evaluator> fp32 = OneCore();
    const std::unique_ptr<Evaluator> narrow = OneCore();
    const std::vector<ResolvedPlan> fp32_plan{Plan("weights=fp32,activations=fp32")};
    const std::vector<ResolvedPlan> narrow_plan{Plan(narrow_text)};
    int64_t correct = 0;
    const std::vector<double> seconds =
        Interleaved(runs_, {[&] { Evaluate(*fp32, fp32_plan, images); },
                            [&] { correct = Evaluate(*narrow, narrow_plan, images); }});
    return Figure("narrow_vs_fp32", seconds[0] / seconds[1],
                  {{"network", "resnet8"},
                   {"plans", {narrow_text}},
                   {"images", images},
                   {"runs", runs_},
                   {"threads", 1},
                   {"images_per_second", static_cast<double>(images) / seconds[1]},
                   {"correct", correct}});
  }

  nlohmann::json JointFigure() {
    constexpr size_t kVaried = 6;
    const int64_t images = std::max<int64_t>(32, images_ / 8 / 32 * 32);
    std::vector<ResolvedPlan> plans;
    for (size_t mask = 0; mask < size_t{1} << kVaried; ++mask) {
      std::string text = kInt8Plan;
      for (size_t bit = 0; bit < kVaried; ++bit) {
        if ((mask >> bit & 1) != 0) {
          text += ";[" + layers_[layers_.size() - kVaried + bit].name +
                  "]weights=int4:channel,activations=int4";
        }
      }
      plans.push_back(Plan(text));
    }
    // An evaluator for each plan, so that neither side compiles while it is timed.
    const std::unique_ptr<Evaluator> joint = OneCore();
    std::vector<std::unique_ptr<Evaluator>> single;
    for (size_t i = 0; i < plans.size(); ++i) {
      single.push_back(OneCore());
    }
    const std::vector<double> seconds =
        Interleaved(runs_, {[&] { Evaluate(*joint, plans, images); },
                            [&] {
                              for (size_t i = 0; i < plans.size(); ++i) {
                                Evaluate(*single[i], {&plans[i], 1}, images);
                              }
                            }});
    const double plan_images = static_cast<double>(images) * static_cast<double>(plans.size());
    return Figure(
        "joint_64", seconds[1] / seconds[0],
        {{"network", "resnet8"},
         {"plans", "64: int4 or int8 on each of the last 6 MAC layers, int8 on the others"},
         {"images", images},
         {"runs", runs_},
         {"threads", 1},
         {"joint_plan_images_per_second", plan_images / seconds[0]},
         {"single_plan_images_per_second", plan_images / seconds[1]}});
  }

  static nlohmann::json Figure(const std::string& name, double value,
                               const nlohmann::json& detail) {
    return {{"figure", name},
            {"value", value},
            {"unit", "ratio of images per second"},
            {"detail", detail}};
  }

  const int64_t images_;
  const int runs_;
  const network::Network network_;
  const network::Network folded_;
  const data::Dataset dataset_;
  std::vector<quantize::LayerIdentity> layers_;
};

}  // namespace
}  // namespace bitscape::bench

int main(int argc, char** argv) {
  CLI::App app("Speed of emulation on one core, against plain fp32 oneDNN.");
  bool json = false;
  int64_t images = 4096;
  int runs = 7;
  app.add_flag("--json", json, "one JSON object a line");
  app.add_option("--images", images, "images of the single-plan figures; joint_64 takes an eighth")
      ->check(CLI::Range(32, 9984))
      ->capture_default_str();
  app.add_option("--runs", runs, "timed runs of each, interleaved; the median counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    for (const nlohmann::json& figure :
         bitscape::bench::Emulation(images / 32 * 32, runs).Figures()) {
      if (json) {
        std::puts(figure.dump().c_str());
      } else {
        std::puts(fmt::format("{:<18} {:6.2f}  {}", figure["figure"].get<std::string>(),
                              figure["value"].get<double>(), figure["detail"].dump())
                      .c_str());
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_emulation: %s\n", error.what());
    return 1;
  }
  return 0;
}
