// Labelled images with splits that never overlap.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitscape::data {

enum class Split { kTest, kValidation, kCalibration };
std::string_view ToString(Split split);  // "test", "validation", "calibration"
absl::StatusOr<Split> ParseSplit(std::string_view text);

// Half-open range of positions in a split's order.
struct ImageRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

// One split: pixels 0..255 and labels, in the split's fixed order.
struct ImageSet {
  int64_t channels = 1, height = 0, width = 0;
  int classes = 0;
  std::vector<uint8_t> pixels;  // [images, channels, height, width]
  std::vector<int32_t> labels;  // [images]
  std::string digest;           // SHA-256 of sizes, pixels, labels in order

  int64_t size() const { return static_cast<int64_t>(labels.size()); }
  int64_t image_elements() const { return channels * height * width; }
};

// Files of an IDX dataset, plain or gzip. Test files may be absent: then the training files are
// split three ways. Validation and calibration images are drawn from the training files by a seeded
// shuffle.
struct IdxFiles {
  std::filesystem::path train_images, train_labels, test_images, test_labels;
};
struct SplitSizes {
  int64_t validation = 5000;  // at most half of what the test set leaves
  int64_t calibration = 512;
};

struct Dataset {
  std::string name;
  std::string source;  // where the files are from
  ImageSet test, validation, calibration;
  std::string digest;  // SHA-256 of the three splits' digests
  const ImageSet& split(Split which) const;
};

// Errors: kNotFound (file), kInvalidArgument (bad magic, sizes that don't match the file, labels
// and images that differ in number, label beyond 255 classes), kResourceExhausted (over 4 GiB
// unpacked).
absl::StatusOr<Dataset> LoadIdxDataset(std::string_view name, const IdxFiles& files,
                                       SplitSizes sizes = {});

// Names that need no files given: "fashion-mnist" (Debian package dataset-fashion-mnist). Their
// files are looked for in $BITSCAPE_DATASETS_DIR/NAME, by default /usr/share/datasets/NAME.
std::vector<std::string> BuiltinDatasetNames();
absl::StatusOr<Dataset> LoadBuiltinDataset(std::string_view name);

}  // namespace bitscape::data
