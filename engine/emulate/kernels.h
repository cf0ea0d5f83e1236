// What a program is made of: kernels, each with the memory layouts that it takes and gives. oneDNN
// stays behind this header.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/emulate/path.h"
#include "engine/formats/codec.h"
#include "engine/network/network.h"
#include "engine/quantize/position_scale.h"
#include "engine/quantize/tensor_rounding.h"

namespace bitscape::emulate {

using network::Shape;

struct Engine;  // oneDNN's engine
struct Stream;  // and a stream of one worker
struct Layout;  // a oneDNN memory descriptor: dimensions, element type, order in memory
struct Packed;  // weights in the layout that a primitive asked for
using LayoutPtr = std::shared_ptr<const Layout>;  // shared by the values and kernels of a program

// What steps use besides their operands: one for each worker.
struct RunContext {
  int64_t first_image = 0;     // of the batch: its index in the split
  std::vector<float> scratch;  // of RoundActivations
};
RunContext& ContextOf(Stream& stream);

// One step's code. Immutable, so that all workers share it.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // `scratch` holds scratch_bytes(). `result` may be one of the sources only where in_place() says
  // so.
  virtual void Run(Stream& stream, std::span<void* const> sources, void* result,
                   void* scratch) const = 0;
  virtual int64_t scratch_bytes() const { return 0; }
  virtual bool in_place() const { return false; }

  std::vector<LayoutPtr> sources;
  LayoutPtr result;
  // The kernel adds to what its result's buffer holds: the last source, in the result's layout. Run
  // is given the others only.
  bool accumulates = false;
};
using KernelPtr = std::shared_ptr<const Kernel>;
// Kernel::Run with oneDNN's errors as a status.
absl::Status RunKernel(const Kernel& kernel, Stream& stream, std::span<void* const> sources,
                       void* result, void* scratch);

std::shared_ptr<Engine> MakeEngine();
std::shared_ptr<Stream> MakeStream(Engine& engine);

// While it lives, oneDNN runs in the calling thread alone, and primitives are made for that.
class SingleThreaded {
 public:
  SingleThreaded();
  ~SingleThreaded();
  SingleThreaded(const SingleThreaded&) = delete;
  SingleThreaded& operator=(const SingleThreaded&) = delete;

 private:
  int threads_before_;
};

enum class ElementKind { kFloat32, kInt8, kUint8, kBfloat16 };
LayoutPtr PlainLayout(const Shape& shape);                          // float32, row-major
LayoutPtr WithElements(const LayoutPtr& layout, ElementKind kind);  // same order in memory
ElementKind ElementsOf(const Layout& layout);
bool SameLayout(const Layout& a, const Layout& b);
Shape DimensionsOf(const Layout& layout);
std::string LayoutKey(const Layout& layout);  // equal layouts have equal keys
int64_t BytesOf(const Layout& layout);

// Packed weights by key; kept for the evaluator's life. Thread-safe.
class PackCache {
 public:
  std::shared_ptr<const Packed> Find(const std::string& key) const;
  void Insert(const std::string& key, std::shared_ptr<const Packed> packed);

 private:
  mutable std::mutex mutex_;
  // Shared with the kernels that use them.
  std::unordered_map<std::string, std::shared_ptr<const Packed>> packed_;
};

// Clamps a result; Relu is [0, infinity).
struct Activation {
  float min = 0, max = 0;
};

// What a convolution or Gemm computes.
struct MacSpec {
  const network::Node* node = nullptr;
  Shape src_shape;  // of one image
  int64_t images = 1;
  ElementKind operands =
      ElementKind::kFloat32;       // of the activations; weights are s8 where these are s8 or u8
  std::span<const float> weights;  // values or codes; plain
  // Applied to the sums before the bias: none, one, or one a channel.
  std::vector<float> scales;
  std::span<const float> bias;  // empty, or one a channel
  bool addend = false;
  std::optional<Activation> activation;
  std::string pack_key;  // names the weights and their rounding
};

