// SPDX-License-Identifier: MIT
// The awaitables that suspend a task: sleep, yield, and whatever is not weft's own.
#include <coroutine>
#include <exception>
#include <memory>

#include <weft/detail/frame.hpp>
#include <weft/detail/relay.hpp>
#include <weft/detail/turn.hpp>
#include <weft/sleep.hpp>
#include <weft/yield.hpp>

#include "cancellation.hpp"
#include "clock.hpp"
#include "runtime_core.hpp"
#include "task_core.hpp"

namespace weft::detail {

namespace {

void arm(worker& here, timer_entry& entry, promise_base& sleeper, std::int64_t now) noexcept {
    // While a paused clock stands still, many are armed at one time by it.
    entry.armed = here.pool().clock.paused() ? steady_now() : now;
    here.armed_timer();
    suspend_cancellably(here, sleeper, entry, [&](bool) {
        here.pool().timers.arm(entry, here.index());
        return true;
    });
}

// No sleep, but a cancellation point as one.
void go_to_back(timer_entry& entry, promise_base& sleeper) noexcept {
    entry.coroutine = handle_of(sleeper);
    suspend_to_back(sleeper);
}

}  // namespace

void suspend_for(timer_entry& entry, promise_base& sleeper) noexcept {
    WEFT_COMPILER_BARRIER();
    if (entry.deadline <= 0) return go_to_back(entry, sleeper);
    std::int64_t const now = this_worker->pool().clock.now();
    entry.deadline = saturated_sum(now, entry.deadline);
    arm(*this_worker, entry, sleeper, now);
}

void suspend_until(timer_entry& entry, promise_base& sleeper) noexcept {
    WEFT_COMPILER_BARRIER();
    std::int64_t const now = this_worker->pool().clock.now();
    if (entry.deadline <= now) return go_to_back(entry, sleeper);
    arm(*this_worker, entry, sleeper, now);
}

// ---- Foreign awaitables

namespace {

struct relay {
    struct promise_type {
        static void* operator new(std::size_t size) { return allocate_frame(size); }
        static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }
        relay get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };

    std::coroutine_handle<> frame;
};

relay bring_back(promise_base& suspended) {
    schedule_from_abroad(suspended);
    co_return;
}

}  // namespace

std::coroutine_handle<> relay_to_current_runtime(promise_base& suspended) {
    WEFT_COMPILER_BARRIER();
    std::coroutine_handle<> const made = bring_back(suspended).frame;
    if (this_worker->scope.inner()) [[unlikely]] start_limits_here(*this_worker);
    leave_fork(*this_worker, suspended);
    this_worker->pool().expect_foreign();
    return made;
}

void destroy_relay(std::coroutine_handle<> unused) noexcept {
    WEFT_COMPILER_BARRIER();
    unused.destroy();
    this_worker->pool().foreign_came();
    this_worker->stay_in_fork();
}

}  // namespace weft::detail

namespace weft {

std::chrono::steady_clock::time_point now() noexcept {
    WEFT_COMPILER_BARRIER();
    detail::worker const* const here = detail::this_worker;
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(here ? here->pool().clock.now() : detail::steady_now()));
}

}  // namespace weft
