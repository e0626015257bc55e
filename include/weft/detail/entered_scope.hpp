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

// Which requests to cancel have come to a coroutine, without those that were taken back.
struct told_so_far {
    request_count open = 0;       // how many
    request_count of_task = 0;    // how many of these were of the task itself
    std::uint32_t of_scopes = 0;  // the scopes that have one, a bit for each; the lowest bit is the innermost of at most 32
};
// To the coroutine that runs here.
[[nodiscard]] WEFT_API WEFT_NOIPA told_so_far told_here() noexcept;

struct told_request {
    bool any = false;
    inner_scope* scope = nullptr;  // whose it was, the outermost one's if there are several; null: the task's
};
// What has come to it from around a scope in which it runs, since it asked for `before`, just before it entered that.
[[nodiscard]] WEFT_API WEFT_NOIPA told_request told_since(told_so_far const& before, inner_scope const& entered) noexcept;
// It has left the scope and does not tell its caller of that request: the next await is told again, unless what the request was for
// has been left by then.
WEFT_API WEFT_NOIPA void tell_again(told_request request) noexcept;

// The coroutine that runs here tells its caller that it has been cancelled: what has been asked by now does not come to its next
// await, too. Only for one that runs from the loop; of one on the stack of a gather's fork, the siblings would count as told.
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
