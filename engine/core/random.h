// Counter-based random numbers: a value depends on (seed, stream, counter) only, so results do not
// depend on threads or on the order of work.
#pragma once

#include <cstdint>

namespace bitscape {

// 64 well-mixed bits of (seed, stream, counter). Pure, thread-safe.
// Source: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), applied once for each
// word.
uint64_t RandomBits(uint64_t seed, uint64_t stream, uint64_t counter);

// Uniform in [0, 1), 53 bits.
double RandomUniform(uint64_t seed, uint64_t stream, uint64_t counter);

// Uniform in [0, bound), bound > 0, without modulo bias worth speaking of (multiply-high).
uint64_t RandomBelow(uint64_t bound, uint64_t seed, uint64_t stream, uint64_t counter);

}  // namespace bitscape
