// SPDX-License-Identifier: MIT
// The coroutine frames that one worker has freed and will soon want again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <weft/detail/config.hpp>

namespace weft::detail {

// A free list per size class, over oneTBB's scalable allocator: allocating is one pop, freeing one push, and only the owning worker
// touches the lists. A frame may be freed on another worker than it came from; it then joins that worker's list, or goes back to
// the allocator when the list is full, so a producer and a consumer on two workers do not make one list grow without limit.
//
// Under AddressSanitizer and ThreadSanitizer nothing is cached: they must see every frame come and go.
class frame_cache {
public:
    frame_cache() noexcept {
        for (std::size_t which = 0; which < class_count; ++which) classes_[which].room = limit_of(which);
    }
    frame_cache(frame_cache const&) = delete;
    frame_cache& operator=(frame_cache const&) = delete;
    ~frame_cache();

    // Throws std::bad_alloc.
    [[nodiscard]] void* allocate(std::size_t size) {
        std::size_t const which = class_of(size);
        if (which < class_count) [[likely]] {
            size_class& frames = classes_[which];
            if (block* const first = frames.first) [[likely]] {
                frames.first = first->next;
                ++frames.room;
                return first;
            }
        }
        return allocate_uncached(size);
    }

    void free(void* frame, std::size_t size) noexcept {
        std::size_t const which = class_of(size);
        if (which >= class_count) [[unlikely]] return free_uncached(frame);
        size_class& frames = classes_[which];
        if (frames.room == 0) [[unlikely]] shed(frames);
        frames.first = new (frame) block{frames.first};
        --frames.room;
    }

    // Straight from and to the allocator. Sizes are rounded up to their class, so that either side may have been cached.
    [[nodiscard]] static void* allocate_uncached(std::size_t size);
    static void free_uncached(void* frame) noexcept;

private:
    struct block {
        block* next;
    };
    struct size_class {
        block* first = nullptr;
        std::uint32_t room = 0;  // how many more it takes
    };

    static constexpr std::size_t granularity = 32;
    static constexpr std::size_t class_count = config::asan || config::tsan ? 0 : 33;  // frames up to 1024 bytes
    // A list holds at most this much; enough for a gather of a thousand children to find their frames again.
    static constexpr std::size_t bytes_per_class = 128 * 1024;

    static constexpr std::size_t class_of(std::size_t size) noexcept { return (size + granularity - 1) / granularity; }
    static constexpr std::uint32_t limit_of(std::size_t which) noexcept {
        return static_cast<std::uint32_t>(bytes_per_class / granularity / (which + 1));
    }

    // Gives half of a full list back.
    WEFT_NOINLINE void shed(size_class& frames) noexcept;

    std::array<size_class, class_count == 0 ? 1 : class_count> classes_;
};

}  // namespace weft::detail
