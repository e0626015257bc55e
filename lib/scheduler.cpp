// SPDX-License-Identifier: MIT
#include "scheduler.hpp"

#include <algorithm>
#include <new>

#include "platform.hpp"

namespace weft::detail {

scheduler::scheduler(unsigned count, topology const& of_machine, paused_time* paused)
    : processors(of_machine), clock(paused), idle_workers(count), timers(count, clock.now()) {
    asymmetric_fence::prepare();
    workers.reserve(count);
    for (unsigned index = 0; index < count; ++index) workers.push_back(std::make_unique<worker>(*this, index, count));
}

void scheduler::start(std::string const& name) {
    threads_.reserve(workers.size());
    try {
        for (auto const& each : workers) {
            std::string thread_name = name + '-' + std::to_string(each->index());
            threads_.emplace_back([&own = *each, thread_name = std::move(thread_name)] {
                platform::name_this_thread(thread_name);
                platform::sharpen_timed_waits();
                own.loop();
            });
        }
    } catch (...) {
        stop();
        throw;
    }
}

void scheduler::stop() noexcept {
    // relaxed: whoever misses it parks, finds the token that follows, now or later, and acquires this with it.
    stopping_.store(true, std::memory_order_relaxed);
    for (auto const& each : workers) each->park.unpark();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void scheduler::inject(job entering) noexcept {
    try {
        entrance.push(entering);
    } catch (std::bad_alloc const&) {
        entrance.push_without_memory(entering);
    }
    announce_from_outside();
}

void scheduler::announce_from_outside() noexcept {
    if (idle_workers.wants_waking_from_outside()) wake_one();
}

void scheduler::wake_one() noexcept {
    if (auto const chosen = idle_workers.choose_sleeper(timers.timekeeper())) workers[*chosen]->park.unpark();
}

bool scheduler::work_visible() const noexcept {
    for (auto const& each : workers)
        if (!each->forks.empty() || !each->ready.empty()) return true;
    return !entrance.empty();
}

void scheduler::expect_job() noexcept {
    if (clock.paused()) expected_.fetch_add(1);
}

void scheduler::job_came() noexcept {
    // The last worker may have fallen asleep, and seen that one is expected, since the job was in.
    if (clock.paused() && expected_.fetch_sub(1) == 1) wake_one();
}

void scheduler::expect_foreign() noexcept {
    if (!clock.paused()) return;
    foreign_since_.store(steady_now(), std::memory_order_relaxed);
    foreign_.fetch_add(1);
}

void scheduler::foreign_came() noexcept {
    if (!clock.paused()) return;
    foreign_since_.store(steady_now(), std::memory_order_relaxed);
    // As in job_came.
    if (foreign_.fetch_sub(1) == 1) wake_one();
}

bool scheduler::let_time_pass(std::int64_t& patience_ends) noexcept {
    paused_time& paused = *clock.paused();
    return idle_workers.while_all_sleep([&] {
        // In this order: see lib/README.md.
        bool const foreign = foreign_.load() > 0;
        if (expected_.load() > 0 || work_visible() || stopping()) return false;
        std::int64_t const next = timers.next_expiry();
        if (next == forever) {
            if (!foreign) on_standstill();
            return false;
        }
        if (foreign) {
            std::int64_t const since = foreign_since_.load(std::memory_order_relaxed);
            patience_ends = since + std::min(paused.patience, forever - since);
            if (steady_now() < patience_ends) return false;
        }
        paused.now.store(std::max(next, clock.now()), std::memory_order_relaxed);
        return true;
    });
}

void scheduler::dump(std::ostream& out) const {
    idle::census const now = idle_workers.now();
    out << "  " << workers.size() << " workers, " << now.searching << " searching, " << now.asleep << " asleep; "
        << entrance.size() << " jobs from outside, " << timers.armed() << " timers armed, timekeeper ";
    if (timers.timekeeper() == timer_driver::nobody)
        out << "nobody\n";
    else
        out << timers.timekeeper() << '\n';
    for (auto const& each : workers)
        out << "  worker " << each->index() << ": " << each->forks.size() << " forks, " << each->ready.size() << " ready"
            << (each->park.parked() ? ", parked\n" : "\n");
}

}  // namespace weft::detail
