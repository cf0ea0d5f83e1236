// Progress on stderr: a bar that redraws itself on a terminal, a plain line now and then elsewhere.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/globals.h"

namespace bitscape::cli {

struct ProgressState {
  double done = 0, total = 0;  // in `unit`
  std::string unit;            // "images"
  std::string label;           // what is in work: "sweep abc RUNNING"
  std::string note;            // "12/97 trials, front 5"
  double elapsed_seconds = 0;
  std::optional<double> remaining_seconds;  // unset: unknown
};

// "[#####.....]  47%  45,600/97,000 images  12/97 trials  0:31, 0:35 left": within `width` columns.
std::string BarLine(const ProgressState& state, int width);
// The same without a bar.
std::string PlainLine(const ProgressState& state);

class Progress {
 public:
  explicit Progress(const Globals& globals);
  ~Progress();  // leaves the last state on the screen
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `below`: lines under the bar; without a terminal they are shown now and then, if they changed.
  void Update(const ProgressState& state, const std::vector<std::string>& below = {});
  // The last state is shown even if it came soon after the one before.
  void Finish();

 private:
  void Draw();
  void PrintPlainly();
  void Erase();

  const bool quiet_, terminal_;
  ProgressState state_;
  std::vector<std::string> below_, shown_below_;
  bool pending_ = false;  // an update has not been shown yet
  int drawn_lines_ = 0;
  std::optional<std::chrono::steady_clock::time_point> last_, last_below_;
};

}  // namespace bitscape::cli
