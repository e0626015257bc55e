// SPDX-License-Identifier: MIT
// Which values of context_vars hold where.
#pragma once

#include <weft/context_var.hpp>

#include "task_details.hpp"
#include "worker.hpp"

namespace weft::detail {

// What a task that the calling thread spawns inherits, or a function that it gives to another thread. Throws std::bad_alloc.
[[nodiscard]] shared_context context_here();
// False: nothing. The second for a task of the worker's own runtime.
[[nodiscard]] bool may_inherit_from_thread() noexcept;
[[nodiscard]] inline bool may_inherit_context(worker const& here) noexcept {
    return here.scope.inner() || marked_with_details(*here.scope.task());
}

// Puts other values in the place of those of the calling thread, which is no worker, and returns what they were.
shared_context exchange_thread_context(shared_context values) noexcept;

}  // namespace weft::detail
