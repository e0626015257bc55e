// SPDX-License-Identifier: MIT
#include "scheduler.hpp"

#include "clock.hpp"
#include "platform.hpp"

namespace weft::detail {

scheduler::scheduler(unsigned count, topology const& of_machine)
    : processors(of_machine), idle_workers(count), timers(count, steady_now()) {
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

void scheduler::inject(job entering) {
    entrance.push(entering);
    announce_from_outside();
}

void scheduler::inject_without_memory(job entering) noexcept {
    entrance.push_without_memory(entering);
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

void scheduler::dump(std::ostream& out) const {
    idle::census const now = idle_workers.now();
    out << "  " << workers.size() << " workers, " << now.searching << " searching, " << now.asleep << " asleep; "
        << entrance.size() << " jobs from outside, " << timers.armed() << " timers armed, timekeeper ";
    if (timers.timekeeper() == timer_driver::nobody)
        out << "nobody\n";
    else
        out << timers.timekeeper() << '\n';
    for (auto const& each : workers)
        out << "  worker " << each->index() << ": " << each->forks.size() << " forks, " << each->ready.size() << " ready\n";
}

}  // namespace weft::detail
