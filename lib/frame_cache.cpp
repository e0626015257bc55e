// SPDX-License-Identifier: MIT
#include "frame_cache.hpp"

#include <cstdlib>
#include <new>

#include <oneapi/tbb/scalable_allocator.h>

#include <weft/detail/frame.hpp>

#include "worker.hpp"

namespace weft::detail {

void* frame_cache::allocate_uncached(std::size_t size) {
    std::size_t const rounded = class_of(size) * granularity;
    void* frame = nullptr;
    if constexpr (config::asan || config::tsan)
        frame = std::malloc(size);
    else
        frame = scalable_malloc(rounded);
    if (!frame) throw std::bad_alloc();
    return frame;
}

void frame_cache::free_uncached(void* frame) noexcept {
    if constexpr (config::asan || config::tsan)
        std::free(frame);
    else
        scalable_free(frame);
}

void frame_cache::shed(size_class& frames) noexcept {
    auto const which = static_cast<std::size_t>(&frames - classes_.data());
    for (std::uint32_t left = limit_of(which) / 2; left > 0; --left) {
        block* const first = frames.first;
        frames.first = first->next;
        ++frames.room;
        free_uncached(first);
    }
}

frame_cache::~frame_cache() {
    for (size_class& frames : classes_)
        while (block* const first = frames.first) {
            frames.first = first->next;
            free_uncached(first);
        }
}

void* allocate_frame(std::size_t size) {
    WEFT_COMPILER_BARRIER();
    if (worker* const here = this_worker) [[likely]] return here->frames.allocate(size);
    return frame_cache::allocate_uncached(size);
}

void free_frame(void* frame, std::size_t size) noexcept {
    WEFT_COMPILER_BARRIER();
    if (worker* const here = this_worker) [[likely]] return here->frames.free(frame, size);
    frame_cache::free_uncached(frame);
}

}  // namespace weft::detail
