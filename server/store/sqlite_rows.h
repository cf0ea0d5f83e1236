// Sweeps and trials as rows.
#pragma once

#include "server/store/sqlite_connection.h"
#include "server/trials/trial.h"

namespace bitscape::server {

// Columns in the order that ReadSweep, BindSweep (ReadTrial, BindTrial) expect.
inline constexpr char kSweepColumns[] =
    "id, spec, state, error, network, dataset, split, images, calibration_images, seed, "
    "slice_images, objectives, create_time_us, start_time_us, end_time_us, running_us, trials, "
    "images_per_trial, revision";
inline constexpr char kTrialColumns[] =
    "sweep, ordinal, plan, accelerator, reference, accuracy_key, digest, state, reason, attempts, "
    "images_evaluated, reused, start_time_us, end_time_us, energy_pj, area_um2, latency_seconds, "
    "latency_cycles, weight_bytes, correct, images, loss, revision";

// "?, ?, ..." one for each of `columns`.
std::string Placeholders(std::string_view columns);

Sweep ReadSweep(const Statement& row);
Trial ReadTrial(const Statement& row);
// Run the bound statement; `revision` is stored instead of the struct's.
absl::Status WriteSweep(Statement statement, const Sweep& sweep, int64_t revision);
absl::Status WriteTrial(Statement statement, const Trial& trial, int64_t revision);

// One bit an image, the first in the lowest bit.
std::string PackBits(const std::vector<uint8_t>& bytes);
// Appends `count` bytes of 0 or 1. False if `bits` holds another number of images.
bool UnpackBits(std::string_view bits, int64_t count, std::vector<uint8_t>& bytes);

}  // namespace bitscape::server
