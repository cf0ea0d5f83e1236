// A sweep as one self-contained HTML page: scatter plots, front, all trials. No external requests.
#pragma once

#include <string>

#include "bitscape/v1/front.pb.h"
#include "bitscape/v1/sweep.pb.h"
#include "bitscape/v1/trial.pb.h"

namespace bitscape::cli {

struct ReportData {
  v1::Sweep sweep;
  v1::Front front;            // over the sweep's own objectives
  v1::Front energy_accuracy;  // over these two alone: the line in the plots
  v1::ListTrialsResponse trials;
  std::string versions;  // of what measured and priced
};

std::string RenderReport(const ReportData& data);

}  // namespace bitscape::cli
