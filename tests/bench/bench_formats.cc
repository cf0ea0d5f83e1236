// Speed of rounding on one core: GB/s of input, on a tensor that stays in the cache, next to a copy
// of the same size. Each figure is from the median of interleaved runs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/random.h"
#include "engine/formats/codec.h"
#include "engine/formats/quantizer.h"
#include "engine/formats/scale.h"

namespace bitscape::bench {
namespace {

using formats::Granularity;
using formats::Quantizer;
using formats::Rounding;

// kBf16: integers and what bf16 holds, which a stricter target is set for.
// kTable: codebooks of more than 16 levels, which are searched and have no target.
enum class Group { kCopy, kBf16, kOther, kTable, kStochastic };

struct Row {
  std::string name;
  Group group;
  std::function<void()> work;
  std::vector<double> gbps = {};
  double Median() const {
    std::vector<double> sorted = gbps;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
  double Best() const { return *std::max_element(gbps.begin(), gbps.end()); }
};

Quantizer MustParse(std::string_view notation) {
  absl::StatusOr<Quantizer> quantizer = formats::ParseQuantizer(notation);
  if (!quantizer.ok()) throw std::runtime_error(quantizer.status().ToString());
  return *std::move(quantizer);
}

// Values of a normal distribution (the sum of twelve uniform ones), as weights have them.
std::vector<float> NormalValues(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    double sum = -6;
    for (uint64_t term = 0; term < 12; ++term) sum += RandomUniform(1, term, i);
    values[i] = static_cast<float>(sum / 8);
  }
  return values;
}

class Bench {
 public:
  Bench(size_t kib, int runs) : runs_(runs), values_(NormalValues(kib * 1024 / sizeof(float))) {
    rounded_.resize(values_.size());
    for (const float value : values_) amax_ = std::max(amax_, std::fabs(value));
    rows_.push_back({"memcpy", Group::kCopy, [this] {
                       std::memcpy(rounded_.data(), values_.data(), values_.size() * sizeof(float));
                     }});
    AddFormats();
  }

  void Run() {
    for (int run = -1; run < runs_; ++run) {
      for (Row& row : rows_) {
        const double gbps = Gbps(row.work);
        if (run >= 0) row.gbps.push_back(gbps);
      }
    }
  }

  const std::vector<Row>& rows() const { return rows_; }

  nlohmann::json Slowest(const std::string& figure, const std::vector<Group>& groups) const {
    const Row* slowest = nullptr;
    for (const Row& row : rows_) {
      if (std::find(groups.begin(), groups.end(), row.group) == groups.end()) continue;
      if (slowest == nullptr || row.Median() < slowest->Median()) slowest = &row;
    }
    return {{"figure", figure},
            {"value", slowest->Median()},
            {"unit", "GB/s of input"},
            {"detail",
             {{"slowest", slowest->name},
              {"best_run", slowest->Best()},
              {"memcpy", rows_.front().Median()},
              {"input_kib", values_.size() * sizeof(float) / 1024},
              {"runs", runs_},
              {"threads", 1}}}};
  }

 private:
  // Bytes read a second, over enough passes for the clock.
  double Gbps(const std::function<void()>& work) const {
    constexpr int kPasses = 64;
    const auto start = std::chrono::steady_clock::now();
    for (int pass = 0; pass < kPasses; ++pass) work();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return static_cast<double>(values_.size() * sizeof(float)) * kPasses / seconds / 1e9;
  }

  void Add(const std::string& notation, Group group) {
    const Quantizer quantizer = MustParse(notation);
    const std::string name = notation;
    if (quantizer.granularity == Granularity::kBlock) {
      const float tensor_scale = formats::TensorScaleForMagnitude(quantizer.format, amax_);
      rows_.push_back({name, group, [this, quantizer, tensor_scale] {
                         formats::RoundBlocks(quantizer.format,
                                              {.rounding = quantizer.rounding,
                                               .overflow = quantizer.overflow,
                                               .reciprocal = quantizer.reciprocal,
                                               .block = quantizer.block_size,
                                               .tensor_scale = tensor_scale},
                                              values_, rounded_);
                       }});
      return;
    }
    const formats::Scaling scaling{.scale = formats::ScaleForMagnitude(quantizer.format, amax_),
                                   .reciprocal = quantizer.reciprocal};
    AddRound(name, group, quantizer, scaling);
  }

  // Levels at equal shares of the values, as a codebook of weights has them.
  void AddLevels(const std::string& notation, Group group) {
    const Quantizer quantizer = MustParse(notation);
    const auto levels =
        static_cast<size_t>(std::get<formats::LevelSet>(quantizer.format.element).levels);
    std::vector<float> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    auto table = std::make_shared<formats::LevelTable>();
    for (size_t i = 0; i < levels; ++i) {
      table->levels.push_back(sorted[(2 * i + 1) * sorted.size() / (2 * levels)]);
    }
    for (size_t i = 0; i + 1 < levels; ++i) {
      table->boundaries.push_back((table->levels[i] + table->levels[i + 1]) / 2);
      table->ties_up.push_back(1);
    }
    AddRound(notation, group, quantizer, {.levels = table});
  }

