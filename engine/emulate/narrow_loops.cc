#include "engine/emulate/narrow_loops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/core/random.h"
#include "engine/core/status.h"
#include "engine/core/vector_clones.h"

namespace bitscape::emulate {
namespace {

using formats::Rounding;

using Floats = float __attribute__((vector_size(64)));
using Doubles = double __attribute__((vector_size(64)));
using FloatBits = int32_t __attribute__((vector_size(64)));
using DoubleBits = int64_t __attribute__((vector_size(64)));
using HalfFloats = float __attribute__((vector_size(32)));

template <typename T>
struct Traits;
template <>
struct Traits<float> {
  using Vector = Floats;
  using Bits = FloatBits;
  using Scalar = int32_t;
  static constexpr Scalar kExponent = 0x7f800000, kMagnitude = 0x7fffffff;
  static constexpr float kToInteger = 12582912.0F;  // 1.5 * 2^23
};
template <>
struct Traits<double> {
  using Vector = Doubles;
  using Bits = DoubleBits;
  using Scalar = int64_t;
  static constexpr Scalar kExponent = 0x7ff0000000000000, kMagnitude = 0x7fffffffffffffff;
  static constexpr double kToInteger = 0x1.8p52;
};
template <typename T>
using VectorOf = typename Traits<T>::Vector;
template <typename T>
using BitsOf = typename Traits<T>::Bits;
template <typename T>
inline constexpr int64_t kWidth = static_cast<int64_t>(64 / sizeof(T));
// Vectors that take a step together, so that their latencies overlap.
constexpr int kVectors = 4;

BITSCAPE_INLINE void Load(const float* from, Floats& to) { std::memcpy(&to, from, sizeof to); }
BITSCAPE_INLINE void Load(const float* from, Doubles& to) {
  HalfFloats floats;
  std::memcpy(&floats, from, sizeof floats);
  to = __builtin_convertvector(floats, Doubles);
}

template <typename T>
BITSCAPE_INLINE VectorOf<T> FromBits(BitsOf<T> bits) {
  return reinterpret_cast<VectorOf<T>>(bits);
}
template <typename T>
BITSCAPE_INLINE BitsOf<T> ToBits(VectorOf<T> values) {
  return reinterpret_cast<BitsOf<T>>(values);
}
template <typename T>
BITSCAPE_INLINE VectorOf<T> Clamp(VectorOf<T> x, T smallest, T largest) {
  x = x < smallest ? VectorOf<T>{} + smallest : x;
  return x > largest ? VectorOf<T>{} + largest : x;
}

// a + b as a rounded sum and its error, exact (Knuth's TwoSum).
template <typename T>
struct TwoSum {
  VectorOf<T> sum, error;
  BITSCAPE_INLINE TwoSum(VectorOf<T> a, VectorOf<T> b) {
    sum = a + b;
    const VectorOf<T> of_b = sum - a;
    error = (a - (sum - of_b)) + (b - of_b);
  }
  // Rounded to odd: an inexact sum whose last bit is 0 steps towards the error.
  BITSCAPE_INLINE VectorOf<T> Odd() const {
    const BitsOf<T> bits = ToBits<T>(sum);
    const BitsOf<T> even = (bits & 1) == 0;
    const BitsOf<T> inexact = error != 0;
    const BitsOf<T> away = (bits ^ ToBits<T>(error)) >= 0;  // same sign: the magnitude grows
    const BitsOf<T> stepped = bits + (away ? BitsOf<T>{} + 1 : BitsOf<T>{} - 1);
    return FromBits<T>((even & inexact) ? stepped : bits);
  }
};

// A plan's register in the lanes' type.
template <typename T>
struct Register {
  explicit BITSCAPE_INLINE Register(const LanePlan& plan)
      : rounding(plan.rounding),
        wraps(plan.wraps),
        smallest(static_cast<T>(plan.smallest)),
        largest(static_cast<T>(plan.largest)),
        step(static_cast<T>(plan.step)),
        lowest_power(static_cast<T>(plan.lowest_power)),
        highest_power(static_cast<T>(
            std::min(plan.highest_power, static_cast<double>(std::numeric_limits<T>::max())))),
        flush_below(static_cast<T>(plan.flush_below)),
        modulus(static_cast<T>(plan.largest - plan.smallest + plan.lowest_power)) {}

