// SPDX-License-Identifier: MIT
#include <weft/detail/frame.hpp>

#include "frame_cache.hpp"

namespace weft::detail {

void* allocate_cached_frame(std::size_t rounded_size) {
    WEFT_COMPILER_BARRIER();
    return this_frame_cache->allocate(rounded_size);
}

void free_cached_frame(void* frame, std::size_t rounded_size) noexcept {
    WEFT_COMPILER_BARRIER();
    this_frame_cache->free(frame, rounded_size);
}

void* allocate_large_frame(std::size_t size) {
    return allocate_uncached(size);
}

void free_large_frame(void* frame) noexcept {
    free_uncached(frame);
}

}  // namespace weft::detail
