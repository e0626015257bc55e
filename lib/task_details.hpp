// SPDX-License-Identifier: MIT
// What only some tasks have: a name, a number, values of context_vars.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weft/detail/promise.hpp>

namespace weft::detail {

// The values of context_vars: shared by all who have the same, and so never changed.
struct context_entry {
    std::uint64_t variable;
    std::shared_ptr<void const> value;
};
using context = std::vector<context_entry>;
using shared_context = std::shared_ptr<context const>;  // null: no values

// They stand beside the tasks, in a table of the process: most tasks have none, and a handle may outlive its runtime. The task is
// spawned, or about to be, and somebody keeps it alive. The mark has_details says that there is something; whoever spawns a task
// with a context sets it, set_context_value and the names do so themselves.
[[nodiscard]] shared_context context_of(promise_base const& task) noexcept;
// Throws std::bad_alloc. `task` need not be spawned.
void give_context(promise_base& task, shared_context values);
void give_name(promise_base& task, std::string name);

// Empty: it was given none.
[[nodiscard]] std::string given_name(promise_base const& task);

// One value of a spawned task: puts another, or none, in its place and returns what it was. Throws std::bad_alloc.
[[nodiscard]] std::shared_ptr<void const> exchange_value(promise_base& task, std::uint64_t variable, std::shared_ptr<void const> value);
// The same of values that belong to nobody else.
[[nodiscard]] std::shared_ptr<void const> exchange_value(shared_context& values, std::uint64_t variable,
                                                         std::shared_ptr<void const> value);
[[nodiscard]] std::shared_ptr<void const> find_value(context const* values, std::uint64_t variable) noexcept;

// Of a task that nobody refers to any more, or that has not become one.
void forget_details(promise_base const& task) noexcept;

[[nodiscard]] inline bool marked_with_details(promise_base const& task) noexcept {
    // relaxed: who must not miss it has spawned the task, runs in it, or holds its last reference.
    return (task.marks.load(std::memory_order_relaxed) & has_details) != 0;
}

}  // namespace weft::detail
