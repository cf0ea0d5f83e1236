// Examples and a folder for the store's tests.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "server/store/store.h"

namespace bitscape::server {

// A folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bitscape_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline Sweep ExampleSweep(std::string id, int64_t create_time_us = 100) {
  Sweep sweep;
  sweep.id = std::move(id);
  sweep.spec = std::string("\x0a\x00\xff bytes", 9);
  sweep.network = "resnet8";
  sweep.dataset = "fashion-mnist";
  sweep.evaluation = {.split = data::Split::kValidation,
                      .images = 96,
                      .calibration_images = 64,
                      .seed = ~uint64_t{0},
                      .slice_images = 32};
  sweep.objectives = {"accuracy", "energy_pj"};
  sweep.create_time_us = create_time_us;
  sweep.trials = 3;
  sweep.images_per_trial = 96;
  return sweep;
}

inline Trial ExampleTrial(std::string sweep, int64_t ordinal,
                          TrialState state = TrialState::kQueued) {
  Trial trial;
  trial.sweep = std::move(sweep);
  trial.ordinal = ordinal;
  trial.spec.plan_text = "weights=int8,activations=int8";
  trial.spec.accelerator = "eyeriss";
  trial.spec.accuracy_key = "key" + std::to_string(ordinal);
  trial.spec.digest = "digest" + std::to_string(ordinal);
  trial.state = state;
  return trial;
}

// `images` results from `begin`, every third of them wrong.
inline SliceRecord ExampleSlice(std::string key, int64_t begin, int64_t images, double loss_sum) {
  SliceRecord slice{std::move(key), begin, {}, loss_sum};
  for (int64_t image = begin; image < begin + images; ++image) {
    slice.correct.push_back(image % 3 == 0 ? 0 : 1);
  }
  return slice;
}

}  // namespace bitscape::server
