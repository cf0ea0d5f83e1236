// The fast path against the specification over all float32 inputs: every 256th pattern (with low
// bits that go through all values) by default, all 2^32 with --all.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "engine/core/random.h"
#include "engine/formats/codec.h"
#include "tests/engine/formats/test_formats.h"

namespace bitscape::formats {
namespace {

bool all_inputs = false;

constexpr size_t kAtOnce = 1 << 15;

// Inputs first..first + kAtOnce of `parts` * kAtOnce.
void FillInputs(uint64_t part, std::vector<float>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const uint64_t n = part * kAtOnce + i;
    const uint64_t bits = all_inputs ? n : n << 8 | (RandomBits(21, 0, n) & 0xff);
    inputs[i] = std::bit_cast<float>(static_cast<uint32_t>(bits));
  }
}

// Compares `check`'s two results over every input, on both halves of them at once.
template <typename Check>
void ExpectEqualOnEveryInput(const Check& check) {
  const uint64_t parts = (all_inputs ? uint64_t{1} << 32 : uint64_t{1} << 24) / kAtOnce;
  std::atomic<uint64_t> next = 0, different = 0, compared = 0;
  std::atomic<uint32_t> example = 0;
  const auto work = [&] {
    std::vector<float> inputs(kAtOnce), fast(kAtOnce), reference(kAtOnce);
    for (uint64_t part = next++; part < parts; part = next++) {
      FillInputs(part, inputs);
      check(inputs, fast, reference);
      compared += inputs.size();
      if (std::memcmp(fast.data(), reference.data(), kAtOnce * sizeof(float)) == 0) continue;
      for (size_t i = 0; i < kAtOnce; ++i) {
        if (std::bit_cast<uint32_t>(fast[i]) == std::bit_cast<uint32_t>(reference[i])) continue;
        example = std::bit_cast<uint32_t>(inputs[i]);
        ++different;
      }
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(compared, parts * kAtOnce);
  EXPECT_EQ(different, 0U) << "for example the input of bits " << std::hex << example;
}

class EveryFloat : public testing::TestWithParam<std::string> {};

TEST_P(EveryFloat, RoundsAsTheCodecDoes) {
  const ElementType element = MustParse(GetParam()).format.element;
  ExpectEqualOnEveryInput([&](const std::vector<float>& inputs, std::vector<float>& fast,
                              std::vector<float>& reference) {
    Round(element, Rounding::kNearestEven, Overflow::kSaturate, {}, inputs, fast);
    RoundReference(element, Rounding::kNearestEven, Overflow::kSaturate, {}, inputs, reference);
  });
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFloat,
                         testing::Values("fp8_e4m3", "fp8_e5m2", "bf16", "fp16", "int8", "log4",
                                         "log4:sqrt2", "af8_3", "cfloat8_1_4_3:literal"),
                         [](const auto& test) { return TestName(test.param); });

// In a block of one every input meets the scale of its own magnitude; in blocks of 32 neighbouring
// patterns, that of magnitudes like it; behind a fixed magnitude, that one's.
class EveryFloatInBlocks : public testing::TestWithParam<std::string> {};

TEST_P(EveryFloatInBlocks, RoundsAsTheCodecDoes) {
  const NumberFormat format = MustParse(GetParam()).format;
  for (const int block : {1, 32}) {
    SCOPED_TRACE(block);
    ExpectEqualOnEveryInput([&](const std::vector<float>& inputs, std::vector<float>& fast,
                                std::vector<float>& reference) {
      RoundBlocks(format, {.block = block}, inputs, fast);
      RoundBlocksReference(format, {.block = block}, inputs, reference);
    });
  }
}

TEST_P(EveryFloatInBlocks, RoundsAsTheCodecDoesUnderAGivenMagnitude) {
  const NumberFormat format = MustParse(GetParam()).format;
  for (const float magnitude : {1.0F, 7.9999995F}) {
    SCOPED_TRACE(magnitude);
    ExpectEqualOnEveryInput(
        [&](std::vector<float>& inputs, std::vector<float>& fast, std::vector<float>& reference) {
          // The input is taken below the magnitude, which the first of each block has.
          for (size_t i = 0; i < inputs.size(); ++i) {
            const bool within = std::fabs(inputs[i]) <= magnitude;
            inputs[i] = i % 32 == 0 ? magnitude : within ? inputs[i] : 1 / inputs[i];
          }
          RoundBlocks(format, {.block = 32}, inputs, fast);
          RoundBlocksReference(format, {.block = 32}, inputs, reference);
        });
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFloatInBlocks, testing::Values("mxfp4_e2m1"),
                         [](const auto& test) { return TestName(test.param); });

}  // namespace
}  // namespace bitscape::formats

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--all") != 0) {
      std::fprintf(stderr, "unknown argument %s; --all: all 2^32 inputs\n", argv[i]);
      return 2;
    }
    bitscape::formats::all_inputs = true;
  }
  return RUN_ALL_TESTS();
}
