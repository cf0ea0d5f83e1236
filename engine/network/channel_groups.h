// Which values of a network can share a scale for each channel without changing what it computes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/network/network.h"

namespace bitscape::network {

// Values that ReLU, pooling, sums and the like connect: f(x / s) = f(x) / s for each channel, so
// that dividing what the producers make by s and multiplying what the consumers read by s changes
// nothing.
struct ChannelGroup {
  int64_t channels = 0;
  std::vector<int> values;     // nodes, ascending
  std::vector<int> producers;  // Conv, Gemm and BatchNorm nodes among them
  // Conv and Gemm nodes that read one of the values. Their input channel j is channel j / inner: a
  // flattened image has `inner` elements a channel.
  struct Consumer {
    int layer = -1;
    int value = -1;
    int64_t inner = 1;
  };
  std::vector<Consumer> consumers;
  std::vector<int> clips;  // Clip{0, max} nodes: homogeneous only where they don't bind
  // Some reader or maker of a value can't take a scale: the network's input or output, a constant,
  // an operation that is not homogeneous.
  bool fixed = false;
};
// Every value belongs to one group. In the order of their first values.
std::vector<ChannelGroup> ChannelGroups(const Network& network);

// The axis of a value along which a layer that makes or reads it has its channels: 1, but the last
// one of values of other than two or four dimensions that no Conv makes or reads.
size_t ChannelAxisOf(const Network& network, int value);

// The weights of a Conv or Gemm in double, and the scales of its channels.
class ScaledLayer {
 public:
  // `layer` is a Conv or Gemm with weights.
  explicit ScaledLayer(const Node& layer);
  int64_t outputs() const { return outputs_; }
  int64_t inputs() const { return inputs_; }
  // Largest magnitude of the weights that make output channel o, or read input channel i, as scaled
  // so far.
  std::vector<double> OutputRanges() const;
  std::vector<double> InputRanges() const;
  // weights[o, ..] and the bias are divided by the scale of o, weights[.., i] multiplied with that
  // of i.
  void DivideOutput(int64_t output, double scale) { by_output_[At(output)] /= scale; }
  void MultiplyInput(int64_t input, double scale) { by_input_[At(input)] *= scale; }
  // Rounded once to float32.
  void WriteTo(Node& layer) const;

 private:
  static size_t At(int64_t index) { return static_cast<size_t>(index); }
  template <typename Visit>
  void ForEach(Visit visit) const;

  TensorPtr weights_, bias_;
  int64_t groups_ = 1, outputs_ = 0, inputs_ = 0;
  std::vector<double> by_output_, by_input_;
};

}  // namespace bitscape::network
