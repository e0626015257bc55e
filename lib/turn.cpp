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

bool must_let_others_go() noexcept {
    WEFT_COMPILER_BARRIER();
    return this_worker->must_let_others_go();
}

void let_others_go(promise_base& ready) noexcept {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    leave_fork(here, ready);
    here.make_ready(handle_of(ready));
}

std::coroutine_handle<> begin_awaited(promise_base& awaited) noexcept {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (!here.must_let_others_go()) [[likely]] return here.transfer(handle_of(awaited));
    let_others_go(awaited);
    return std::noop_coroutine();
}

}  // namespace weft::detail
