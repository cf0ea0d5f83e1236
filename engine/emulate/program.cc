#include "engine/emulate/program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/core/status.h"

namespace bitscape::emulate {
namespace {

constexpr int kNever = -1;
constexpr int kEnd = std::numeric_limits<int>::max();

// Free buffers; hands out the smallest that fits, unless more than half of it would lie idle: small
// values that live long, as logits do, must not hold large buffers.
class SlotPool {
 public:
  explicit SlotPool(std::vector<int64_t>& bytes) : bytes_(bytes) {}

  int Take(int64_t bytes) {
    auto best = free_.end();
    for (auto slot = free_.begin(); slot != free_.end(); ++slot) {
      const int64_t size = bytes_[static_cast<size_t>(*slot)];
      const bool fits = size >= bytes && size / 2 <= bytes;
      if (fits && (best == free_.end() || size < bytes_[static_cast<size_t>(*best)])) {
        best = slot;
      }
    }
    if (best == free_.end()) {
      bytes_.push_back(bytes);
      return static_cast<int>(bytes_.size()) - 1;
    }
    const int taken = *best;
    free_.erase(best);
    return taken;
  }
  void Give(int slot) { free_.push_back(slot); }

 private:
  std::vector<int64_t>& bytes_;
  std::vector<int> free_;
};

}  // namespace

void Program::AssignSlots(const std::vector<int>& kept_outputs) {
  const auto root_of = [&](int value) { return values_[static_cast<size_t>(value)].root; };
  std::vector<int> last_use(values_.size(), kNever);
  for (size_t step = 0; step < steps_.size(); ++step) {
    for (const int source : steps_[step].sources) {
      last_use[static_cast<size_t>(root_of(source))] = static_cast<int>(step);
    }
  }
  for (const int output : kept_outputs) {
    last_use[static_cast<size_t>(root_of(output))] = kEnd;
  }
  slot_bytes_.clear();
  scratch_bytes_ = 0;
  SlotPool pool(slot_bytes_);
  values_[kInput].slot = pool.Take(BytesOf(*values_[kInput].layout));
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    Value& result = values_[static_cast<size_t>(step.result)];
    std::vector<int> dying;
    for (const int source : step.sources) {
      const int root = root_of(source);
      const bool dies = last_use[static_cast<size_t>(root)] == static_cast<int>(i) &&
                        values_[static_cast<size_t>(root)].constant == nullptr;
      if (dies && std::find(dying.begin(), dying.end(), root) == dying.end()) {
        dying.push_back(root);
      }
    }
    const int reusable = ReusableSource(step, dying);
    if (reusable >= 0) {
      result.slot = values_[static_cast<size_t>(reusable)].slot;
      std::erase(dying, reusable);
    } else {
      result.slot = pool.Take(BytesOf(*result.layout));
    }
    for (const int root : dying) {
      pool.Give(values_[static_cast<size_t>(root)].slot);
    }
    scratch_bytes_ = std::max(scratch_bytes_, step.kernel->scratch_bytes());
  }
}

int Program::ReusableSource(const Step& step, const std::vector<int>& dying) const {
  const auto root_of = [&](int value) { return values_[static_cast<size_t>(value)].root; };
  if (!step.kernel->in_place() && !step.kernel->accumulates) {
    return -1;
  }
  const int last = root_of(step.sources.back());
  // Another source in the same buffer would be overwritten while it is read.
  const bool alone = std::count_if(step.sources.begin(), step.sources.end(),
                                   [&](int source) { return root_of(source) == last; }) == 1;
  return alone && std::find(dying.begin(), dying.end(), last) != dying.end() ? last : -1;
}

void Program::Keep(const std::vector<bool>& wanted) {
  std::vector<bool> needed(values_.size(), false);
  std::vector<int> kept_outputs;
  const auto need = [&](int value) {
    needed[static_cast<size_t>(values_[static_cast<size_t>(value)].root)] = true;
  };
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (wanted[i]) {
      kept_outputs.push_back(outputs_[i]);
      need(outputs_[i]);
    }
  }
  std::vector<Step> kept;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (needed[static_cast<size_t>(step->result)]) {
      std::for_each(step->sources.begin(), step->sources.end(), need);
      kept.push_back(std::move(*step));
    }
  }
  std::reverse(kept.begin(), kept.end());
  steps_ = std::move(kept);
  AssignSlots(kept_outputs);
}

int64_t Program::buffer_bytes() const {
  return std::accumulate(slot_bytes_.begin(), slot_bytes_.end(), scratch_bytes_);
}

ProgramBuilder::ProgramBuilder(Engine& engine, const Shape& images) : engine_(engine) {
  Value input;
  input.layout = PlainLayout(images);
  Add("input", std::move(input));
}

std::optional<int> ProgramBuilder::Find(const std::string& key) const {
  const auto found = numbers_.find(key);
  return found == numbers_.end() ? std::nullopt : std::optional<int>(found->second);
}

int ProgramBuilder::Add(const std::string& key, Value value) {
  const int number = static_cast<int>(program_.values_.size());
  if (value.root < 0) {
    value.root = number;
  }
  program_.values_.push_back(std::move(value));
  const bool is_new = numbers_.emplace(key, number).second;
  BITSCAPE_CHECK(is_new, "a value must be looked up before it is emitted");
  return number;
}

