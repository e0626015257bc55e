// SPDX-License-Identifier: MIT
// A part of a coroutine that can be cancelled by itself, as first, wait and task groups need it.
#pragma once

#include <cstdint>

#include <weft/detail/config.hpp>
#include <weft/detail/scope.hpp>

namespace weft::detail {

WEFT_API WEFT_NOIPA void enter_scope(inner_scope& scope) noexcept;
WEFT_API WEFT_NOIPA void leave_scope(inner_scope& scope) noexcept;
// What runs in it is cancelled. As long as it has not been left; any thread.
WEFT_API WEFT_NOIPA void cancel_scope(inner_scope& scope) noexcept;
// Whether it has been asked from around the scope, since it was entered, to cancel what is in it.
[[nodiscard]] WEFT_API bool cancelled_around(inner_scope const& scope) noexcept;

// What a coroutine has been told of that has not been taken back.
struct told_so_far {
    request_count open = 0;       // how many requests there are of which it has been told
    request_count of_task = 0;    // and of these, how many of the task itself
    std::uint32_t of_scopes = 0;  // in which scopes there are any: a bit for each, the innermost is the lowest. Of 32 of them
};
// By the coroutine that runs here, before it enters a scope.
[[nodiscard]] WEFT_API WEFT_NOIPA told_so_far told_here() noexcept;
struct told_request {
    bool any = false;
    inner_scope* scope = nullptr;  // whose it is, if it is not the task's; the outermost of several
};
// And in the scope: of which request from around it has it been told since?
[[nodiscard]] WEFT_API WEFT_NOIPA told_request told_since(told_so_far const& before, inner_scope const& entered) noexcept;
// It has left the scope, and will not say so: its next await is told again, unless what the request was for has been left before.
WEFT_API WEFT_NOIPA void tell_again(told_request request) noexcept;

// The coroutine that runs here says that it has been cancelled: what has been asked by now does not come to its next await, too. Only
// by one that runs from the loop: on the stack of a gather's fork its siblings would be taken for told.
[[noreturn]] WEFT_API WEFT_NOIPA void throw_cancelled();

// A local variable of a coroutine.
class entered_scope {
public:
    entered_scope() noexcept { enter_scope(scope_); }
    entered_scope(entered_scope const&) = delete;
    entered_scope& operator=(entered_scope const&) = delete;
    ~entered_scope() { leave_scope(scope_); }

    void cancel() noexcept { cancel_scope(scope_); }
    [[nodiscard]] bool cancelled_around() const noexcept { return detail::cancelled_around(scope_); }
    [[nodiscard]] told_request told_since(told_so_far const& before) const noexcept { return detail::told_since(before, scope_); }
    // `cancelled` has come to who waits in it: from around, and not (only) by cancel()?
    [[nodiscard]] bool told_from_around() const noexcept {
        return cancelled_around() || scope_.requests.load(std::memory_order_relaxed) == 0;
    }

private:
    inner_scope scope_;
};

}  // namespace weft::detail
