// SPDX-License-Identifier: MIT
// What stands behind timeout_scope.
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/detail/scope.hpp>
#include <weft/detail/timer_entry.hpp>

namespace weft::detail {

class timeout_awaitable;

// The timer of a scope's time limit. Not a part of the scope: when that is left just after a worker has taken the timer from the
// wheel, the worker must still find it.
//
//   open -> passing -> passed   The worker that takes it from the wheel cancels the scope. Who leaves the scope meanwhile waits,
//                               and frees it.
//   open -> left                The scope is left, or has another limit, and the wheel does not have this one any more. The worker
//                               that took it from there frees it.
struct time_limit : timer_entry {
    enum class stage : std::uint8_t { open, passing, passed, left };

    std::atomic<stage> reached{stage::open};
    inner_scope* scope = nullptr;
};

// Enters a scope with that limit in the coroutine that runs here. Throws std::bad_alloc.
WEFT_API WEFT_NOIPA void enter_limited(inner_scope& scope, promise_base& coroutine, std::int64_t deadline);
WEFT_API WEFT_NOIPA void leave_limited(inner_scope& scope) noexcept;

// So many nanoseconds from now, on the clock of the worker's runtime; saturated.
[[nodiscard]] WEFT_API WEFT_NOIPA std::int64_t moment_in(std::int64_t nanoseconds) noexcept;

}  // namespace weft::detail
