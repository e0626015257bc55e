// SPDX-License-Identifier: MIT
// The workers of one runtime and what they share. Knows jobs, and nothing of tasks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "asymmetric_fence.hpp"
#include "clock.hpp"
#include "frame_depot.hpp"
#include "idle.hpp"
#include "injector.hpp"
#include "job.hpp"
#include "timer_driver.hpp"
#include "topology.hpp"
#include "worker.hpp"

namespace weft::detail {

class scheduler {
public:
    explicit scheduler(unsigned workers, topology const& of_machine = topology::of_this_machine(), paused_time* paused = nullptr);
    scheduler(scheduler const&) = delete;
    scheduler& operator=(scheduler const&) = delete;

    // Starts the threads. Throws std::system_error with none left running.
    void start(std::string const& name);
    // Asks the workers to end when their present job gives the thread back, and joins them.
    void stop() noexcept;

    // A ready job from a thread that is no worker of this scheduler.
    void inject(job entering) noexcept;

    // By a worker, after it has published a job: wakes a sleeper if nobody searches.
    void announce_work() noexcept {
        if (somebody_to_wake()) [[unlikely]] wake_one();
    }
    [[nodiscard]] bool somebody_to_wake() const noexcept {
        asymmetric_fence::light();
        return idle_workers.wants_waking();
    }
    void wake_one() noexcept;

    // Whether anything stands in any queue. Reliable after a heavy fence, or, where all others sleep, after a change of the counts.
    [[nodiscard]] bool work_visible() const noexcept;

    [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }

    // For a paused clock. Between the first two a job is on its way that another thread hands in; between the others a task waits
    // for something that is not weft's.
    void expect_job() noexcept;
    void job_came() noexcept;
    void expect_foreign() noexcept;
    void foreign_came() noexcept;
    // Whether there is one. Other threads change it at any moment; why one look is enough stands in lib/README.md.
    [[nodiscard]] bool job_is_expected() const noexcept { return expected_.load() > 0; }
    [[nodiscard]] bool foreign_is_awaited() const noexcept { return foreign_.load() > 0; }

    // With a paused clock, by a worker that has fallen asleep as the last of all. True: the clock shows the time of the next timer.
    // Calls on_standstill where none is armed. Where a task awaits something that is not weft's, it first only sets
    // `patience_ends`, to a moment of the steady clock; the caller comes again then. lib/README.md, "A paused clock".
    [[nodiscard]] bool let_time_pass(std::int64_t& patience_ends) noexcept;

    // Queue lengths and who sleeps, for a watchdog. Approximate while workers run.
    void dump(std::ostream& out) const;

    topology const& processors;
    runtime_clock const clock;
    std::function<void()> on_standstill;
    frame_depot frames;
    std::vector<std::unique_ptr<worker>> workers;
    injector entrance;
    idle idle_workers;
    timer_driver timers;

private:
    void announce_from_outside() noexcept;

    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;

    // Under a paused clock; lib/README.md argues about them, and all accesses of the first two are seq_cst. They stand here, and not
    // in the clock, because who lowers one may still be at it when the runtime has ended and its clock is gone, or another's.
    std::atomic<std::size_t> expected_{0};  // jobs that another thread is handing in
    std::atomic<std::size_t> foreign_{0};   // tasks that await something that is not weft's
    // When one of these last began or came, in nanoseconds of the steady clock. Patience begins then. relaxed: written before
    // `foreign_` changes, which publishes it.
    std::atomic<std::int64_t> foreign_since_{0};
};

}  // namespace weft::detail
