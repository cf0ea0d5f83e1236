#include "engine/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "engine/core/digest.h"
#include "engine/core/random.h"
#include "engine/core/status.h"
#include "engine/core/suggest.h"
#include "engine/data/idx.h"

namespace bitscape::data {
namespace {

constexpr uint64_t kShuffleSeed = 2024;  // part of what a split is: changing it changes digests
constexpr uint64_t kShuffleStream = 0x73706c6974;  // "split"
constexpr int64_t kTestShare = 6;  // without test files, a sixth of the images is the test split

constexpr std::string_view kSplitNames[] = {"test", "validation", "calibration"};

// Images and labels of one pair of files, checked against each other.
struct Files {
  int64_t images = 0, channels = 1, height = 0, width = 0;
  std::vector<uint8_t> pixels, labels;
};

absl::StatusOr<Files> ReadPair(const std::filesystem::path& images,
                               const std::filesystem::path& labels) {
  BITSCAPE_ASSIGN_OR_RETURN(IdxArray pixels, ReadIdx(images));
  BITSCAPE_ASSIGN_OR_RETURN(IdxArray classes, ReadIdx(labels));
  const size_t rank = pixels.shape.size();
  if (rank != 3 && rank != 4) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} dimensions; images have 3 (n, h, w) or 4 (n, c, h, w)", images.string(), rank));
  }
  if (classes.shape.size() != 1) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} dimensions; labels have 1", labels.string(), classes.shape.size()));
  }
  if (classes.shape[0] != pixels.shape[0]) {
    return absl::InvalidArgumentError(fmt::format("{} has {} labels, {} has {} images",
                                                  labels.string(), classes.shape[0],
                                                  images.string(), pixels.shape[0]));
  }
  const auto worst = std::ranges::max_element(classes.values);
  if (*worst == 255) {
    return absl::InvalidArgumentError(
        fmt::format("{}: label 255 of image {}; 0 to 254 (at most 255 classes) are allowed",
                    labels.string(), worst - classes.values.begin()));
  }
  Files files;
  files.images = pixels.shape[0];
  files.channels = rank == 4 ? pixels.shape[1] : 1;
  files.height = pixels.shape[rank - 2];
  files.width = pixels.shape[rank - 1];
  files.pixels = std::move(pixels.values);
  files.labels = std::move(classes.values);
  return files;
}

// A permutation of 0..count-1 (Fisher and Yates), the same on every machine.
std::vector<int64_t> Shuffled(int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[RandomBelow(i, kShuffleSeed, kShuffleStream, i)]);
  }
  return order;
}

ImageSet Select(const Files& files, std::span<const int64_t> images, int classes) {
  ImageSet set;
  set.channels = files.channels;
  set.height = files.height;
  set.width = files.width;
  set.classes = classes;
  const int64_t size = set.image_elements();
  set.pixels.reserve(images.size() * static_cast<size_t>(size));
  for (const int64_t image : images) {
    const auto begin = files.pixels.begin() + image * size;
    set.pixels.insert(set.pixels.end(), begin, begin + size);
    set.labels.push_back(files.labels[static_cast<size_t>(image)]);
  }
  return set;
}

std::string DigestOf(const ImageSet& set) {
  Digest digest;
  digest.Add(set.size()).Add(set.channels).Add(set.height).Add(set.width);
  digest.Add(int64_t{set.classes});
  digest.Add(std::string_view(reinterpret_cast<const char*>(set.pixels.data()), set.pixels.size()));
  for (const int32_t label : set.labels) digest.Add(int64_t{label});
  return digest.Hex();
}

int CountClasses(const Files& files) { return *std::ranges::max_element(files.labels) + 1; }

absl::Status CheckSizes(const SplitSizes& sizes) {
  for (const auto& [size, what] :
       {std::pair(sizes.validation, "validation"), std::pair(sizes.calibration, "calibration")}) {
    if (size < 1) {
      return absl::InvalidArgumentError(
          fmt::format("{} split of {} images; at least 1 is needed", what, size));
    }
  }
  return absl::OkStatus();
}

