#include "engine/emulate/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace bitscape::emulate {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kElements = 16;
const Shape kShape{2, 8};

// Adds its sources and a constant.
class SumKernel : public Kernel {
 public:
  SumKernel(size_t count, float constant, bool overwrites, bool adds_to_result)
      : constant_(constant), overwrites_(overwrites) {
    sources.assign(count, PlainLayout(kShape));
    result = PlainLayout(kShape);
    accumulates = adds_to_result;
  }
  bool in_place() const override { return overwrites_; }
  void Run(Stream&, std::span<void* const> data, void* result_data, void*) const override {
    auto* out = static_cast<float*>(result_data);
    for (int64_t i = 0; i < kElements; ++i) {
      float sum = constant_ + (accumulates ? out[i] : 0.0F);
      for (void* const source : data) {
        sum += static_cast<const float*>(source)[i];
      }
      out[i] = sum;
    }
  }

 private:
  const float constant_;
  const bool overwrites_;
};

class ProgramTest : public ::testing::Test {
 protected:
  int Sum(const std::string& key, std::vector<int> sources, float constant, bool overwrites = false,
          bool accumulates = false) {
    auto kernel = std::make_shared<SumKernel>(sources.size(), constant, overwrites, accumulates);
    return builder_->Emit(key, std::move(kernel), std::move(sources), key);
  }
  // First elements of the outputs of a program whose input is 1 everywhere.
  std::vector<float> Run(const Program& program, const std::vector<int>& outputs) {
    Workspace workspace(*engine_);
    workspace.Fit(program);
    std::fill_n(workspace.input(program), kElements, 1.0F);
    EXPECT_TRUE(workspace.Run(program).ok());
    std::vector<float> first;
    for (const int output : outputs) {
      first.push_back(workspace.output(program, output)[0]);
    }
    return first;
  }

  std::shared_ptr<Engine> engine_ = MakeEngine();
  std::unique_ptr<ProgramBuilder> builder_ = std::make_unique<ProgramBuilder>(*engine_, kShape);
};

TEST_F(ProgramTest, FindsWhatWasEmitted) {
  EXPECT_EQ(builder_->Find("a"), std::nullopt);
  const int a = Sum("a", {Program::kInput}, 1);
  EXPECT_EQ(builder_->Find("a"), a);
}

TEST_F(ProgramTest, ReturnsBuffersAfterTheLastUse) {
  int value = Program::kInput;
  for (int i = 0; i < 10; ++i) {
    value = Sum("step" + std::to_string(i), {value}, 1);
  }
  const Program program = std::move(*builder_).Finish({value});
  EXPECT_EQ(program.slot_bytes().size(), 2U);
  EXPECT_THAT(Run(program, {value}), ElementsAre(11));
}

TEST_F(ProgramTest, RunsInPlaceOnlyWhereTheSourceDies) {
  const int a = Sum("a", {Program::kInput}, 10, true);
  const int b = Sum("b", {a}, 100, true);
  const int c = Sum("c", {a, b}, 0);
  const Program program = std::move(*builder_).Finish({c});
  EXPECT_EQ(program.values()[static_cast<size_t>(a)].slot, program.values()[Program::kInput].slot);
  EXPECT_NE(program.values()[static_cast<size_t>(b)].slot,
            program.values()[static_cast<size_t>(a)].slot);
  EXPECT_THAT(Run(program, {c}), ElementsAre(11 + 111));
}

TEST_F(ProgramTest, AccumulatesIntoACopyWhereTheAddendLivesOn) {
  const int a = Sum("a", {Program::kInput}, 10);
  const int b = Sum("b", {Program::kInput, a}, 100, false, true);
  const int c = Sum("c", {b, a}, 0, false, true);
  const Program program = std::move(*builder_).Finish({b, c});
  EXPECT_NE(program.values()[static_cast<size_t>(b)].slot,
            program.values()[static_cast<size_t>(a)].slot);
  EXPECT_EQ(program.values()[static_cast<size_t>(c)].slot,
            program.values()[static_cast<size_t>(a)].slot);
  EXPECT_THAT(Run(program, {b, c}), ElementsAre(1 + 11 + 100, 112 + 11));
}

TEST_F(ProgramTest, DoesNotAccumulateIntoABufferThatIsRead) {
  const int a = Sum("a", {Program::kInput}, 10);
  const int b = Sum("b", {a, a}, 0, false, true);
  const Program program = std::move(*builder_).Finish({b});
  EXPECT_NE(program.values()[static_cast<size_t>(b)].slot,
            program.values()[static_cast<size_t>(a)].slot);
  EXPECT_THAT(Run(program, {b}), ElementsAre(22));
}

TEST_F(ProgramTest, KeepDropsStepsThatNoWantedOutputNeeds) {
  const int shared = Sum("shared", {Program::kInput}, 1);
  const int left = Sum("left", {shared}, 10);
  const int right = Sum("right", {shared}, 100);
  const int unused = Sum("unused", {right}, 1000);
  Program program = std::move(*builder_).Finish({left, right});
  EXPECT_EQ(program.steps().size(), 3U);
  EXPECT_EQ(program.values()[static_cast<size_t>(unused)].slot, -1);
  EXPECT_THAT(Run(program, {left, right}), ElementsAre(12, 102));
  program.Keep({false, true});
  ASSERT_EQ(program.steps().size(), 2U);
  EXPECT_THAT(Run(program, {right}), ElementsAre(102));
}

TEST_F(ProgramTest, ReshapesWithoutAStepAndConvertsOnce) {
  const int flat = builder_->Reshape(Program::kInput, {16, 1}).value();
  EXPECT_EQ(builder_->value(flat).root, Program::kInput);
  EXPECT_EQ(builder_->Reshape(Program::kInput, {16, 1}).value(), flat);
  EXPECT_EQ(builder_->Reshape(flat, kShape).value(), builder_->Reshape(flat, kShape).value());
  const LayoutPtr bfloat = WithElements(PlainLayout(kShape), ElementKind::kBfloat16);
  const int converted = builder_->Convert(Program::kInput, bfloat).value();
  EXPECT_EQ(builder_->Convert(Program::kInput, bfloat).value(), converted);
  const int back = builder_->Convert(converted, PlainLayout(kShape)).value();
  const Program program = std::move(*builder_).Finish({back});
  EXPECT_EQ(program.steps().size(), 2U);
  EXPECT_THAT(Run(program, {back}), ElementsAre(1));
}

TEST_F(ProgramTest, ConstantsNeedNoBuffer) {
  const int constant = builder_->Constant("c", std::vector<float>(kElements, 5), kShape);
  EXPECT_EQ(builder_->Constant("c", {}, kShape), constant);
  const int sum = Sum("sum", {Program::kInput, constant}, 0);
  const Program program = std::move(*builder_).Finish({sum});
  EXPECT_EQ(program.values()[static_cast<size_t>(constant)].slot, -1);
  EXPECT_THAT(Run(program, {sum}), ElementsAre(6));
}

}  // namespace
}  // namespace bitscape::emulate
