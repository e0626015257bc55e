// SPDX-License-Identifier: MIT
// Clocks, sleeps, futexes and the process barrier. An execution's clock moves only when a deadline passes.
#include <ctime>

#include "entry.hpp"
#include "memory.hpp"
#include "schedule.hpp"
#include "shadow.hpp"
#include "trace.hpp"

namespace weft::model {

using engine::entry;
using engine::in_model;

#define PLACE __builtin_return_address(0)

void wait_on_word(void const* word, std::uint32_t expected, bool timed, std::int64_t deadline) noexcept {
    if (!in_model) return;
    entry const in(PLACE);
    engine::step();
    std::uint32_t const value = static_cast<std::uint32_t>(engine::memory::latest(reinterpret_cast<std::uintptr_t>(word), 4));
    bool const waits = value == expected && !(timed && deadline <= engine::execution.clock);
    engine::trace::event(waits ? "sleeps on" : "does not sleep on", word);
    engine::stepped(false);
    if (!waits) return;
    engine::block_until(word, timed, deadline, true);
    engine::trace::event(engine::me().timed_out ? "wakes by its deadline from" : "wakes from", word);
}

void wake_word(void const* word) noexcept {
    if (!in_model) return;
    entry const in(PLACE);
    engine::step();
    // The word may be gone already: the kernel looks at its address alone.
    int const woken = engine::choose_waiting(word);
    if (woken >= 0) engine::make_runnable(engine::execution.threads[static_cast<std::size_t>(woken)]);
    engine::trace::event(woken >= 0 ? "wakes one on" : "wakes nobody on", word);
    engine::stepped(woken >= 0);
}

bool prepare_process_barrier() noexcept { return !in_model || engine::execution.wanted->process_barrier; }

void process_barrier() noexcept {
    if (!in_model) return;
    entry const in(PLACE);
    if (!engine::execution.wanted->process_barrier) engine::fail("a process barrier that was not prepared");
    engine::memory::fence_everywhere();
}

}  // namespace weft::model

using weft::model::engine::entry;
using weft::model::engine::execution;
using weft::model::engine::in_model;
namespace engine = weft::model::engine;

extern "C" void weft_model_pause() {
    if (!in_model) return __builtin_ia32_pause();
    entry const in(PLACE);
    engine::pause();
}

namespace {

void show(std::timespec* at) noexcept {
    *at = {static_cast<std::time_t>(execution.clock / 1'000'000'000), static_cast<long>(execution.clock % 1'000'000'000)};
}

void sleep_until(std::int64_t deadline) noexcept {
    engine::trace::event("sleeps");
    engine::block_until(nullptr, true, deadline, false);
    engine::trace::event("has slept");
}

}  // namespace

WEFT_MODEL_ENTRY int clock_gettime(clockid_t clock, std::timespec* at) noexcept {
    if (!in_model) {
        static decltype(::clock_gettime)* known = nullptr;
        return engine::real<decltype(::clock_gettime)>("clock_gettime", known)(clock, at);
    }
    show(at);
    return 0;
}
WEFT_MODEL_ENTRY int nanosleep(std::timespec const* duration, std::timespec* rest) {
    if (!in_model) {
        static decltype(::nanosleep)* known = nullptr;
        return engine::real<decltype(::nanosleep)>("nanosleep", known)(duration, rest);
    }
    entry const in(PLACE);
    sleep_until(execution.clock + duration->tv_sec * 1'000'000'000 + duration->tv_nsec);
    return 0;
}
WEFT_MODEL_ENTRY int clock_nanosleep(clockid_t clock, int flags, std::timespec const* at, std::timespec* rest) {
    if (!in_model) {
        static decltype(::clock_nanosleep)* known = nullptr;
        return engine::real<decltype(::clock_nanosleep)>("clock_nanosleep", known)(clock, flags, at, rest);
    }
    entry const in(PLACE);
    std::int64_t const begin = (flags & TIMER_ABSTIME) != 0 ? 0 : execution.clock;
    sleep_until(begin + at->tv_sec * 1'000'000'000 + at->tv_nsec);
    return 0;
}
