// Metrics whose values are read at the time of a scrape: queue, database, process.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "server/telemetry/telemetry.h"

namespace prometheus {
struct MetricFamily;
}

namespace bitscape::server {

// Thread-safe.
class Scrape {
 public:
  void SetSource(std::function<ScrapeValues()> source);
  std::vector<prometheus::MetricFamily> Collect() const;

 private:
  // Held while the source runs, so that nothing is read once SetSource(null) has returned.
  mutable std::mutex mutex_;
  std::function<ScrapeValues()> source_;
};

}  // namespace bitscape::server
