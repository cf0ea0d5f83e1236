#include "client/cli/number_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

constexpr double kWidth = 860, kMargin = 28;
// Levels with their value written, where there are few enough for that.
constexpr size_t kLabelled = 17;
// The part around zero is drawn, too, if it holds at least so many levels.
constexpr int64_t kCrowd = 5;
constexpr double kPart = 8;

double Place(double value, double low, double high, double from, double to) {
  return from + (to - from) * (value - low) / (high - low);
}

// The levels within [low, high] on a line at height `y`.
std::string LineSvg(const NumberLine& line, double low, double high, double y) {
  std::string svg = fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n",
                                kMargin, kWidth - kMargin, y, y);
  const auto x = [&](double value) { return Place(value, low, high, kMargin, kWidth - kMargin); };
  const auto within = [&](double value) { return value >= low && value <= high; };
  for (const double boundary : line.boundaries) {
    if (!within(boundary)) continue;
    svg += fmt::format(
        "<line class=\"boundary\" x1=\"{0:.2f}\" x2=\"{0:.2f}\" y1=\"{1}\" y2=\"{2}\"><title>"
        "boundary {3}</title></line>\n",
        x(boundary), y - 5, y + 5, Number(boundary));
  }
  // Ascending: those within are neighbours.
  const auto first = std::find_if(line.levels.begin(), line.levels.end(), within);
  const auto last = std::find_if_not(first, line.levels.end(), within);
  const auto shown = static_cast<size_t>(last - first);
  for (auto at = first; at != last; ++at) {
    const double level = *at;
    svg += fmt::format(
        "<line class=\"level\" x1=\"{0:.2f}\" x2=\"{0:.2f}\" y1=\"{1}\" y2=\"{2}\"><title>{3}"
        "</title></line>\n",
        x(level), y - 12, y + 12, Number(level));
    const bool end = at == first || at + 1 == last || level == 0;
    if (shown <= kLabelled || end) {
      svg += fmt::format(
          "<text class=\"tick\" x=\"{:.2f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x(level),
          y + 27, Number(level));
    }
  }
  return svg;
}

}  // namespace

std::string NumberLineText(const NumberLine& line, int width) {
  const double low = line.levels.front(), high = line.levels.back();
  std::string marks(static_cast<size_t>(width), '-');
  const auto column = [&](double value) {
    return static_cast<size_t>(std::lround(Place(value, low, high, 0, width - 1)));
  };
  for (const double level : line.levels) {
    char& mark = marks[column(level)];
    mark = mark == '-' ? '|' : '#';
  }
  const std::string left = Number(low), right = Number(high);
  std::string labels(static_cast<size_t>(width), ' ');
  labels.replace(0, left.size(), left);
  const size_t end = labels.size() - std::min(labels.size(), right.size());
  labels.replace(end, right.size(), right);
  if (low < 0 && high > 0) {
    const size_t zero = column(0);
    if (zero > left.size() && zero + 1 < end) labels[zero] = '0';
  }
  return marks + '\n' + labels;
}

std::string NumberLineSvg(const NumberLine& line) {
  const double low = line.levels.front(), high = line.levels.back();
  const double part = std::max(std::fabs(low), std::fabs(high)) / kPart;
  const int64_t crowd = std::count_if(line.levels.begin(), line.levels.end(), [&](double level) {
    return level != 0 && std::fabs(level) <= part;
  });
  const bool zoom = crowd >= kCrowd;
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{} levels from {} to {}\">\n", kWidth,
      zoom ? 130 : 60, line.levels.size(), Number(low), Number(high));
  svg += LineSvg(line, low, high, 20);
  if (zoom) svg += LineSvg(line, std::max(low, -part), std::min(high, part), 90);
  return svg + "</svg>\n";
}

}  // namespace bitscape::cli
