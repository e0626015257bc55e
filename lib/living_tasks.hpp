// SPDX-License-Identifier: MIT
// Which tasks are alive, under a paused clock: so that a standstill can be told from rest, and explained.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include <weft/detail/paused_time.hpp>

namespace weft::detail {

struct promise_base;
class run_group;
class scheduler;

class living_tasks {
public:
    // Throws invalid_state where another runtime goes by that clock.
    explicit living_tasks(paused_time& time);
    ~living_tasks() { leave_clock(); }
    living_tasks(living_tasks const&) = delete;
    living_tasks& operator=(living_tasks const&) = delete;

    // Once no worker runs any more. From now on another runtime may go by that clock, or the clock be destroyed.
    void leave_clock() noexcept;

    // A spawned task, before it is scheduled, and after its end. Throws std::bad_alloc.
    void add(promise_base& task);
    void remove(promise_base& task) noexcept;

    // While all workers are asleep and no timer will expire. If tasks are alive, and none of them is on its way in: a line for
    // each, where it was spawned and what it waits for, and the groups they belong to. Else nothing.
    struct standstill {
        std::string tasks;
        std::vector<run_group*> groups;
    };
    [[nodiscard]] std::optional<standstill> find_standstill(scheduler const& pool) const;

private:
    paused_time* time_;  // null once it has been left
    mutable std::mutex mutex_;
    std::unordered_set<promise_base*> tasks_;
};

}  // namespace weft::detail
