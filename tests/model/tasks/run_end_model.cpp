// SPDX-License-Identifier: MIT
// How a run ends while tasks of it are alive, or are spawned or submitted at this moment (lib/run_group.hpp, task_registry.hpp,
// cancel_tasks_of, release_ended, wait_for_end, submit_task): the wait for its end comes back, after the last task's frame is gone;
// and no task stays alive that nobody has cancelled.
#include "support/catch.hpp"

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

#include <cancellation.hpp>

#include "counted_frames.hpp"
#include "hands.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using model::bounded;
using model::verify_tasks;
using weft::join_handle;
using weft::task;

task<> returns() { co_return; }
task<> sleeps() { co_await weft::sleep(1ms); }
task<> sleeps_for_ever() { co_await weft::sleep(24h); }
task<> spawns(task<> child) {
    static_cast<void>(weft::spawn(std::move(child)));
    co_return;
}
// Who waits has been cancelled, and passes that on; the awaited task's frame goes with whoever is the last to refer to it.
task<> awaits_although_cancelled(join_handle<> handle) {
    model::cancel_this_task();
    co_await std::move(handle);
}

// The same with a process barrier, and without.
void verify_both(model::options with, std::function<void()> const& body) {
    std::string const name = with.name;
    verify_tasks(with, body);
    with.name = name + ", no process barrier";
    with.process_barrier = false;
    verify_tasks(with, body);
}

// The run of a main task and whatever `prepare` has started before. This thread is worker 0, which has the main task in its line.
// Another one is worker 1, and then the one that waits for the end of the run: a third would be too much.
void run(std::function<join_handle<>(model::house&)> const& prepare, std::function<void(model::house&)> const& first,
         std::function<void(model::house&)> const& second) {
    model::house house(2);
    house.leave_to(prepare(house));
    std::thread other([&] {
        second(house);
        model::check(house.group().wait(), "the run ends");
        model::check(model::no_frame_is_left(), "when the run is over the frames are gone");
    });
    first(house);
    other.join();
}

}  // namespace

TEST_CASE("end of a run: a task is alive when the main task ends", "[model][run_end]") {
    verify_both(bounded("a task that has not begun", 1), [] {
        run(
            [](model::house& house) {
                static_cast<void>(house.start(1, returns()));
                return house.start(0, returns());
            },
            [](model::house& house) { house.run_oldest(0); }, [](model::house& house) { house.run_oldest(1); });
    });
    verify_tasks(bounded("a task whose timer passes", 1), [] {
        run(
            [](model::house& house) {
                static_cast<void>(house.start(1, sleeps()));
                house.run_oldest(1);
                return house.start(0, returns());
            },
            [](model::house& house) {
                house.run_oldest(0);
                house.run_oldest(0);
            },
            [](model::house& house) {
                house.fire_timers(1);
                house.run_oldest(1);
            });
    });
}

TEST_CASE("end of a run: a request to cancel is still being passed on", "[model][run_end][passed_on]") {
    verify_tasks(bounded("the awaited ends meanwhile", 1), [] {
        run([](model::house& house) { return house.start(0, awaits_although_cancelled(house.start(1, returns()))); },
            [](model::house& house) { house.run_oldest(0); },
            [](model::house& house) {
                house.run_oldest(1);
                house.run_oldest(1);
            });
    });
}

TEST_CASE("cancel_tasks_of: a task is spawned at this moment", "[model][run_end][spawn]") {
    verify_both(bounded("cancel all || spawn", 2), [] {
        model::house house(2);
        static_cast<void>(house.start(0, spawns(sleeps_for_ever())));
        std::thread canceller([&] { house.as_worker(1, [&] { weft::detail::cancel_tasks_of(house.group()); }); });
        house.run_oldest(0);
        canceller.join();
        house.finish();
        model::check(house.empty(), "each task has been cancelled");
    });
}

TEST_CASE("submit: the runtime is being destroyed at this moment", "[model][run_end]") {
    verify_both(bounded("submit || destructor", 2), [] {
        model::house house(1);
        weft::detail::runtime_core& core = house.core();
        bool taken = false;
        std::thread outside([&] {
            task<> work = sleeps_for_ever();
            try {
                weft::detail::submit_task(core, work.unstarted().promise(), std::source_location::current());
                work.release();
                taken = true;
            } catch (weft::runtime_closed const&) {
            }
        });
        // As runtime::~runtime.
        core.closing.store(true, std::memory_order_relaxed);
        if (!core.submitted.drain()) weft::detail::cancel_tasks_of(core.submitted);
        outside.join();
        bool const refused = model::no_frame_is_left();
        house.finish();
        model::check(core.submitted.wait(), "it ends");
        model::check(taken != refused && model::no_frame_is_left(), "what was refused is gone at once, and in the end all");
    });
}
