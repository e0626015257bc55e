// SPDX-License-Identifier: MIT
// Letting others go first.
#pragma once

#include <coroutine>

#include <weft/detail/config.hpp>

namespace weft::detail {

struct promise_base;

// Suspends the coroutine, behind all that is ready. When it goes on it calls `resumed` first of all.
WEFT_API WEFT_NOIPA void suspend_to_back(promise_base& yielding) noexcept;

// What await_suspend returns to begin a coroutine that is awaited: that coroutine, or, where others have waited for long enough,
// one that does nothing; it begins when they have had their turn.
[[nodiscard]] WEFT_API WEFT_NOIPA std::coroutine_handle<> begin_awaited(promise_base& awaited) noexcept;

// Asked by what could go on at once, on a worker, each time: whether it has done so for long enough, and others wait, so that it is
// to suspend_to_back. As a fork is asked to give way (lib/README.md, "Stack and turns").
[[nodiscard]] WEFT_API WEFT_NOIPA bool must_let_others_go() noexcept;

}  // namespace weft::detail
