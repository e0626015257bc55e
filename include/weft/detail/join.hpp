// SPDX-License-Identifier: MIT
// The token join: how a gather learns that all of its children have ended, without an atomic read-modify-write per child as long as
// nobody steals one. lib/README.md, "The token join", has the algorithm in prose and why it is right.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>

#include <weft/detail/config.hpp>

namespace weft::detail {

struct promise_base;

// One gather. Lives in the awaiting coroutine's frame; the children point at it.
struct join {
    std::coroutine_handle<> parent;
    // Ends counted by whoever holds the token; exactly one running child does, so this is a plain integer.
    std::uint32_t banked = 0;
    std::uint32_t children;
    // Children whose end is not merged yet. Untouched, and so still `children`, when all were banked.
    std::atomic<std::uint32_t> pending;
    // The child whose exception came first in time.
    std::atomic<promise_base*> first_failed{nullptr};

    explicit join(std::uint32_t count) noexcept : children(count), pending(count) {}
};

// Starts a gather: frames[0] runs next on this worker, with the token; the others go to `forks`, where they may be stolen.
// Throws std::bad_alloc with nothing started. `parent` is suspended and has set join.parent.
WEFT_API WEFT_NOIPA std::coroutine_handle<> fork(join& joined, promise_base& parent, std::coroutine_handle<> const* frames, std::size_t count);

// The same for two: the commonest gather, its children in registers.
WEFT_API WEFT_NOIPA std::coroutine_handle<> fork_two(join& joined, promise_base& parent, std::coroutine_handle<> first,
                                                     std::coroutine_handle<> second);

[[noreturn]] WEFT_API WEFT_NOINLINE void rethrow_first(join const& joined);

}  // namespace weft::detail
