// SPDX-License-Identifier: MIT
// The join: how a gather learns that all of its children have ended, without an atomic read-modify-write as long as nobody steals
// one and none suspends. lib/README.md, "The join", has the algorithm in prose and why it is right.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <weft/detail/config.hpp>

namespace weft::detail {

struct promise_base;
struct slot_base;

// One gather. Lives in the awaiting coroutine's frame; the children point at it.
struct join {
    promise_base* parent;
    std::uint32_t children;
    // What is not settled yet: the children, and the fork itself as long as it runs them. Untouched when all ended on its stack.
    union {
        std::atomic<std::uint32_t> pending;
    };
    // The place of the exception that came first in time.
    std::atomic<slot_base*> first_failed{nullptr};

    join() noexcept {}

    void begin(promise_base& awaiting, std::uint32_t count) noexcept {
        parent = &awaiting;
        children = count;
        std::construct_at(&pending, count + 1);  // the push that lets thieves see the children publishes it
    }
    // Once all have ended. relaxed: the end of every child happens before this (the acquire in lib/join.cpp).
    [[nodiscard]] bool failed() const noexcept { return first_failed.load(std::memory_order_relaxed) != nullptr; }
};

// Starts the children, taking them out of `frames`, and runs those that nobody steals, one after the other, on top of the present
// stack. False: all have ended, and the parent goes on at once. True: the last one to end resumes it, perhaps already.
// Throws std::bad_alloc with nothing started or taken. The join has begun, its parent is suspended, and every child has its slot.
WEFT_API WEFT_NOIPA bool fork(join& joined, std::coroutine_handle<>* frames, std::size_t count);

// The same for two, the commonest gather.
WEFT_API WEFT_NOIPA bool fork_two(join& joined, std::coroutine_handle<>* frames);

[[noreturn]] WEFT_API WEFT_NOINLINE void rethrow_first(join const& joined);

}  // namespace weft::detail