  void AddRound(const std::string& name, Group group, const Quantizer& quantizer,
                const formats::Scaling& scaling) {
    rows_.push_back({name, group, [this, quantizer, scaling] {
                       formats::Round(quantizer.format.element, quantizer.rounding,
                                      quantizer.overflow, scaling, values_, rounded_);
                     }});
  }

  void AddFormats() {
    for (const char* name : {"bf16",
                             "fp8_e4m3",
                             "fp8_e5m2",
                             "e4m3:fnuz",
                             "fp6_e3m2",
                             "fp6_e2m3",
                             "fp4_e2m1",
                             "e3m4",
                             "e4m3:fn:ftz",
                             "e4m3:fn:scaled",
                             "e1m2:scaled",
                             "int16",
                             "int8",
                             "int8:reciprocal",
                             "int8:full",
                             "int4",
                             "int2",
                             "uint8",
                             "fixed16.8",
                             "fixed8.4",
                             "dfx8",
                             "af8_3",
                             "af4_2",
                             "cfloat8_1_4_3",
                             "cfloat8_1_5_2:literal",
                             "mxfp8_e4m3",
                             "mxfp8_e5m2",
                             "mxfp6_e3m2",
                             "mxfp6_e2m3",
                             "mxfp4_e2m1",
                             "mxfp4_e2m1:even",
                             "mxfp4_e2m1:rceil",
                             "mxint8",
                             "nvfp4",
                             "bfp8",
                             "bfp4",
                             "bfp8:block32"}) {
      Add(name, Group::kBf16);
    }
    for (const char* name :
         {"tf32", "fp16", "cfloat16", "e8m7:ieee:bias=130", "int8:block32", "int4:block16",
          "int4:block100", "fp8_e4m3:away", "fp8_e4m3:floor", "int8:zero", "fixed8.4:wrap", "log8",
          "log4", "log4:sqrt2", "log4:radix4", "log4:unsigned", "log4:floor", "bfp16:exp5"}) {
      Add(name, Group::kOther);
    }
    for (const char* name : {"binary", "ternary", "ternary:ttq", "codebook4", "codebook8",
                             "codebook16", "codebook16:lloydmax", "dorefa4"}) {
      AddLevels(name, Group::kOther);
    }
    for (const char* name : {"codebook17", "codebook64", "codebook256", "codebook256:stochastic"}) {
      AddLevels(name, Group::kTable);
    }
    for (const char* name : {"bf16:stochastic", "fp8_e4m3:stochastic", "fp4_e2m1:stochastic",
                             "int8:stochastic", "fixed8.4:wrap:stochastic", "af8_3:stochastic",
                             "log4:stochastic", "log4:sqrt2:stochastic", "mxfp4_e2m1:stochastic",
                             "nvfp4:stochastic", "int8:block32:stochastic"}) {
      Add(name, Group::kStochastic);
    }
    for (const char* name :
         {"binary:unit:stochastic", "ternary:stochastic", "codebook16:stochastic"}) {
      AddLevels(name, Group::kStochastic);
    }
  }

  const int runs_;
  const std::vector<float> values_;
  std::vector<float> rounded_;
  float amax_ = 0;
  std::vector<Row> rows_;
};

}  // namespace
}  // namespace bitscape::bench

int main(int argc, char** argv) {
  using bitscape::bench::Group;
  CLI::App app("GB/s of input that rounding takes, on one core and in the cache.");
  bool json = false;
  size_t kib = 16;
  int runs = 21;
  app.add_flag("--json", json, "one JSON object a line: the figures, then every format");
  app.add_option("--kib", kib, "size of the tensor of float32 values")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--runs", runs, "timed runs of each, interleaved; the median counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    bitscape::bench::Bench bench(kib, runs);
    bench.Run();
    const std::vector<nlohmann::json> figures = {
        bench.Slowest("rounding_gbps_min", {Group::kBf16, Group::kOther}),
        bench.Slowest("rounding_gbps_bf16_min", {Group::kBf16}),
        bench.Slowest("rounding_gbps_stochastic_min", {Group::kStochastic})};
    for (const nlohmann::json& figure : figures) {
      if (json) {
        std::puts(figure.dump().c_str());
      } else {
        std::puts(fmt::format("{:<30} {:6.2f}  {}", figure["figure"].get<std::string>(),
                              figure["value"].get<double>(), figure["detail"].dump())
                      .c_str());
      }
    }
    for (const bitscape::bench::Row& row : bench.rows()) {
      if (json) {
        std::puts(nlohmann::json{{"figure", "rounding_gbps:" + row.name},
                                 {"value", row.Median()},
                                 {"unit", "GB/s of input"},
                                 {"detail", {{"best_run", row.Best()}}}}
                      .dump()
                      .c_str());
      } else {
        std::puts(fmt::format("{:<30} {:6.2f}  best {:6.2f}", row.name, row.Median(), row.Best())
                      .c_str());
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_formats: %s\n", error.what());
    return 1;
  }
  return 0;
}
