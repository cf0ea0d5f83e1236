#include "cost_models/mapping/boundary_traffic.h"

#include <algorithm>
#include <limits>

namespace bitscape::cost_models {
namespace {

constexpr size_t kMostTiles = 200'000;

size_t Index(Dim dim) { return static_cast<size_t>(dim); }

// Tile sizes that are taken together: the smallest decides what fits, the largest how often the
// outer loops run.
struct Bucket {
  double size = 1, iterations = 1;
};

std::vector<Bucket> BucketsOf(int64_t extent) {
  std::vector<Bucket> buckets;  // by falling iterations
  int64_t size = 1;
  while (true) {
    const int64_t iterations = (extent + size - 1) / size;
    buckets.push_back({static_cast<double>(size), static_cast<double>(iterations)});
    if (iterations == 1) return buckets;
    size = (extent + iterations - 2) / (iterations - 1);
  }
}

void MergePairs(std::vector<Bucket>* buckets) {
  size_t kept = 0;
  for (size_t i = 0; i < buckets->size(); i += 2) {
    const size_t last = std::min(i + 1, buckets->size() - 1);
    (*buckets)[kept++] = {(*buckets)[i].size, (*buckets)[last].iterations};
  }
  buckets->resize(kept);
}

// Distinct values of out * stride + tap * dilation.
double Touched(double outputs, double stride, double taps, double dilation) {
  if (stride == 1 || dilation == 1) {
    return std::min(outputs * taps, (outputs - 1) * stride + (taps - 1) * dilation + 1);
  }
  return outputs + taps - 1;  // a sum of two sets has at least as many
}

class Search {
 public:
  Search(const Problem& problem, const ElementWidths& widths, const BoundaryCosts& costs,
         const std::vector<BoundaryRoom>& rooms)
      : problem_(problem), widths_(widths), costs_(costs), rooms_(rooms) {
    for (size_t t = 0; t < kTensors; ++t) {
      total_[t] = TouchedElements(problem, static_cast<Tensor>(t));
    }
  }

  // The tensor that the innermost loops leave in place crosses once; tiles then needn't extend
  // along the dimensions that don't index it.
  double LeastWith(Tensor in_place) {
    in_place_ = in_place;
    std::vector<Dim> dims;
    for (int i = 1; i < kDims; ++i) {  // every tensor has its own groups
      const Dim dim = static_cast<Dim>(i);
      if (Indexes(dim, in_place) && problem_.size[Index(dim)] > 1) dims.push_back(dim);
    }
    for (auto& buckets : buckets_) buckets.assign(1, {1, 1});
    for (const Dim dim : dims) buckets_[Index(dim)] = BucketsOf(problem_.size[Index(dim)]);
    const auto longest = [this](Dim a, Dim b) {
      return buckets_[Index(a)].size() < buckets_[Index(b)].size();
    };
    while (true) {
      std::sort(dims.begin(), dims.end(), longest);
      size_t tiles = 1;
      for (size_t i = 0; i + 1 < dims.size(); ++i) tiles *= buckets_[Index(dims[i])].size();
      if (tiles <= kMostTiles) break;
      MergePairs(&buckets_[Index(dims.back())]);
    }
    dims_ = dims;
    least_ = std::numeric_limits<double>::infinity();
    tile_.fill(1);
    outer_.fill(1);
    Walk(0);
    return least_;
  }

 private:
  bool Fits() const {
    PerTensor<double> bits = {0, TouchedInputs(problem_, tile_) * widths_.bits[1], 0};
    const auto [g, n, m, c, p, q, r, s] = tile_;
    bits[0] = g * m * c * r * s * widths_.bits[0];
    bits[2] = g * n * m * p * q * widths_.bits[2];
    for (const BoundaryRoom& room : rooms_) {
      double held = 0;
      for (size_t t = 0; t < kTensors; ++t) held += room.holds[t] ? bits[t] : 0;
      if (held > room.bits) return false;
    }
    return true;
  }

  double Cost() const {
    PerTensor<double> times = {
        outer_[Index(Dim::kN)] * outer_[Index(Dim::kP)] * outer_[Index(Dim::kQ)],
        outer_[Index(Dim::kM)],
        outer_[Index(Dim::kC)] * outer_[Index(Dim::kR)] * outer_[Index(Dim::kS)]};
    times[static_cast<size_t>(in_place_)] = 1;
    double cost = 0;
    for (size_t t = 0; t < kTensors; ++t) {
      cost += total_[t] * (costs_.first[t] + costs_.again[t] * (times[t] - 1));
    }
    return cost;
  }

  void Set(Dim dim, const Bucket& bucket) {
    tile_[Index(dim)] = bucket.size;
    outer_[Index(dim)] = bucket.iterations;
  }

  void Walk(size_t depth) {
    if (depth == dims_.size()) {
      if (Fits()) least_ = std::min(least_, Cost());
      return;
    }
    const Dim dim = dims_[depth];
    const std::vector<Bucket>& buckets = buckets_[Index(dim)];
    if (depth + 1 == dims_.size()) {
      // The largest that fits costs least.
      const auto fits = [&](const Bucket& bucket) {
        Set(dim, bucket);
        return Fits();
      };
      const auto end = std::partition_point(buckets.begin(), buckets.end(), fits);
      if (end != buckets.begin()) {
        Set(dim, *(end - 1));
        least_ = std::min(least_, Cost());
      }
    } else {
      for (const Bucket& bucket : buckets) {
        Set(dim, bucket);
        for (size_t inner = depth + 1; inner < dims_.size(); ++inner) {
          Set(dims_[inner], buckets_[Index(dims_[inner])].front());
        }
        if (!Fits()) break;
        Walk(depth + 1);
      }
    }
    Set(dim, buckets.front());
  }

  const Problem& problem_;
  const ElementWidths& widths_;
  const BoundaryCosts& costs_;
  const std::vector<BoundaryRoom>& rooms_;
  PerTensor<double> total_ = {};
  Tensor in_place_ = Tensor::kWeights;
  PerDim<std::vector<Bucket>> buckets_;
  std::vector<Dim> dims_;
  PerDim<double> tile_ = {}, outer_ = {};
  double least_ = 0;
};

}  // namespace

double TouchedInputs(const Problem& problem, const PerDim<double>& tile) {
  const auto [g, n, m, c, p, q, r, s] = tile;
  return g * n * c *
         Touched(p, static_cast<double>(problem.stride_h), r,
                 static_cast<double>(problem.dilation_h)) *
         Touched(q, static_cast<double>(problem.stride_w), s,
                 static_cast<double>(problem.dilation_w));
}

double TouchedElements(const Problem& problem, Tensor tensor) {
  if (tensor != Tensor::kInputs) return TileElements(problem, tensor, problem.size);
  PerDim<double> size;
  std::transform(problem.size.begin(), problem.size.end(), size.begin(),
                 [](int64_t n) { return static_cast<double>(n); });
  return TouchedInputs(problem, size);
}

double LeastTraffic(const Problem& problem, const ElementWidths& widths, const BoundaryCosts& costs,
                    const std::vector<BoundaryRoom>& rooms) {
  Search search(problem, widths, costs, rooms);
  return std::min({search.LeastWith(Tensor::kWeights), search.LeastWith(Tensor::kInputs),
                   search.LeastWith(Tensor::kOutputs)});
}

}  // namespace bitscape::cost_models
