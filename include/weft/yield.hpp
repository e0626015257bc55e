// SPDX-License-Identifier: MIT
// yield: let the others go first.
#pragma once

#include <concepts>
#include <coroutine>

#include <weft/detail/promise.hpp>
#include <weft/detail/turn.hpp>

namespace weft {

class [[nodiscard("co_await it: a yield that is not awaited does not happen")]] yield_awaitable {
public:
    using weft_native_awaitable = void;

    bool await_ready() const noexcept { return false; }

    template <class Promise>
    WEFT_NOINLINE_SUSPEND void await_suspend(std::coroutine_handle<Promise> yielding) noexcept {
        static_assert(std::derived_from<Promise, detail::promise_base>, "weft::yield can be awaited only in a weft::task");
        yielded_ = &yielding.promise();
        detail::suspend_to_back(*yielded_);
    }

    void await_resume() { detail::resumed(*yielded_); }

private:
    detail::promise_base* yielded_ = nullptr;
};

// Goes to the back of the line: every other task that is ready on this worker runs first.
//   Resumes on:    this worker, or one that stole the task meanwhile.
//   Cancellation:  a cancellation point.
//   Throws:        weft::cancelled.
//   Must outlive:  nothing.
inline yield_awaitable yield() noexcept {
    return {};
}

}  // namespace weft
