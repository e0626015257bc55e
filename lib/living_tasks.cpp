// SPDX-License-Identifier: MIT
#include "living_tasks.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include <weft/detail/completions.hpp>
#include <weft/detail/waiter.hpp>
#include <weft/error.hpp>

#include "scheduler.hpp"
#include "task_core.hpp"
#include "task_details.hpp"

namespace weft::detail {

namespace {

std::string place_in_source(std::source_location const& where) {
    if (where.line() == 0) return "from a callable with arguments";
    std::ostringstream text;
    text << "at " << where.file_name() << ':' << where.line();
    return text.str();
}

std::string name_of(promise_base const& task) {
    std::string const given = given_name(task);
    std::string const quoted = given.empty() ? given : '"' + given + "\", ";
    return quoted + (task.state.is_main ? "the main task of run() " : "the task spawned ") + place_in_source(spawned_at(task));
}

// Of a watched end, who waits for the next one, if anybody does.
template <class Visit>
void visit_coroutine_of(waiter const& node, Visit visit) {
    if (node.watched)
        static_cast<watched_end const&>(node).owner->visit_waiting(visit);
    else
        visit(promise_of(node.coroutine.address()));
}

}  // namespace

living_tasks::living_tasks(paused_time& time) : time_(&time) {
    if (time.taken.exchange(true))
        throw invalid_state(
            "weft::runtime: another runtime goes by this paused_clock; give each its own, or destroy the first one before");
}

void living_tasks::leave_clock() noexcept {
    if (paused_time* const left = std::exchange(time_, nullptr)) left->taken.store(false);
}

void living_tasks::add(promise_base& task) {
    std::lock_guard const lock(mutex_);
    tasks_.insert(&task);
}

void living_tasks::remove(promise_base& task) noexcept {
    std::lock_guard const lock(mutex_);
    tasks_.erase(&task);
}

std::optional<living_tasks::standstill> living_tasks::find_standstill(scheduler const& pool) const {
    std::lock_guard const lock(mutex_);
    // Whoever hands one in has said so before it was added here.
    if (tasks_.empty() || pool.job_is_expected() || pool.foreign_is_awaited() || pool.work_visible()) return std::nullopt;
    // A task waits for several things where its gathers do.
    std::map<promise_base const*, std::vector<std::string>> waits;
    for (promise_base* const task : tasks_) waits[task];
    for (promise_base* const task : tasks_) {
        // Every waiter's node is in its place: nobody runs, and who was woken would be in a queue.
        waiter_list::guard const awaiting(task->waiters);
        for (auto const* node = awaiting.first(); node && node != &ended_mark; node = node->of_awaited.next)
            visit_coroutine_of(*node, [&](promise_base& waiting) { waits[task_of(waiting)].push_back("the end of " + name_of(*task)); });
    }
    pool.timers.each_armed([&](timer_entry const& entry) {
        if (entry.coroutine) waits[task_of(promise_of(entry.coroutine.address()))].push_back("the end of a sleep for ever");
    });
    std::vector<std::string> lines;
    for (auto& [task, reasons] : waits) {
        std::string line = "  " + name_of(*task) + " waits for ";
        std::ranges::sort(reasons);
        for (std::size_t i = 0; i < reasons.size(); ++i) line += (i == 0 ? "" : " and ") + reasons[i];
        if (reasons.empty()) line += "something that this list does not know";
        lines.push_back(std::move(line));
    }
    std::ranges::sort(lines);
    standstill found;
    for (std::string const& line : lines) found.tasks += '\n' + line;
    for (promise_base const* const task : tasks_)
        if (std::ranges::find(found.groups, task->group) == found.groups.end()) found.groups.push_back(task->group);
    return found;
}

}  // namespace weft::detail
