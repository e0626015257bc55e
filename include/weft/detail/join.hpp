// SPDX-License-Identifier: MIT
// The join: how a gather learns that all of its children have ended, without an atomic read-modify-write as long as nobody steals
// one and none suspends. lib/README.md, "The join", has the algorithm in prose and why it is right.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>

#include <weft/detail/config.hpp>
#include <weft/detail/slot.hpp>

namespace weft::detail {

struct promise_base;

// One gather. Lives in the awaiting coroutine's frame; the children's slots point at it.
struct join {
    promise_base* parent;
    std::uint32_t children;  // and their blocks, if there are any; then more than the fork itself runs
    // What is not settled yet: the children, their blocks, and the fork itself as long as it runs. Untouched when all ended on the
    // fork's stack, which with blocks never counts as such.
    union {
        std::atomic<std::uint32_t> pending;
    };
    // The address of the exception that came first in time, in its slot; with the lowest bit set where the parent has been
    // cancelled while it waited.
    std::atomic<std::uintptr_t> first_failed{0};

    join() noexcept {}

    void begin(promise_base& awaiting, std::uint32_t count) noexcept {
        parent = &awaiting;
        children = count;
        std::construct_at(&pending, count + 1);  // the push that lets thieves see the children publishes it
    }
    // Both once all have ended. relaxed: the end of every child happens before this (the acquire in lib/join.cpp).
    [[nodiscard]] bool failed() const noexcept { return first_failed.load(std::memory_order_relaxed) != 0; }
    [[nodiscard]] bool cancelled() const noexcept { return (first_failed.load(std::memory_order_relaxed) & parent_cancelled) != 0; }
    [[nodiscard]] std::exception_ptr const* first_exception() const noexcept {
        return reinterpret_cast<std::exception_ptr const*>(first_failed.load(std::memory_order_relaxed) & ~parent_cancelled);
    }
    void forget_failure() noexcept { first_failed.store(0, std::memory_order_relaxed); }

    static constexpr std::uintptr_t parent_cancelled = 1;
};

static_assert(alignof(join) > (slot_base::holds_exception | slot_base::holds_value), "slots keep two bits in a join's address");

// Starts the children, taking them out of `frames`, and runs those that nobody steals, one after the other, on top of the present
// stack. False: all have ended, and the parent goes on at once. True: the last one to end resumes it, perhaps already.
// Throws std::bad_alloc with nothing started or taken. The join has begun, its parent is suspended, and every child has its slot.
// `frames` are null afterwards.
WEFT_API WEFT_NOIPA bool fork(join& joined, std::coroutine_handle<>* frames, std::size_t count);

// The same for two, the commonest gather. Of `frames` only the first one is certainly null afterwards.
WEFT_API WEFT_NOIPA bool fork_two(join& joined, std::coroutine_handle<>* frames);

}  // namespace weft::detail
