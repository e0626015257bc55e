// SPDX-License-Identifier: MIT
// Exceptions of spawned tasks that nobody has awaited.
#pragma once

#include <weft/detail/promise.hpp>

#include "runtime_core.hpp"

namespace weft::detail {

// A spawned task has failed. It is remembered until its last reference is dropped, so that the end of its run can report it while
// somebody still holds a handle. In a registry of the process and not of the runtime, because a handle may outlive the runtime.
void remember_failure(promise_base& failed, run_group& group) noexcept;

// The last reference goes: reports it if nobody has seen it.
void forget_failure(promise_base& failed) noexcept;

// The run is over: reports its failures that nobody has seen yet.
void report_failures_of(run_group& group) noexcept;

}  // namespace weft::detail
