#include <fmt/ranges.h>
#include <omp.h>

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <utility>

#include "engine/core/status.h"
#include "engine/emulate/kernels.h"
#include "engine/emulate/onednn_support.h"

namespace bitscape::emulate {
namespace {

dnnl_data_type_t DataTypeOf(ElementKind kind) {
  switch (kind) {
    case ElementKind::kFloat32:
      return dnnl_f32;
    case ElementKind::kInt8:
      return dnnl_s8;
    case ElementKind::kUint8:
      return dnnl_u8;
    case ElementKind::kBfloat16:
      return dnnl_bf16;
  }
  return dnnl_data_type_undef;
}

}  // namespace

std::shared_ptr<Engine> MakeEngine() { return std::make_shared<Engine>(); }

std::shared_ptr<Stream> MakeStream(Engine& engine) {
  return std::make_shared<Stream>(Stream{dnnl::stream(engine.engine)});
}

RunContext& ContextOf(Stream& stream) { return stream.context; }

SingleThreaded::SingleThreaded() : threads_before_(omp_get_max_threads()) {
  omp_set_num_threads(1);
}
SingleThreaded::~SingleThreaded() { omp_set_num_threads(threads_before_); }

LayoutPtr PlainLayout(const Shape& shape) { return MakeLayout(PlainDesc(shape)); }

LayoutPtr WithElements(const LayoutPtr& layout, ElementKind kind) {
  dnnl::memory::desc desc = layout->desc;
  desc.data.data_type = DataTypeOf(kind);
  desc.data.extra = dnnl_memory_extra_desc_t{};
  return MakeLayout(desc);
}

ElementKind ElementsOf(const Layout& layout) {
  switch (layout.desc.data.data_type) {
    case dnnl_s8:
      return ElementKind::kInt8;
    case dnnl_u8:
      return ElementKind::kUint8;
    case dnnl_bf16:
      return ElementKind::kBfloat16;
    default:
      return ElementKind::kFloat32;
  }
}

bool SameLayout(const Layout& a, const Layout& b) { return a.desc == b.desc; }

Shape DimensionsOf(const Layout& layout) { return layout.desc.dims(); }

std::string LayoutKey(const Layout& layout) {
  const dnnl_memory_desc_t& data = layout.desc.data;
  const dnnl_blocking_desc_t& blocking = data.format_desc.blocking;
  const auto list = [](const dnnl_dim_t* values, int count) {
    return fmt::format("{}", fmt::join(values, values + count, ","));
  };
  return fmt::format("{}:{}:{}:{}:{}:{}", static_cast<int>(data.data_type),
                     list(data.dims, data.ndims), list(data.padded_dims, data.ndims),
                     list(blocking.strides, data.ndims),
                     list(blocking.inner_blks, blocking.inner_nblks),
                     list(blocking.inner_idxs, blocking.inner_nblks));
}

int64_t BytesOf(const Layout& layout) { return static_cast<int64_t>(layout.desc.get_size()); }

absl::Status RunKernel(const Kernel& kernel, Stream& stream, std::span<void* const> sources,
                       void* result, void* scratch) {
  return Guard("execution", [&] {
    kernel.Run(stream, sources, result, scratch);
    return absl::OkStatus();
  });
}

std::shared_ptr<const Packed> PackCache::Find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = packed_.find(key);
  return found == packed_.end() ? nullptr : found->second;
}

void PackCache::Insert(const std::string& key, std::shared_ptr<const Packed> packed) {
  const std::lock_guard lock(mutex_);
  packed_.insert_or_assign(key, std::move(packed));
}

absl::StatusOr<KernelPtr> MakeReorder(Engine& engine, const LayoutPtr& from, const LayoutPtr& to) {
  return Guard("reorder", [&]() -> absl::StatusOr<KernelPtr> {
    const dnnl::reorder::primitive_desc desc(engine.engine, from->desc, engine.engine, to->desc,
                                             UserScratchpad());
    auto kernel = std::make_shared<PrimitiveKernel>(
        engine, dnnl::reorder(desc), desc.scratchpad_desc(), std::vector<int>{DNNL_ARG_SRC},
        PrimitiveKernel::Arguments());
    kernel->sources = {from};
    kernel->result = to;
    return kernel;
  });
}

}  // namespace bitscape::emulate
