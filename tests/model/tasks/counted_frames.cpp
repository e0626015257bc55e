// SPDX-License-Identifier: MIT
// In place of lib/frame.cpp: frames come from the heap and go there, so that the checker sees who uses one that is gone.
#include "counted_frames.hpp"

#include <weft/detail/frame.hpp>

#include <frame_depot.hpp>

#include "model/verify.hpp"

namespace weft {

namespace {

long alive = 0;

// The checker does not see this, so counting orders nothing, and an execution does not get its value from before back.
[[gnu::no_sanitize("thread")]] void count(long change) noexcept { alive += change; }

void* allocate(std::size_t size) {
    void* const frame = detail::allocate_uncached(size);
    count(1);
    return frame;
}

void release(void* frame) noexcept {
    count(-1);
    detail::free_uncached(frame);
}

}  // namespace

void model::verify_tasks(options with, std::function<void()> const& body) {
    with.check_leaks = false;
    verify(with, [&] {
        count_frames_from_now();
        body();
        check(no_frame_is_left(), "every frame has gone");
    });
}

[[gnu::no_sanitize("thread")]] void model::count_frames_from_now() noexcept { alive = 0; }
[[gnu::no_sanitize("thread")]] bool model::no_frame_is_left() noexcept { return alive == 0; }

void* detail::allocate_cached_frame(std::size_t rounded_size) { return allocate(rounded_size); }
void detail::free_cached_frame(void* frame, std::size_t) noexcept { release(frame); }
void* detail::allocate_large_frame(std::size_t size) { return allocate(size); }
void detail::free_large_frame(void* frame) noexcept { release(frame); }

}  // namespace weft
