// SPDX-License-Identifier: MIT
// The coroutine frames that one worker has freed and will soon want again.
#pragma once

#include <array>
#include <cstddef>
#include <new>

#include <weft/detail/config.hpp>
#include <weft/detail/frame.hpp>

namespace weft::detail {

// A free list per size class, over oneTBB's scalable allocator: allocating is one pop, freeing one push, and only the owning worker
// touches the lists. A frame may be freed on another worker than it came from; it then joins that worker's list, or goes back to
// the allocator when the list is full, so a producer and a consumer on two workers do not make one list grow without limit.
//
// Under AddressSanitizer and ThreadSanitizer nothing is cached: they must see every frame come and go.
class frame_cache {
public:
    // A list holds at most this much; enough for a gather of a thousand children to find their frames again.
    static constexpr std::size_t bytes_per_class = config::asan || config::tsan ? 0 : 128 * 1024;

    // With 0 bytes it keeps nothing, and is never written to.
    constexpr explicit frame_cache(std::size_t bytes_of_a_list = bytes_per_class) noexcept {
        for (std::size_t which = 1; which < frame_classes; ++which)  // class 0 would be of empty frames
            lists_[which].bottom.room = bytes_of_a_list / (frame_granularity * which);
    }
    frame_cache(frame_cache const&) = delete;
    frame_cache& operator=(frame_cache const&) = delete;
    ~frame_cache();

    // Throws std::bad_alloc. Everything but the pop and the push is a call at the end, so that these need no stack frame.
    [[nodiscard]] WEFT_ALWAYS_INLINE void* allocate(std::size_t size_class) {
        list& frames = lists_[size_class];
        block* const newest = frames.newest;
        block* const next = newest->next;
        if (!next) [[unlikely]] return allocate_uncached(size_class * frame_granularity);
        frames.newest = next;
        return newest;
    }

    WEFT_ALWAYS_INLINE void free(void* frame, std::size_t size_class) noexcept {
        list& frames = lists_[size_class];
        block* const newest = frames.newest;
        std::size_t const room = newest->room;
        if (room == 0) [[unlikely]] return free_into_full(frames, frame);
        frames.newest = new (frame) block{newest, room - 1};
    }

    // Straight from and to the allocator. Sizes are multiples of the granularity where the other side may be a list.
    [[nodiscard]] WEFT_NOINLINE static void* allocate_uncached(std::size_t size);
    WEFT_NOINLINE static void free_uncached(void* frame) noexcept;

private:
    // Stands in a free frame. Each knows how many its list still takes on top of it, so that taking it away counts nothing.
    struct block {
        block* next;
        std::size_t room;
    };
    // The bottom is no frame: below it there is nothing, and on it there is room for a full list.
    struct list {
        block* newest = &bottom;
        block bottom{nullptr, 0};
    };

    // Gives half of a full list back first.
    WEFT_NOINLINE static void free_into_full(list& frames, void* frame) noexcept;

    std::array<list, frame_classes> lists_;
};

// The cache of the worker that the calling thread is, or one for all other threads that keeps nothing. Read only where this_worker
// may be read.
WEFT_FIXED_TLS extern constinit thread_local frame_cache* this_frame_cache;

}  // namespace weft::detail
