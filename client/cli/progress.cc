#include "client/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "client/cli/output.h"
#include "client/cli/text.h"

namespace bitscape::cli {
namespace {

using std::chrono::steady_clock;

int TerminalWidth() {
  winsize size{};
  constexpr int kUsual = 80;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return size.ws_col;
}

double Share(const ProgressState& state) {
  return state.total > 0 ? std::clamp(state.done / state.total, 0.0, 1.0) : 0;
}

std::string Figures(const ProgressState& state) {
  std::string text = fmt::format("{:3.0f}%  {}/{} {}", std::floor(100 * Share(state)),
                                 Count(state.done), Count(state.total), state.unit);
  if (!state.note.empty()) text += "  " + state.note;
  text += "  " + Elapsed(state.elapsed_seconds);
  if (state.remaining_seconds) text += fmt::format(", {} left", Elapsed(*state.remaining_seconds));
  return text;
}

}  // namespace

std::string BarLine(const ProgressState& state, int width) {
  const std::string figures = Figures(state);
  const int room = width - static_cast<int>(figures.size()) - 4;
  constexpr int kShortest = 10, kLongest = 30;
  if (room < kShortest) return figures.substr(0, static_cast<size_t>(std::max(0, width)));
  const int length = std::min(room, kLongest);
  const int full = static_cast<int>(std::floor(length * Share(state)));
  return fmt::format("[{}{}] {}", std::string(static_cast<size_t>(full), '#'),
                     std::string(static_cast<size_t>(length - full), '.'), figures);
}

std::string PlainLine(const ProgressState& state) {
  return fmt::format("{}{}{}", state.label, state.label.empty() ? "" : "  ", Figures(state));
}

Progress::Progress(const Globals& globals)
    : quiet_(globals.quiet),
      // What shows no colours can't move its cursor either.
      terminal_(isatty(STDERR_FILENO) == 1 && ShowsColor(Globals{}, STDERR_FILENO)) {}

Progress::~Progress() { Finish(); }

void Progress::Update(const ProgressState& state, const std::vector<std::string>& below) {
  if (quiet_) return;
  state_ = state;
  below_ = below;
  pending_ = true;
  const auto now = steady_clock::now();
  const auto interval =
      terminal_ ? steady_clock::duration(std::chrono::milliseconds(100)) : std::chrono::seconds(5);
  if (last_ && now - *last_ < interval) return;
  last_ = now;
  Draw();
}

void Progress::Finish() {
  if (pending_) Draw();
  drawn_lines_ = 0;
}

void Progress::Erase() {
  if (drawn_lines_ > 0) fmt::print(stderr, "\x1b[{}F\x1b[J", drawn_lines_);
  drawn_lines_ = 0;
}

void Progress::PrintPlainly() {
  fmt::print(stderr, "{}\n", PlainLine(state_));
  constexpr auto kInterval = std::chrono::seconds(15);
  const auto now = steady_clock::now();
  if (below_ == shown_below_ || (last_below_ && now - *last_below_ < kInterval)) return;
  last_below_ = now;
  shown_below_ = below_;
  for (const std::string& line : below_) fmt::print(stderr, "{}\n", line);
}

void Progress::Draw() {
  pending_ = false;
  if (!terminal_) {
    PrintPlainly();
    return;
  }
  Erase();
  const int width = TerminalWidth();
  const auto print = [&](const std::string& line) {
    fmt::print(stderr, "{}\n", line.substr(0, static_cast<size_t>(width)));
    ++drawn_lines_;
  };
  if (!state_.label.empty()) print(state_.label);
  print(BarLine(state_, width));
  for (const std::string& line : below_) print(line);
  std::fflush(stderr);
}

}  // namespace bitscape::cli
