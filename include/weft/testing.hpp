// SPDX-License-Identifier: MIT
// For the tests of programs that use weft: a clock under which an hour of sleep takes microseconds, and a deadlock is an exception.
// Not part of weft/weft.hpp.
#pragma once

#include <chrono>

#include <weft/detail/config.hpp>
#include <weft/detail/paused_time.hpp>
#include <weft/error.hpp>
#include <weft/options.hpp>

namespace weft {

class runtime;

namespace testing {

// Thrown by run() under a paused clock when no task can go on and no sleep will end. what() lists every task that is alive, by
// where it was spawned, and what it waits for. The frames of these tasks stay as they are until the program ends, with all that
// they hold: they are not destroyed, because others may refer to them. The runtime is of no use any more: run() and submit() throw
// this, its destructor waits for no task, and the futures of submitted tasks among them are never fulfilled. Where only submitted
// tasks are left, so that there is nobody to throw to, the list goes to stderr and the program ends.
class WEFT_API deadlock : public error {
public:
    using error::error;
    ~deadlock() override;
};

// A clock that stands still as long as any task of its runtime can run, and when all of them sleep moves on to the moment at which
// the first is due:
//
//     weft::testing::paused_clock clock;
//     weft::run(async_main(), {.workers = 1, .clock = &clock});    // sleep(1h) returns at once
//     assert(clock.elapsed() == 1h);
//
// Computing takes no time by it. Everything in weft that measures time goes by it: sleep, sleep_until, interval, time limits, now.
// With one worker a program of tasks that spawn, sleep, yield and await takes the same steps every time (if it draws random numbers,
// with random::seed); a long computation of gathers inside each other is interrupted for others where it happens to be.
//
// While a task awaits something that is not weft's, which another thread may bring at any time, the clock moves only after
// `patience` of real time. A program that awaits things of its own which only its tasks bring about (an event, a queue) wants none:
// give 0s. A deadlock is not reported as long as a task awaits such a thing. While a function of to_thread runs, or stands in line,
// that a task awaits, the clock does not move at all. Threads outside are not waited for otherwise: a task that is submitted after
// the others have fallen asleep may find that an hour has passed.
//
// It begins at the present time of the steady clock, so sleep_until(steady_clock::now() + 1h) is all but right; weft::now() + 1h is
// exact. One runtime at a time may go by it, and it must outlive that; a second one throws invalid_state, also in the child of a
// fork(). Any thread may read it.
class WEFT_API paused_clock {
public:
    // Throws std::invalid_argument for a negative patience.
    explicit paused_clock(std::chrono::nanoseconds patience = std::chrono::seconds(1));
    paused_clock(paused_clock const&) = delete;
    paused_clock& operator=(paused_clock const&) = delete;

    [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept;
    // Since it was made.
    [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept;

private:
    friend class weft::runtime;

    detail::paused_time time_;
    std::chrono::steady_clock::time_point const start_;
};

}  // namespace testing
}  // namespace weft
