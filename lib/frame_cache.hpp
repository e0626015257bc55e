// SPDX-License-Identifier: MIT
// The coroutine frames that one worker has freed and will soon want again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
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
    frame_cache() noexcept {
        for (std::size_t which = 0; which < frame_classes; ++which) lists_[which].room = limit_of(which);
    }
    frame_cache(frame_cache const&) = delete;
    frame_cache& operator=(frame_cache const&) = delete;
    ~frame_cache();

    // Throws std::bad_alloc. Everything but the pop and the push is a call at the end, so that these need no stack frame.
    [[nodiscard]] WEFT_ALWAYS_INLINE void* allocate(std::size_t size_class) {
        list& frames = lists_[size_class];
        block* const first = frames.first;
        if (!first) [[unlikely]] return allocate_uncached(size_class * frame_granularity);
        frames.first = first->next;
        ++frames.room;
        return first;
    }

    WEFT_ALWAYS_INLINE void free(void* frame, std::size_t size_class) noexcept {
        list& frames = lists_[size_class];
        if (frames.room == 0) [[unlikely]] return free_into_full(frames, frame);
        frames.first = new (frame) block{frames.first};
        --frames.room;
    }

    // Straight from and to the allocator. Sizes are multiples of the granularity where the other side may be a list.
    [[nodiscard]] WEFT_NOINLINE static void* allocate_uncached(std::size_t size);
    WEFT_NOINLINE static void free_uncached(void* frame) noexcept;

private:
    struct block {
        block* next;
    };
    struct list {
        block* first = nullptr;
        std::uint32_t room = 0;  // how many more it takes
    };

    // A list holds at most this much; enough for a gather of a thousand children to find their frames again.
    static constexpr std::size_t bytes_per_class = 128 * 1024;

    static constexpr std::uint32_t limit_of(std::size_t size_class) noexcept {
        return config::asan || config::tsan ? 0 : static_cast<std::uint32_t>(bytes_per_class / frame_granularity / (size_class + 1));
    }

    // Gives half of a full list back first.
    WEFT_NOINLINE void free_into_full(list& frames, void* frame) noexcept;

    std::array<list, frame_classes> lists_;
};

}  // namespace weft::detail
