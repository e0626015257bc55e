// SPDX-License-Identifier: MIT
#include "frame_depot.hpp"

#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#include <oneapi/tbb/scalable_allocator.h>

namespace weft::detail {

void* allocate_uncached(std::size_t size) {
    void* const frame = config::asan || config::tsan ? std::malloc(size) : scalable_malloc(size);
    if (!frame) throw std::bad_alloc();
    return frame;
}

void free_uncached(void* frame) noexcept {
    if constexpr (config::asan || config::tsan)
        std::free(frame);
    else
        scalable_free(frame);
}

void free_magazine(spare_frame* magazine) noexcept {
    while (spare_frame* const next = magazine->next) free_uncached(std::exchange(magazine, next));
}

frame_depot::~frame_depot() {
    for (std::size_t size_class = 1; size_class < frame_classes; ++size_class)
        while (spare_frame* const magazine = take(size_class)) free_magazine(magazine);
}

bool frame_depot::put(std::size_t size_class, spare_frame* magazine) noexcept {
    shelf& own = shelves_[size_class];
    std::size_t others = 0;
    {
        std::lock_guard const lock(own.mutex);
        std::size_t const kept = own.kept.load(std::memory_order_relaxed);
        if (kept >= own.allowed) return false;
        own.kept.store(kept + 1, std::memory_order_relaxed);
        magazine->next_magazine = own.newest.load(std::memory_order_relaxed);
        own.newest.store(magazine, std::memory_order_relaxed);
        // Before anybody takes it: else the count may pass below 0, which is more than there may be.
        others = magazines_.fetch_add(1, std::memory_order_relaxed);
    }
    if (others >= most_magazines_) shrink();
    return true;
}

void frame_depot::shrink() noexcept {
    std::size_t fullest = 0;
    for (std::size_t other = 1; other < frame_classes; ++other)
        if (shelves_[other].kept.load(std::memory_order_relaxed) > shelves_[fullest].kept.load(std::memory_order_relaxed)) fullest = other;
    if (spare_frame* const magazine = take(fullest)) free_magazine(magazine);
}

spare_frame* frame_depot::take(std::size_t size_class) noexcept {
    shelf& own = shelves_[size_class];
    if (!own.newest.load(std::memory_order_relaxed)) return nullptr;
    std::lock_guard const lock(own.mutex);
    spare_frame* const magazine = own.newest.load(std::memory_order_relaxed);
    if (!magazine) return nullptr;
    own.newest.store(magazine->next_magazine, std::memory_order_relaxed);
    own.kept.store(own.kept.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    magazines_.fetch_sub(1, std::memory_order_relaxed);
    return magazine;
}

void frame_depot::allow_one_more(std::size_t size_class) noexcept {
    shelf& own = shelves_[size_class];
    std::lock_guard const lock(own.mutex);
    ++own.allowed;
}

}  // namespace weft::detail
