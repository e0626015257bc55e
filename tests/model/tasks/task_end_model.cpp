// SPDX-License-Identifier: MIT
// A task's end, and what happens at the same time (lib/task_core.cpp, cancel_request.cpp, cancellation.cpp, suspend.cpp,
// timeout.cpp): somebody begins to await it, cancels it or who awaits it, takes a request back, its timer or its time limit passes,
// its handle is dropped. One of them resumes the coroutine, no request is missed, and nobody touches a frame that may be gone.
#include "support/catch.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <weft/error.hpp>
#include <weft/gather.hpp>
#include <weft/shield.hpp>
#include <weft/sleep.hpp>
#include <weft/timeout.hpp>
#include <weft/yield.hpp>

#include "counted_frames.hpp"
#include "hands.hpp"
#include "small_tasks.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using model::bounded;
using model::told_at_the_next_await;
using model::verify_tasks;
using weft::join_handle;
using weft::task;

struct failure {};

task<int> gives(int number) { co_return number; }
task<int> yields(int number) {
    co_await weft::yield();
    co_return number;
}
task<int> sleeps(int number) {
    co_await weft::sleep(1ms);
    co_return number;
}
task<int> awaits(join_handle<int> const& handle) { co_return co_await handle; }
task<int> cancels_itself_and_awaits(join_handle<int>& itself, join_handle<int> const& handle) {
    model::check(itself.cancel(), "it has not ended");
    co_return co_await handle;
}
task<int> takes_its_request_back(join_handle<int>& itself) {
    model::check(itself.cancel(), "it has not ended");
    itself.uncancel();
    co_await weft::yield();
    co_return 0;
}
task<int> awaits_shielded(join_handle<int> const& handle) { co_return co_await weft::shield(handle); }
task<int> gathers(task<int> one, task<int> other) {
    auto [first, second] = co_await weft::gather(std::move(one), std::move(other));
    co_return first + second;
}
task<int> fails() {
    throw failure{};
    co_return 0;
}

// What a handle says of a task that has ended, and that no other word is true at the same time.
bool cancelled(join_handle<int> const& handle) {
    model::check(handle.done(), "it has ended");
    bool thrown = false;
    try {
        static_cast<void>(handle.result());
    } catch (weft::cancelled const&) {
        thrown = true;
    }
    model::check(thrown == handle.cancelled(), "cancelled() says what result() throws");
    return thrown;
}

constexpr char const* told_the_truth = "who was told that it is cancelled was told the truth";

// Worker 0 runs so many jobs of its line, of which the task is the first, alone; then so many more, while another thread cancels
// that task. That thread is worker 1, so that what it makes ready has a line. At last all that sleeps is due.
void cancel_while_it_runs(task<int> work, int jobs_before, std::function<void(model::house&)> const& meanwhile) {
    model::house house(2);
    join_handle<int> handle = house.start(0, std::move(work));
    for (int i = 0; i < jobs_before; ++i) house.run_oldest(0);
    bool told = false;
    std::thread canceller([&] { told = house.as_worker(1, [&] { return handle.cancel(); }); });
    meanwhile(house);
    canceller.join();
    house.finish();
    house.fire_timers(0);
    house.finish();
    model::check(cancelled(handle) == told, told_the_truth);
    model::check(house.empty(), "all tasks have ended");
}

void run_one(model::house& house) { house.run_oldest(0); }
void run_two(model::house& house) {
    house.run_oldest(0);
    house.run_oldest(0);
}
void fire_and_run(model::house& house) {
    house.fire_timers(0);
    house.run_oldest(0);
}

}  // namespace

TEST_CASE("end of a task: it is awaited", "[model][task_end]") {
    verify_tasks(bounded("end || await"), [] {
        model::house house(2);
        join_handle<int> awaited = house.start(0, gives(7));
        join_handle<int> waiting = house.start(1, awaits(awaited));
        std::thread other([&] { house.run_oldest(1); });
        house.run_oldest(0);
        other.join();
        house.finish();
        model::check(waiting.result() == 7, "its value");
    });
}

TEST_CASE("end of a task: it is cancelled", "[model][task_end]") {
    verify_tasks(bounded("end || cancel"), [] { cancel_while_it_runs(gives(7), 0, run_one); });
    verify_tasks(bounded("yield || cancel"), [] { cancel_while_it_runs(yields(7), 0, run_two); });
    verify_tasks(bounded("gather || cancel"), [] { cancel_while_it_runs(gathers(yields(3), gives(4)), 0, run_two); });
}

