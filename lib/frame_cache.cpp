// SPDX-License-Identifier: MIT
#include "frame_cache.hpp"

#include <cstdlib>

#include <oneapi/tbb/scalable_allocator.h>

namespace weft::detail {

frame_cache::~frame_cache() {
    for (list& frames : lists_)
        while (block* const first = frames.first) {
            frames.first = first->next;
            free_uncached(first);
        }
}

void frame_cache::free_into_full(list& frames, void* frame) noexcept {
    if constexpr (config::asan || config::tsan) return free_uncached(frame);
    auto const size_class = static_cast<std::size_t>(&frames - lists_.data());
    for (std::uint32_t left = limit_of(size_class) / 2; left > 0; --left) {
        block* const first = frames.first;
        frames.first = first->next;
        ++frames.room;
        free_uncached(first);
    }
    frames.first = new (frame) block{frames.first};
    --frames.room;
}

void* frame_cache::allocate_uncached(std::size_t size) {
    void* const frame = config::asan || config::tsan ? std::malloc(size) : scalable_malloc(size);
    if (!frame) throw std::bad_alloc();
    return frame;
}

void frame_cache::free_uncached(void* frame) noexcept {
    if constexpr (config::asan || config::tsan)
        std::free(frame);
    else
        scalable_free(frame);
}

}  // namespace weft::detail
