// SPDX-License-Identifier: MIT
// Letting others go first.
#pragma once

#include <coroutine>

#include <weft/detail/config.hpp>

namespace weft::detail {

struct promise_base;

// Suspends the coroutine, behind all that is ready. When it goes on it calls `resumed` first of all.
WEFT_API WEFT_NOIPA void suspend_to_back(promise_base& yielding) noexcept;

// Asked by what could go on at once, on a worker, each time: whether it has done so for long enough, and others wait, so that it is
// to let them go first. lib/README.md, "Turns".
[[nodiscard]] WEFT_API WEFT_NOIPA bool must_let_others_go() noexcept;
// As suspend_to_back, but no cancellation point: who goes on has waited for nothing, and calls nothing.
WEFT_API WEFT_NOIPA void let_others_go(promise_base& ready) noexcept;

// What await_suspend returns to begin a coroutine that is awaited: that coroutine, or, where it must let others go, one that does
// nothing.
[[nodiscard]] WEFT_API WEFT_NOIPA std::coroutine_handle<> begin_awaited(promise_base& awaited) noexcept;

}  // namespace weft::detail