int ProgramBuilder::Emit(const std::string& key, KernelPtr kernel, std::vector<int> sources,
                         const std::string& where) {
  BITSCAPE_CHECK(kernel->sources.size() == sources.size(), "as many sources as the kernel takes");
  for (size_t i = 0; i < sources.size(); ++i) {
    BITSCAPE_CHECK(SameLayout(*value(sources[i]).layout, *kernel->sources[i]), where.c_str());
  }
  Value made;
  made.layout = kernel->result;
  const int result = Add(key, std::move(made));
  program_.steps_.push_back({std::move(kernel), std::move(sources), result, where});
  return result;
}

int ProgramBuilder::Constant(const std::string& key, std::vector<float> values,
                             const Shape& shape) {
  if (const std::optional<int> known = Find(key)) {
    return *known;
  }
  return Add(key, {.layout = PlainLayout(shape),
                   .constant = std::make_shared<const std::vector<float>>(std::move(values))});
}

absl::StatusOr<int> ProgramBuilder::Reshape(int number, const Shape& shape) {
  BITSCAPE_ASSIGN_OR_RETURN(const int plain,
                            Convert(number, PlainLayout(DimensionsOf(*value(number).layout))));
  LayoutPtr layout = PlainLayout(shape);
  if (SameLayout(*value(plain).layout, *layout)) {
    return plain;
  }
  const std::string key = fmt::format("view|{}|{}", plain, fmt::join(shape, "x"));
  if (const std::optional<int> known = Find(key)) {
    return *known;
  }
  return Add(
      key,
      {.layout = std::move(layout), .root = value(plain).root, .constant = value(plain).constant});
}

absl::StatusOr<int> ProgramBuilder::Convert(int number, const LayoutPtr& layout) {
  if (SameLayout(*value(number).layout, *layout)) {
    return number;
  }
  if (DimensionsOf(*value(number).layout) != DimensionsOf(*layout)) {
    BITSCAPE_ASSIGN_OR_RETURN(const int reshaped, Reshape(number, DimensionsOf(*layout)));
    return Convert(reshaped, layout);
  }
  const std::string key = fmt::format("reorder|{}|{}", number, LayoutKey(*layout));
  if (const std::optional<int> known = Find(key)) {
    return *known;
  }
  BITSCAPE_ASSIGN_OR_RETURN(KernelPtr kernel, MakeReorder(engine_, value(number).layout, layout));
  return Emit(key, std::move(kernel), {number}, "reorder");
}

Program ProgramBuilder::Finish(std::vector<int> outputs) && {
  program_.outputs_ = std::move(outputs);
  program_.Keep(std::vector<bool>(program_.outputs_.size(), true));
  return std::move(program_);
}

struct Workspace::Buffer {
  // Cache lines and vectors are 64 bytes.
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete[](bytes, kAlignment); }
  };
  std::unique_ptr<std::byte[], Free> bytes;
  int64_t size = 0;

  void Grow(int64_t wanted) {
    if (wanted > size) {
      bytes.reset();
      bytes.reset(
          static_cast<std::byte*>(::operator new[](static_cast<size_t>(wanted), kAlignment)));
      size = wanted;
    }
  }
};

Workspace::Workspace(Engine& engine) : stream_(MakeStream(engine)), scratch_(1) {}
Workspace::~Workspace() = default;

void Workspace::Fit(const Program& program) {
  slots_.resize(std::max(slots_.size(), program.slot_bytes().size()));
  for (size_t slot = 0; slot < program.slot_bytes().size(); ++slot) {
    slots_[slot].Grow(program.slot_bytes()[slot]);
  }
  scratch_[0].Grow(program.scratch_bytes());
}

void* Workspace::DataOf(const Program& program, int number) const {
  const Value& value = program.values()[static_cast<size_t>(number)];
  if (value.constant != nullptr) {
    return const_cast<float*>(value.constant->data());  // kernels only read their sources
  }
  const int slot = program.values()[static_cast<size_t>(value.root)].slot;
  return slots_[static_cast<size_t>(slot)].bytes.get();
}

float* Workspace::input(const Program& program) {
  return static_cast<float*>(DataOf(program, Program::kInput));
}

const float* Workspace::output(const Program& program, int value) const {
  return static_cast<const float*>(DataOf(program, value));
}

absl::Status Workspace::Run(const Program& program, int64_t first_image) {
  ContextOf(*stream_).first_image = first_image;
  std::vector<void*> sources;
  for (const Step& step : program.steps()) {
    sources.clear();
    for (const int source : step.sources) {
      sources.push_back(DataOf(program, source));
    }
    void* const result = DataOf(program, step.result);
    if (step.kernel->accumulates) {
      if (sources.back() != result) {
        std::memcpy(result, sources.back(), static_cast<size_t>(BytesOf(*step.kernel->result)));
      }
      sources.pop_back();
    }
    const absl::Status status =
        RunKernel(*step.kernel, *stream_, sources, result, scratch_[0].bytes.get());
    if (!status.ok()) {
      return Annotate(status, step.where);
    }
  }
  return absl::OkStatus();
}

}  // namespace bitscape::emulate
