// SPDX-License-Identifier: MIT
// lib/README.md, "Cancellation", has the protocol and why it is right.
#include "cancellation.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include <weft/detail/join.hpp>
#include <weft/detail/time_limit.hpp>
#include <weft/error.hpp>
#include <weft/timeout.hpp>

#include "clock.hpp"
#include "run_group.hpp"
#include "runtime_core.hpp"

namespace weft::detail {

std::exception_ptr const gather_cancelled;

bool is_cancelled(std::exception_ptr const& exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (cancelled const&) {
        return true;
    } catch (...) {
        return false;
    }
}

// ---- Requests

namespace {

// Requests around a scope that nobody has taken back.
std::uint32_t open_requests_around(inner_scope const& scope) noexcept {
    std::uint32_t sum = 0;
    scope_ref around = scope.outer;
    for (inner_scope const* inner = around.inner(); inner; inner = around.inner()) {
        sum += inner->requests.load(std::memory_order_relaxed);
        around = inner->outer;
    }
    return sum + static_cast<std::uint32_t>(cancelling(*around.task()));
}

bool is_inside(scope_ref scope, scope_ref whole) noexcept {
    for (;;) {
        if (scope == whole) return true;
        inner_scope const* const inner = scope.inner();
        if (!inner) return false;
        scope = inner->outer;
    }
}

// What has been asked has come to those who run in the scope.
void note_delivery(scope_ref scope) noexcept {
    for (inner_scope* inner = scope.inner(); inner; inner = scope.inner()) {
        inner->delivered.store(inner->requests.load(std::memory_order_relaxed), std::memory_order_relaxed);
        scope = inner->outer;
    }
}

void count_request(std::atomic<request_count>& requests) noexcept {
    requests.store(static_cast<request_count>(requests.load(std::memory_order_relaxed) + 1), std::memory_order_relaxed);
}

// With the list of its task locked: wakes it, unless it is just going on anyway.
bool take_from_source(scheduler& pool, suspension& node) noexcept {
    switch (node.kind) {
        case waits_for::timer: return pool.timers.disarm(static_cast<timer_entry&>(node));
        case waits_for::task_end:
        case waits_for::forwarded:
        case waits_for::shielded: break;
    }
    auto& waiting = static_cast<waiter&>(node);
    waiter_list::guard others(waiting.awaited->waiters);
    if (others.first() == &ended_mark) return false;
    others.remove(waiting);
    return true;
}

// How many tasks may await each other in a row until it is taken for a circle.
constexpr std::size_t longest_chain = 10'000;

// A request has been counted in `scope`, whose task's list is locked: it goes to all who wait there. Answers those who are to be
// scheduled, chained by of_task.next. Tasks that are to be cancelled in place of those who await them go to `next`.
suspension* interrupt(suspension_list::guard& list, scope_ref scope, std::vector<promise_base*>& next, bool forwarding) noexcept {
    suspension* woken = nullptr;
    suspension* following = nullptr;
    for (suspension* node = list.first(); node; node = following) {
        following = node->of_task.next;
        promise_base& waiting = promise_of(node->coroutine.address());
        if (!is_inside(waiting.scope, scope)) continue;
        if (forwarding && (node->kind == waits_for::task_end || node->kind == waits_for::forwarded)) {
            promise_base& awaited = *static_cast<waiter*>(node)->awaited;
            // It is about to go on, and finds the request.
            if (has_ended(awaited)) continue;
            try {
                next.push_back(&awaited);
                // relaxed: the waiter's handle keeps one until the list is unlocked.
                awaited.references.fetch_add(1, std::memory_order_relaxed);
                node->kind = waits_for::forwarded;
                node->forwarded_seen = requests_in(waiting.scope);
                note_delivery(waiting.scope);
                continue;
            } catch (std::bad_alloc const&) {
                // Then it wakes at once, as if shielded.
            }
        }
        if (!take_from_source(scope.task()->group->core().pool, *node)) continue;
        list.remove(*node);
        node->listed = false;
        node->of_task.next = woken;
        woken = node;
    }
    return woken;
}

suspension* count_and_interrupt(std::atomic<request_count>& requests, scope_ref scope, std::vector<promise_base*>& next,
                                bool forwarding) noexcept {
    suspension_list::guard list(scope.task()->suspensions);
    count_request(requests);
    return interrupt(list, scope, next, forwarding);
}

void schedule_all(suspension* woken) noexcept {
    while (woken) {
        // Once it is scheduled, the node may be gone.
        suspension* const next = woken->of_task.next;
        bool const of_other_runtime = woken->kind != waits_for::timer && static_cast<waiter*>(woken)->of_other_runtime;
        schedule_cancelled(promise_of(woken->coroutine.address()), of_other_runtime);
        woken = next;
    }
}

// Cancels the tasks in `next`, and drops the references to them.
void cancel_all(std::vector<promise_base*>& next) noexcept {
    for (std::size_t cancelled = 0; !next.empty(); ++cancelled) {
        promise_base& task = *next.back();
        next.pop_back();
        if (!has_ended(task)) schedule_all(count_and_interrupt(task.requests, scope_ref(&task), next, cancelled < longest_chain));
        drop_reference(task);
    }
}

}  // namespace

bool request_cancel(promise_base& task) noexcept {
    WEFT_COMPILER_BARRIER();
    if (has_ended(task)) return false;
    std::vector<promise_base*> next;
    schedule_all(count_and_interrupt(task.requests, scope_ref(&task), next, true));
    cancel_all(next);
    return true;
}

void cancel_tasks_of(run_group& group) noexcept {
    WEFT_COMPILER_BARRIER();
    group.begin_cancelling();
    task_registry& tasks = group.core().tasks;
    std::vector<promise_base*> nobody;
    std::array<promise_base*, 256> some;
    for (std::size_t from = 0; from != tasks.end();) {
        std::size_t count = 0;
        from = tasks.visit_from(from, [&](promise_base& task) {
            if (count == some.size()) return false;
            if (task.group != &group) return true;
            task.references.fetch_add(1, std::memory_order_relaxed);  // the runtime has one as long as it is visited
            some[count++] = &task;
            return true;
        });
        for (promise_base* const task : std::span(some).first(count)) {
            // Those that await each other need not wait for each other: all are cancelled.
            if (!has_ended(*task)) schedule_all(count_and_interrupt(task->requests, scope_ref(task), nobody, false));
            drop_reference(*task);
        }
    }
}

int cancelling(promise_base const& task) noexcept {
    // relaxed: whoever needs an exact number has been told by who made the request.
    return static_cast<request_count>(task.requests.load(std::memory_order_relaxed) - task.taken_back.load(std::memory_order_relaxed));
}

int uncancel(promise_base& task) noexcept {
    WEFT_COMPILER_BARRIER();
    suspension_list::guard list(task.suspensions);
    int const open = cancelling(task);
    if (open == 0) return 0;
    count_request(task.taken_back);
    worker* const here = this_worker;
    if (open == 1 && here && here->scope.task() == &task) {
        // None is left: one that has not come yet does not come any more. Those of scopes inside the task stay.
        unsigned pending_inside = 0;
        scope_ref scope = here->scope;
        for (inner_scope const* inner = scope.inner(); inner; inner = scope.inner()) {
            pending_inside += static_cast<request_count>(inner->requests.load(std::memory_order_relaxed) -
                                                         inner->delivered.load(std::memory_order_relaxed));
            scope = inner->outer;
        }
        here->seen = static_cast<request_count>(requests_in(here->scope) - pending_inside);
    }
    return open - 1;
}

// ---- Delivery

namespace {

// Whether a limit that this coroutine has made has passed, and nothing has been asked from outside it meanwhile.
bool own_limit_passed(scope_ref scope, promise_base const& coroutine) noexcept {
    void* const frame = handle_of(const_cast<promise_base&>(coroutine)).address();
    for (inner_scope const* inner = scope.inner(); inner; inner = scope.inner()) {
        if (inner->frame == frame && inner->requests.load(std::memory_order_relaxed) != 0 &&
            open_requests_around(*inner) == inner->outer_requests)
            return true;
        scope = inner->outer;
    }
    return false;
}

[[noreturn]] WEFT_NOINLINE void throw_timeout() {
    throw timeout_error("weft::timeout: the time limit has passed");
}

[[noreturn]] WEFT_NOINLINE void deliver(worker& here, promise_base& to) {
    here.seen = requests_in(here.scope);
    note_delivery(here.scope);
    if (own_limit_passed(here.scope, to)) throw_timeout();
    throw cancelled();
}

}  // namespace

void resumed(suspension& node) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (node.listed) {
        suspension_list::guard list(here.scope.task()->suspensions);
        list.remove(node);
        if (node.kind == waits_for::forwarded) [[unlikely]] here.seen = node.forwarded_seen;
    }
    if (requests_in(here.scope) != here.seen) [[unlikely]] deliver(here, promise_of(node.coroutine.address()));
}

