// SPDX-License-Identifier: MIT
// From one coroutine to the next without growing the stack.
#pragma once

#include <coroutine>

#include <weft/detail/config.hpp>

namespace weft::detail {

// Spends from the worker's budget; when that is used up, `next` is left to the worker's loop and the answer is a coroutine that does
// nothing.
WEFT_API WEFT_NOIPA std::coroutine_handle<> transfer(std::coroutine_handle<> next) noexcept;

// What await_suspend returns to go on with `next`: plain symmetric transfer where the compiler makes it a jump; elsewhere it spends
// from the budget, so that the stack stays bounded (lib/README.md, "Bounded stack").
WEFT_ALWAYS_INLINE std::coroutine_handle<> transfer_to(std::coroutine_handle<> next) noexcept {
    if constexpr (config::tail_calls)
        return next;
    else
        return transfer(next);
}

}  // namespace weft::detail
