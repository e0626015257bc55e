// SPDX-License-Identifier: MIT
// From one coroutine to the next without growing the stack.
#pragma once

#include <coroutine>

#include <weft/detail/config.hpp>

namespace weft::detail {

// Answers `next`, or, where the stack is deep, leaves `next` to whoever resumed the present coroutine and answers one that does
// nothing.
WEFT_API WEFT_NOIPA std::coroutine_handle<> transfer(std::coroutine_handle<> next) noexcept;

// What await_suspend returns to go on with `next`: plain symmetric transfer where the compiler makes it a jump; elsewhere it looks
// how deep the stack is (lib/README.md, "Stack and turns").
WEFT_ALWAYS_INLINE std::coroutine_handle<> transfer_to(std::coroutine_handle<> next) noexcept {
    if constexpr (config::tail_calls)
        return next;
    else
        return transfer(next);
}

}  // namespace weft::detail
