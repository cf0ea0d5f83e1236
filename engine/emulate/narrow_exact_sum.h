// A sum without rounding of numbers that double holds, as wide as products of float32 need.
#pragma once

#include <array>
#include <cstdint>

namespace bitscape::emulate {

// A fixed-point register of 736 bits, the last of them worth 2^-384 (Kulisch's accumulator). Takes
// finite multiples of 2^-384 below 2^320 in magnitude: products of two float32 lie between 2^-298
// and 2^256. Up to 2^30 additions.
class ExactSum {
 public:
  void Add(double value);
  // Leaves the remainder of |sum| by 2^exponent, with the sum's sign; |exponent| <= 300.
  void TakeRemainder(int exponent);
  // The sum to 53 bits, rounded to odd: where bits are dropped, the last kept one is set. Rounding
  // the result to 51 bits or fewer is then the same as rounding the sum (Boldo and Melquiond,
  // 2008).
  double RoundToOdd() const;

 private:
  static constexpr int kDigits = 23;
  static constexpr int kLowest = -384;  // exponent of digit 0
  // 32 bits each, with carries outstanding.
  std::array<int64_t, kDigits> digits_{};
};

}  // namespace bitscape::emulate
