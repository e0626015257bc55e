// SPDX-License-Identifier: MIT
// lib/README.md, "The join", has the algorithm in prose and the proof sketch.
#include <weft/detail/join.hpp>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include <weft/detail/promise.hpp>

#include "cancellation.hpp"
#include "scheduler.hpp"
#include "task_core.hpp"
#include "worker.hpp"

namespace weft::detail {

namespace {

// The fork settles what it owes: itself, and the children that have ended on its stack. False: nothing else was missing, and the
// parent goes on here.
WEFT_NOINLINE bool settle(worker& here, join& joined, std::uint32_t ended) noexcept {
    go_on_as_parent(here, joined);
    here.leave_fork();
    // acq_rel. Pairs with: itself, and arrive. Makes visible: the children's results and exceptions, to the parent. If weaker:
    // acquire-only or release-only, the parent may read a result that is not there yet.
    // Not the last: from here on the join may be gone.
    if (joined.pending.fetch_sub(ended + 1, std::memory_order_acq_rel) != ended + 1) return true;
    if (note_cancellation(joined)) [[unlikely]] {
        // On top of another fork's stack nothing is cancelled: that fork's next child would be told, too. From the loop it goes on.
        here.make_ready(handle_of(*joined.parent));
        return true;
    }
    here.stay_in_fork();
    return false;
}

// Runs the children that are still on `forks`, at most `left` of them. How many ended?
std::uint32_t run_left(worker& here, join const& joined, std::size_t left) noexcept {
    std::size_t const all = left;
    std::uint32_t suspended = 0;
    for (; left > 0 && !here.must_give_way_on_this_level(); --left) {
        auto const begun = here.forks.begin_pop();
        job newest;
        if (begun.decided()) [[likely]] {
            newest = here.forks.popped(begun);
        } else {
            newest = here.forks.finish_pop(begun);
            // A thief was faster, and has taken the older ones before.
            if (!newest) break;
        }
        assert(&promise_of(newest.address()).joined_slot().joined() == &joined);
        if (!here.run_child(newest)) [[unlikely]] {
            ++suspended;
            go_on_as_parent(here, joined);
        }
    }
    return static_cast<std::uint32_t>(all - left) - suspended;
}

// The same, and leaves the fork. `outer` is the child that runs below.
bool run_rest(worker& here, join& joined, job outer, std::uint32_t ended, std::size_t left) noexcept {
    ended += run_left(here, joined, left);
    here.child_of_fork = outer;
    return ended != joined.children && settle(here, joined, ended);
}

// With the other children pushed, the first one newest.
bool run_all(worker& here, join& joined, job first, std::size_t count) noexcept {
    job const outer = here.child_of_fork;
    std::uint32_t const ended = here.run_child(first) ? 1 : 0;
    if (ended == 0) [[unlikely]] go_on_as_parent(here, joined);
    return run_rest(here, joined, outer, ended, count - 1);
}

}  // namespace

bool fork(join& joined, std::coroutine_handle<>* frames, std::size_t count) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    here.forks.reserve(count);
    remember_scope(here, *joined.parent);
    if (here.must_give_way()) {
        here.forks.push_reversed(frames, count);
        here.announce_work();
        return settle(here, joined, 0);
    }
    job const first = std::exchange(frames[0], nullptr);
    here.forks.push_reversed(frames + 1, count - 1);
    if (count > 1) here.announce_work();
    return run_all(here, joined, first, count);
}

namespace {

WEFT_NOINLINE bool wake_and_run(worker& here, join& joined, job first) noexcept {
    here.pool().wake_one();
    return run_all(here, joined, first, 2);
}

WEFT_NOINLINE bool first_child_left(worker& here, join& joined, job outer) noexcept {
    go_on_as_parent(here, joined);
    return run_rest(here, joined, outer, 0, 1);
}

// The second child is the only fork, and thieves may be after it.
WEFT_NOINLINE bool run_contested(worker& here, join& joined, job outer, work_deque<job>::popping begun) noexcept {
    job const second = here.forks.finish_pop(begun);
    bool const ended = second && here.run_child(second);
    here.child_of_fork = outer;
    return !ended && settle(here, joined, 1);
}

WEFT_NOINLINE bool second_child_left(worker& here, join& joined, job outer) noexcept {
    here.child_of_fork = outer;
    return settle(here, joined, 1);
}

}  // namespace

