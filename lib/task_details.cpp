// SPDX-License-Identifier: MIT
#include "task_details.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include <oneapi/tbb/concurrent_hash_map.h>

#include <weft/detail/waiter.hpp>

namespace weft::detail {

namespace {

struct details {
    std::string name;
    std::uint64_t id = 0;
    shared_context values;
};

// The allocator: as in task_registry.hpp.
using table = tbb::concurrent_hash_map<promise_base const*, details, tbb::tbb_hash_compare<promise_base const*>,
                                       std::allocator<std::pair<promise_base const* const, details>>>;

// Never destroyed: handles may be dropped while the program's static objects are.
table& all() {
    static auto* const only = new table;
    return *only;
}

// From 1, in the order in which somebody asked.
std::uint64_t next_id() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// Before something is inserted for it: oneTBB's table may throw when that is done, for its next segment, and keeps it then.
void mark(promise_base& task) noexcept {
    task.marks.fetch_or(has_details, std::memory_order_relaxed);
}

std::uint64_t id_in(details& of) noexcept {
    if (of.id == 0) of.id = next_id();
    return of.id;
}

}  // namespace

std::shared_ptr<void const> find_value(context const* values, std::uint64_t variable) noexcept {
    if (!values) return nullptr;
    auto const found = std::ranges::find(*values, variable, &context_entry::variable);
    return found != values->end() ? found->value : nullptr;
}

std::shared_ptr<void const> exchange_value(shared_context& values, std::uint64_t variable, std::shared_ptr<void const> value) {
    auto changed = values ? std::make_shared<context>(*values) : std::make_shared<context>();
    auto const found = std::ranges::find(*changed, variable, &context_entry::variable);
    std::shared_ptr<void const> before;
    if (found == changed->end()) {
        if (value) changed->push_back({variable, std::move(value)});
    } else if (value) {
        before = std::exchange(found->value, std::move(value));
    } else {
        before = std::move(found->value);
        changed->erase(found);
    }
    values = changed->empty() ? nullptr : std::move(changed);
    return before;
}

shared_context context_of(promise_base const& task) noexcept {
    if (!marked_with_details(task)) return nullptr;
    table::const_accessor found;
    return all().find(found, &task) ? found->second.values : nullptr;
}

void give_context(promise_base& task, shared_context values) {
    table::accessor place;
    all().insert(place, &task);
    place->second.values = std::move(values);
}

void give_name(promise_base& task, std::string name) {
    table::accessor place;
    all().insert(place, &task);
    place->second.name = std::move(name);
}

std::string given_name(promise_base const& task) {
    if (!marked_with_details(task)) return {};
    table::const_accessor found;
    return all().find(found, &task) ? found->second.name : std::string{};
}

std::shared_ptr<void const> exchange_value(promise_base& task, std::uint64_t variable, std::shared_ptr<void const> value) {
    // Destroyed when the table is free again, also where this throws: values may do what they like then.
    shared_context before;
    std::shared_ptr<void const> const keep = value;
    mark(task);
    table::accessor place;
    all().insert(place, &task);
    before = place->second.values;
    return exchange_value(place->second.values, variable, std::move(value));
}

void forget_details(promise_base const& task) noexcept {
    details forgotten;
    table::accessor found;
    if (!all().find(found, &task)) return;
    forgotten = std::move(found->second);
    all().erase(found);
}

std::uint64_t task_id(promise_base& task) {
    mark(task);
    table::accessor place;
    all().insert(place, &task);
    return id_in(place->second);
}

std::string task_name(promise_base& task) {
    mark(task);
    table::accessor place;
    all().insert(place, &task);
    details& of = place->second;
    return of.name.empty() ? "task-" + std::to_string(id_in(of)) : of.name;
}

void set_task_name(promise_base& task, std::string name) {
    mark(task);
    give_name(task, std::move(name));
}

}  // namespace weft::detail
