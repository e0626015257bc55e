// SPDX-License-Identifier: MIT
// A value stands in the nearest bound_scope of its variable around who asks, which is found like a time limit; else with the task
// (task_details.hpp); on a thread that is no worker, with that.
#include "context.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/error.hpp>

#include "cancellation.hpp"

namespace weft::detail {

namespace {

// Of a thread that is no worker.
thread_local shared_context thread_context;
thread_local scope_ref thread_scope{static_cast<promise_base*>(nullptr)};

bound_scope* bound_in(scope_ref scope, std::uint64_t variable) noexcept {
    for (inner_scope* inner = scope.inner(); inner; inner = scope.inner()) {
        if (inner->binds) {
            auto* const bound = static_cast<bound_scope*>(inner);
            if (bound->variable == variable) return bound;
        }
        scope = inner->outer;
    }
    return nullptr;
}

// In a task, other children of a gather may read and write it.
std::shared_ptr<void const> value_in(bound_scope const& bound) noexcept {
    if (!bound.task) return bound.value;
    suspension_list::guard const others(bound.task->suspensions);
    return bound.value;
}
std::shared_ptr<void const> exchange_value(bound_scope& bound, std::shared_ptr<void const> value) noexcept {
    if (!bound.task) return std::exchange(bound.value, std::move(value));
    suspension_list::guard const others(bound.task->suspensions);
    return std::exchange(bound.value, std::move(value));
}

// Null: the worker is releasing a task that has ended.
promise_base* task_on(worker const& here) noexcept {
    promise_base* const task = here.scope.task();
    return task->role == role::spawned ? task : nullptr;
}

scope_ref scope_on(worker const* here) noexcept {
    return here ? here->scope : thread_scope;
}

shared_context unbound_context_on(worker const* here) noexcept {
    if (!here) return thread_context;
    promise_base const* const task = task_on(*here);
    return task ? context_of(*task) : nullptr;
}

}  // namespace

std::uint64_t new_context_variable() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::shared_ptr<void const> context_value(std::uint64_t variable) noexcept {
    WEFT_COMPILER_BARRIER();
    worker const* const here = this_worker;
    if (bound_scope const* const bound = bound_in(scope_on(here), variable)) return value_in(*bound);
    return find_value(unbound_context_on(here).get(), variable);
}

std::shared_ptr<void const> set_context_value(std::uint64_t variable, std::shared_ptr<void const> value) {
    WEFT_COMPILER_BARRIER();
    worker const* const here = this_worker;
    if (bound_scope* const bound = bound_in(scope_on(here), variable)) return exchange_value(*bound, std::move(value));
    if (!here) return exchange_value(thread_context, variable, std::move(value));
    promise_base* const task = task_on(*here);
    return task ? exchange_value(*task, variable, std::move(value)) : nullptr;
}

bool may_inherit_from_thread() noexcept {
    WEFT_COMPILER_BARRIER();
    worker const* const here = this_worker;
    if (scope_on(here).inner()) return true;
    return here ? marked_with_details(*here->scope.task()) : thread_context != nullptr;
}

shared_context context_here() {
    WEFT_COMPILER_BARRIER();
    worker const* const here = this_worker;
    shared_context values = unbound_context_on(here);
    // The nearest scope of each variable counts.
    std::vector<std::uint64_t> seen;
    scope_ref scope = scope_on(here);
    for (inner_scope* inner = scope.inner(); inner; inner = scope.inner()) {
        scope = inner->outer;
        if (!inner->binds) continue;
        auto const& bound = static_cast<bound_scope const&>(*inner);
        if (std::ranges::find(seen, bound.variable) != seen.end()) continue;
        seen.push_back(bound.variable);
        static_cast<void>(exchange_value(values, bound.variable, value_in(bound)));
    }
    return values;
}

shared_context exchange_thread_context(shared_context values) noexcept {
    return std::exchange(thread_context, std::move(values));
}

bound_scope::bound_scope(std::uint64_t for_variable, std::shared_ptr<void const> bound)
    : variable(for_variable), value(std::move(bound)) {
    WEFT_COMPILER_BARRIER();
    binds = true;
    if (this_worker)
        enter(*this_worker, *this, nullptr);
    else
        outer = std::exchange(thread_scope, scope_ref(this));
}

bound_scope::~bound_scope() {
    WEFT_COMPILER_BARRIER();
    if (this_worker)
        leave(*this_worker, *this);
    else
        thread_scope = outer;
}

void throw_no_context_value(std::string const& name) {
    throw invalid_state("weft::context_var: \"" + name + "\" has no value here and no default; set it, or give get() a default");
}

void const* context_place(std::uint64_t variable) noexcept {
    WEFT_COMPILER_BARRIER();
    worker const* const here = this_worker;
    if (bound_scope const* const bound = bound_in(scope_on(here), variable)) return bound;
    return here ? static_cast<void const*>(here->scope.task()) : &thread_context;
}

void undo_context_change(context_change change, std::uint64_t variable, std::string const& name) {
    if (change.variable == 0)
        throw invalid_state("weft::context_var: this token of \"" + name + "\" has been moved from; a token resets once");
    if (change.variable != variable)
        throw std::invalid_argument("weft::context_var: reset of \"" + name + "\" with a token that set of another variable returned");
    if (change.place != context_place(variable))
        throw std::invalid_argument("weft::context_var: reset of \"" + name +
                                    "\" with a token of another task, thread or scoped block; use it where set has returned it");
    static_cast<void>(set_context_value(variable, std::move(change.before)));
}

}  // namespace weft::detail