// The common path stands here whole, and what is rare in calls at the ends of branches.
bool fork_two(join& joined, std::coroutine_handle<>* frames) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    job const first = frames[0];
    job const second = frames[1];
    remember_scope(here, *joined.parent);
    if (here.asked_to_look_up() || !here.forks.try_push(second)) [[unlikely]] return fork(joined, frames, 2);
    frames[0] = nullptr;
    if (here.pool().somebody_to_wake()) [[unlikely]] return wake_and_run(here, joined, first);
    job const outer = here.child_of_fork;
    if (!here.run_child(first)) [[unlikely]] return first_child_left(here, joined, outer);
    auto const begun = here.forks.begin_pop();
    if (!begun.decided()) [[unlikely]] return run_contested(here, joined, outer, begun);
    assert(here.forks.popped(begun) == second);
    if (!here.run_child(second)) [[unlikely]] return second_child_left(here, joined, outer);
    here.child_of_fork = outer;
    return false;
}

namespace {

// All at once, so that a thief waits for the caches of the worker that made them once, not at each.
void fetch_frames(std::coroutine_handle<> const* frames, std::size_t count) noexcept {
    constexpr std::size_t line = 64;
    for (std::size_t child = 0; child < count; ++child) {
        auto const* const frame = static_cast<std::byte const*>(frames[child].address());
        WEFT_PREFETCH_FOR_WRITE(frame);
        WEFT_PREFETCH_FOR_WRITE(frame + line);  // few are smaller
    }
}

}  // namespace

void run_children(std::coroutine_handle<>* frames, std::size_t count) noexcept {
    WEFT_COMPILER_BARRIER();
    fetch_frames(frames, count);
    worker& here = *this_worker;
    join& joined = promise_of(frames[0].address()).joined_slot().joined();
    job const outer = here.child_of_fork;
    std::uint32_t ended = 0;
    bool offered = true;
    try {
        here.forks.reserve(count);
    } catch (std::bad_alloc const&) {
        offered = false;
    }
    if (!offered) {
        for (std::size_t child = 0; child < count; ++child)
            if (here.run_child(std::exchange(frames[child], nullptr)))
                ++ended;
            else
                go_on_as_parent(here, joined);
    } else if (here.must_give_way()) {
        here.forks.push_reversed(frames, count);
        here.announce_work();
        return;
    } else {
        job const first = std::exchange(frames[0], nullptr);
        here.forks.push_reversed(frames + 1, count - 1);
        if (count > 1) here.announce_work();
        if (here.run_child(first))
            ++ended;
        else
            go_on_as_parent(here, joined);
        ended += run_left(here, joined, count - 1);
    }
    here.child_of_fork = outer;
    // relaxed: never the last, for the block that runs these is still to be counted. This thread does that afterwards, if not by
    // settle or arrive, with the children of the block around, and so at last by one of these, which makes visible what all came
    // to.
    if (ended > 0) joined.pending.fetch_sub(ended, std::memory_order_relaxed);
}

void end_away(slot_base const& ended) noexcept {
    WEFT_COMPILER_BARRIER();
    this_worker->ended_child_of = &ended.joined();
}

std::coroutine_handle<> arrive(worker& here, join& joined) noexcept {
    // acq_rel: as in `settle`.
    if (joined.pending.fetch_sub(1, std::memory_order_acq_rel) != 1) return {};
    static_cast<void>(note_cancellation(joined));
    go_on_as_parent(here, joined);
    return handle_of(*joined.parent);
}

void record_exception(slot_base& failed, std::exception_ptr& place) noexcept {
    std::construct_at(&place, std::current_exception());
    // relaxed: the exception itself is published by the child's end; this only decides who was first. An atomic exchange, because
    // children fail at the same time.
    std::uintptr_t nobody = 0;
    failed.joined().first_failed.compare_exchange_strong(nobody, reinterpret_cast<std::uintptr_t>(&place), std::memory_order_relaxed);
    failed.state |= slot_base::holds_exception;
}

}  // namespace weft::detail
