#include "engine/quantize/adaround.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/formats/codec.h"
#include "engine/quantize/adaround_step.h"

namespace bitscape::quantize {
namespace {

constexpr int kWidestGrid = 16;  // bits

// Every finite value of a code at scale 1, less the zero point, ascending.
std::vector<float> LevelsOf(const formats::NumberFormat& format, int32_t zero_point) {
  std::vector<float> levels;
  const uint32_t codes = uint32_t{1} << formats::ElementBits(format);
  for (uint32_t code = 0; code < codes; ++code) {
    const float value = formats::Decode(format.element, code);
    if (std::isfinite(value)) levels.push_back(value - static_cast<float>(zero_point));
  }
  std::sort(levels.begin(), levels.end());
  // A symmetric integer's spare code decodes to a value that rounding never gives.
  const float smallest =
      static_cast<float>(formats::SmallestFinite(format.element)) - static_cast<float>(zero_point);
  levels.erase(levels.begin(), std::lower_bound(levels.begin(), levels.end(), smallest));
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  return levels;
}

bool HasGrid(const formats::NumberFormat& format) {
  return std::holds_alternative<formats::LevelSet>(format.element) ||
         formats::ElementBits(format) <= kWidestGrid;
}

void Neighbours(const std::vector<float>& levels, float scale, float weight, float& down,
                float& up) {
  const auto above =
      std::upper_bound(levels.begin(), levels.end(), weight,
                       [scale](float value, float level) { return value < level * scale; });
  down = (above == levels.begin() ? levels.front() : *(above - 1)) * scale;
  up = down == weight || above == levels.end() ? down : *above * scale;
}

// Where sigmoid(v) * 1.2 - 0.1 = h.
float InverseRectifiedSigmoid(float h) { return std::log((h + 0.1F) / (1.1F - h)); }

// One AdaRound over rows.
class Optimizer {
 public:
  Optimizer(const OutputError& error, const GridNeighbours& neighbours,
            std::span<const float> weights)
      : error_(error),
        length_(static_cast<size_t>(error.length)),
        rows_(weights.size() / length_),
        down_(neighbours.down),
        step_(weights.size()),
        v_(weights.size()),
        mean_(weights.size(), 0.0F),
        square_(weights.size(), 0.0F),
        soft_(weights.size()),
        gradient_(weights.size()) {
    for (size_t i = 0; i < weights.size(); ++i) {
      step_[i] = neighbours.up[i] - down_[i];
      const float place = step_[i] > 0 ? (weights[i] - down_[i]) / step_[i] : 0.0F;
      v_[i] = InverseRectifiedSigmoid(std::clamp(place, 0.0F, 1.0F));
    }
    for (size_t row = 0; row < rows_; ++row) {
      error_scales_.push_back(ErrorScale(row));
    }
  }

  void Run(const AdaRoundOptions& options) {
    double mean_left = 1;  // powers of Adam's decays
    double square_left = 1;
    for (int iteration = 0; iteration < options.iterations; ++iteration) {
      mean_left *= 0.9;
      square_left *= 0.999;
      AdaRoundStep step;
      const double done = static_cast<double>(iteration) / options.iterations;
      if (done >= options.warmup) {
        const double part = (done - options.warmup) / (1 - options.warmup);
        step.beta =
            static_cast<float>(options.beta_end + (options.beta_begin - options.beta_end) * 0.5 *
                                                      (1 + std::cos(part * std::numbers::pi)));
        step.regularizer = static_cast<float>(options.regularizer);
      }
      step.learning_rate = static_cast<float>(options.learning_rate);
      step.mean_correction = static_cast<float>(1 / (1 - mean_left));
      step.square_correction = static_cast<float>(1 / (1 - square_left));
      for (size_t row = 0; row < rows_; ++row) SoftWeights(length_, Row(row));
      ErrorGradient(rows_, length_, soft_.data(), error_.gram.data(), error_.target.data(),
                    gradient_.data());
      for (size_t row = 0; row < rows_; ++row) {
        step.error_scale = error_scales_[row];
        ApplyAdam(length_, step, Row(row));
      }
    }
  }