  // The remainder by the modulus, with the sign of x: exact, and rounds as x does.
  BITSCAPE_INLINE VectorOf<T> Remainder(VectorOf<T> x) const {
    const BitsOf<T> sign = ToBits<T>(x) & ~Traits<T>::kMagnitude;
    const VectorOf<T> size = FromBits<T>(ToBits<T>(x) & Traits<T>::kMagnitude);
    const VectorOf<T> turns = size / modulus;  // a power of two
    const VectorOf<T> nearest = (turns + Traits<T>::kToInteger) - Traits<T>::kToInteger;
    const VectorOf<T> whole = nearest > turns ? nearest - 1 : nearest;
    return FromBits<T>(ToBits<T>(size - whole * modulus) | sign);
  }

  // The other roundings than to nearest even: on the magnitude, from its neighbour below.
  BITSCAPE_INLINE VectorOf<T> RoundDirected(VectorOf<T> x, VectorOf<T> quantum,
                                            VectorOf<T> random) const {
    const BitsOf<T> sign = ToBits<T>(x) & ~Traits<T>::kMagnitude;
    const VectorOf<T> size = FromBits<T>(ToBits<T>(x) & Traits<T>::kMagnitude);
    const VectorOf<T> magic = quantum * Traits<T>::kToInteger;
    const VectorOf<T> nearest = (size + magic) - magic;
    const VectorOf<T> below = nearest > size ? nearest - quantum : nearest;
    const VectorOf<T> rest = size - below;
    VectorOf<T> result = below;
    if (rounding == Rounding::kNearestAway) {
      result = rest + rest >= quantum ? below + quantum : below;
    } else if (rounding == Rounding::kFloor) {
      const BitsOf<T> up = (rest > 0) & (sign != 0);
      result = up ? below + quantum : below;
    } else if (rounding == Rounding::kStochastic) {
      result = random * quantum < rest ? below + quantum : below;
    }
    return FromBits<T>(ToBits<T>(result) | sign);
  }

  BITSCAPE_INLINE VectorOf<T> Hold(VectorOf<T> x, VectorOf<T> random) const {
    // The ends are values of the register, so cutting before rounding is cutting after it.
    x = wraps ? Remainder(x) : Clamp<T>(x, smallest, largest);
    VectorOf<T> power = FromBits<T>(ToBits<T>(x) & Traits<T>::kExponent);
    power = Clamp<T>(power, lowest_power, highest_power);
    const VectorOf<T> quantum = power * step;
    if (rounding == Rounding::kNearestEven) {
      const VectorOf<T> magic = quantum * Traits<T>::kToInteger;
      x = (x + magic) - magic;
    } else {
      x = RoundDirected(x, quantum, random);
    }
    if (flush_below > 0) {
      const VectorOf<T> size = FromBits<T>(ToBits<T>(x) & Traits<T>::kMagnitude);
      x = size < flush_below ? VectorOf<T>{} : x;
    }
    if (wraps) {
      x = x > largest ? x - modulus : x;
      x = x < smallest ? x + modulus : x;
    }
    return x;
  }

  Rounding rounding;
  bool wraps;
  T smallest, largest, step, lowest_power, highest_power, flush_below, modulus;
};

// Cuts products towards zero below `bits` bits from the leading one of the largest.
class Alignment {
 public:
  BITSCAPE_INLINE void Observe(Doubles product) {
    const DoubleBits size = ToBits<double>(product) & Traits<double>::kMagnitude;
    largest_ = size > largest_ ? size : largest_;
  }
  BITSCAPE_INLINE Doubles Cut(Doubles product, int bits) const {
    const DoubleBits raw = ToBits<double>(product);
    const DoubleBits quantum = (largest_ >> 52) - (bits - 1);  // biased exponents
    const DoubleBits own = (raw & Traits<double>::kMagnitude) >> 52;
    DoubleBits drop = quantum + 52 - own;  // low bits of the mantissa
    drop = drop < 0 ? DoubleBits{} : drop;
    const DoubleBits all = DoubleBits{} - 1;
    const DoubleBits kept = raw & (all << (drop > 52 ? DoubleBits{} : drop));
    return FromBits<double>(drop > 52 ? DoubleBits{} : kept);
  }

