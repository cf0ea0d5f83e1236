// The rival of bench_emulation: resnet8 in fp32 as one would write it on oneDNN by hand.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/data/dataset.h"
#include "engine/network/network.h"

namespace bitscape::bench {

// One thread; convolutions in the layouts that oneDNN prefers, with bias, residual sum and ReLU as
// post-ops, nothing between them. Throws dnnl::error.
class PlainResnet8 {
 public:
  // `network` is the zoo's resnet8, its batch norm folded.
  explicit PlainResnet8(const network::Network& network);
  ~PlainResnet8();

  // Correct answers among the first `count` images, a multiple of the batch of 32.
  int64_t Correct(const data::ImageSet& images, int64_t count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bitscape::bench
