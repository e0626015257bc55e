// SPDX-License-Identifier: MIT
// Model threads that do a worker's work, step by step: they take a job from a queue and run it, by the worker's own functions. What
// is left out of worker::loop is when it looks at the clock, searches and sleeps, which other models are about; with it the layer
// of tasks would be too large to explore. For the same reason a model's body does alone what comes before the moment of interest,
// and what is left after it.
#pragma once

#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include <weft/spawn.hpp>
#include <weft/task.hpp>

#include <run_group.hpp>
#include <runtime_core.hpp>
#include <task_core.hpp>
#include <topology.hpp>
#include <worker.hpp>

#include "model/verify.hpp"
#include "counted_frames.hpp"
#include "model.hpp"

namespace weft::model {

// A runtime without threads, and one run of it.
class house {
public:
    explicit house(unsigned workers, detail::exception_handler on_unhandled = {});
    house(house const&) = delete;
    house& operator=(house const&) = delete;
    ~house();

    [[nodiscard]] detail::runtime_core& core() const noexcept { return *core_; }
    [[nodiscard]] detail::run_group& group() const noexcept { return group_; }

    // A task of the run, in that worker's line. By the body alone.
    template <class Value>
    join_handle<Value> start(unsigned on, task<Value> work) {
        auto const frame = work.unstarted();
        put_in_line(on, frame);
        work.release();
        return join_handle<Value>(frame);
    }
    // A task that has been started is the main task of the run. Before, and without one, the house itself counts as that.
    void leave_to(join_handle<> const& main) noexcept;

    // The calling thread is that worker, and runs the oldest job of its line, the newest of its forks, or what it steals from
    // another one, the oldest of its forks or of its line. False: there is none.
    bool run_oldest(unsigned as);
    bool run_newest_fork(unsigned as);
    bool steal_fork(unsigned as, unsigned from);
    bool steal_ready(unsigned as, unsigned from);
    // The calling thread is that worker, and looks at the clock when all is due that was to happen within an hour.
    void fire_timers(unsigned as);
    // Calls f() as that worker.
    template <class Function>
    auto as_worker(unsigned as, Function f) {
        shift const in(worker(as));
        return f();
    }
    // By the body alone: runs all jobs. Then all tasks of the run have ended, or wait for something.
    void finish();
    // Whether all tasks have ended.
    [[nodiscard]] bool empty() const noexcept { return group_.alone(); }

private:
    struct shift {
        explicit shift(detail::worker& as) noexcept : before(std::exchange(detail::this_worker, &as)) {}
        ~shift() { detail::this_worker = before; }
        shift(shift const&) = delete;
        shift& operator=(shift const&) = delete;
        detail::worker* before;
    };

    [[nodiscard]] detail::worker& worker(unsigned index) const noexcept { return *core_->pool.workers[index]; }
    void put_in_line(unsigned on, std::coroutine_handle<> unstarted);
    bool run(unsigned as, detail::job next);

    detail::topology const flat_;
    std::shared_ptr<detail::runtime_core> core_;
    detail::run_group& group_;
};

// By a coroutine, of the task that it runs for.
void cancel_this_task();

// So many preemptions, or any number.
[[nodiscard]] options bounded(std::string name, int preemptions = unbounded);

}  // namespace weft::model
