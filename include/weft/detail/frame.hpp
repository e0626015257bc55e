// SPDX-License-Identifier: MIT
// Where coroutine frames come from. The caches stand in lib/frame_cache.hpp.
#pragma once

#include <cstddef>

#include <weft/detail/config.hpp>

namespace weft::detail {

// Frames are cached by size class. The compiler knows a frame's size, so the class is computed where the frame is made, for
// nothing.
inline constexpr std::size_t frame_granularity = 16;
inline constexpr std::size_t frame_classes = 65;  // up to 1024 bytes; larger frames are not cached
constexpr std::size_t frame_class_of(std::size_t size) noexcept {
    return (size + frame_granularity - 1) / frame_granularity;
}

// A block of that size, which is a multiple of the granularity, aligned as operator new aligns: from the cache of this worker, or,
// on any other thread, from the allocator behind it. Throw std::bad_alloc.
WEFT_API WEFT_NOIPA void* allocate_cached_frame(std::size_t rounded_size);
WEFT_API WEFT_NOINLINE void* allocate_large_frame(std::size_t size);

// Give a block back. Any thread may free what another allocated.
WEFT_API WEFT_NOIPA void free_cached_frame(void* frame, std::size_t rounded_size) noexcept;
WEFT_API WEFT_NOINLINE void free_large_frame(void* frame) noexcept;

WEFT_ALWAYS_INLINE void* allocate_frame(std::size_t size) {
    std::size_t const size_class = frame_class_of(size);
    return size_class < frame_classes ? allocate_cached_frame(size_class * frame_granularity) : allocate_large_frame(size);
}
WEFT_ALWAYS_INLINE void free_frame(void* frame, std::size_t size) noexcept {
    std::size_t const size_class = frame_class_of(size);
    if (size_class < frame_classes)
        free_cached_frame(frame, size_class * frame_granularity);
    else
        free_large_frame(frame);
}

}  // namespace weft::detail
