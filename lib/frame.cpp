// SPDX-License-Identifier: MIT
#include <weft/detail/frame.hpp>

#include "frame_cache.hpp"

namespace weft::detail {

void* allocate_cached_frame(std::size_t size_class) {
    WEFT_COMPILER_BARRIER();
    return this_frame_cache->allocate(size_class);
}

void free_cached_frame(void* frame, std::size_t size_class) noexcept {
    WEFT_COMPILER_BARRIER();
    this_frame_cache->free(frame, size_class);
}

void* allocate_large_frame(std::size_t size) {
    return allocate_uncached(size);
}

void free_large_frame(void* frame) noexcept {
    free_uncached(frame);
}

}  // namespace weft::detail