TEST_CASE("a request is taken back, another comes", "[model][task_end][uncancel]") {
    verify_tasks(bounded("uncancel || who awaits it is cancelled", 2), [] {
        model::house house(2);
        join_handle<int> awaited;
        awaited = house.start(0, takes_its_request_back(awaited));
        join_handle<int> waiting = house.start(1, awaits(awaited));
        house.run_oldest(1);
        bool told = false;
        std::thread canceller([&] { told = house.as_worker(1, [&] { return waiting.cancel(); }); });
        house.run_oldest(0);
        canceller.join();
        house.finish();
        model::check(cancelled(waiting) == told, told_the_truth);
    });
}

TEST_CASE("a sleep: its timer passes, it is cancelled", "[model][task_end][sleep]") {
    verify_tasks(bounded("begin of a sleep || cancel"), [] { cancel_while_it_runs(sleeps(7), 0, run_one); });
    verify_tasks(bounded("end of a sleep || cancel"), [] { cancel_while_it_runs(sleeps(7), 1, fire_and_run); });
    verify_tasks(bounded("cancel || cancel"), [] {
        model::house house(2);
        join_handle<int> handle = house.start(0, sleeps(7));
        house.run_oldest(0);
        bool told = false;
        std::thread other([&] { told = house.as_worker(1, [&] { return handle.cancel(); }); });
        model::check(house.as_worker(0, [&] { return handle.cancel(); }), "it has not ended");
        other.join();
        model::check(told, "it has not ended");
        house.finish();
        model::check(cancelled(handle) && handle.cancelling() == 2, "it has been cancelled, twice");
    });
}

namespace {

// Who waits has begun to, or begins to; who cancels it cancels by that the task that it awaits. Worker 1 has that in line, and runs
// it now or later.
void cancel_who_waits(task<int> (*wait)(join_handle<int> const&), bool has_begun, bool ends_now, bool shielded) {
    model::house house(2);
    join_handle<int> awaited = house.start(1, gives(7));
    join_handle<int> waiting = house.start(0, wait(awaited));
    if (has_begun) house.run_oldest(0);
    bool told = false;
    std::thread canceller([&] { told = house.as_worker(0, [&] { return waiting.cancel(); }); });
    if (!has_begun) house.run_oldest(0);
    if (ends_now) house.run_oldest(1);
    canceller.join();
    house.finish();
    model::check(cancelled(waiting) == told, told_the_truth);
    model::check(!cancelled(awaited) || (told && !shielded), "only what was cancelled is cancelled");
    model::check(house.empty(), "all tasks have ended");
}

}  // namespace

TEST_CASE("an await is cancelled: the task it waits for is", "[model][task_end][await]") {
    verify_tasks(bounded("begin of an await || cancel"), [] { cancel_who_waits(awaits, false, false, false); });
    verify_tasks(bounded("end of the awaited || cancel of who waits", 2), [] { cancel_who_waits(awaits, true, true, false); });
    verify_tasks(bounded("end of the awaited || await of a cancelled one", 2), [] {
        model::house house(2);
        join_handle<int> awaited = house.start(1, gives(7));
        join_handle<int> waiting;
        waiting = house.start(0, cancels_itself_and_awaits(waiting, awaited));
        std::thread other([&] { house.run_oldest(1); });
        house.run_oldest(0);
        other.join();
        house.finish();
        model::check(cancelled(waiting), told_the_truth);
        model::check(house.empty(), "all tasks have ended");
    });
}

namespace {

task<int> counts_requests(int& told) {
    for (;;) {
        try {
            co_await weft::yield();
            co_return told;
        } catch (weft::cancelled const&) {
            ++told;
        }
    }
}

}  // namespace

