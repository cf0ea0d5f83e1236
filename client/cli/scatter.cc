#include "client/cli/scatter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "client/cli/html.h"

namespace bitscape::cli {
namespace {

constexpr double kWidth = 860, kHeight = 440;
constexpr double kLeft = 64, kRight = 24, kTop = 16, kBottom = 52;

// Maps values to the drawing.
struct Frame {
  double x_low, x_high, y_low, y_high;

  double X(double x) const {
    return kLeft + (kWidth - kLeft - kRight) * (std::log(x) - std::log(x_low)) /
                       (std::log(x_high) - std::log(x_low));
  }
  double Y(double y) const {
    return kHeight - kBottom - (kHeight - kTop - kBottom) * (y - y_low) / (y_high - y_low);
  }
};

bool IsShown(const Scatter& scatter, double x, double y) {
  return x > 0 && std::isfinite(x) && std::isfinite(y) && (!scatter.y_from || y >= *scatter.y_from);
}

Frame FrameOf(const std::vector<ScatterPoint>& points) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Frame frame{kInfinity, 0, kInfinity, -kInfinity};
  for (const ScatterPoint& point : points) {
    frame.x_low = std::min(frame.x_low, point.x);
    frame.x_high = std::max(frame.x_high, point.x);
    frame.y_low = std::min(frame.y_low, point.y);
    frame.y_high = std::max(frame.y_high, point.y);
  }
  // A margin of 8% a side, and some room where all values are equal.
  const double x_margin = std::pow(std::max(frame.x_high / frame.x_low, 1.1), 0.08);
  frame.x_low /= x_margin;
  frame.x_high *= x_margin;
  const double y_margin = 0.08 * std::max(frame.y_high - frame.y_low, 0.1);
  frame.y_low -= y_margin;
  frame.y_high += y_margin;
  return frame;
}

std::string GridOf(const Frame& frame, const Scatter& scatter) {
  std::string svg;
  const double bottom = kHeight - kBottom, right = kWidth - kRight;
  for (const double x : LogTicks(frame.x_low, frame.x_high)) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>"
        "<text class=\"tick\" x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4:g}</text>\n",
        frame.X(x), kTop, bottom, bottom + 18, x);
  }
  for (const double y : LinearTicks(frame.y_low, frame.y_high, 8)) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{1}\" x2=\"{2}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\"/>"
        "<text class=\"tick\" x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:.6g}</text>\n",
        frame.Y(y), kLeft, right, kLeft - 8, frame.Y(y) + 4, y);
  }
  svg += fmt::format("<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                     (kLeft + right) / 2, kHeight - 10, EscapeHtml(scatter.x_title));
  svg += fmt::format(
      "<text class=\"axis\" transform=\"translate(16 {}) rotate(-90)\" "
      "text-anchor=\"middle\">{}</text>\n",
      (kTop + bottom) / 2, EscapeHtml(scatter.y_title));
  return svg;
}

// From the left: flat until the next better point, then up.
std::string StaircaseOf(const Frame& frame, const Scatter& scatter) {
  std::vector<std::pair<double, double>> corners;
  for (const auto& [x, y] : scatter.front) {
    if (IsShown(scatter, x, y)) corners.emplace_back(x, y);
  }
  if (corners.empty()) return "";
  std::sort(corners.begin(), corners.end());
  std::string path =
      fmt::format("M{:.1f} {:.1f}", frame.X(corners[0].first), frame.Y(corners[0].second));
  for (const auto& [x, y] : corners) path += fmt::format("H{:.1f}V{:.1f}", frame.X(x), frame.Y(y));
  path += fmt::format("H{:.1f}", kWidth - kRight);
  return fmt::format("<path class=\"line\" d=\"{}\"/>\n", path);
}

std::string DotOf(const Frame& frame, const ScatterPoint& point) {
  const double x = frame.X(point.x), y = frame.Y(point.y);
  std::string mark;
  if (point.reference) {
    mark = fmt::format("<path class=\"dot reference\" d=\"M{:.1f} {:.1f}l7 7l-7 7l-7 -7z\">", x,
                       y - 7);
  } else {
    mark = fmt::format("<circle class=\"dot{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\">",
                       point.on_front ? " on-front" : "", x, y, point.on_front ? 5 : 4);
  }
  mark += fmt::format("<title>{}</title>{}\n", EscapeHtml(point.title),
                      point.reference ? "</path>" : "</circle>");
  return mark;
}