 private:
  DoubleBits largest_{};
};

enum class Adding { kClamp, kExact, kOdd, kChecked };

// One block of kVectors vectors: the state of its sums.
template <typename T, Adding kAdding>
class Block {
 public:
  BITSCAPE_INLINE Block(const LaneTask& task, int64_t first_lane)
      : task_(task), register_(task.plan), tile_(task.tile + first_lane), first_lane_(first_lane) {}

  BITSCAPE_INLINE void Run() {
    const int64_t length = task_.plan.reduction_length;
    const int64_t chunk = task_.plan.chunk;
    uint64_t step = 0;
    for (int64_t first = 0; first < length; first += chunk, ++step) {
      const int64_t end = std::min(first + chunk, length);
      if constexpr (sizeof(T) == sizeof(double)) {
        if (task_.plan.align_bits > 0) {
          AddAligned(first, end);
        } else {
          AddProducts(first, end);
        }
        if (task_.plan.rounding == Rounding::kStochastic) Draw(step);
      } else {
        AddProducts(first, end);
      }
      for (int v = 0; v < kVectors; ++v) partial_[v] = Hold(v);
    }
  }

  BITSCAPE_INLINE void Store(double* sums, bool* inexact) const {
    for (int v = 0; v < kVectors; ++v) {
      for (int64_t lane = 0; lane < kWidth<T>; ++lane) {
        const int64_t at = first_lane_ + v * kWidth<T> + lane;
        sums[at] = static_cast<double>(partial_[v][lane]);
        inexact[at] = lost_[v][lane] != 0;
      }
    }
  }

 private:
  using Vector = VectorOf<T>;

  BITSCAPE_INLINE Vector Product(int64_t k, int v) const {
    Vector activations;
    Load(tile_ + k * kLanes + v * kWidth<T>, activations);
    return activations * static_cast<T>(task_.weights[k]);
  }

  BITSCAPE_INLINE void Begin(int v, Vector product) {
    chunk_[v] = product;
    rest_[v] = Vector{};
  }
  BITSCAPE_INLINE void AddProduct(int v, Vector product) {
    if constexpr (kAdding == Adding::kChecked) {
      const TwoSum<T> sum(chunk_[v], product);
      chunk_[v] = sum.sum;
      const TwoSum<T> rest(rest_[v], sum.error);
      rest_[v] = rest.sum;
      lost_[v] |= rest.error != 0;
    } else {
      chunk_[v] += product;
    }
  }

  BITSCAPE_INLINE void AddProducts(int64_t first, int64_t end) {
    for (int v = 0; v < kVectors; ++v) Begin(v, Product(first, v));
    for (int64_t k = first + 1; k < end; ++k) {
      for (int v = 0; v < kVectors; ++v) AddProduct(v, Product(k, v));
    }
  }

  BITSCAPE_INLINE void AddAligned(int64_t first, int64_t end) {
    Alignment alignment[kVectors];
    for (int64_t k = first; k < end; ++k) {
      for (int v = 0; v < kVectors; ++v) alignment[v].Observe(Product(k, v));
    }
    const int bits = task_.plan.align_bits;
    for (int v = 0; v < kVectors; ++v) Begin(v, alignment[v].Cut(Product(first, v), bits));
    for (int64_t k = first + 1; k < end; ++k) {
      for (int v = 0; v < kVectors; ++v) AddProduct(v, alignment[v].Cut(Product(k, v), bits));
    }
  }

  BITSCAPE_INLINE void Draw(uint64_t step) {
    for (int v = 0; v < kVectors; ++v) {
      for (int64_t lane = 0; lane < kWidth<T>; ++lane) {
        const int64_t at = first_lane_ + v * kWidth<T> + lane;
        random_[v][lane] = at < task_.lanes
                               ? static_cast<T>(RandomUniform(task_.key.seed, task_.key.stream,
                                                              task_.first[at] + step))
                               : T{0};
      }
    }
  }

