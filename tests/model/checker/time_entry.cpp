// SPDX-License-Identifier: MIT
// Clocks, sleeps, futexes and the process barrier. An execution's clock moves only when a deadline passes.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdarg>
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

namespace {

// Whether it has waited, and not until the deadline.
enum class waited { woken, not_at_all, until_deadline };

waited wait(void const* word, std::uint32_t expected, bool timed, std::int64_t deadline) noexcept {
    engine::step();
    std::uint32_t const value = static_cast<std::uint32_t>(engine::memory::latest(reinterpret_cast<std::uintptr_t>(word), 4));
    bool const waits = value == expected && !(timed && deadline <= engine::execution.clock);
    engine::trace::event(waits ? "sleeps on" : "does not sleep on", word);
    engine::stepped(false);
    if (!waits) return value == expected ? waited::until_deadline : waited::not_at_all;
    engine::block_until(word, timed, deadline, true);
    bool const timed_out = engine::me().timed_out;
    engine::trace::event(timed_out ? "wakes by its deadline from" : "wakes from", word);
    return timed_out ? waited::until_deadline : waited::woken;
}

void wake_one(void const* word) noexcept {
    engine::step();
    // The word may be gone already: the kernel looks at its address alone.
    int const woken = engine::choose_waiting(word);
    if (woken >= 0) engine::make_runnable(engine::execution.threads[static_cast<std::size_t>(woken)]);
    engine::trace::event(woken >= 0 ? "wakes one on" : "wakes nobody on", word);
    engine::stepped(woken >= 0);
}

void wake_all(void const* word) noexcept {
    engine::step();
    std::uint32_t const waiting = engine::waiting_for(word);
    for (std::uint32_t rest = waiting; rest != 0; rest &= rest - 1)
        engine::make_runnable(engine::execution.threads[static_cast<std::size_t>(std::countr_zero(rest))]);
    engine::trace::event("wakes all on", word);
    engine::stepped(waiting != 0);
}

// What the standard library calls for a std::future, in its shared part.
long futex(void const* word, int operation, std::uint32_t number, std::timespec const* deadline) noexcept {
    switch (operation & FUTEX_CMD_MASK) {
        case FUTEX_WAIT:
        case FUTEX_WAIT_BITSET: {
            std::int64_t const begin = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT ? engine::execution.clock : 0;
            std::int64_t const until = deadline ? begin + deadline->tv_sec * 1'000'000'000 + deadline->tv_nsec : 0;
            waited const how = wait(word, number, deadline != nullptr, until);
            if (how == waited::woken) return 0;
            errno = how == waited::not_at_all ? EAGAIN : ETIMEDOUT;
            return -1;
        }
        case FUTEX_WAKE:
            if (number == 1)
                wake_one(word);
            else
                wake_all(word);
            return 0;
        default: break;
    }
    engine::fail("a use of futexes that the checker does not know");
}

}  // namespace

void wait_on_word(void const* word, std::uint32_t expected, bool timed, std::int64_t deadline) noexcept {
    if (!in_model) return;
    entry const in(PLACE);
    static_cast<void>(wait(word, expected, timed, deadline));
}

void wake_word(void const* word) noexcept {
    if (!in_model) return;
    entry const in(PLACE);
    wake_one(word);
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
WEFT_MODEL_ENTRY long syscall(long number, ...) noexcept {
    std::va_list rest;
    va_start(rest, number);
    std::array<long, 6> arguments{};  // that many the kernel takes, whatever of it means something
    for (long& each : arguments) each = va_arg(rest, long);
    va_end(rest);
    auto const [a, b, c, d, e, f] = arguments;
    if (!in_model || number != SYS_futex) {
        static decltype(::syscall)* known = nullptr;
        return engine::real<decltype(::syscall)>("syscall", known)(number, a, b, c, d, e, f);
    }
    entry const in(PLACE);
    return weft::model::futex(reinterpret_cast<void const*>(a), static_cast<int>(b), static_cast<std::uint32_t>(c),
                              reinterpret_cast<std::timespec const*>(d));
}
