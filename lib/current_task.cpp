// SPDX-License-Identifier: MIT
#include <weft/current_task.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <span>
#include <stdexcept>

#include <weft/error.hpp>

#include "runtime_core.hpp"
#include "worker.hpp"

namespace weft {

namespace {

// The counter has 16 bits; the library itself takes a few at a time.
constexpr std::uint16_t most_references = 60'000;

// relaxed: who takes one has one, or keeps the task alive otherwise.
bool try_refer_to(detail::promise_base& task) noexcept {
    if (task.references.fetch_add(1, std::memory_order_relaxed) < most_references) return true;
    task.references.fetch_sub(1, std::memory_order_relaxed);
    return false;
}

void refer_to(detail::promise_base& task) {
    if (!try_refer_to(task)) throw std::length_error("weft::task_ref: 60,000 refer to this task already; share one of them");
}

detail::worker& worker_of_task(char const* asked) {
    detail::worker* const here = detail::this_worker;
    if (!here)
        throw no_current_runtime(std::string(asked) + ": this thread is no worker; call it inside a task, or ask weft::on_worker() first");
    return *here;
}

}  // namespace

task_ref::task_ref(detail::promise_base& task) : task_(&task) {
    refer_to(task);
}

task_ref::task_ref(task_ref const& other) : task_(other.task_) {
    if (task_) refer_to(*task_);
}

task_ref current_task() {
    WEFT_COMPILER_BARRIER();
    detail::promise_base& task = *worker_of_task("weft::current_task").scope.task();
    if (task.role != detail::role::spawned)
        throw no_current_runtime("weft::current_task: the task has ended, and what it leaves behind is being destroyed");
    return task_ref(task);
}

std::vector<task_ref> all_tasks() {
    WEFT_COMPILER_BARRIER();
    detail::task_registry& tasks = worker_of_task("weft::all_tasks").scope.task()->group->core().tasks;
    std::vector<task_ref> all;
    std::array<detail::promise_base*, 256> some;
    for (std::size_t from = 0; from != tasks.end();) {
        if (all.capacity() - all.size() < some.size()) all.reserve(2 * all.size() + some.size());
        std::size_t count = 0;
        from = tasks.visit_from(from, [&](detail::promise_base& task) {
            if (count == some.size()) return false;
            if (!detail::has_ended(task) && try_refer_to(task)) some[count++] = &task;
            return true;
        });
        for (detail::promise_base* const task : std::span(some).first(count)) all.emplace_back(*task, task_ref::takes_over::reference);
    }
    return all;
}

}  // namespace weft
