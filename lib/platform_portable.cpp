// SPDX-License-Identifier: MIT
#include "platform.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <system_error>

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

namespace {

struct replaced_handler {
    int signal;
    void (*before)(int);
};

constinit std::array<replaced_handler, 2> replaced_handlers{{{SIGINT, SIG_DFL}, {SIGTERM, SIG_DFL}}};

// True: what the handler had replaced is there now. One cannot ask what is there, only replace it. On some systems a handler that
// is called is gone by that.
bool release(replaced_handler const& replaced, void (*handler)(int)) noexcept {
    auto const found = std::signal(replaced.signal, replaced.before);
    if (found == handler || found == replaced.before || found == SIG_DFL) return true;
    std::signal(replaced.signal, found);
    return false;
}

}  // namespace

void catch_signals(void (*handler)(int)) noexcept {
    for (replaced_handler& each : replaced_handlers) {
        auto const before = std::signal(each.signal, handler);
        if (before != handler) each.before = before;
        if (before == SIG_IGN) std::signal(each.signal, SIG_IGN);
    }
}

void release_signals(void (*handler)(int)) noexcept {
    for (replaced_handler const& each : replaced_handlers) release(each, handler);
}

void end_by_signal(int signal) noexcept {
    std::signal(signal, SIG_DFL);
    std::raise(signal);  // where it is blocked in its handler, it takes effect when that returns
}

void pass_on_signal(int signal, void (*handler)(int)) noexcept {
    for (replaced_handler const& each : replaced_handlers)
        if (each.signal == signal && release(each, handler)) std::raise(signal);
}

// A handler may do nothing but set a lock-free atomic: who waits looks every 20 ms.
void wait_for_handler(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    auto const next_look = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    wait_on_word(word, expected, std::chrono::nanoseconds(next_look.time_since_epoch()).count());
}
void wake_from_handler(std::atomic<std::uint32_t>&) noexcept {}

std::uint32_t process_id() noexcept {
    return 1;  // a child is not noticed
}

std::vector<std::string> names_in(std::string const& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
        names.push_back(entry->path().filename().string());
    return names;
}

void name_this_thread(std::string const&) noexcept {}
void sharpen_timed_waits() noexcept {}
void on_fork(void (*)()) noexcept {}

}  // namespace weft::detail::platform
