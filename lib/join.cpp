// SPDX-License-Identifier: MIT
// The token join. lib/README.md, "The token join", has the algorithm in prose and the proof sketch.
#include <weft/detail/join.hpp>

#include <atomic>
#include <exception>

#include <weft/detail/promise.hpp>

#include "scheduler.hpp"
#include "task_core.hpp"
#include "worker.hpp"

namespace weft::detail {

namespace {

WEFT_ALWAYS_INLINE void adopt(join& joined, std::coroutine_handle<> child, bool token) noexcept {
    promise_base& promise = promise_of(child.address());
    promise.link = &joined;
    promise.role = role::joined;
    promise.token = token;
}

}  // namespace

std::coroutine_handle<> fork(join& joined, promise_base& parent, std::coroutine_handle<> const* frames, std::size_t count) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    here.forks.reserve(count - 1);
    parent.owner = here.running;
    adopt(joined, frames[0], true);
    for (std::size_t child = 1; child < count; ++child) adopt(joined, frames[child], false);
    here.forks.push_reversed(frames + 1, count - 1);
    here.pool().announce_work();
    return here.transfer(frames[0]);
}

namespace {

WEFT_NOINLINE std::coroutine_handle<> fork_two_growing(join& joined, promise_base& parent, std::coroutine_handle<> first,
                                                       std::coroutine_handle<> second) {
    std::coroutine_handle<> const frames[] = {first, second};
    return fork(joined, parent, frames, 2);
}

WEFT_NOINLINE std::coroutine_handle<> wake_and_transfer(worker& here, std::coroutine_handle<> next) noexcept {
    here.pool().wake_one();
    return here.transfer(next);
}

}  // namespace

// Calls stand at the ends of its branches only, so that the common ones need no stack frame.
std::coroutine_handle<> fork_two(join& joined, promise_base& parent, std::coroutine_handle<> first, std::coroutine_handle<> second) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (!here.forks.has_room(1)) [[unlikely]] return fork_two_growing(joined, parent, first, second);
    parent.owner = here.running;
    adopt(joined, first, true);
    adopt(joined, second, false);
    here.forks.push_reversed(&second, 1);
    if (here.pool().somebody_to_wake()) [[unlikely]] return wake_and_transfer(here, first);
    return here.transfer(first);
}

namespace {

// A popped job that is none of this join's children: this worker runs it next, on behalf of its own owner.
std::coroutine_handle<> run_popped(worker& here, job popped) noexcept {
    if (!popped) return std::noop_coroutine();
    here.running = owner_of(popped);
    return here.transfer(popped);
}

// The child held the token, and it dies with it: at least one sibling was stolen, or is suspended.
WEFT_NOINLINE std::coroutine_handle<> merge(worker& here, join& joined, std::uint32_t banked, job popped) noexcept {
    std::coroutine_handle<> const parent = joined.parent;
    // acq_rel. Pairs with: itself, in the other children of this join. Makes visible: their results and exceptions, to the parent. If
    // weaker: acquire-only or release-only, the parent may read a result that is not there yet.
    // Not the last: from here on the join may be gone.
    if (joined.pending.fetch_sub(banked, std::memory_order_acq_rel) != banked) return run_popped(here, popped);
    if (popped) {
        // Into the slot it has just left, so it needs no memory.
        here.forks.push_reversed(&popped, 1);
        here.announce_work();
    }
    return here.transfer(parent);
}

WEFT_ALWAYS_INLINE std::coroutine_handle<> hand_token_on(worker& here, join& joined, std::uint32_t banked, job popped) noexcept {
    if (!popped) [[unlikely]] return merge(here, joined, banked, popped);
    promise_base& next = promise_of(popped.address());
    if (next.link != &joined) [[unlikely]] return merge(here, joined, banked, popped);
    next.token = true;
    return here.transfer(popped);
}

// The newest fork is the only one, and thieves may be after it.
WEFT_NOINLINE std::coroutine_handle<> pop_contested(worker& here, join& joined, std::uint32_t banked,
                                                    work_deque<job>::popping begun) noexcept {
    return hand_token_on(here, joined, banked, here.forks.finish_pop(begun));
}

WEFT_NOINLINE std::coroutine_handle<> arrive_without_token(worker& here, join& joined) noexcept {
    std::coroutine_handle<> const parent = joined.parent;
    // acq_rel: as in `merge`.
    if (joined.pending.fetch_sub(1, std::memory_order_acq_rel) == 1) return here.transfer(parent);
    return run_popped(here, here.forks.empty() ? job{} : here.forks.pop());
}

// As fork_two: calls at the ends only.
WEFT_ALWAYS_INLINE std::coroutine_handle<> arrive(worker& here, promise_base& child) noexcept {
    join& joined = *static_cast<join*>(child.link);
    if (!child.token) [[unlikely]] return arrive_without_token(here, joined);
    std::uint32_t const banked = ++joined.banked;
    if (banked == joined.children) return here.transfer(joined.parent);
    auto const begun = here.forks.begin_pop();
    if (!begun.decided()) [[unlikely]] return pop_contested(here, joined, banked, begun);
    return hand_token_on(here, joined, banked, here.forks.popped(begun));
}

}  // namespace

std::coroutine_handle<> end_joined_or_spawned(promise_base& ended) noexcept {
    WEFT_COMPILER_BARRIER();
    if (ended.role == role::joined) [[likely]] return arrive(*this_worker, ended);
    return complete(ended);
}

void record_join_failure(promise_base& failed) noexcept {
    // relaxed: the exception itself is published by the child's arrival; this only decides who was first. An atomic exchange, because a
    // token gives no right to this slot: children without it fail at the same time.
    promise_base* nobody = nullptr;
    static_cast<join*>(failed.link)->first_failed.compare_exchange_strong(nobody, &failed, std::memory_order_relaxed);
}

void rethrow_first(join const& joined) {
    std::rethrow_exception(joined.first_failed.load(std::memory_order_relaxed)->exception);
}

}  // namespace weft::detail