  // The partial sum with the chunk added, as the register holds it.
  BITSCAPE_INLINE Vector Hold(int v) {
    if constexpr (kAdding == Adding::kClamp) {
      return Clamp<T>(partial_[v] + chunk_[v], register_.smallest, register_.largest);
    } else if constexpr (kAdding == Adding::kExact) {
      return register_.Hold(partial_[v] + chunk_[v], random_[v]);
    } else if constexpr (kAdding == Adding::kOdd) {
      return register_.Hold(TwoSum<T>(partial_[v], chunk_[v]).Odd(), random_[v]);
    } else {
      const TwoSum<T> upper(partial_[v], chunk_[v]);
      const TwoSum<T> lower(rest_[v], upper.error);
      lost_[v] |= lower.error != 0;
      return register_.Hold(TwoSum<T>(upper.sum, lower.sum).Odd(), random_[v]);
    }
  }

  const LaneTask& task_;
  const Register<T> register_;
  const float* tile_;
  const int64_t first_lane_;
  Vector partial_[kVectors]{}, chunk_[kVectors]{}, rest_[kVectors]{}, random_[kVectors]{};
  BitsOf<T> lost_[kVectors]{};
};

template <typename T, Adding kAdding>
BITSCAPE_INLINE void RunBlocks(const LaneTask& task, double* sums, bool* inexact) {
  for (int64_t lane = 0; lane < task.lanes; lane += kVectors * kWidth<T>) {
    Block<T, kAdding> block(task, lane);
    block.Run();
    block.Store(sums, inexact);
  }
}

BITSCAPE_VECTOR_CLONES void FloatClamp(const LaneTask& task, double* sums, bool* inexact) {
  RunBlocks<float, Adding::kClamp>(task, sums, inexact);
}
BITSCAPE_VECTOR_CLONES void DoubleClamp(const LaneTask& task, double* sums, bool* inexact) {
  RunBlocks<double, Adding::kClamp>(task, sums, inexact);
}
BITSCAPE_VECTOR_CLONES void DoubleExact(const LaneTask& task, double* sums, bool* inexact) {
  RunBlocks<double, Adding::kExact>(task, sums, inexact);
}
BITSCAPE_VECTOR_CLONES void DoubleOdd(const LaneTask& task, double* sums, bool* inexact) {
  RunBlocks<double, Adding::kOdd>(task, sums, inexact);
}
BITSCAPE_VECTOR_CLONES void DoubleChecked(const LaneTask& task, double* sums, bool* inexact) {
  RunBlocks<double, Adding::kChecked>(task, sums, inexact);
}

// A fused multiply-add rounds the exact sum once to float32, which is what an fp32 register holds.
BITSCAPE_VECTOR_CLONES void Fused(const LaneTask& task, double* sums) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  float partial[kLanes] = {};
  for (int64_t k = 0; k < task.plan.reduction_length; ++k) {
    const float* tile = task.tile + k * kLanes;
    const float weight = task.weights[k];
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      float sum = std::fma(tile[lane], weight, partial[lane]);
      sum = sum > kLargest ? kLargest : sum;
      partial[lane] = sum < -kLargest ? -kLargest : sum;
    }
  }
  for (int64_t lane = 0; lane < kLanes; ++lane) sums[lane] = static_cast<double>(partial[lane]);
}

}  // namespace

void RunLanes(const LaneTask& task, double* sums, bool* inexact) {
  std::fill_n(inexact, kLanes, false);
  switch (task.plan.way) {
    case LaneWay::kFused:
      return Fused(task, sums);
    case LaneWay::kFloatClamp:
      return FloatClamp(task, sums, inexact);
    case LaneWay::kDoubleClamp:
      return DoubleClamp(task, sums, inexact);
    case LaneWay::kWrapOnce:
    case LaneWay::kDoubleExact:
      return DoubleExact(task, sums, inexact);
    case LaneWay::kDoubleOdd:
      return DoubleOdd(task, sums, inexact);
    case LaneWay::kDoubleChecked:
      return DoubleChecked(task, sums, inexact);
    case LaneWay::kScalar:
      break;
  }
  BITSCAPE_CHECK(false, "scalar lanes have no loop");
}

}  // namespace bitscape::emulate
