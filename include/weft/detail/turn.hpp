// SPDX-License-Identifier: MIT
// Letting others go first.
#pragma once

#include <weft/detail/config.hpp>

namespace weft::detail {

struct promise_base;

// Suspends the coroutine, behind all that is ready. When it goes on it calls `resumed` first of all.
WEFT_API WEFT_NOIPA void suspend_to_back(promise_base& yielding) noexcept;

// Asked by what could go on at once, on a worker, each time: whether it has done so for long enough, and others wait, so that it is
// to suspend_to_back. As a fork is asked to give way (lib/README.md, "Stack and turns").
[[nodiscard]] WEFT_API WEFT_NOIPA bool must_let_others_go() noexcept;

}  // namespace weft::detail