// Cuts validation and calibration from the shuffled training images, the former at most half of
// them.
absl::Status DrawFromTraining(const Files& train, std::span<const int64_t> order, int classes,
                              const SplitSizes& sizes, Dataset& dataset) {
  const auto available = static_cast<int64_t>(order.size());
  if (available < 2) {
    return absl::InvalidArgumentError(fmt::format(
        "{} training image(s) for validation and calibration; at least 2 are needed", available));
  }
  const auto validation = static_cast<size_t>(std::min(sizes.validation, available / 2));
  const auto calibration =
      std::min(static_cast<size_t>(sizes.calibration), order.size() - validation);
  dataset.validation = Select(train, order.first(validation), classes);
  dataset.calibration = Select(train, order.subspan(validation, calibration), classes);
  return absl::OkStatus();
}

absl::Status Split3(const Files& train, int classes, const SplitSizes& sizes, Dataset& dataset) {
  const std::vector<int64_t> order = Shuffled(train.images);
  const std::span<const int64_t> all(order);
  const auto test = static_cast<size_t>(std::max<int64_t>(1, train.images / kTestShare));
  std::vector<int64_t> in_file_order(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(test));
  std::ranges::sort(in_file_order);
  dataset.test = Select(train, in_file_order, classes);
  return DrawFromTraining(train, all.subspan(test), classes, sizes, dataset);
}

}  // namespace

std::string_view ToString(Split split) { return kSplitNames[static_cast<size_t>(split)]; }

absl::StatusOr<Split> ParseSplit(std::string_view text) {
  for (const Split split : {Split::kTest, Split::kValidation, Split::kCalibration}) {
    if (text == ToString(split)) return split;
  }
  const std::vector<std::string> names(std::begin(kSplitNames), std::end(kSplitNames));
  return absl::InvalidArgumentError(fmt::format("split '{}'; {} are allowed{}", text,
                                                fmt::join(names, ", "), DidYouMean(text, names)));
}

const ImageSet& Dataset::split(Split which) const {
  switch (which) {
    case Split::kValidation:
      return validation;
    case Split::kCalibration:
      return calibration;
    case Split::kTest:
      break;
  }
  return test;
}

absl::StatusOr<Dataset> LoadIdxDataset(std::string_view name, const IdxFiles& files,
                                       SplitSizes sizes) {
  BITSCAPE_RETURN_IF_ERROR(CheckSizes(sizes));
  if (files.test_images.empty() != files.test_labels.empty()) {
    return absl::InvalidArgumentError("test images and test labels: give both files, or neither");
  }
  BITSCAPE_ASSIGN_OR_RETURN(const Files train, ReadPair(files.train_images, files.train_labels));
  Dataset dataset;
  dataset.name = name;
  dataset.source = files.train_images.string();
  if (files.test_images.empty()) {
    BITSCAPE_RETURN_IF_ERROR(Split3(train, CountClasses(train), sizes, dataset));
  } else {
    BITSCAPE_ASSIGN_OR_RETURN(const Files test, ReadPair(files.test_images, files.test_labels));
    if (test.channels != train.channels || test.height != train.height ||
        test.width != train.width) {
      return absl::InvalidArgumentError(
          fmt::format("{} has images of {}x{}x{}, {} of {}x{}x{} (channels, height, width)",
                      files.test_images.string(), test.channels, test.height, test.width,
                      files.train_images.string(), train.channels, train.height, train.width));
    }
    const int classes = std::max(CountClasses(train), CountClasses(test));
    std::vector<int64_t> file_order(static_cast<size_t>(test.images));
    std::iota(file_order.begin(), file_order.end(), 0);
    dataset.test = Select(test, file_order, classes);
    BITSCAPE_RETURN_IF_ERROR(
        DrawFromTraining(train, Shuffled(train.images), classes, sizes, dataset));
  }
  Digest digest;
  for (ImageSet* set : {&dataset.test, &dataset.validation, &dataset.calibration}) {
    set->digest = DigestOf(*set);
    digest.Add(std::string_view(set->digest));
  }
  dataset.digest = digest.Hex();
  return dataset;
}

}  // namespace bitscape::data
