// SPDX-License-Identifier: MIT
// sleep and sleep_until.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

#include <weft/detail/promise.hpp>
#include <weft/detail/timer_entry.hpp>
#include <weft/error.hpp>

namespace weft {

namespace detail {

// Suspends `sleeper` for as many nanoseconds as stand in the entry's deadline, or until that moment of the steady clock. Not after
// now: to the back of the ready tasks.
WEFT_API WEFT_NOIPA void suspend_for(timer_entry& entry, promise_base& sleeper) noexcept;
WEFT_API WEFT_NOIPA void suspend_until(timer_entry& entry, promise_base& sleeper) noexcept;

// Nanoseconds, rounded up (a sleep is never early) and saturated: what does not fit is `forever`. Throws std::invalid_argument for
// NaN.
template <class Rep, class Period>
constexpr std::int64_t saturated_nanoseconds(std::chrono::duration<Rep, Period> duration) {
    if constexpr (std::chrono::treat_as_floating_point_v<Rep>) {
        if (duration.count() != duration.count()) throw_not_a_number();
    }
    // Coarse, in double: far from the limits it decides nothing, and close to 292 years nobody counts the nanoseconds.
    constexpr double limit = 9.2e18;
    double const coarse =
        static_cast<double>(duration.count()) * (1e9 * static_cast<double>(Period::num) / static_cast<double>(Period::den));
    if (coarse >= limit) return forever;
    if (coarse <= -limit) return std::numeric_limits<std::int64_t>::min();
    if constexpr (std::is_integral_v<Rep>) {
        // Step by step, because chrono's own conversion overflows on the way for units such as thirds of a second.
        using factor = std::ratio_divide<Period, std::nano>;
        static_assert(factor::num <= forever / factor::den, "weft: this unit of time is too odd to be converted to nanoseconds");
        auto const whole = static_cast<std::int64_t>(duration.count() / static_cast<std::common_type_t<Rep, std::int64_t>>(factor::den));
        auto const rest = static_cast<std::int64_t>(duration.count() % static_cast<std::common_type_t<Rep, std::int64_t>>(factor::den));
        return whole * factor::num + (rest > 0 ? (rest * factor::num + factor::den - 1) / factor::den : rest * factor::num / factor::den);
    } else {
        return static_cast<std::int64_t>(std::chrono::ceil<std::chrono::nanoseconds>(duration).count());
    }
}

}  // namespace detail

// The time that sleep, sleep_until, interval and time limits go by: on a worker, what the clock of its runtime shows, which is the
// steady clock unless a test has put another in its place (testing.hpp); anywhere else the steady clock.
[[nodiscard]] WEFT_API WEFT_NOIPA std::chrono::steady_clock::time_point now() noexcept;

namespace detail {

enum class measured { from_await, from_epoch };

// What sleep and sleep_until return: a length of time, or a moment. Each await of it sleeps anew.
template <measured From>
class [[nodiscard("co_await it: a sleep that is not awaited does not happen")]] sleep_awaitable {
public:
    using weft_native_awaitable = void;

    explicit sleep_awaitable(std::int64_t time) noexcept : time_(time) {}

    class awaiter {
    public:
        using weft_native_awaitable = void;

        explicit awaiter(std::int64_t time) noexcept { entry_.deadline = time; }

        bool await_ready() const noexcept { return false; }

        template <class Promise>
        WEFT_NOINLINE_SUSPEND void await_suspend(std::coroutine_handle<Promise> sleeper) noexcept {
            static_assert(std::derived_from<Promise, promise_base>, "weft::sleep can be awaited only in a weft::task");
            if constexpr (From == measured::from_await)
                suspend_for(entry_, sleeper.promise());
            else
                suspend_until(entry_, sleeper.promise());
        }

        void await_resume() { resumed(entry_); }

    private:
        timer_entry entry_;
    };
    awaiter operator co_await() const noexcept { return awaiter(time_); }

private:
    std::int64_t time_;  // nanoseconds: how long, or since the epoch
};

}  // namespace detail

// Suspends the task for at least `duration`, measured on the steady clock from the await on. Never early. Zero or less yields once,
// as yield(), with no timer. Any std::chrono duration, fractions of a nanosecond rounded up; more than 292 years is for ever.
// With one worker, sleepers go on in order of their deadlines (to 16 us), those of one deadline in the order in which they began to
// sleep. With several, that is the order in which they are made ready; a worker that takes some from another may be faster or
// slower.
//   Resumes on:    any worker of the task's runtime.
//   Cancellation:  a cancellation point.
//   Throws:        std::invalid_argument for NaN, from the call itself; weft::cancelled.
//   Must outlive:  nothing; the timer stands in the awaiting coroutine's frame.
template <class Rep, class Period>
auto sleep(std::chrono::duration<Rep, Period> duration) {
    return detail::sleep_awaitable<detail::measured::from_await>(detail::saturated_nanoseconds(duration));
}

// The same until a moment of the steady clock; a moment that has passed yields once. Same answers to the four questions.
template <class Duration>
auto sleep_until(std::chrono::time_point<std::chrono::steady_clock, Duration> moment) {
    return detail::sleep_awaitable<detail::measured::from_epoch>(detail::saturated_nanoseconds(moment.time_since_epoch()));
}

}  // namespace weft
