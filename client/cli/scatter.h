// A scatter plot as SVG: x logarithmic, y linear. Styled by the page's classes: grid, tick, axis,
// line, dot, on-front, reference, label.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitscape::cli {

struct ScatterPoint {
  double x = 0, y = 0;  // x > 0
  std::string title;    // shown on hover
  std::string label;    // shown beside the point; may be empty
  bool on_front = false;
  bool reference = false;
};

struct Scatter {
  std::vector<ScatterPoint> points;
  // Corners of the front's staircase go through these, in any order.
  std::vector<std::pair<double, double>> front;
  std::string x_title, y_title;
  // Points below are left out.
  std::optional<double> y_from;
};

// Round values from `low` to `high`, at least 3: 1, 2 and 5 times powers of ten, or evenly spaced
// ones where these are fewer.
std::vector<double> LogTicks(double low, double high);
// About `count` round values in the range.
std::vector<double> LinearTicks(double low, double high, int count);

// Empty if no point can be shown.
std::string ScatterSvg(const Scatter& scatter);

}  // namespace bitscape::cli
