// From a planned layer to its narrow sums.
#pragma once

#include <vector>

#include "engine/emulate/mac_layer.h"
#include "engine/emulate/narrow_kernel.h"

namespace bitscape::emulate {

// `shapes` and `batched` are those of the node's inputs. The layer's decision is Path::kNarrow.
NarrowSpec NarrowSpecOf(const MacLayer& layer, int64_t images, const std::vector<Shape>& shapes,
                        std::vector<bool> batched);

}  // namespace bitscape::emulate