// The last task is told of the first request, and goes on, while that is still on its way.
TEST_CASE("an await is cancelled twice: the task it waits for is told twice", "[model][twice]") {
    verify_tasks(bounded("cancel of who waits || cancel of who waits for that", 2), [] {
        model::house house(2);
        int told = 0;
        join_handle<int> last = house.start(1, counts_requests(told));
        join_handle<int> middle = house.start(0, awaits(last));
        join_handle<int> first = house.start(0, awaits(middle));
        house.run_oldest(1);
        house.run_oldest(0);
        house.run_oldest(0);
        std::thread other([&] { house.as_worker(0, [&] { return middle.cancel(); }); });
        house.run_oldest(1);
        int const told_before = told;
        model::check(house.as_worker(1, [&] { return first.cancel(); }), "it has not ended");
        other.join();
        house.finish();
        model::check(told > told_before || cancelled(middle), told_the_truth);
        model::check(house.empty(), "all tasks have ended");
    });
}

TEST_CASE("a shielded await is cancelled: the task it waits for is not", "[model][task_end]") {
    verify_tasks(bounded("end of the awaited || cancel, shielded"), [] { cancel_who_waits(awaits_shielded, true, true, true); });
}

namespace {

// 1: it has ended within its limit; -1: the limit has passed.
task<int> leaves_limit() {
    int came_to = 1;
    try {
        auto const limit = co_await weft::timeout(1ms);
        co_await weft::yield();
    } catch (weft::timeout_error const&) {
        came_to = -1;
    }
    // What comes later is none of the limit's.
    co_await weft::yield();
    co_return came_to;
}
task<int> sleeps_within_limit() {
    try {
        auto const limit = co_await weft::timeout(1ms);
        co_await weft::sleep(24h);
        co_return 1;
    } catch (weft::timeout_error const&) {
        co_return -1;
    }
}
// Who is cancelled puts things in order: how often it is told so, and not of the limit.
task<int> told_within_limit() {
    int told = 0;
    try {
        auto const limit = co_await weft::timeout(1ms);
        co_await weft::sleep(24h);
    } catch (weft::timeout_error const&) {
    } catch (weft::cancelled const&) {
        ++told;
    }
    co_return told + co_await told_at_the_next_await();
}

}  // namespace

TEST_CASE("a time limit has passed, and who is about to hear of it is cancelled", "[model][task_end][limit]") {
    verify_tasks(bounded("who waits is told || cancel", 2), [] {
        model::house house(2);
        join_handle<int> handle = house.start(0, told_within_limit());
        house.run_oldest(0);
        house.fire_timers(0);
        bool asked = false;
        std::thread canceller([&] { asked = house.as_worker(1, [&] { return handle.cancel(); }); });
        house.run_oldest(0);
        canceller.join();
        house.finish();
        // It may have come when all was over but the end.
        if (!cancelled(handle)) model::check(handle.result() == (asked ? 1 : 0), "who is cancelled is told so, once");
        model::check(house.empty(), "all tasks have ended");
    });
}

TEST_CASE("a time limit passes", "[model][task_end][limit]") {
    verify_tasks(bounded("leave || limit", 2), [] {
        model::house house(2);
        join_handle<int> handle = house.start(0, leaves_limit());
        house.run_oldest(0);
        std::thread clock([&] { house.fire_timers(1); });
        house.run_oldest(0);
        clock.join();
        house.finish();
        int const came_to = handle.result();
        model::check(came_to == 1 || came_to == -1, "its value or the limit");
        model::check(house.empty(), "all tasks have ended");
    });
    // Also where the limit has passed before.
    verify_tasks(bounded("limit || cancel", 2), [] { cancel_while_it_runs(sleeps_within_limit(), 1, fire_and_run); });
}

TEST_CASE("a handle is dropped", "[model][task_end][handle]") {
    verify_tasks(bounded("end || drop"), [] {
        model::house house(1);
        join_handle<int> handle = house.start(0, gives(7));
        std::thread worker([&] { house.run_oldest(0); });
        handle = {};
        worker.join();
        model::check(house.empty(), "it goes on alone");
        model::check(model::no_frame_is_left(), "and its frame goes");
    });
    verify_tasks(bounded("failure || look, drop: retrieved or reported"), [] {
        int reported = 0;
        bool retrieved = false;
        {
            model::house house(1, [&](weft::unhandled_exception const&) { ++reported; });
            join_handle<int> handle = house.start(0, fails());
            std::thread worker([&] { house.run_oldest(0); });
            if (handle.done()) retrieved = handle.exception() != nullptr;
            handle = {};
            worker.join();
        }
        model::check(reported == (retrieved ? 0 : 1), "by one of them");
    });
}
