// SPDX-License-Identifier: MIT
// Which tasks are alive, under a paused clock: so that a standstill can be told from rest, and explained.
#pragma once

#include <mutex>
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
    ~living_tasks() { time_.taken.store(false); }
    living_tasks(living_tasks const&) = delete;
    living_tasks& operator=(living_tasks const&) = delete;

    // A spawned task, before it is scheduled, and after its end. Throws std::bad_alloc.
    void add(promise_base& task);
    void remove(promise_base& task) noexcept;

    // While all workers are asleep for good: a line for each task, where it was spawned and what it waits for.
    [[nodiscard]] std::string describe(scheduler const& pool) const;
    [[nodiscard]] std::vector<run_group*> groups() const;

private:
    paused_time& time_;
    mutable std::mutex mutex_;
    std::unordered_set<promise_base*> tasks_;
};

}  // namespace weft::detail
