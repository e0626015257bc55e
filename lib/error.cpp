// SPDX-License-Identifier: MIT
#include <weft/error.hpp>

namespace weft {

// Out of line, so that each type has one home and is the same across shared libraries.
error::~error() = default;
no_current_runtime::~no_current_runtime() = default;
nested_run::~nested_run() = default;
invalid_state::~invalid_state() = default;
runtime_closed::~runtime_closed() = default;
timeout_error::~timeout_error() = default;
cancelled::~cancelled() = default;

char const* cancelled::what() const noexcept {
    return "weft::cancelled: the task was cancelled";
}

namespace detail {

void throw_empty_task() {
    throw invalid_state(
        "weft::task: this task is empty: it was default-constructed, moved from, or awaited already; a task runs once: call the "
        "coroutine again, or spawn it and await the handle");
}

void throw_reused_gather() {
    throw invalid_state("weft::gather: this gather was awaited already; its tasks run once: make them, and the gather, anew");
}

void throw_empty_handle() {
    throw invalid_state("weft::join_handle: this handle is empty: it was default-constructed or moved from; use the one that spawn returned");
}

void throw_not_done() {
    throw invalid_state("weft::join_handle: the task has not ended yet; co_await the handle, or ask done() first");
}

void throw_not_a_number() {
    throw std::invalid_argument("weft::sleep: the duration is not a number (NaN); pass a finite duration, or infinity to sleep for ever");
}

}  // namespace detail
}  // namespace weft
