// SPDX-License-Identifier: MIT
#include "task_core.hpp"

#include <exception>
#include <memory>

#include <weft/detail/completions.hpp>
#include <weft/detail/join.hpp>
#include <weft/detail/turn.hpp>
#include <weft/error.hpp>

#include "cancellation.hpp"
#include "living_tasks.hpp"
#include "runtime_core.hpp"
#include "task_details.hpp"
#include "unhandled.hpp"

namespace weft::detail {

waiter ended_mark;

// ---- What the scheduler asks

namespace {

// Where it stands for whom a suspended coroutine runs: a gather's child that has not started runs for whom the gathering coroutine
// runs for.
promise_base const& scope_holder(promise_base const& suspended) noexcept {
    return suspended.role == role::joined ? *suspended.joined_slot().joined().parent : suspended;
}

}  // namespace

bool take_over(worker& here, job from_queue) noexcept {
    promise_base& promise = promise_of(from_queue.address());
    if (promise.role == role::joined) {
        promise_base const& holder = scope_holder(promise);
        here.scope = holder.scope;
        here.seen = holder.seen;
        promise.role = role::away;
        return true;
    }
    here.scope = promise.scope;
    here.seen = promise.seen;
    if (promise.role == role::spawned && !promise.state.started) {
        promise.state.started = true;
        // relaxed: a request that is missed here comes to the task's first await.
        if (promise.requests.load(std::memory_order_relaxed) != 0) [[unlikely]] {
            end_cancelled(promise);
            return false;
        }
    }
    return true;
}

void set_away(job child, bool away) noexcept {
    promise_of(child.address()).role = away ? role::away : role::joined;
}

void remember_scope(worker const& here, job suspended) noexcept {
    remember_scope(here, promise_of(suspended.address()));
}

void*& spare_link(job queued) noexcept {
    promise_base& promise = promise_of(queued.address());
    return promise.role == role::spawned ? promise.group->core().tasks.spare_link(promise.place) : promise.queue_link;
}

void drop_spare_link(job queued) noexcept {
    promise_base& promise = promise_of(queued.address());
    if (promise.role == role::spawned) promise.group->core().tasks.drop_spare_link(promise.place);
}

std::source_location spawned_at(promise_base const& task) noexcept {
    return task.group->core().tasks.spawned_at(task.place);
}

// ---- Ready

promise_base* task_of(promise_base& suspended) noexcept {
    return scope_holder(suspended).scope.task();
}

run_group& group_of(promise_base& suspended) noexcept {
    return *task_of(suspended)->group;
}

namespace {

// What a paused clock has waited for and need not any more: something foreign, if the job comes from elsewhere or anyway; a job
// that was expected.
enum class ends_wait { none, foreign_if_elsewhere, foreign, for_job };

void schedule(promise_base& suspended, ends_wait of_clock) noexcept {
    runtime_core& core = group_of(suspended).core();
    if (worker* const here = this_worker; here && &here->pool() == &core.pool) {
        here->make_ready(handle_of(suspended));
        if (of_clock == ends_wait::foreign) core.pool.foreign_came();
        if (of_clock == ends_wait::for_job) core.pool.job_came();
        return;
    }
    // From the moment the job is in, its runtime may end: hold on to it.
    std::shared_ptr<runtime_core> const keep = core.shared_from_this();
    core.pool.inject(handle_of(suspended));
    // Not before the job is in.
    switch (of_clock) {
        case ends_wait::none: break;
        case ends_wait::foreign_if_elsewhere:
        case ends_wait::foreign: core.pool.foreign_came(); break;
        case ends_wait::for_job: core.pool.job_came(); break;
    }
}

}  // namespace

void schedule(promise_base& suspended) noexcept {
    WEFT_COMPILER_BARRIER();
    // What comes from elsewhere was awaited as foreign.
    schedule(suspended, ends_wait::foreign_if_elsewhere);
}

void schedule_cancelled(promise_base& suspended, bool awaited_foreign) noexcept {
    WEFT_COMPILER_BARRIER();
    schedule(suspended, awaited_foreign ? ends_wait::foreign : ends_wait::none);
}

void schedule_from_abroad(promise_base& suspended) noexcept {
    WEFT_COMPILER_BARRIER();
    schedule(suspended, ends_wait::foreign);
}

void schedule_expected(promise_base& suspended) noexcept {
    WEFT_COMPILER_BARRIER();
    schedule(suspended, ends_wait::for_job);
}

// ---- End

void record_exception(promise_base& failed) noexcept {
    std::construct_at(&failed.exception, std::current_exception());
    failed.outcome = outcome::exception;
}

std::coroutine_handle<> transfer(std::coroutine_handle<> next) noexcept {
    WEFT_COMPILER_BARRIER();
    return this_worker->transfer(next);
}

namespace {

// False: nothing done, since the task has been cancelled in a way that it has not `seen`. The unlocking pairs with: has_ended.
// Makes visible: outcome and value.
bool mark_ended(promise_base& task, request_count const* seen, waiter*& newest) noexcept {
    // Nobody has seen the mark yet, so whoever sees the list empty draws no conclusion from it.
    waiter_list::guard waiters(task.waiters, waiter_list::hidden);
    if (seen && task.requests.load(std::memory_order_relaxed) != *seen) [[unlikely]] return false;
    newest = waiters.exchange(&ended_mark);
    return true;
}

// Those who await the end of a task, the first that came first.
WEFT_NOINLINE void wake_all(waiter* newest) noexcept {
    waiter* oldest = nullptr;
    while (newest) {
        waiter* const next = newest->of_awaited.next;
        newest->of_awaited.next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        // Once it is scheduled, the waiter may be gone.
        waiter* const next = oldest->of_awaited.next;
        if (oldest->watched) [[unlikely]] {
            auto& end = static_cast<watched_end&>(*oldest);
            end.owner->come(end);
        } else {
            schedule(promise_of(oldest->coroutine.address()));
        }
        oldest = next;
    }
}

void tell(worker& here, promise_base& task, waiter* newest) noexcept {
    here.ended = &task;
    if (newest) wake_all(newest);
}

}  // namespace

bool end_spawned(promise_base& task) noexcept {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (task.outcome == outcome::exception) [[unlikely]] {
        task.state.was_cancelled = is_cancelled(task.exception);
        if (!task.state.was_cancelled) remember_failure(task, *task.group);
    }
    waiter* newest = nullptr;
    if (!mark_ended(task, task.outcome == outcome::value ? &here.seen : nullptr, newest)) return false;
    tell(here, task, newest);
    return true;
}

void end_cancelled(promise_base& task) noexcept {
    WEFT_COMPILER_BARRIER();
    std::construct_at(&task.exception, std::make_exception_ptr(cancelled()));
    task.outcome = outcome::exception;
    task.state.was_cancelled = true;
    waiter* newest = nullptr;
    static_cast<void>(mark_ended(task, nullptr, newest));
    tell(*this_worker, task, newest);
}

std::coroutine_handle<> wait_for_end(promise_base& task, waiter& node, promise_base& waiting) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (here.scope.task() == &task) throw invalid_state("weft: a task awaits its own join_handle and would wait for ever");
    // It has gone on without waiting for long enough.
    if (here.giving_way() && has_ended(task)) {
        let_others_go(waiting);
        return std::noop_coroutine();
    }
    node.awaited = &task;
    run_group& group = *here.scope.task()->group;
    bool forward = false;
    bool const suspended = suspend_cancellably(here, waiting, node, [&](bool cancelled) {
        waiter_list::guard others(task.waiters);
        if (others.first() == &ended_mark) return false;
        // Not before: the runtime of a task that has ended may be gone.
        node.of_other_runtime = here.pool().clock.paused() && &task.group->core().pool != &here.pool();
        if (node.of_other_runtime) here.pool().expect_foreign();
        others.add(node);
        if (cancelled) {
            // As if the request had come later: it goes to the task, and is counted there at once, before that can end. The handle
            // may be gone once the list is unlocked.
            forward = true;
            count_request(task);
            task.references.fetch_add(1, std::memory_order_relaxed);
            // Counted as a task, as long as this is not over: the reference may be the last one, and the frame is to go before the
            // run ends. Here the waiting task is still alive, and so the run.
            group.count_begun(here.index());
        }
        return true;
    });
    if (forward) [[unlikely]] {
        // The waiting coroutine may be gone.
        {
            between_tasks const nobody(here, group);
            tell_of_request(task);
            drop_reference(task);
        }
        group.count_ended(here.index());
    }
    return suspended ? std::noop_coroutine() : here.transfer(handle_of(waiting));
}

