// SPDX-License-Identifier: MIT
// How a run ends while tasks of it are alive, or are spawned or submitted at this moment (lib/run_group.hpp, task_registry.hpp,
// cancel_tasks_of, release_ended, submit_task): the wait for its end comes back, after the last task's frame is gone; and no task stays
// alive that nobody has cancelled.
#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <source_location>
#include <string>
#include <thread>
#include <utility>

#include <weft/error.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/spawn.hpp>
#include <weft/yield.hpp>

#include <cancellation.hpp>

#include "hands.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using weft::join_handle;
using weft::task;

task<> returns() {
    co_return;
}
task<> sleeps_for_ever() {
    co_await weft::sleep(24h);
}
task<> spawns(task<> child) {
    static_cast<void>(weft::spawn(std::move(child)));
    co_return;
}
// Also where it has been cancelled, perhaps.
task<> yields_and_spawns(task<> child) {
    try {
        co_await weft::yield();
    } catch (weft::cancelled const&) {
    }
    static_cast<void>(weft::spawn(std::move(child)));
}

model::options bounded(std::string name, int preemptions) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}

// The same with a process barrier, and without.
void verify_both(model::options with, std::function<void()> const& body) {
    std::string const name = with.name;
    model::verify_tasks(with, body);
    with.name = name + ", no process barrier";
    with.process_barrier = false;
    model::verify_tasks(with, body);
}

// `main` as the main task of a run, and `workers` that work until it is over, for which this thread waits.
void run(task<> main, unsigned workers) {
    model::house house(workers);
    join_handle<> handle = house.start(0, std::move(main));
    house.leave_to(handle);
    std::atomic<bool> over{false};
    auto const until_over = [&] { return over.load(std::memory_order_relaxed); };
    std::thread one([&] { house.work(0, until_over); });
    std::thread other;
    if (workers == 2) other = std::thread([&] { house.work(1, until_over); });
    model::check(house.group().wait(), "the run ends");
    handle = {};
    model::check(model::no_frame_is_left(), "when the run is over the frames are gone");
    over.store(true, std::memory_order_relaxed);
    one.join();
    if (workers == 2) other.join();
}

}  // namespace

TEST_CASE("end of a run: the main task is the last", "[model]") {
    verify_both(bounded("the main task alone", model::unbounded), [] { run(returns(), 1); });
}

TEST_CASE("end of a run: what it has spawned is alive", "[model]") {
    verify_both(bounded("a task, 1 worker", 2), [] { run(spawns(returns()), 1); });
    verify_both(bounded("a task, 2 workers", 2), [] { run(spawns(returns()), 2); });
    verify_both(bounded("a task that sleeps for ever", 1), [] { run(spawns(sleeps_for_ever()), 2); });
    verify_both(bounded("a task that spawns a task", 1), [] { run(spawns(spawns(returns())), 2); });
}

TEST_CASE("cancel_tasks_of: a task is spawned at this moment", "[model]") {
    // Who misses the cancellation sleeps for ever: a livelock.
    auto const cancelled_while_it_runs = [](task<> parent) {
        model::house house(1);
        join_handle<> handle = house.start(0, std::move(parent));
        std::thread canceller([&] { weft::detail::cancel_tasks_of(house.group()); });
        house.work(0, [&] { return house.empty(); });
        canceller.join();
    };
    verify_both(bounded("cancel all || spawn", 2), [&] { cancelled_while_it_runs(spawns(sleeps_for_ever())); });
    verify_both(bounded("cancel all || yield, spawn", 1), [&] { cancelled_while_it_runs(yields_and_spawns(sleeps_for_ever())); });
}

TEST_CASE("submit: the runtime is being destroyed at this moment", "[model]") {
    verify_both(bounded("submit || destructor", 2), [] {
        model::house house(1);
        weft::detail::runtime_core& core = house.core();
        bool taken = false;
        std::atomic<bool> over{false};
        std::thread outside([&] {
            task<> work = sleeps_for_ever();
            try {
                weft::detail::submit_task(core, work.unstarted().promise(), std::source_location::current());
                work.release();
                taken = true;
            } catch (weft::runtime_closed const&) {
            }
        });
        std::thread worker([&] { house.work(0, [&] { return over.load(std::memory_order_relaxed); }); });
        // As runtime::~runtime.
        core.closing.store(true, std::memory_order_relaxed);
        if (!core.submitted.drain()) weft::detail::cancel_tasks_of(core.submitted);
        model::check(core.submitted.wait(), "it ends");
        over.store(true, std::memory_order_relaxed);
        worker.join();
        outside.join();
        model::check(taken || model::no_frame_is_left(), "what was refused is gone");
    });
}
