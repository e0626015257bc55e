// SPDX-License-Identifier: MIT
#include <weft/detail/frame.hpp>

#include "frame_cache.hpp"
#include "worker.hpp"

namespace weft::detail {

void* allocate_cached_frame(std::size_t size_class) {
    WEFT_COMPILER_BARRIER();
    if (worker* const here = this_worker) [[likely]] return here->frames.allocate(size_class);
    return frame_cache::allocate_uncached(size_class * frame_granularity);
}

void free_cached_frame(void* frame, std::size_t size_class) noexcept {
    WEFT_COMPILER_BARRIER();
    if (worker* const here = this_worker) [[likely]] return here->frames.free(frame, size_class);
    frame_cache::free_uncached(frame);
}

void* allocate_large_frame(std::size_t size) {
    return frame_cache::allocate_uncached(size);
}

void free_large_frame(void* frame) noexcept {
    frame_cache::free_uncached(frame);
}

}  // namespace weft::detail
