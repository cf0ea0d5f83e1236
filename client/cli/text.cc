#include "client/cli/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <ctime>

namespace bitscape::cli {
namespace {

struct Unit {
  double size;
  const char* name;
};

// With the largest unit that leaves a figure of at least 1.
template <size_t N>
std::string InUnits(double value, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (std::abs(value) >= unit.size) return fmt::format("{:.4g} {}", value / unit.size, unit.name);
  }
  return fmt::format("{:.4g} {}", value / units.back().size, units.back().name);
}

}  // namespace

std::string Qualified(std::string_view collection, std::string_view name) {
  const std::string prefix = std::string(collection) + "/";
  if (name.empty() || name.starts_with(prefix)) return std::string(name);
  return prefix + std::string(name);
}

std::string LastPart(std::string_view name) {
  const size_t slash = name.rfind('/');
  return std::string(slash == std::string_view::npos ? name : name.substr(slash + 1));
}

std::string PlanOrFloat32(std::string_view plan) {
  const bool empty = plan.find_first_not_of(" \t\r\n") == std::string_view::npos;
  return std::string(empty ? "weights=fp32" : plan);
}

std::string Percent(double share) { return fmt::format("{:.2f}%", 100 * share); }

std::string PercentInterval(double low, double high) {
  return fmt::format("{:.2f}..{:.2f}%", 100 * low, 100 * high);
}

std::string Energy(double energy_pj) {
  constexpr std::array<Unit, 5> kUnits{
      {{1e12, "J"}, {1e9, "mJ"}, {1e6, "uJ"}, {1e3, "nJ"}, {1, "pJ"}}};
  return InUnits(energy_pj, kUnits);
}

std::string Area(double area_um2) {
  constexpr std::array<Unit, 2> kUnits{{{1e4, "mm2"}, {1, "um2"}}};
  // 1 mm2 is 10^6 um2; from 0.01 mm2 on, mm2 reads better.
  if (std::abs(area_um2) >= kUnits[0].size) return fmt::format("{:.4g} mm2", area_um2 / 1e6);
  return fmt::format("{:.4g} um2", area_um2);
}

std::string Seconds(double seconds) {
  constexpr std::array<Unit, 4> kUnits{{{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}};
  return InUnits(seconds, kUnits);
}

std::string Bytes(double bytes) {
  constexpr std::array<Unit, 4> kUnits{
      {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}}};
  return InUnits(bytes, kUnits);
}

std::string Count(double count) {
  std::string digits = fmt::format("{:.0f}", std::abs(count));
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  if (count < 0) digits.insert(0, 1, '-');
  return digits;
}

std::string Decibels(double value) {
  return std::isinf(value) && value > 0 ? "exact" : fmt::format("{:.2f} dB", value);
}

std::string Number(double value) { return fmt::format("{:.6g}", value); }

std::string TimeOf(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(time.seconds())));
}

double SecondsOf(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + 1e-9 * duration.nanos();
}

std::string Elapsed(double seconds) {
  const auto whole = static_cast<long>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string ShortPlan(std::string_view plan) {
  std::string weights = "fp32", activations = "fp32", accumulator = "fp32";
  std::string_view rest = plan;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(','), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest = rest.substr(std::min(end + 1, rest.size()));
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos || part.find(';') != std::string_view::npos) {
      return std::string(plan);
    }
    const std::string_view key = part.substr(0, equals);
    const std::string value(part.substr(equals + 1));
    if (key == "weights") {
      weights = value;
    } else if (key == "activations") {
      activations = value;
    } else if (key == "accumulator") {
      accumulator = value;
    } else {
      return std::string(plan);
    }
  }
  return fmt::format("{} / {} / {}", weights, activations, accumulator);
}

}  // namespace bitscape::cli
