#include "server/telemetry/scrape.h"

#include <prometheus/metric_family.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

namespace bitscape::server {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily MakeFamily(const char* name, const char* help, MetricType type) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  family.metric.emplace_back();
  return family;
}

MetricFamily Gauge(const char* name, const char* help, double value) {
  MetricFamily family = MakeFamily(name, help, MetricType::Gauge);
  family.metric[0].gauge.value = value;
  return family;
}

// Names and meanings: Prometheus, "Writing client libraries", process metrics.
void AddProcess(std::vector<MetricFamily>& families) {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(')');  // the name may hold spaces
  if (name_end == std::string::npos) {
    return;
  }
  // proc(5): field 3 follows the name; 14 utime, 15 stime (ticks), 23 vsize, 24 rss (pages).
  std::istringstream fields(text.substr(name_end + 1));
  std::vector<std::string> values(3);
  for (std::string value; fields >> value;) {
    values.push_back(value);
  }
  constexpr size_t kResident = 24;
  if (values.size() <= kResident) {
    return;
  }
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  MetricFamily cpu = MakeFamily("process_cpu_seconds_total", "User and system CPU time spent.",
                                MetricType::Counter);
  cpu.metric[0].counter.value = (std::stod(values[14]) + std::stod(values[15])) / ticks;
  families.push_back(std::move(cpu));
  families.push_back(
      Gauge("process_virtual_memory_bytes", "Virtual memory size.", std::stod(values[23])));
  families.push_back(
      Gauge("process_resident_memory_bytes", "Resident memory size.",
            std::stod(values[kResident]) * static_cast<double>(sysconf(_SC_PAGESIZE))));
  std::error_code error;
  double open_files = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++open_files;
  }
  families.push_back(Gauge("process_open_fds", "Open file descriptors.", open_files));
}

}  // namespace

void Scrape::SetSource(std::function<ScrapeValues()> source) {
  const std::lock_guard lock(mutex_);
  source_ = std::move(source);
}

std::vector<MetricFamily> Scrape::Collect() const {
  std::vector<MetricFamily> families;
  {
    const std::lock_guard lock(mutex_);
    const ScrapeValues values = source_ ? source_() : ScrapeValues{};
    families.push_back(Gauge("bitscape_trials_queued", "Trials that wait for their evaluation.",
                             static_cast<double>(values.trials_queued)));
    families.push_back(Gauge("bitscape_trials_running", "Trials in evaluation.",
                             static_cast<double>(values.trials_running)));
    MetricFamily writes = MakeFamily("bitscape_sqlite_write_duration_seconds",
                                     "Time of commits to the database.", MetricType::Summary);
    writes.metric[0].summary.sample_count = static_cast<uint64_t>(values.sqlite_writes);
    writes.metric[0].summary.sample_sum = values.sqlite_write_seconds;
    families.push_back(std::move(writes));
    families.push_back(Gauge("bitscape_sqlite_size_bytes", "Size of the database file.",
                             static_cast<double>(values.sqlite_size_bytes)));
    families.push_back(Gauge("bitscape_sqlite_wal_size_bytes", "Size of the write-ahead log.",
                             static_cast<double>(values.sqlite_wal_bytes)));
  }
  AddProcess(families);
  return families;
}

}  // namespace bitscape::server
