// SPDX-License-Identifier: MIT
// Model threads that do a worker's work: they take jobs from its queues, or steal them, and run them, all by the worker's own functions.
// What is left out of worker::loop is when it looks at the clock, searches and sleeps, which other models are about; with it the layer
// of tasks would be too large to explore.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <utility>

#include <weft/spawn.hpp>
#include <weft/task.hpp>

#include <clock.hpp>
#include <run_group.hpp>
#include <runtime_core.hpp>
#include <task_core.hpp>
#include <worker.hpp>

#include "model.hpp"
#include "uncached_frames.hpp"
#include "verify.hpp"

// Private functions of a worker; hands.cpp tells how.
namespace weft::detail {
void run_job(worker& here, job next) noexcept;
[[nodiscard]] job own_job(worker& here) noexcept;
[[nodiscard]] job steal_job(worker& here, worker& victim, bool& contended) noexcept;
void fire_timers(worker& here, std::int64_t now) noexcept;
}  // namespace weft::detail

namespace weft::model {

// A runtime without threads.
class house {
public:
    explicit house(unsigned workers, weft::options settings = {})
        : core_(std::make_shared<detail::runtime_core>(with(std::move(settings), workers))), group_(core_->lend_group()) {
        group_.begin_run();  // the house itself counts as alive
    }
    house(house const&) = delete;
    house& operator=(house const&) = delete;

    [[nodiscard]] detail::runtime_core& core() const noexcept { return *core_; }
    [[nodiscard]] detail::run_group& group() const noexcept { return group_; }
    [[nodiscard]] detail::worker& worker(unsigned index) const noexcept { return *core_->pool.workers[index]; }

    // A task of the run, ready on that worker. Before the threads start.
    template <class Value>
    join_handle<Value> start(unsigned on, task<Value> work) {
        auto const frame = work.unstarted();
        check(group_.begin_task_outside(), "a run takes tasks");
        detail::make_spawned(frame.promise(), group_, std::source_location::current());
        work.release();
        worker(on).ready.push(frame);
        return join_handle<Value>(frame);
    }

    // Whether all tasks have ended.
    [[nodiscard]] bool empty() const noexcept { return group_.alone(); }
    // A task that has been started is the main task of the run, and the house counts no more.
    void leave_to(join_handle<> const& main) {
        main.promise().state.is_main = true;
        group_.undo_begin_outside();
    }

    // The calling thread is that worker until `over()`, which it asks before each job. Where there is none it waits for somebody else's
    // step.
    template <class Over>
    void work(unsigned as, Over over) {
        shift const in(*this, as);
        while (!over())
            if (!one_job(as)) WEFT_SPIN_PAUSE();
    }
    // So many looks for a job, and nobody waits.
    void work_a_bit(unsigned as, int looks) {
        shift const in(*this, as);
        for (int look = 0; look < looks; ++look) static_cast<void>(one_job(as));
    }

    // Calls f() as that worker.
    template <class Function>
    auto as_worker(unsigned as, Function f) {
        shift const in(*this, as);
        return f();
    }
    // That worker looks at the clock when all is due that was to happen within an hour. The clock itself stands still.
    void fire_timers(unsigned as) {
        shift const in(*this, as);
        constexpr std::int64_t hour = 3'600'000'000'000;
        detail::fire_timers(worker(as), detail::steady_now() + hour);
    }

private:
    struct shift {
        shift(house const& of, unsigned as) : before(std::exchange(detail::this_worker, &of.worker(as))) {}
        ~shift() { detail::this_worker = before; }
        shift(shift const&) = delete;
        shift& operator=(shift const&) = delete;
        detail::worker* before;
    };

    static weft::options with(weft::options settings, unsigned workers) {
        settings.workers = workers;
        settings.blocking_threads = 1;
        settings.name = "model";
        return settings;
    }

    bool one_job(unsigned as) {
        detail::worker& here = worker(as);
        detail::job next = detail::own_job(here);
        bool contended = false;
        for (unsigned other = 0; !next && other < core_->pool.workers.size(); ++other)
            if (other != as) next = detail::steal_job(here, worker(other), contended);
        if (!next) return false;
        detail::run_job(here, next);
        return true;
    }

    std::shared_ptr<detail::runtime_core> core_;
    detail::run_group& group_;
};

// verify, with frames counted. Not all that is allocated: the process's registries are never freed.
inline void verify_tasks(options with, std::function<void()> const& body) {
    with.check_leaks = false;
    verify(with, [&] {
        count_frames_from_now();
        body();
        check(no_frame_is_left(), "every frame has gone");
    });
}

}  // namespace weft::model
