// SPDX-License-Identifier: MIT
// The coroutine frames that one worker has freed and will soon want again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

#include <weft/detail/config.hpp>
#include <weft/detail/frame.hpp>

#include "frame_depot.hpp"

namespace weft::detail {

// Two stacks per size class, over the runtime's depot and oneTBB's scalable allocator: allocating is one pop, freeing one push,
// and only the owning worker touches them. A frame may be freed on another worker than it came from; it then joins that worker's
// stack. A full stack becomes the spare one, and the spare one goes to the depot, so a producer and a consumer on two workers make
// no stack grow without limit, and the frames find their way back. Two stacks, so that allocating and freeing at the edge of one do
// not go to the depot each time.
//
// Under AddressSanitizer and ThreadSanitizer nothing is cached: they must see every frame come and go.
class frame_cache {
public:
    // Without a depot it keeps nothing, and is never written to.
    constexpr explicit frame_cache(frame_depot* depot) noexcept : depot_(config::asan || config::tsan ? nullptr : depot) {
        for (std::size_t which = 1; which < frame_classes; ++which)  // class 0 would be of empty frames
            lists_[which].newest = depot_ ? &bottoms[which] : &no_room;
    }
    frame_cache(frame_cache const&) = delete;
    frame_cache& operator=(frame_cache const&) = delete;
    ~frame_cache();

    // Throws std::bad_alloc. Everything but the pop and the push is a call at the end, so that these need no stack frame.
    [[nodiscard]] WEFT_ALWAYS_INLINE void* allocate(std::size_t rounded_size) {
        list& frames = list_of(rounded_size);
        spare_frame* const newest = frames.newest;
        spare_frame* const next = newest->next;
        if (!next) [[unlikely]] return allocate_from_empty(frames);
        frames.newest = next;
        return newest;
    }

    WEFT_ALWAYS_INLINE void free(void* frame, std::size_t rounded_size) noexcept {
        list& frames = list_of(rounded_size);
        spare_frame* const newest = frames.newest;
        std::size_t const room = newest->room - 1;
        if (static_cast<std::ptrdiff_t>(room) < 0) [[unlikely]] return free_into_full(frame, frames);  // there was none
        frames.newest = new (frame) spare_frame{newest, {room}};
    }

private:
    // Each frame knows how many its stack still takes on top of it, so that taking it away counts nothing. At the bottom of all
    // stacks of a class is the same thing that is no frame: below it there is nothing, and on it there is room for a full stack. It
    // is only ever read, so a stack can pass from one cache to another.
    struct alignas(frame_granularity) list {
        spare_frame* newest = nullptr;
        spare_frame* spare = nullptr;  // a full stack, or null
    };
    static std::array<spare_frame, frame_classes> bottoms;
    static spare_frame no_room;

    // Entry n belongs to frames of n * granularity bytes, and is as large as the granularity: the size is its offset.
    [[nodiscard]] WEFT_ALWAYS_INLINE list& list_of(std::size_t rounded_size) noexcept {
        static_assert(sizeof(list) == frame_granularity);
        return *reinterpret_cast<list*>(reinterpret_cast<std::byte*>(lists_.data()) + rounded_size);
    }
    [[nodiscard]] std::size_t class_of(list const& frames) const noexcept {
        return static_cast<std::size_t>(&frames - lists_.data());
    }

    WEFT_NOINLINE void* allocate_from_empty(list& frames);
    WEFT_NOINLINE void free_into_full(void* frame, list& frames) noexcept;

    std::array<list, frame_classes> lists_;
    std::array<std::uint16_t, frame_classes> uncached_{};  // how many came from the allocator, up to a magazine's worth
    frame_depot* depot_;
};

// What all threads share that are no workers. It keeps nothing.
[[nodiscard]] frame_cache& no_frame_cache() noexcept;

// The cache of the worker that the calling thread is, or no_frame_cache(). Read only where this_worker may be read.
WEFT_FIXED_TLS extern constinit thread_local frame_cache* this_frame_cache;

}  // namespace weft::detail
