// SPDX-License-Identifier: MIT
// A task's end, and what happens at the same time (lib/task_core.cpp, cancellation.cpp, timeout.cpp): somebody begins to await it, cancels
// it or what it awaits, its timer or its time limit passes, its handle is dropped. One of them resumes the coroutine, no request is
// missed, and nobody touches a frame that may be gone.
#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include <weft/error.hpp>
#include <weft/shield.hpp>
#include <weft/sleep.hpp>
#include <weft/timeout.hpp>
#include <weft/yield.hpp>

#include "hands.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using weft::join_handle;
using weft::task;

struct failure {};

task<int> gives(int number) {
    co_return number;
}
task<int> yields(int number) {
    co_await weft::yield();
    co_return number;
}
task<int> sleeps(int number) {
    co_await weft::sleep(1ms);
    co_return number;
}
task<int> awaits(join_handle<int> const& handle) {
    co_return co_await handle;
}
task<int> awaits_shielded(join_handle<int> const& handle) {
    co_return co_await weft::shield(handle);
}
task<> sets(bool& ended) {
    ended = true;
    co_return;
}
task<int> fails() {
    throw failure{};
    co_return 0;
}

model::options bounded(std::string name, int preemptions) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}
model::options all(std::string name) {
    return bounded(std::move(name), model::unbounded);
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

// Worker 0 runs the task until it has ended; another thread, which is worker 1 so that it has a queue of its own, cancels it.
// cancel() says whether it ends so.
void cancel_while_it_runs(task<int> work) {
    model::house house(2);
    join_handle<int> handle = house.start(0, std::move(work));
    bool told = false;
    std::thread canceller([&] { told = house.as_worker(1, [&] { return handle.cancel(); }); });
    house.work(0, [&] { return handle.done(); });
    canceller.join();
    model::check(cancelled(handle) == told, "who was told that it is cancelled was told the truth");
}

}  // namespace

TEST_CASE("end of a task: await it", "[model]") {
    model::verify_tasks(all("end || await"), [] {
        model::house house(2);
        join_handle<int> awaited = house.start(0, gives(7));
        join_handle<int> waiting = house.start(1, awaits(awaited));
        std::thread other([&] { house.work_a_bit(1, 1); });
        house.work(0, [&] { return waiting.done(); });
        other.join();
        model::check(waiting.result() == 7, "its value");
    });
    model::verify_tasks(bounded("end || await || await", 3), [] {
        model::house house(3);
        join_handle<int> awaited = house.start(0, gives(7));
        join_handle<int> one = house.start(1, awaits(awaited));
        join_handle<int> other = house.start(2, awaits(awaited));
        std::thread first([&] { house.work_a_bit(1, 1); });
        std::thread second([&] { house.work_a_bit(2, 1); });
        house.work(0, [&] { return one.done() && other.done(); });
        first.join();
        second.join();
        model::check(one.result() == 7 && other.result() == 7, "its value, to both");
    });
}

TEST_CASE("end of a task: cancel it", "[model]") {
    model::verify_tasks(all("end || cancel"), [] { cancel_while_it_runs(gives(7)); });
    model::verify_tasks(all("yield || cancel"), [] { cancel_while_it_runs(yields(7)); });
}

TEST_CASE("end of a task: two cancel it", "[model]") {
    model::verify_tasks(all("end || cancel || cancel"), [] {
        model::house house(3);
        join_handle<int> handle = house.start(0, gives(7));
        bool one_told = false;
        bool other_told = false;
        std::thread one([&] { one_told = house.as_worker(1, [&] { return handle.cancel(); }); });
        std::thread other([&] { other_told = house.as_worker(2, [&] { return handle.cancel(); }); });
        house.work(0, [&] { return handle.done(); });
        one.join();
        other.join();
        model::check(cancelled(handle) == (one_told || other_told), "it has been cancelled if anybody was told so");
    });
}

TEST_CASE("a sleep: its timer passes, it is cancelled", "[model]") {
    model::verify_tasks(all("sleep || cancel || timer"), [] {
        model::house house(2);
        join_handle<int> handle = house.start(0, sleeps(7));
        bool told = false;
        std::thread canceller([&] { told = house.as_worker(1, [&] { return handle.cancel(); }); });
        house.work(0, [&] {
            // Whatever sleeps is due.
            house.fire_timers(0);
            return handle.done();
        });
        canceller.join();
        model::check(cancelled(handle) == told, "who was told that it is cancelled was told the truth");
    });
    model::verify_tasks(bounded("sleep || cancel || cancel || timer", 2), [] {
        model::house house(3);
        join_handle<int> handle = house.start(0, sleeps(7));
        bool one_told = false;
        bool other_told = false;
        std::thread one([&] { one_told = house.as_worker(1, [&] { return handle.cancel(); }); });
        std::thread other([&] { other_told = house.as_worker(2, [&] { return handle.cancel(); }); });
        house.work(0, [&] {
            house.fire_timers(0);
            return handle.done();
        });
        one.join();
        other.join();
        model::check(cancelled(handle) == (one_told || other_told), "it has been cancelled if anybody was told so");
    });
}

