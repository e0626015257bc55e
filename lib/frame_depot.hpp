// SPDX-License-Identifier: MIT
// Freed frames on their way from the worker that has too many to the one that needs some.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include <oneapi/tbb/spin_mutex.h>

#include <weft/detail/config.hpp>
#include <weft/detail/frame.hpp>

namespace weft::detail {

// Straight from and to the allocator. Throws std::bad_alloc. Sizes are multiples of the granularity where the other side may be a
// cache.
[[nodiscard]] WEFT_NOINLINE void* allocate_uncached(std::size_t size);
WEFT_NOINLINE void free_uncached(void* frame) noexcept;

// Stands in a free frame: the frame below it in its stack.
struct spare_frame {
    spare_frame* next;
    union {
        std::size_t room;            // in a cache: how many frames still go on top of this one
        spare_frame* next_magazine;  // of a magazine's first frame, in the depot
    };
};
static_assert(sizeof(spare_frame) <= frame_granularity);

// A magazine is a full stack of frames of one class, handed over whole, by its top: a lock per magazine, and nothing per frame.
// After Bonwick and Adams, "Magazines and Vmem" (USENIX 2001), without the empty magazines, which here are no objects.
constexpr std::size_t magazine_bytes = 64 * 1024;
constexpr std::size_t magazine_capacity(std::size_t size_class) noexcept {
    return magazine_bytes / (frame_granularity * size_class);
}

// To the allocator, frame by frame.
void free_magazine(spare_frame* magazine) noexcept;

// Belongs to a runtime, and keeps about so many bytes at most until that ends; of a class no more than workers have ever had from
// the allocator, so that it does not fill up with what other threads allocate and workers free (runtime::submit). What went back to
// the allocator instead would go on to the system, page by page, and come again by page faults (lib/README.md, "Decisions"). The
// limit is what a million sleeping tasks have.
class frame_depot {
public:
    explicit frame_depot(std::size_t limit = 256 * 1024 * 1024) noexcept : most_magazines_(limit / magazine_bytes) {}
    frame_depot(frame_depot const&) = delete;
    frame_depot& operator=(frame_depot const&) = delete;
    ~frame_depot();

    // False: it keeps enough of this class already. What is too much of all is taken from the class with most of them.
    [[nodiscard]] bool put(std::size_t size_class, spare_frame* magazine) noexcept;
    // Null: there is none.
    [[nodiscard]] spare_frame* take(std::size_t size_class) noexcept;
    // A worker has had a magazine's worth of frames from the allocator.
    void allow_one_more(std::size_t size_class) noexcept;

private:
    // Changed with the mutex held, which makes the frames visible.
    struct alignas(config::destructive_interference) shelf {
        tbb::spin_mutex mutex;
        std::atomic<spare_frame*> newest{nullptr};  // relaxed: a look without the mutex only spares it
        std::atomic<std::size_t> kept{0};  // relaxed: as `newest`
        std::size_t allowed = 0;
    };

    // Gives a magazine of the class with most of them back to the allocator.
    void shrink() noexcept;

    std::array<shelf, frame_classes> shelves_;  // that of class 0 stays empty
    std::size_t const most_magazines_;
    // relaxed: nothing hangs on it but the limit.
    alignas(config::destructive_interference) std::atomic<std::size_t> magazines_{0};
};

}  // namespace weft::detail