namespace {

// Whether the main task is the last one. Those that it has awaited last may be about to be counted, by other workers.
bool soon_alone(run_group const& group) noexcept {
    constexpr int looks = 20;  // some microseconds
    for (int look = 0; look < looks; ++look) {
        if (group.alone()) return true;
        for (int pause = 0; pause < look; ++pause) WEFT_SPIN_PAUSE();
    }
    return false;
}

// Whether it was the last one.
[[nodiscard]] WEFT_ALWAYS_INLINE bool drop_one(promise_base& task) noexcept {
    // acq_rel. Pairs with: itself on the other side. Makes visible, to the one that frees the frame: what the other did with it. If
    // weaker: it is freed while the other still reads. The load spares the last one the read-modify-write; acquire: the same pair.
    return task.references.load(std::memory_order_acquire) == 1 || task.references.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

WEFT_NOINLINE void destroy_task(promise_base& task) noexcept {
    if (marked_with_details(task)) [[unlikely]] forget_details(task);
    if (task.outcome == outcome::exception && !task.state.was_cancelled) forget_failure(task);
    task.drop_exception();
    handle_of(task).destroy();
}

}  // namespace

void release_ended(worker& here, promise_base& task) noexcept {
    run_group& group = *task.group;
    bool const was_main = task.state.is_main;
    if (group.core().living) [[unlikely]] group.core().living->remove(task);
    group.core().tasks.remove(here.places, task.place);
    if (drop_one(task)) {
        // The destructors of the coroutine's parameters may spawn, when its promise is gone already: for the same run, then.
        between_tasks const in_its_place(here, group);
        destroy_task(task);
    }
    // Its end is not counted yet, so the group is still of this run.
    if (was_main && !soon_alone(group)) cancel_tasks_of(group);
    // After the frame is gone: who waits for the run's end may rely on that.
    group.count_ended(here.index());
    if (was_main) group.drain();
}

void drop_reference(promise_base& task) noexcept {
    if (drop_one(task)) destroy_task(task);
}

}  // namespace weft::detail
