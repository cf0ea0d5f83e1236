#include "engine/emulate/narrow_exact_sum.h"

#include <bit>
#include <cmath>

#include "engine/core/status.h"

namespace bitscape::emulate {
namespace {

constexpr int64_t kRadix = int64_t{1} << 32;

// Digits in [0, 2^32) but the last, which carries the sign.
template <size_t kCount>
void Carry(std::array<int64_t, kCount>& digits) {
  for (size_t i = 0; i + 1 < kCount; ++i) {
    const int64_t carry = digits[i] >> 32;  // floor
    digits[i] -= carry * kRadix;
    digits[i + 1] += carry;
  }
}

template <size_t kCount>
void Negate(std::array<int64_t, kCount>& digits) {
  for (int64_t& digit : digits) digit = -digit;
}

// Makes the digits those of the magnitude, in [0, 2^32); returns whether it was negative.
template <size_t kCount>
bool MakeMagnitude(std::array<int64_t, kCount>& digits) {
  Carry(digits);
  const bool negative = digits.back() < 0;
  if (negative) {
    Negate(digits);
    Carry(digits);
  }
  return negative;
}

}  // namespace

void ExactSum::Add(double value) {
  if (value == 0) return;
  BITSCAPE_CHECK(std::fabs(value) < 0x1p320, "sums of products of float32");
  int exponent = 0;
  const int64_t mantissa = static_cast<int64_t>(std::ldexp(std::frexp(value, &exponent), 53));
  int offset = exponent - 53 - kLowest;
  uint64_t magnitude = static_cast<uint64_t>(mantissa < 0 ? -mantissa : mantissa);
  if (offset < 0) {  // the bits below are zeros
    magnitude >>= -offset;
    offset = 0;
  }
  const int64_t sign = mantissa < 0 ? -1 : 1;
  const size_t first = static_cast<size_t>(offset / 32);
  const int shift = offset % 32;
  // 32 bits of the magnitude at a time, each spread over two digits.
  for (size_t half = 0; half < 2; ++half) {
    const uint64_t bits = ((magnitude >> (32 * half)) & 0xffffffffu) << shift;
    digits_[first + half] += sign * static_cast<int64_t>(bits & 0xffffffffu);
    digits_[first + half + 1] += sign * static_cast<int64_t>(bits >> 32);
  }
}

void ExactSum::TakeRemainder(int exponent) {
  const bool negative = MakeMagnitude(digits_);
  const int offset = exponent - kLowest;
  const size_t first = static_cast<size_t>(offset / 32);
  digits_[first] &= (int64_t{1} << (offset % 32)) - 1;
  for (size_t i = first + 1; i < kDigits; ++i) digits_[i] = 0;
  if (negative) Negate(digits_);
}

double ExactSum::RoundToOdd() const {
  std::array<int64_t, kDigits> digits = digits_;
  const bool negative = MakeMagnitude(digits);
  double result = 0;
  size_t top = kDigits;
  while (top > 0 && digits[top - 1] == 0) --top;
  if (top > 0) {
    // The bits from the highest on: 53 of them are kept.
    const int highest =
        static_cast<int>(top) * 32 - std::countl_zero(static_cast<uint32_t>(digits[top - 1])) - 1;
    const auto bit = [&](int at) -> uint64_t {
      return at < 0
                 ? 0
                 : (static_cast<uint64_t>(digits[static_cast<size_t>(at / 32)]) >> (at % 32)) & 1;
    };
    uint64_t kept = 0;
    for (int i = 0; i < 53; ++i) kept = kept << 1 | bit(highest - i);
    uint64_t dropped = 0;
    for (int at = highest - 53; at >= 0; --at) dropped |= bit(at);
    kept |= dropped;
    result = std::ldexp(static_cast<double>(kept), highest - 52 + kLowest);
  }
  return negative ? -result : result;
}

}  // namespace bitscape::emulate
