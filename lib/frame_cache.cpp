// SPDX-License-Identifier: MIT
#include "frame_cache.hpp"

#include <utility>

namespace weft::detail {

constinit spare_frame frame_cache::no_room{nullptr, {0}};

constinit std::array<spare_frame, frame_classes> frame_cache::bottoms = [] {
    std::array<spare_frame, frame_classes> made{};
    for (std::size_t size_class = 1; size_class < frame_classes; ++size_class)
        made[size_class] = {nullptr, {magazine_capacity(size_class)}};
    return made;
}();

namespace {

// Never destroyed: threads free frames until the process ends.
constinit union immortal {
    frame_cache cache;
    constexpr immortal() noexcept : cache(nullptr) {}
    ~immortal() {}
} keeps_nothing;

}  // namespace

frame_cache& no_frame_cache() noexcept {
    return keeps_nothing.cache;
}

constinit thread_local frame_cache* this_frame_cache = &keeps_nothing.cache;

frame_cache::~frame_cache() {
    if (!depot_) return;
    for (std::size_t size_class = 1; size_class < frame_classes; ++size_class) {
        list const& frames = lists_[size_class];
        free_magazine(frames.newest);
        if (frames.spare) free_magazine(frames.spare);
    }
}

void* frame_cache::allocate_from_empty(list& frames) {
    std::size_t const size_class = class_of(frames);
    if (depot_) {
        spare_frame* more = std::exchange(frames.spare, nullptr);
        if (!more) more = depot_->take(size_class);
        if (more) {
            frames.newest = more->next;
            return more;
        }
        if (++uncached_[size_class] == magazine_capacity(size_class)) {
            uncached_[size_class] = 0;
            depot_->allow_one_more(size_class);
        }
    }
    return allocate_uncached(size_class * frame_granularity);
}

void frame_cache::free_into_full(void* frame, list& frames) noexcept {
    if (!depot_) return free_uncached(frame);
    std::size_t const size_class = class_of(frames);
    if (frames.spare && !depot_->put(size_class, frames.spare)) free_magazine(frames.spare);
    frames.spare = frames.newest;
    spare_frame& bottom = bottoms[size_class];
    frames.newest = new (frame) spare_frame{&bottom, {bottom.room - 1}};
}

}  // namespace weft::detail