void resumed(promise_base& coroutine) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (requests_in(here.scope) != here.seen) [[unlikely]] deliver(here, coroutine);
}

void rethrow_to(promise_base& awaiting, std::exception_ptr const& exception) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (!exception) deliver(here, awaiting);
    if (own_limit_passed(here.scope, awaiting) && is_cancelled(exception)) throw_timeout();
    std::rethrow_exception(exception);
}

void rethrow(promise_base const& failed) {
    if (failed.role == role::awaited) rethrow_to(promise_of(failed.link), failed.exception);
    std::rethrow_exception(failed.exception);
}

void note_cancellation(join& joined) noexcept {
    promise_base& parent = *joined.parent;
    // relaxed, both: the children's ends happen before this, and nobody else looks.
    if (requests_in(parent.scope) != parent.seen) [[unlikely]]
        joined.first_failed.store(&gather_cancelled, std::memory_order_relaxed);
}

// ---- Scopes and time limits

namespace {

void enter(worker& here, inner_scope& scope, promise_base& coroutine) noexcept {
    scope.outer = here.scope;
    scope.task = here.scope.task();
    scope.frame = handle_of(coroutine).address();
    scope.outer_requests = open_requests_around(scope);
    here.scope = scope_ref(&scope);
}

void leave(worker& here, inner_scope& scope) noexcept {
    assert(here.scope == scope_ref(&scope));
    // What has not come yet: that of the scope itself is forgotten, that of those around it is not.
    request_count const around = requests_in(scope.outer);
    request_count const requests = scope.requests.load(std::memory_order_relaxed);
    unsigned const unseen = static_cast<request_count>(around + requests - here.seen);
    unsigned const unseen_inside = static_cast<request_count>(requests - scope.delivered.load(std::memory_order_relaxed));
    here.scope = scope.outer;
    here.seen = static_cast<request_count>(around - (unseen - unseen_inside));
}

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
    time_limit* const limit = std::exchange(scope.limit, nullptr);
    if (!scope.limit_started || timers.disarm(*limit)) {
        free_limit(limit);
        return true;
    }
    // acq_rel. Pairs with: itself in pass_limit. Makes visible: to who frees it, all that the other has done with it.
    time_limit::stage reached = time_limit::stage::open;
    if (limit->reached.compare_exchange_strong(reached, time_limit::stage::left, std::memory_order_acq_rel)) return true;
    scope.limit = limit;
    return false;
}

}  // namespace