// Errors: kUnimplemented where oneDNN has no primitive for it, or none but its reference loops with
// the addend.
absl::StatusOr<KernelPtr> MakeMac(Engine& engine, const MacSpec& spec, PackCache& cache);
// Whether a fast primitive (not oneDNN's reference loops) exists for the layer at these operands,
// exact for integers.
bool HasFastMac(Engine& engine, const network::Node& node, const Shape& src_shape, int64_t images,
                ElementKind operands);
// A product of two activations of equal rank, at least 3, that both depend on the image.
absl::StatusOr<KernelPtr> MakeMatMul(Engine& engine, const network::Node& node, const Shape& left,
                                     const Shape& right, int64_t images, float scale);
absl::StatusOr<KernelPtr> MakeReorder(Engine& engine, const LayoutPtr& from, const LayoutPtr& to);
// Any operation with a oneDNN primitive that is not a MAC layer; inputs all depend on the image or
// are plain constants.
absl::StatusOr<KernelPtr> MakeVector(Engine& engine, const network::Node& node, int64_t images,
                                     const std::vector<LayoutPtr>& inputs);

// Plain loops, image by image. `batched[i]`: input i has one tensor an image, else one in all.
KernelPtr MakePlain(const network::Node& node, int64_t images, std::vector<Shape> shapes,
                    std::vector<bool> batched);
// A MAC layer in plain loops: of integer codes (as float32) with 64-bit sums, or of values with
// sums in double; scaled, with bias (MacSpec says how). `weights` is empty for MatMul, whose
// operands are both inputs.
enum class PlainSums { kInt64, kDouble };
struct PlainMacSpec {
  const network::Node* node = nullptr;
  int64_t images = 1;
  std::vector<Shape> shapes;
  std::vector<bool> batched;
  PlainSums sums = PlainSums::kDouble;
  std::vector<float> weights, scales, bias;
};
KernelPtr MakePlainMac(PlainMacSpec spec);

// Rounds activations in the layout they have; padding stays zero.
// kValues: rounded values in float32. kCodes: RoundToCodes of round_codes.h, as the layout's
// element kind.
enum class RoundTo { kValues, kCodes };
struct RoundSpec {
  formats::Quantizer quantizer;
  formats::Scaling scaling;
  RoundTo to = RoundTo::kValues;
  // Stochastic rounding, which needs a plain layout: element i of the split's image k draws
  // k * image_elements + i.
  formats::RandomKey random = {};
  int64_t image_elements = 0;
};
KernelPtr MakeRound(const RoundSpec& spec, const LayoutPtr& from, ElementKind to_elements);

// Rounds activations to values, image by image, with scales that are found there; plain layouts.
struct RoundImagesSpec {
  formats::Quantizer quantizer;
  quantize::ActivationScaling calibrated;
  quantize::TensorLayout layout;  // of one image
  int64_t images = 1;
  formats::RandomKey random = {};  // as RoundSpec has it
  int64_t image_elements = 0;
};
KernelPtr MakeRoundImages(RoundImagesSpec spec, const LayoutPtr& plain);
// The integer codes (less the zero point) of such values, in float32; they are values / scale.
KernelPtr MakeImageCodes(RoundImagesSpec spec, const LayoutPtr& plain);
// The scales that they have: element i of an image of `result` is the scale of its group
// group_of[i] (quantize::GroupOf), or 1 where that is -1.
KernelPtr MakeImageScales(RoundImagesSpec spec, const LayoutPtr& plain,
                          std::vector<int64_t> group_of, const Shape& result);

// XNOR-Net's scales of a layer: plain input -> plain [rows, groups, height, width]. A convolution
// has a row for each image, a Gemm one for each row of its input.
KernelPtr MakePositionMap(const quantize::PositionWindow& window, int64_t rows,
                          const LayoutPtr& input);
// sums * map + bias, plain: (sums, map) -> the layout of sums. Shape of map: [rows, groups, height,
// width]. `bias`: empty, or one a channel.
KernelPtr MakePositionScale(const LayoutPtr& map, const LayoutPtr& sums, std::vector<float> bias);

}  // namespace bitscape::emulate