TEST_CASE("an await is cancelled: the task it waits for is", "[model]") {
    model::verify_tasks(bounded("end of the awaited || cancel of the waiting", 3), [] {
        model::house house(2);
        join_handle<int> awaited = house.start(0, gives(7));
        join_handle<int> waiting = house.start(0, awaits(awaited));
        bool told = false;
        std::thread canceller([&] { told = house.as_worker(1, [&] { return waiting.cancel(); }); });
        house.work(0, [&] { return waiting.done(); });
        canceller.join();
        model::check(cancelled(waiting) == told, "who was told that it is cancelled was told the truth");
        model::check(!cancelled(awaited) || told, "only what was cancelled is cancelled");
    });
    model::verify_tasks(bounded("a yield of the awaited || cancel of the waiting", 2), [] {
        model::house house(2);
        join_handle<int> waiting;
        join_handle<int> awaited = house.start(0, yields(7));
        waiting = house.start(0, awaits(awaited));
        bool told = false;
        std::thread canceller([&] { told = house.as_worker(1, [&] { return waiting.cancel(); }); });
        house.work(0, [&] { return waiting.done(); });
        canceller.join();
        model::check(cancelled(waiting) == told, "who was told that it is cancelled was told the truth");
    });
}

TEST_CASE("a shielded await is cancelled: the task it waits for is not", "[model]") {
    model::verify_tasks(bounded("end of the awaited || cancel of the shielded", 3), [] {
        model::house house(2);
        join_handle<int> awaited = house.start(0, yields(7));
        join_handle<int> waiting = house.start(0, awaits_shielded(awaited));
        bool told = false;
        std::thread canceller([&] { told = house.as_worker(1, [&] { return waiting.cancel(); }); });
        house.work(0, [&] { return waiting.done() && awaited.done(); });
        canceller.join();
        model::check(cancelled(waiting) == told, "who was told that it is cancelled was told the truth");
        model::check(!cancelled(awaited), "what is shielded goes on");
    });
}

namespace {

// 1: it has ended within its limit; -1: the limit has passed.
task<int> yields_within_limit() {
    try {
        auto const limit = co_await weft::timeout(1ms);
        co_await weft::yield();
        co_return 1;
    } catch (weft::timeout_error const&) {
        co_return -1;
    }
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

}  // namespace

TEST_CASE("a time limit passes", "[model]") {
    model::verify_tasks(all("leave || limit"), [] {
        model::house house(2);
        join_handle<int> handle = house.start(0, yields_within_limit());
        std::thread clock([&] { house.fire_timers(1); });
        house.work(0, [&] { return handle.done(); });
        clock.join();
        int const came_to = handle.result();
        model::check(came_to == 1 || came_to == -1, "its value or the limit");
    });
    model::verify_tasks(bounded("sleep || limit || cancel", 2), [] {
        model::house house(3);
        join_handle<int> handle = house.start(0, sleeps_within_limit());
        bool told = false;
        std::thread canceller([&] { told = house.as_worker(1, [&] { return handle.cancel(); }); });
        std::thread clock([&] { house.fire_timers(2); });
        house.work(0, [&] {
            house.fire_timers(0);
            return handle.done();
        });
        canceller.join();
        clock.join();
        // Also where the limit has passed before.
        model::check(cancelled(handle) == told, "who was told that it is cancelled was told the truth");
    });
}

TEST_CASE("a handle is dropped", "[model]") {
    model::verify_tasks(all("end || drop"), [] {
        bool ended = false;
        model::house house(1);
        join_handle<> handle = house.start(0, sets(ended));
        std::thread worker([&] { house.work_a_bit(0, 1); });
        handle = {};
        worker.join();
        model::check(ended, "it goes on alone");
    });
    model::verify_tasks(all("failure || drop: reported once"), [] {
        int reported = 0;
        weft::options settings;
        settings.on_unhandled_exception = [&](weft::unhandled_exception const&) { ++reported; };
        {
            model::house house(1, std::move(settings));
            join_handle<int> handle = house.start(0, fails());
            std::thread worker([&] { house.work_a_bit(0, 1); });
            handle = {};
            worker.join();
        }
        model::check(reported == 1, "once");
    });
    model::verify_tasks(all("failure || look, drop: retrieved or reported"), [] {
        int reported = 0;
        bool retrieved = false;
        weft::options settings;
        settings.on_unhandled_exception = [&](weft::unhandled_exception const&) { ++reported; };
        {
            model::house house(1, std::move(settings));
            join_handle<int> handle = house.start(0, fails());
            std::thread worker([&] { house.work_a_bit(0, 1); });
            if (handle.done()) retrieved = handle.exception() != nullptr;
            handle = {};
            worker.join();
        }
        model::check(reported == (retrieved ? 0 : 1), "by one of them");
    });
}
