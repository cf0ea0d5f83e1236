// Rules that importing doesn't reach; the operators' own tests cover the rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/network/network.h"
#include "engine/network/window.h"

namespace bitscape::network {
namespace {

using ::testing::HasSubstr;

void ExpectError(const absl::StatusOr<Shape>& shape, const std::string& message) {
  EXPECT_EQ(shape.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(shape.status().message()), HasSubstr(message));
}

TEST(InferShape, KeepsShapesOfElementwiseOperators) {
  const Shape shape{1, 3, 5};
  for (const Operator& op : {Operator(Relu{}), Operator(Clip{0, 6}), Operator(LeakyRelu{0.1F}),
                             Operator(Sigmoid{}), Operator(Tanh{}), Operator(Softmax{2})}) {
    EXPECT_EQ(*InferShape(op, {shape}), shape) << OperatorName(op);
    ExpectError(InferShape(op, {}), "takes 1 input(s), 0 given");
  }
}

TEST(InferShape, BroadcastsFromTheLastAxis) {
  EXPECT_EQ(*InferShape(Add{}, {{1, 3, 1, 5}, {4, 1}}), (Shape{1, 3, 4, 5}));
  EXPECT_EQ(*InferShape(Mul{}, {{}, {1, 2}}), (Shape{1, 2}));
  ExpectError(InferShape(Add{}, {{1, 2}, {1, 3}}), "1x2 and 1x3 don't broadcast");
}

TEST(InferShape, MultipliesActivations) {
  EXPECT_EQ(*InferShape(MatMul{}, {{1, 8, 4, 6}, {1, 8, 6, 3}}), (Shape{1, 8, 4, 3}));
  EXPECT_EQ(*InferShape(MatMul{}, {{1, 8, 4, 6}, {1, 1, 6, 3}}), (Shape{1, 8, 4, 3}));
  ExpectError(InferShape(MatMul{}, {{1, 4, 6}, {1, 5, 3}}), "inner dimensions");
  ExpectError(InferShape(MatMul{}, {{4, 6}, {6, 3}}), "ranks of 3 or more");
}

TEST(InferShape, RefusesATwoDimensionalWindowOnOneDimension) {
  ExpectError(InferShape(Pool{.kind = Pool::Kind::kMax, .kernel = {2, 2}}, {{1, 3, 8}}),
              "2-d window on the 1-d input 1x3x8");
}

TEST(InferShape, SaysWhatIsGivenNotInferred) {
  ExpectError(InferShape(Input{}, {}), "given, not inferred");
  ExpectError(InferShape(Reshape{}, {{1, 2}}), "given, not inferred");
  ExpectError(InferShape(Constant{}, {}), "without a tensor");
}

// Against the definition: count the starts whose window lies in the padded input.
TEST(WindowPositions, EqualCounting) {
  for (int64_t size = 1; size <= 9; ++size) {
    for (int64_t kernel = 1; kernel <= 4; ++kernel) {
      for (int64_t stride = 1; stride <= 3; ++stride) {
        for (int64_t dilation = 1; dilation <= 3; ++dilation) {
          for (int64_t pad = 0; pad <= 2; ++pad) {
            const Window window{kernel, stride, dilation, pad, 1};
            int64_t expected = 0;
            bool all_see_input = true;
            for (int64_t start = -pad; start + window.extent() <= size + 1; start += stride) {
              ++expected;
              bool sees = false;
              for (int64_t tap = 0; tap < kernel; ++tap) {
                const int64_t position = start + tap * dilation;
                sees = sees || (position >= 0 && position < size);
              }
              all_see_input = all_see_input && sees;
            }
            const auto positions = WindowPositions(size, window);
            ASSERT_EQ(positions.ok(), expected > 0);
            if (!positions.ok()) continue;
            EXPECT_EQ(*positions, expected);
            EXPECT_EQ(EveryPositionSeesInput(size, window, *positions), all_see_input)
                << size << " " << kernel << " " << stride << " " << dilation << " " << pad;
          }
        }
      }
    }
  }
}

// Taps that lie further apart than the input is long.
TEST(WindowPositions, WideDilationsEqualCounting) {
  for (int64_t size = 1; size <= 6; ++size) {
    for (int64_t stride = 1; stride <= 9; ++stride) {
      for (int64_t dilation = 1; dilation <= 12; ++dilation) {
        for (int64_t pad = 0; pad <= 40; ++pad) {
          const Window window{5, stride, dilation, pad, 45};
          const auto positions = WindowPositions(size, window);
          if (!positions.ok()) continue;
          for (const int64_t count : {int64_t{1}, *positions / 2, *positions}) {
            if (count < 1) continue;
            bool all_see_input = true;
            for (int64_t i = 0; i < count; ++i) {
              bool sees = false;
              for (int64_t tap = 0; tap < window.kernel; ++tap) {
                const int64_t position = i * stride - pad + tap * dilation;
                sees = sees || (position >= 0 && position < size);
              }
              all_see_input = all_see_input && sees;
            }
            ASSERT_EQ(EveryPositionSeesInput(size, window, count), all_see_input)
                << size << " " << stride << " " << dilation << " " << pad << " " << count;
          }
        }
      }
    }
  }
}

// A file of a few kilobytes can state thousands of pools with 2^28 positions.
TEST(WindowPositions, AreCheckedInNoTime) {
  constexpr int64_t kSize = int64_t{1} << 28;
  int64_t fine = 0;
  for (int i = 0; i < 10'000; ++i) {
    fine += EveryPositionSeesInput(kSize, {1, 1, 1, 0, 0}, kSize) ? 1 : 0;
    fine += EveryPositionSeesInput(kSize - 1, {2, 2, kSize, kSize, 0}, kSize / 2) ? 1 : 0;
  }
  EXPECT_EQ(fine, 20'000);
}

TEST(WindowPositions, StayInRange) {
  const int64_t big = kMaxWindowValue;
  EXPECT_TRUE(WindowPositions(big, {1, big, big, big, big}).ok());
  EXPECT_EQ(WindowPositions(8, {big, 1, big, 0, 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(WindowPositions(8, {1, 0, 1, 0, 0}).status().message()),
              HasSubstr("stride 0 is not in 1.."));
}

}  // namespace
}  // namespace bitscape::network