struct Box {
  double left, right, top, bottom;

  bool Overlaps(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

// The middle of a label's base line: above its point, or where it overlaps nothing in `taken`.
std::pair<double, double> PlaceLabel(double x, double y, double width,
                                     const std::vector<Box>& taken) {
  constexpr double kHeightOfText = 13, kAway = 12, kBeside = 12;
  const auto box = [&](double middle, double base) {
    return Box{middle - width / 2, middle + width / 2, base - kHeightOfText + 3, base + 3};
  };
  std::vector<std::pair<double, double>> places;
  for (int step = 0; step < 8; ++step) {
    const double shift = step * (kHeightOfText + 1);
    places.emplace_back(x, y - kAway - shift);
    places.emplace_back(x, y + kAway + kHeightOfText - 3 + shift);
    places.emplace_back(x + kBeside + width / 2, y + 4 - shift);
    places.emplace_back(x - kBeside - width / 2, y + 4 - shift);
  }
  for (const auto& place : places) {
    const Box candidate = box(place.first, place.second);
    if (candidate.left < kLeft || candidate.right > kWidth || candidate.top < 0 ||
        candidate.bottom > kHeight - kBottom) {
      continue;
    }
    if (std::none_of(taken.begin(), taken.end(),
                     [&](const Box& other) { return candidate.Overlaps(other); })) {
      return place;
    }
  }
  return places.front();
}

std::string LabelsOf(const Frame& frame, const std::vector<ScatterPoint>& points) {
  constexpr double kDiamond = 7, kLetter = 7;
  std::vector<Box> taken;
  for (const ScatterPoint& point : points) {
    const double x = frame.X(point.x), y = frame.Y(point.y);
    if (point.reference) taken.push_back({x - kDiamond, x + kDiamond, y - kDiamond, y + kDiamond});
  }
  std::string labels;
  for (const ScatterPoint& point : points) {
    if (point.label.empty()) continue;
    const double width = kLetter * static_cast<double>(point.label.size());
    const auto [x, y] = PlaceLabel(frame.X(point.x), frame.Y(point.y), width, taken);
    taken.push_back({x - width / 2, x + width / 2, y - 10, y + 3});
    labels += fmt::format(
        "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x, y,
        EscapeHtml(point.label));
  }
  return labels;
}

}  // namespace

std::vector<double> LogTicks(double low, double high) {
  std::vector<double> ticks;
  for (int power = static_cast<int>(std::floor(std::log10(low))); std::pow(10, power) <= high;
       ++power) {
    for (const double step : {1.0, 2.0, 5.0}) {
      const double tick = step * std::pow(10, power);
      if (tick >= low && tick <= high) ticks.push_back(tick);
    }
  }
  constexpr size_t kFewest = 3;
  constexpr int kEven = 8;
  return ticks.size() >= kFewest ? ticks : LinearTicks(low, high, kEven);
}

std::vector<double> LinearTicks(double low, double high, int count) {
  const double wanted = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(wanted)));
  double step = 10 * power;
  for (const double multiple : {5.0, 2.0, 1.0}) {
    if (multiple * power >= wanted) step = multiple * power;
  }
  std::vector<double> ticks;
  for (double i = std::ceil(low / step); i * step <= high; ++i) ticks.push_back(i * step);
  return ticks;
}

std::string ScatterSvg(const Scatter& scatter) {
  std::vector<ScatterPoint> points;
  for (const ScatterPoint& point : scatter.points) {
    if (IsShown(scatter, point.x, point.y)) points.push_back(point);
  }
  if (points.empty()) return "";
  // What matters most is drawn last, so on top.
  std::stable_sort(points.begin(), points.end(), [](const auto& a, const auto& b) {
    return std::pair(a.reference, a.on_front) < std::pair(b.reference, b.on_front);
  });
  const Frame frame = FrameOf(points);
  std::string svg =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", kWidth, kHeight,
                  EscapeHtml(scatter.y_title + " over " + scatter.x_title));
  svg += GridOf(frame, scatter);
  svg += StaircaseOf(frame, scatter);
  for (const ScatterPoint& point : points) svg += DotOf(frame, point);
  svg += LabelsOf(frame, points);
  return svg + "</svg>\n";
}

}  // namespace bitscape::cli
