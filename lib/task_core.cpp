// SPDX-License-Identifier: MIT
#include "task_core.hpp"

#include <memory>
#include <new>

#include <weft/detail/join.hpp>
#include <weft/error.hpp>

#include "living_tasks.hpp"
#include "runtime_core.hpp"
#include "unhandled.hpp"

namespace weft::detail {

// ---- What the scheduler asks

namespace {

promise_base* owner_of(job suspended) noexcept {
    promise_base& promise = promise_of(suspended.address());
    switch (promise.role) {
        case role::spawned: return &promise;
        // All children of a gather, started or not, run for the task that the gathering coroutine runs for.
        case role::joined:
        case role::away: return promise.joined_slot().joined().parent->owner;
        case role::awaited: break;
    }
    return promise.owner;
}

}  // namespace

promise_base* take_over(job from_queue) noexcept {
    promise_base& promise = promise_of(from_queue.address());
    if (promise.role == role::joined) promise.role = role::away;
    return owner_of(from_queue);
}

void set_away(job child, bool away) noexcept {
    promise_of(child.address()).role = away ? role::away : role::joined;
}

void remember_owner(job suspended, promise_base* owner) noexcept {
    promise_of(suspended.address()).owner = owner;
}

void*& spare_link(job queued) noexcept {
    promise_base& promise = promise_of(queued.address());
    return promise.role == role::spawned ? promise.link : promise.queue_link;
}

// ---- Begin

void make_spawned(promise_base& unstarted, run_group& group, std::source_location where) {
    if (group.core().living) [[unlikely]] group.core().living->add(unstarted);
    unstarted.role = role::spawned;
    unstarted.is_main = false;
    unstarted.group = &group;
    std::construct_at(&unstarted.failure, failure::unseen);
    std::construct_at(&unstarted.references, 2u);
    std::construct_at(&unstarted.waiters, nullptr);
    std::construct_at(&unstarted.spawned_at, where);
}

void unmake_spawned(promise_base& task) noexcept {
    if (task.group->core().living) [[unlikely]] task.group->core().living->remove(task);
    task.role = role::joined;
}

void spawn_on_current_runtime(promise_base& unstarted, std::source_location where) {
    WEFT_COMPILER_BARRIER();
    worker* const here = this_worker;
    if (!here)
        throw no_current_runtime(
            "weft::spawn: this thread is no worker, so there is no runtime to spawn on; call spawn inside a task, or use "
            "weft::runtime::submit");
    run_group& group = *here->running->group;
    if (group.core().closing.load(std::memory_order_relaxed))
        throw runtime_closed("weft::spawn: the runtime is being destroyed and takes no new tasks; co_await the task instead");
    here->ready.reserve(1);
    make_spawned(unstarted, group, where);
    group.count_begun(here->index());
    here->make_ready(handle_of(unstarted));
}

// ---- Ready

promise_base* task_of(promise_base& suspended) noexcept {
    return owner_of(handle_of(suspended));
}

run_group& group_of(promise_base& suspended) noexcept {
    return *task_of(suspended)->group;
}

void schedule(promise_base& suspended) noexcept {
    WEFT_COMPILER_BARRIER();
    runtime_core& core = group_of(suspended).core();
    worker* const here = this_worker;
    if (here && &here->pool() == &core.pool) return here->make_ready(handle_of(suspended));
    // From the moment the job is in, its runtime may end: hold on to it.
    std::shared_ptr<runtime_core> const keep = core.shared_from_this();
    try {
        core.pool.inject(handle_of(suspended));
    } catch (std::bad_alloc const&) {
        core.pool.inject_without_memory(handle_of(suspended));
    }
    // What comes from elsewhere was awaited as foreign. Not before the job is in.
    core.pool.foreign_came();
}

void schedule_from_abroad(promise_base& suspended) noexcept {
    WEFT_COMPILER_BARRIER();
    worker* const here = this_worker;
    bool const at_home = here && &here->pool() == &group_of(suspended).core().pool;
    schedule(suspended);
    if (at_home) here->pool().foreign_came();  // from elsewhere schedule has told
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

void end_spawned(promise_base& task) noexcept {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (task.outcome == outcome::exception) remember_failure(task, *task.group);
    // acq_rel. Release pairs with: has_ended, and wait_for_end's loads; makes visible: outcome and value. Acquire pairs with:
    // wait_for_end's compare-exchange; makes visible: the waiters. If weaker: a waiter reads a value that is not there, or this
    // reads a waiter that is not there.
    waiter* newest = task.waiters.exchange(&ended_mark, std::memory_order_acq_rel);
    waiter* oldest = nullptr;
    while (newest) {
        waiter* const next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        // Once it is scheduled, the waiter may be gone.
        waiter* const next = oldest->next;
        schedule(*oldest->waiting);
        oldest = next;
    }
    here.ended = &task;
}

std::coroutine_handle<> wait_for_end(promise_base& task, waiter& node, promise_base& waiting) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (here.running == &task) throw invalid_state("weft: a task awaits its own join_handle and would wait for ever");
    leave_fork(here, waiting);
    // Under a paused clock only: elsewhere the task's runtime may be gone by now, if the task has ended.
    bool const of_other_runtime = here.pool().clock.paused() && &task.group->core().pool != &here.pool();
    if (of_other_runtime) here.pool().expect_foreign();
    node.waiting = &waiting;
    // acquire: pairs with end_spawned, for the case that the task has ended.
    waiter* newest = task.waiters.load(std::memory_order_acquire);
    do {
        if (newest == &ended_mark) {
            here.stay_in_fork();
            if (of_other_runtime) here.pool().foreign_came();
            return here.transfer(handle_of(waiting));
        }
        node.next = newest;
        // release. Pairs with: the exchange in end_spawned. Makes visible: the node. If weaker: it wakes nobody knows whom.
    } while (!task.waiters.compare_exchange_weak(newest, &node, std::memory_order_release, std::memory_order_acquire));
    return std::noop_coroutine();
}

void release_ended(promise_base& task, unsigned index) noexcept {
    run_group& group = *task.group;
    bool const was_main = task.is_main;
    if (group.core().living) [[unlikely]] group.core().living->remove(task);
    // The destructors of the coroutine's parameters may spawn, when its promise is gone already: for the same run, then.
    promise_base in_its_place;
    in_its_place.group = &group;
    this_worker->running = &in_its_place;
    drop_reference(task);
    this_worker->running = nullptr;
    // After the frame is gone: who waits for the run's end may rely on that.
    group.count_ended(index);
    if (was_main) group.drain();
}

void drop_reference(promise_base& task) noexcept {
    // acq_rel. Pairs with: itself on the other side. Makes visible, to the one that frees the frame: what the other did with it. If
    // weaker: it is freed while the other still reads. The load spares the last one the read-modify-write; acquire: the same pair.
    if (task.references.load(std::memory_order_acquire) != 1 && task.references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (task.outcome == outcome::exception) forget_failure(task);
    task.drop_exception();
    handle_of(task).destroy();
}

}  // namespace weft::detail
