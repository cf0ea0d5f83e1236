// A format's levels drawn on a line: in characters for the terminal, as SVG for pages.
#pragma once

#include <string>
#include <vector>

namespace bitscape::cli {

// Levels in ascending order, at least 2. `boundaries[i]` lies between levels[i] and levels[i + 1];
// empty: none are drawn.
struct NumberLine {
  std::vector<double> levels, boundaries;
};

// Two lines of `width` characters: a mark for each level ('|', or '#' where several share a place),
// and the ends and zero below.
std::string NumberLineText(const NumberLine& line, int width);

// The whole line, and below it the part around zero that the largest level's eighth spans, where
// levels crowd there. Classes: grid, tick, axis, level, boundary.
std::string NumberLineSvg(const NumberLine& line);

}  // namespace bitscape::cli
