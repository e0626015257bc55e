// SPDX-License-Identifier: MIT
// Scopes with a time limit. lib/README.md, "Cancellation".
#include <weft/timeout.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include <weft/detail/frame.hpp>
#include <weft/detail/time_limit.hpp>
#include <weft/error.hpp>

#include "cancellation.hpp"
#include "clock.hpp"
#include "runtime_core.hpp"

namespace weft::detail {

namespace {

void free_limit(time_limit* limit) noexcept {
    std::destroy_at(limit);
    free_frame(limit, sizeof(time_limit));
}

time_limit* make_limit(inner_scope& scope, std::int64_t deadline) {
    auto* const limit = std::construct_at(static_cast<time_limit*>(allocate_frame(sizeof(time_limit))));
    limit->scope = &scope;
    limit->deadline = deadline;
    return limit;
}

// Its timer is not to pass any more. False: it is passing, or has passed.
bool stop_limit(timer_driver& timers, inner_scope& scope) noexcept {
    time_limit* const limit = scope.limit;
    if (!scope.limit_started || timers.disarm(*limit)) {
        scope.limit = nullptr;
        free_limit(limit);
        return true;
    }
    // acq_rel. Pairs with: itself in pass_limit. Makes visible: to who frees it, all that the other has done with it.
    time_limit::stage reached = time_limit::stage::open;
    if (!limit->reached.compare_exchange_strong(reached, time_limit::stage::left, std::memory_order_acq_rel)) return false;
    scope.limit = nullptr;
    return true;
}

}  // namespace

void start_limits(worker& here, scope_ref scope) noexcept {
    for (inner_scope* inner = scope.inner(); inner; inner = scope.inner()) {
        // One that had passed when it was made needs none.
        bool const passed = inner->requests.load(std::memory_order_relaxed) != 0;
        if (inner->limit && !inner->limit_started && !passed && inner->limit->deadline != forever) {
            inner->limit_started = true;
            inner->limit->armed = steady_now();
            here.armed_timer();
            here.pool().timers.arm(*inner->limit, here.index());
        }
        scope = inner->outer;
    }
}

void start_limits_here(worker& here) noexcept {
    suspension_list::guard const list(here.scope.task()->suspensions);
    start_limits(here, here.scope);
}

void pass_limit(timer_entry& due) noexcept {
    auto& limit = static_cast<time_limit&>(due);
    // acq_rel: as in stop_limit.
    time_limit::stage reached = time_limit::stage::open;
    if (!limit.reached.compare_exchange_strong(reached, time_limit::stage::passing, std::memory_order_acq_rel)) return free_limit(&limit);
    // A task's last reference may go with the request. So that its frame goes before the run ends, this counts as a task of the run;
    // that is not over yet, because the scope is not left as long as its limit is passing.
    worker& here = *this_worker;
    run_group& group = *limit.scope->task->group;
    group.count_begun(here.index());
    {
        between_tasks const nobody(here, group);
        cancel_scope(*limit.scope, [](inner_scope& scope) noexcept {
            // release. Pairs with: leave_limited. From here on the scope may be gone.
            scope.limit->reached.store(time_limit::stage::passed, std::memory_order_release);
        });
    }
    group.count_ended(here.index());
}

void enter_limited(inner_scope& scope, promise_base& coroutine, std::int64_t deadline) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    scope.limit = make_limit(scope, deadline);
    enter(here, scope, handle_of(coroutine).address());
    if (deadline <= here.pool().clock.now()) scope.requests.store(1, std::memory_order_relaxed);
}

void leave_limited(inner_scope& scope) noexcept {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (!stop_limit(here.pool().timers, scope)) {
        // acquire. Pairs with: pass_limit. It is about to be done.
        while (scope.limit->reached.load(std::memory_order_acquire) != time_limit::stage::passed) std::this_thread::yield();
        free_limit(scope.limit);
    }
    leave(here, scope);
}

std::int64_t moment_in(std::int64_t nanoseconds) noexcept {
    WEFT_COMPILER_BARRIER();
    worker const* const here = this_worker;
    std::int64_t const now = here ? here->pool().clock.now() : steady_now();
    return nanoseconds > 0 ? saturated_sum(now, nanoseconds) : now + nanoseconds;
}

}  // namespace weft::detail

namespace weft {

namespace {

std::optional<std::chrono::steady_clock::time_point> moment_of(std::int64_t deadline) noexcept {
    if (deadline == detail::forever) return std::nullopt;
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline));
}

}  // namespace

std::optional<timeout_scope::time_point> timeout_scope::when() const noexcept {
    detail::suspension_list::guard const list(scope_.task->suspensions);
    return moment_of(scope_.limit->deadline);
}

void timeout_scope::reschedule(std::optional<time_point> when) {
    WEFT_COMPILER_BARRIER();
    detail::worker& here = *detail::this_worker;
    std::int64_t const deadline = when ? detail::saturated_nanoseconds(when->time_since_epoch()) : detail::forever;
    detail::time_limit* const limit = detail::make_limit(scope_, deadline);
    bool moved = false;
    {
        detail::suspension_list::guard const list(scope_.task->suspensions);
        moved = !expired() && detail::stop_limit(here.pool().timers, scope_);
        if (moved) {
            scope_.limit = limit;
            scope_.limit_started = false;
            // Perhaps some wait already, in other branches of a gather, and this one goes on computing.
            detail::start_limits(here, detail::scope_ref(&scope_));
        }
    }
    if (moved) return here.watch_time();
    detail::free_limit(limit);
    throw invalid_state("weft::timeout_scope: the limit has passed and cannot be moved any more; make another one");
}

bool timeout_scope::expired() const noexcept {
    return scope_.requests.load(std::memory_order_relaxed) != 0;
}

std::optional<std::chrono::steady_clock::time_point> deadline() noexcept {
    WEFT_COMPILER_BARRIER();
    detail::worker const* const here = detail::this_worker;
    if (!here) return std::nullopt;
    std::int64_t nearest = detail::forever;
    detail::scope_ref scope = here->scope;
    detail::suspension_list::guard const list(scope.task()->suspensions);
    for (detail::inner_scope const* inner = scope.inner(); inner; inner = scope.inner()) {
        if (inner->limit) nearest = std::min(nearest, inner->limit->deadline);
        scope = inner->outer;
    }
    return moment_of(nearest);
}

}  // namespace weft
