// SPDX-License-Identifier: MIT
// What stands behind a runtime object.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include <weft/options.hpp>

#include "run_group.hpp"
#include "scheduler.hpp"
#include "task_registry.hpp"
#include "thread_pool.hpp"

namespace weft::detail {

class living_tasks;

using exception_handler = std::function<void(unhandled_exception const&)>;

// Shared, because a thread that hands a job in from outside may still be waking a worker when the job has ended and the runtime
// with it.
class runtime_core : public std::enable_shared_from_this<runtime_core> {
public:
    explicit runtime_core(options settings, topology const& of_machine = topology::of_this_machine(), paused_time* paused = nullptr);
    ~runtime_core();
    runtime_core(runtime_core const&) = delete;
    runtime_core& operator=(runtime_core const&) = delete;

    // Throws runtime_closed in the child of a fork().
    void require_same_process() const;
    [[nodiscard]] bool in_forked_child() const noexcept;

    // Throws testing::deadlock once the runtime stands still for good.
    void require_progress() const;
    // What it is; empty while there is none.
    [[nodiscard]] std::string deadlock() const;

    // A run group that nobody uses, and back. Throws std::bad_alloc.
    [[nodiscard]] run_group& lend_group();
    void take_back(run_group& group) noexcept;

    std::string const name;
    bool const handle_signals;
    task_registry tasks;
    // Null without a paused clock.
    std::unique_ptr<living_tasks> const living;
    scheduler pool;
    std::shared_ptr<exception_handler const> const on_unhandled;
    // Tasks that belong to no run() but to the runtime as a whole: the submitted ones and what they spawn.
    run_group submitted;
    // For to_thread.
    thread_pool threads;
    // Set when the destructor begins: spawn throws from then on. relaxed on both sides: a spawn that misses it is counted, and
    // waited for, like those before it.
    std::atomic<bool> closing{false};

private:
    void declare_deadlock();

    unsigned const process_generation_;
    mutable std::mutex deadlock_mutex_;
    std::string deadlock_;
    std::mutex groups_mutex_;
    std::vector<std::unique_ptr<run_group>> groups_;
    std::vector<run_group*> unused_groups_;
};

// The state of every live runtime, for a watchdog that is about to give up.
void dump_runtimes(std::ostream& out);

}  // namespace weft::detail
