// SPDX-License-Identifier: MIT
#include <weft/detail/turn.hpp>

#include "cancellation.hpp"

namespace weft::detail {

void suspend_to_back(promise_base& yielding) noexcept {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (here.scope.inner()) [[unlikely]] start_limits_here(here);
    leave_fork(here, yielding);
    here.make_ready(handle_of(yielding));
}

std::coroutine_handle<> begin_awaited(promise_base& awaited) noexcept {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (here.must_give_way_on_this_level()) [[unlikely]] {
        leave_fork(here, awaited);
        here.make_ready(handle_of(awaited));
        return std::noop_coroutine();
    }
    return here.transfer(handle_of(awaited));
}

bool must_let_others_go() noexcept {
    WEFT_COMPILER_BARRIER();
    return this_worker->must_give_way();
}

}  // namespace weft::detail
