#include "engine/core/random.h"

namespace bitscape {
namespace {

uint64_t Mix(uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

__extension__ using Wide = unsigned __int128;

constexpr uint64_t kGoldenGamma = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio, odd

}  // namespace

uint64_t RandomBits(uint64_t seed, uint64_t stream, uint64_t counter) {
  uint64_t bits = Mix(seed + kGoldenGamma);
  bits = Mix((bits ^ stream) + kGoldenGamma);
  return Mix((bits ^ counter) + kGoldenGamma);
}

double RandomUniform(uint64_t seed, uint64_t stream, uint64_t counter) {
  return static_cast<double>(RandomBits(seed, stream, counter) >> 11) * 0x1p-53;
}

uint64_t RandomBelow(uint64_t bound, uint64_t seed, uint64_t stream, uint64_t counter) {
  const auto product = static_cast<Wide>(RandomBits(seed, stream, counter)) * bound;
  return static_cast<uint64_t>(product >> 64);
}

}  // namespace bitscape
