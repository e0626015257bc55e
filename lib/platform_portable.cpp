// SPDX-License-Identifier: MIT
#include "platform.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include <oneapi/tbb/info.h>

namespace weft::detail::platform {

namespace {

// Words share a few mutexes by address. A waiter checks its word under the mutex and a waker passes through it, so a wake-up
// between check and wait is not lost; notify_all, because a neighbour's waiter may listen on the same condition.
struct meeting_place {
    std::mutex mutex;
    std::condition_variable changed;
};

meeting_place& place_of(std::atomic<std::uint32_t>& word) {
    static std::array<meeting_place, 64> places;
    return places[(reinterpret_cast<std::uintptr_t>(&word) >> 7) % places.size()];
}

}  // namespace

void wait_on_word(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t deadline) noexcept {
    meeting_place& place = place_of(word);
    std::unique_lock lock(place.mutex);
    auto const changed = [&] { return word.load() != expected; };
    if (deadline == forever)
        place.changed.wait(lock, changed);
    else
        place.changed.wait_until(lock, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline)), changed);
}

void wake_word(std::atomic<std::uint32_t>& word) noexcept {
    meeting_place& place = place_of(word);
    { std::lock_guard const passed(place.mutex); }
    place.changed.notify_all();
}

bool prepare_process_barrier() noexcept {
    return false;
}
void process_barrier() noexcept {}

unsigned usable_processors() {
    return static_cast<unsigned>(std::max(1, oneapi::tbb::info::default_concurrency()));
}

int current_processor() noexcept {
    return -1;
}

void name_this_thread(std::string const&) noexcept {}
void sharpen_timed_waits() noexcept {}
void on_fork(void (*)()) noexcept {}

}  // namespace weft::detail::platform
