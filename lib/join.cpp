// SPDX-License-Identifier: MIT
// lib/README.md, "The join", has the algorithm in prose and the proof sketch.
#include <weft/detail/join.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <exception>

#include <weft/detail/promise.hpp>

#include "scheduler.hpp"
#include "task_core.hpp"
#include "worker.hpp"

namespace weft::detail {

namespace {

WEFT_ALWAYS_INLINE void adopt(join& joined, std::coroutine_handle<> child) noexcept {
    promise_base& promise = promise_of(child.address());
    promise.link = &joined;
    promise.role = role::joined;
}

// The fork settles what it owes: itself, and the children that have ended on its stack. False: nothing else was missing.
WEFT_NOINLINE bool settle(join& joined, std::uint32_t ended) noexcept {
    // acq_rel. Pairs with: itself, and arrive. Makes visible: the children's results and exceptions, to the parent. If weaker:
    // acquire-only or release-only, the parent may read a result that is not there yet.
    // Not the last: from here on the join may be gone.
    return joined.pending.fetch_sub(ended + 1, std::memory_order_acq_rel) != ended + 1;
}

// Runs the children that are still on `forks`, at most `left` of them.
bool run_rest(worker& here, join& joined, std::uint32_t ended, std::size_t left) noexcept {
    for (; left > 0 && !here.must_give_way(); --left) {
        // Null: a thief was faster, and has taken the older ones before.
        job const newest = here.forks.pop();
        if (!newest) break;
        assert(promise_of(newest.address()).link == &joined);
        if (here.run_child(newest)) ++ended;
    }
    return ended != joined.children && settle(joined, ended);
}

}  // namespace

bool fork(join& joined, std::coroutine_handle<>* frames, std::size_t count) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    here.forks.reserve(count);
    joined.parent->owner = here.running;
    for (std::size_t child = 0; child < count; ++child) adopt(joined, frames[child]);
    if (here.must_give_way()) {
        here.forks.push_reversed(frames, count);
        std::fill_n(frames, count, nullptr);
        here.announce_work();
        return settle(joined, 0);
    }
    job const first = frames[0];
    here.forks.push_reversed(frames + 1, count - 1);
    std::fill_n(frames, count, nullptr);
    if (count > 1) here.announce_work();
    std::uint32_t const ended = here.run_child(first) ? 1 : 0;
    return run_rest(here, joined, ended, count - 1);
}

namespace {

WEFT_NOINLINE bool first_child_left(worker& here, join& joined) noexcept {
    return run_rest(here, joined, 0, 1);
}

// The second child is the only fork, and thieves may be after it.
WEFT_NOINLINE bool run_contested(worker& here, join& joined, work_deque<job>::popping begun) noexcept {
    job const second = here.forks.finish_pop(begun);
    if (second && here.run_child(second)) return false;
    return settle(joined, 1);
}

}  // namespace

// The common path stands here whole, and what is rare in calls at the ends of branches.
bool fork_two(join& joined, std::coroutine_handle<>* frames) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    job const first = frames[0];
    job const second = frames[1];
    joined.parent->owner = here.running;
    adopt(joined, first);
    adopt(joined, second);
    if (here.asked_to_look_up() || !here.forks.try_push(second)) [[unlikely]] return fork(joined, frames, 2);
    frames[0] = nullptr;
    frames[1] = nullptr;
    here.pool().announce_work();  // inlined, unlike worker::announce_work
    if (!here.run_child(first)) [[unlikely]] return first_child_left(here, joined);
    auto const begun = here.forks.begin_pop();
    if (!begun.decided()) [[unlikely]] return run_contested(here, joined, begun);
    assert(here.forks.popped(begun) == second);
    if (!here.run_child(second)) [[unlikely]] return settle(joined, 1);
    return false;
}

void end_joined(join& joined) noexcept {
    WEFT_COMPILER_BARRIER();
    this_worker->ended_child_of = &joined;
}

std::coroutine_handle<> arrive(join& joined) noexcept {
    promise_base& parent = *joined.parent;
    // acq_rel: as in `settle`.
    return joined.pending.fetch_sub(1, std::memory_order_acq_rel) == 1 ? handle_of(parent) : std::coroutine_handle<>{};
}

void record_join_failure(promise_base& failed) noexcept {
    // relaxed: the exception itself is published by the child's end; this only decides who was first. An atomic exchange, because
    // children fail at the same time.
    slot_base* nobody = nullptr;
    static_cast<join*>(failed.link)->first_failed.compare_exchange_strong(nobody, failed.slot, std::memory_order_relaxed);
}

void rethrow_first(join const& joined) {
    std::rethrow_exception(joined.first_failed.load(std::memory_order_relaxed)->exception);
}

}  // namespace weft::detail
