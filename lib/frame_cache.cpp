// SPDX-License-Identifier: MIT
#include "frame_cache.hpp"

#include <cstdlib>

#include <oneapi/tbb/scalable_allocator.h>

namespace weft::detail {

namespace {

// Never destroyed: threads free frames until the process ends.
constinit union immortal {
    frame_cache cache;
    constexpr immortal() noexcept : cache(0) {}
    ~immortal() {}
} keeps_nothing;

}  // namespace

constinit thread_local frame_cache* this_frame_cache = &keeps_nothing.cache;

frame_cache::~frame_cache() {
    for (list& frames : lists_)
        for (block* newest = frames.newest; block* const next = newest->next; newest = next) free_uncached(newest);
}

void frame_cache::free_into_full(list& frames, void* frame) noexcept {
    std::size_t const limit = frames.bottom.room;
    if (limit == 0) return free_uncached(frame);
    for (std::size_t given_back = 0; given_back <= limit / 2 && frames.newest != &frames.bottom; ++given_back) {
        block* const newest = frames.newest;
        frames.newest = newest->next;
        free_uncached(newest);
    }
    frames.newest = new (frame) block{frames.newest, frames.newest->room - 1};
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
