// A straight list of steps over numbered values: what a batch runs. Built by value numbering, so
// that equal work from different plans is one step.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/emulate/kernels.h"

namespace bitscape::emulate {

struct Step {
  KernelPtr kernel;
  std::vector<int> sources;  // values
  int result = -1;           // value
  std::string where;         // layer or node, for messages
};

// A tensor of one batch.
struct Value {
  LayoutPtr layout;
  int root = -1;  // the value whose buffer this is; itself unless a view
  std::shared_ptr<const std::vector<float>>
      constant;   // set: the same for every batch, shared by views
  int slot = -1;  // buffer, where some step needs the value
};

// Steps in order, and a buffer (slot) for each value from its step to its last use.
class Program {
 public:
  static constexpr int kInput = 0;  // the value that each batch begins with: plain images

  // Drops the steps that no output still wanted needs. `wanted` has one entry for each output.
  void Keep(const std::vector<bool>& wanted);

  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Value>& values() const { return values_; }
  const std::vector<int>& outputs() const { return outputs_; }  // values, kept to the end
  const std::vector<int64_t>& slot_bytes() const { return slot_bytes_; }
  int64_t scratch_bytes() const { return scratch_bytes_; }
  int64_t buffer_bytes() const;  // of one worker: all slots and the scratch

 private:
  friend class ProgramBuilder;
  // The source whose buffer the result takes over, or -1.
  int ReusableSource(const Step& step, const std::vector<int>& dying) const;
  void AssignSlots(const std::vector<int>& kept_outputs);

  std::vector<Step> steps_;
  std::vector<Value> values_;
  std::vector<int> outputs_;
  std::vector<int64_t> slot_bytes_;
  int64_t scratch_bytes_ = 0;
};

class ProgramBuilder {
 public:
  ProgramBuilder(Engine& engine, const Shape& images);

  // The value that `key` names, if it was emitted before. Keys name the operation, its precision
  // and the numbers of its sources.
  std::optional<int> Find(const std::string& key) const;
  int Emit(const std::string& key, KernelPtr kernel, std::vector<int> sources,
           const std::string& where);
  int Constant(const std::string& key, std::vector<float> values, const Shape& shape);
  // The same elements in row-major order as another shape.
  absl::StatusOr<int> Reshape(int value, const Shape& shape);
  // The value in another layout; where the dimensions differ, reshaped, too.
  absl::StatusOr<int> Convert(int value, const LayoutPtr& layout);
  const Value& value(int number) const { return program_.values_[static_cast<size_t>(number)]; }

  Program Finish(std::vector<int> outputs) &&;

 private:
  int Add(const std::string& key, Value value);

  Engine& engine_;
  Program program_;
  std::unordered_map<std::string, int> numbers_;
};

// One worker's buffers.
class Workspace {
 public:
  explicit Workspace(Engine& engine);
  ~Workspace();
  // Makes the buffers as large as the program needs.
  void Fit(const Program& program);
  float* input(const Program& program);
  // `first_image`: index of the batch's first image in the split.
  absl::Status Run(const Program& program, int64_t first_image = 0);
  // An output's data after Run.
  const float* output(const Program& program, int value) const;

 private:
  struct Buffer;
  void* DataOf(const Program& program, int value) const;

  std::shared_ptr<Stream> stream_;
  std::vector<Buffer> slots_;
  std::vector<Buffer> scratch_;  // one
};

}  // namespace bitscape::emulate
