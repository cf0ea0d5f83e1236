// oneDNN objects behind kernels.h. For the .cc files of this folder that include
// <oneapi/dnnl/dnnl.hpp> before it.
#pragma once

#include <absl/status/status.h>
#include <fmt/format.h>

#include <string>
#include <utility>

#include "engine/emulate/kernels.h"

namespace bitscape::emulate {

struct Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
};
struct Stream {
  dnnl::stream stream;
  RunContext context = {};
};
struct Layout {
  dnnl::memory::desc desc;
};
struct Packed {
  dnnl::memory memory;
};

inline LayoutPtr MakeLayout(const dnnl::memory::desc& desc) {
  return std::make_shared<const Layout>(Layout{desc});
}

inline dnnl::memory::desc PlainDesc(const dnnl::memory::dims& dims,
                                    dnnl::memory::data_type type = dnnl::memory::data_type::f32) {
  dnnl::memory::dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * dims[i];
  }
  return {dims, type, strides};
}

inline dnnl::memory::desc AnyDesc(const dnnl::memory::dims& dims,
                                  dnnl::memory::data_type type = dnnl::memory::data_type::f32) {
  return {dims, type, dnnl::memory::format_tag::any};
}

inline dnnl::primitive_attr UserScratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

// Calls `make`, which returns a StatusOr; a dnnl::error becomes a status.
template <typename Make>
auto Guard(const std::string& what, Make make) -> decltype(make()) {
  try {
    return make();
  } catch (const dnnl::error& error) {
    const std::string message = fmt::format("{}: oneDNN: {}", what, error.message);
    if (error.status == dnnl_unimplemented) {
      return absl::UnimplementedError(message);
    }
    if (error.status == dnnl_out_of_memory) {
      return absl::ResourceExhaustedError(message);
    }
    return absl::InternalError(message);
  }
}

// A oneDNN primitive, its constant arguments, and where its sources go.
class PrimitiveKernel : public Kernel {
 public:
  using Arguments = std::unordered_map<int, dnnl::memory>;

  PrimitiveKernel(Engine& engine, dnnl::primitive primitive, const dnnl::memory::desc& scratchpad,
                  std::vector<int> source_arguments, Arguments constants)
      : engine_(engine.engine),
        primitive_(std::move(primitive)),
        scratchpad_(scratchpad),
        source_arguments_(std::move(source_arguments)),
        constants_(std::move(constants)) {}

  void Run(Stream& stream, std::span<void* const> data, void* result_data,
           void* scratch) const override {
    Arguments arguments = constants_;
    for (size_t i = 0; i < data.size(); ++i) {
      arguments.insert_or_assign(source_arguments_[i],
                                 dnnl::memory(sources[i]->desc, engine_, data[i]));
    }
    arguments.insert_or_assign(DNNL_ARG_DST, dnnl::memory(result->desc, engine_, result_data));
    if (scratchpad_.get_size() > 0) {
      arguments.insert_or_assign(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratchpad_, engine_, scratch));
    }
    primitive_.execute(stream.stream, arguments);
  }
  int64_t scratch_bytes() const override { return static_cast<int64_t>(scratchpad_.get_size()); }
  bool in_place() const override { return in_place_; }
  void AllowInPlace() { in_place_ = true; }

 private:
  dnnl::engine engine_;
  dnnl::primitive primitive_;
  dnnl::memory::desc scratchpad_;
  std::vector<int> source_arguments_;
  Arguments constants_;
  bool in_place_ = false;
};

}  // namespace bitscape::emulate