  // Whether weight i is rounded up.
  bool Up(size_t i) const { return v_[i] >= 0; }

 private:
  // The mean error of moving one weight from down to up is one unit.
  float ErrorScale(size_t row) const {
    double sum = 0;
    size_t count = 0;
    for (size_t k = 0; k < length_; ++k) {
      const double step = step_[row * length_ + k];
      if (step <= 0) continue;
      sum += step * step * double{error_.gram[k * length_ + k]};
      ++count;
    }
    return sum > 0 ? static_cast<float>(static_cast<double>(count) / sum) : 0.0F;
  }

  AdaRoundRow Row(size_t row) {
    const size_t first = row * length_;
    return {.down = down_.data() + first,
            .step = step_.data() + first,
            .gradient = gradient_.data() + first,
            .v = v_.data() + first,
            .mean = mean_.data() + first,
            .square = square_.data() + first,
            .weights = soft_.data() + first};
  }

  const OutputError& error_;
  const size_t length_;
  const size_t rows_;
  const std::vector<float>& down_;
  std::vector<float> step_, v_, mean_, square_, soft_, gradient_;
  std::vector<float> error_scales_;
};

}  // namespace

GridNeighbours FindNeighbours(const formats::Quantizer& quantizer, const TensorLayout& layout,
                              std::span<const float> weights, const RoundedTensor& rounded) {
  GridNeighbours result{rounded.values, rounded.values};
  if (!HasGrid(quantizer.format)) return result;
  const bool fitted = std::holds_alternative<formats::LevelSet>(quantizer.format.element);
  std::vector<std::vector<float>> levels;  // by group; one in all where groups differ in scale only
  for (const formats::Scaling& scaling : rounded.scalings) {
    if (fitted) {
      levels.push_back(scaling.levels->levels);
    } else if (levels.empty() || quantizer.format.zero_point) {
      levels.push_back(LevelsOf(quantizer.format, scaling.zero_point));
    }
  }
  size_t index = 0;
  for (int64_t o = 0; o < layout.outer; ++o) {
    for (int64_t a = 0; a < layout.axis; ++a) {
      for (int64_t i = 0; i < layout.inner; ++i, ++index) {
        const auto group = static_cast<size_t>(GroupOf(quantizer, layout, o, a, i));
        Neighbours(levels[levels.size() == 1 ? 0 : group], rounded.scalings[group].scale,
                   weights[index], result.down[index], result.up[index]);
      }
    }
  }
  return result;
}

std::vector<double> ErrorOfRows(const OutputError& error, std::span<const float> weights) {
  const auto length = static_cast<size_t>(error.length);
  std::vector<double> errors;
  for (size_t first = 0; first < weights.size(); first += length) {
    const float* row = weights.data() + first;
    double sum = 0;
    for (size_t k = 0; k < length; ++k) {
      double product = 0;
      for (size_t j = 0; j < length; ++j) {
        product += double{error.gram[k * length + j]} * double{row[j]};
      }
      sum += double{row[k]} * (product - 2 * double{error.target[first + k]});
    }
    errors.push_back(sum);
  }
  return errors;
}

std::vector<float> AdaRound(const OutputError& error, const GridNeighbours& neighbours,
                            std::span<const float> weights, std::span<const float> nearest,
                            const AdaRoundOptions& options) {
  Optimizer optimizer(error, neighbours, weights);
  optimizer.Run(options);
  std::vector<float> rounded(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    rounded[i] = optimizer.Up(i) ? neighbours.up[i] : neighbours.down[i];
  }
  const std::vector<double> learned = ErrorOfRows(error, rounded);
  const std::vector<double> plain = ErrorOfRows(error, nearest);
  const auto length = static_cast<size_t>(error.length);
  for (size_t row = 0; row < learned.size(); ++row) {
    if (learned[row] <= plain[row]) continue;
    std::copy_n(nearest.begin() + static_cast<std::ptrdiff_t>(row * length), length,
                rounded.begin() + static_cast<std::ptrdiff_t>(row * length));
  }
  return rounded;
}

}  // namespace bitscape::quantize