void start_limits(worker& here, scope_ref scope) noexcept {
    for (inner_scope* inner = scope.inner(); inner; inner = scope.inner()) {
        if (inner->limit && !inner->limit_started && inner->limit->deadline != forever) {
            inner->limit_started = true;
            inner->limit->armed = steady_now();
            here.armed_timer();
            here.pool().timers.arm(*inner->limit, here.index());
        }
        scope = inner->outer;
    }
}

void pass_limit(timer_entry& due) noexcept {
    auto& limit = static_cast<time_limit&>(due);
    // acq_rel: as in stop_limit.
    time_limit::stage reached = time_limit::stage::open;
    if (!limit.reached.compare_exchange_strong(reached, time_limit::stage::passing, std::memory_order_acq_rel)) return free_limit(&limit);
    inner_scope& scope = *limit.scope;
    std::vector<promise_base*> next;
    suspension* const woken = count_and_interrupt(scope.requests, scope_ref(&scope), next, true);
    // release. Pairs with: leave_limited. From here on the scope may be gone.
    limit.reached.store(time_limit::stage::passed, std::memory_order_release);
    schedule_all(woken);
    cancel_all(next);
}

void enter_limited(inner_scope& scope, promise_base& coroutine, std::int64_t deadline) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    scope.limit = make_limit(scope, deadline);
    enter(here, scope, coroutine);
    if (deadline <= here.pool().clock.now()) scope.requests.store(1, std::memory_order_relaxed);
}

void leave_limited(inner_scope& scope) noexcept {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (!stop_limit(here.pool().timers, scope)) {
        // acquire. Pairs with: pass_limit. It is about to be done.
        while (scope.limit->reached.load(std::memory_order_acquire) != time_limit::stage::passed) WEFT_SPIN_PAUSE();
        free_limit(scope.limit);
    }
    leave(here, scope);
}

std::int64_t moment_in(std::int64_t nanoseconds) noexcept {
    WEFT_COMPILER_BARRIER();
    std::int64_t const now = this_worker->pool().clock.now();
    return nanoseconds >= forever - now ? forever : now + nanoseconds;
}

}  // namespace weft::detail

namespace weft {

namespace {

std::chrono::steady_clock::time_point time_point_of(std::int64_t nanoseconds) noexcept {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(nanoseconds));
}

}  // namespace

std::optional<timeout_scope::time_point> timeout_scope::when() const noexcept {
    detail::suspension_list::guard const list(scope_.task->suspensions);
    std::int64_t const moment = scope_.limit->deadline;
    if (moment == detail::forever) return std::nullopt;
    return time_point_of(moment);
}

void timeout_scope::reschedule(std::optional<time_point> when) {
    WEFT_COMPILER_BARRIER();
    detail::worker& here = *detail::this_worker;
    std::int64_t const deadline = when ? detail::saturated_nanoseconds(when->time_since_epoch()) : detail::forever;
    detail::time_limit* const limit = detail::make_limit(scope_, deadline);
    {
        detail::suspension_list::guard const list(scope_.task->suspensions);
        if (!expired() && detail::stop_limit(here.pool().timers, scope_)) {
            scope_.limit = limit;
            // The next await that waits starts it; those that wait already, in other branches of a gather, do not.
            scope_.limit_started = false;
            detail::start_limits(here, detail::scope_ref(&scope_));
            return;
        }
    }
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
    if (nearest == detail::forever) return std::nullopt;
    return time_point_of(nearest);
}

}  // namespace weft
