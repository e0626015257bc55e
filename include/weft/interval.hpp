// SPDX-License-Identifier: MIT
// interval: something to be done every so often.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>

#include <weft/sleep.hpp>

namespace weft {

// What becomes of ticks that nobody awaited in time: when one is delivered and the next is due already.
//   burst   They come one after the other, each as soon as it is awaited, until they have been made up for.
//   delay   They are dropped, and the next tick is one period after the late one was delivered.
//   skip    They are dropped, and the next tick is the next one of the old timetable.
enum class missed_tick { burst, delay, skip };

namespace detail {

// Returns it. Throws std::invalid_argument where it is not positive.
WEFT_API std::int64_t positive_period(std::int64_t nanoseconds);

// When the tick after one that was due at `due` is, if that is delivered at `now`.
WEFT_API std::int64_t next_tick(std::int64_t due, std::int64_t now, std::int64_t period, missed_tick missed) noexcept;

}  // namespace detail

// Ticks at first, first + period, first + 2 periods, ... Each is measured from the first and not from the one before, so lateness
// does not add up.
//
//     weft::interval every(100ms);
//     for (;;) {
//         co_await every.tick();
//         ...
//     }
class interval {
public:
    using time_point = std::chrono::steady_clock::time_point;

    // The first tick is due now (now() of sleep.hpp), so the first await goes on at once. Throws std::invalid_argument where the
    // period is not positive, or NaN.
    template <class Rep, class Period>
    explicit interval(std::chrono::duration<Rep, Period> period, missed_tick missed = missed_tick::burst)
        : interval(now(), period, missed) {}

    // The first tick is due at `first`; for one period from now, now() + period.
    template <class Rep, class Period>
    interval(time_point first, std::chrono::duration<Rep, Period> period, missed_tick missed = missed_tick::burst)
        : period_(detail::positive_period(detail::saturated_nanoseconds(period))),
          next_(detail::saturated_nanoseconds(first.time_since_epoch())),
          missed_(missed) {}

    // What tick() returns.
    class [[nodiscard("co_await it: a tick that is not awaited is not waited for")]] tick_awaitable;

    // Waits for the next tick; co_await gives the moment at which it was due. A tick whose time has come yields once.
    //   Resumes on:    any worker of the task's runtime.
    //   Cancellation:  a cancellation point.
    //   Throws:        weft::cancelled; the tick is then still the next one.
    //   Must outlive:  the interval, the await. One task at a time may await its ticks.
    tick_awaitable tick() noexcept;

    [[nodiscard]] std::chrono::nanoseconds period() const noexcept { return std::chrono::nanoseconds(period_); }

private:
    std::int64_t period_;
    std::int64_t next_;
    missed_tick missed_;
};

// Each await of it waits for the tick that is next then.
class interval::tick_awaitable {
public:
    using weft_native_awaitable = void;

    explicit tick_awaitable(interval& of) noexcept : of_(&of) {}

    class awaiter {
    public:
        using weft_native_awaitable = void;

        explicit awaiter(interval& of) noexcept : of_(of), sleep_(of.next_) {}

        bool await_ready() const noexcept { return false; }

        template <class Promise>
        WEFT_NOINLINE_SUSPEND void await_suspend(std::coroutine_handle<Promise> sleeper) noexcept {
            sleep_.await_suspend(sleeper);
        }

        time_point await_resume() {
            sleep_.await_resume();
            std::int64_t const due = of_.next_;
            of_.next_ = detail::next_tick(due, now().time_since_epoch() / std::chrono::nanoseconds(1), of_.period_, of_.missed_);
            return time_point(std::chrono::nanoseconds(due));
        }

    private:
        interval& of_;
        detail::sleep_awaitable<detail::measured::from_epoch>::awaiter sleep_;
    };
    awaiter operator co_await() const noexcept { return awaiter(*of_); }

private:
    interval* of_;
};

inline interval::tick_awaitable interval::tick() noexcept {
    return tick_awaitable(*this);
}

}  // namespace weft
