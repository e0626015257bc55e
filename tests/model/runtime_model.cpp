// SPDX-License-Identifier: MIT
// A whole runtime: its constructor, its own threads in worker::loop, tasks, run, submit, its destructor. The run comes back with
// its value when all of its tasks have ended and their frames are gone; no task waits while a worker sleeps; no sleep is early; and
// whatever the workers and threads outside are about, the runtime ends.
#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include <weft/error.hpp>
#include <weft/gather.hpp>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/spawn.hpp>
#include <weft/yield.hpp>

#include <parker.hpp>

#include "support/foreign.hpp"
#include "whole_runtime.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using model::search;
using model::search_and_walk;
using model::walk;
using weft::runtime;
using weft::task;

task<int> gives(int value) { co_return value; }
task<> returns() { co_return; }
task<> sleeps(std::chrono::nanoseconds duration) {
    auto const begin = std::chrono::steady_clock::now();
    co_await weft::sleep(duration);
    model::check(std::chrono::steady_clock::now() - begin >= duration, "no sleep is early");
}
task<int> sleeps_and_gives(std::chrono::nanoseconds duration, int value) {
    co_await sleeps(duration);
    co_return value;
}

// What came of a submitted task whose runtime has been destroyed.
enum class end { value, cancelled };
end end_of(std::future<int> future) {
    try {
        model::check(future.get() == 1, "its value comes back");
        return end::value;
    } catch (weft::cancelled const&) {
        return end::cancelled;
    }
}

}  // namespace

TEST_CASE("runtime: run", "[model][run]") {
    search_and_walk("run, one worker", 2, [] { model::check(weft::run(gives(1), {.workers = 1}) == 1, "its value comes back"); });
    search_and_walk("run, two workers", 1, [] { model::check(weft::run(gives(1), {.workers = 2}) == 1, "its value comes back"); });
    search_and_walk("one run after the other", 1, [] {
        runtime workers({.workers = 1});
        model::check(workers.run(gives(1)) == 1 && workers.run(gives(2)) == 2, "their values come back");
    });
}

TEST_CASE("runtime: another thread submits", "[model][submit]") {
    search_and_walk("submit || run, one worker", 1, [] {
        runtime workers({.workers = 1});
        std::thread outside([&] { model::check(workers.submit(gives(2)).get() == 2, "its value comes back"); });
        model::check(workers.run(gives(1)) == 1, "its value comes back");
        outside.join();
    });
    walk("submit || run, two workers", 500, [] {
        runtime workers({.workers = 2});
        std::thread outside([&] { model::check(workers.submit(gives(2)).get() == 2, "its value comes back"); });
        model::check(workers.run(gives(1)) == 1, "its value comes back");
        outside.join();
    });
}

TEST_CASE("runtime: it ends while a submitted task is on its way", "[model][end]") {
    auto const body = [](unsigned count) {
        std::future<int> future;
        {
            runtime workers({.workers = count});
            future = workers.submit(gives(1));
        }
        static_cast<void>(end_of(std::move(future)));
    };
    search_and_walk("submit, end, one worker", 1, [&] { body(1); });
    walk("submit, end, two workers", 500, [&] { body(2); });
}

TEST_CASE("runtime: it ends while a task sleeps", "[model][end]") {
    auto const body = [](unsigned count) {
        std::future<int> future;
        {
            runtime workers({.workers = count});
            future = workers.submit(sleeps_and_gives(24h, 1));
        }
        model::check(end_of(std::move(future)) == end::cancelled, "it need not be waited for");
    };
    search_and_walk("end || a sleep, one worker", 1, [&] { body(1); });
    search_and_walk("end || a sleep, two workers", 1, [&] { body(2); });
}

TEST_CASE("runtime: a task is alive when the main task ends", "[model][spawn]") {
    walk("one that may not have begun", 500, [] {
        auto const main = []() -> task<> {
            static_cast<void>(weft::spawn(returns()));
            co_return;
        };
        weft::run(main(), {.workers = 2});
    });
    walk("one that sleeps", 500, [] {
        auto const begin = std::chrono::steady_clock::now();
        auto const main = []() -> task<> {
            static_cast<void>(weft::spawn(sleeps(24h)));
            co_return;
        };
        weft::run(main(), {.workers = 2});
        model::check(std::chrono::steady_clock::now() - begin < 24h, "it need not be waited for");
    });
    search_and_walk("one that is awaited", 1, [] {
        auto const main = []() -> task<int> { co_return co_await weft::spawn(gives(1)); };
        model::check(weft::run(main(), {.workers = 2}) == 1, "its value comes back");
    });
}

TEST_CASE("runtime: tasks take turns", "[model][yield]") {
    auto const body = [](unsigned count) {
        bool others_turn = false;
        auto const other = [](bool& turn) -> task<> {
            turn = true;
            co_return;
        };
        auto const main = [&]() -> task<> {
            auto const spawned = weft::spawn(other(others_turn));
            co_await weft::yield();
            if (count == 1) model::check(others_turn, "who stands in line goes before who has yielded");
            co_await spawned;
            model::check(others_turn, "it has run");
        };
        weft::run(main, {.workers = count});
    };
    search_and_walk("yield, one worker", 1, [&] { body(1); });
    walk("yield, two workers", 500, [&] { body(2); });
}

TEST_CASE("runtime: gather, and a thief", "[model][gather]") {
    model::reached stolen;
    auto const body = [&] {
        auto const child = [&](int value, unsigned of) -> task<int> {
            if (weft::worker_index() != of) stolen.mark();
            co_return value;
        };
        auto const main = [&]() -> task<int> {
            unsigned const here = weft::worker_index();
            auto const [one, two] = co_await weft::gather(child(1, here), child(2, here));
            co_return one * 10 + two;
        };
        model::check(weft::run(main, {.workers = 2}) == 12, "their values come back");
    };
    search("gather || thief", 1, body);
    stolen.require();
    walk("gather || thief", 500, body);
}

TEST_CASE("runtime: sleeps", "[model][sleep]") {
    search_and_walk("a sleep, one worker", 1, [] { weft::run(sleeps(1ms), {.workers = 1}); });
    search_and_walk("a sleep, two workers", 1, [] { weft::run(sleeps(1ms), {.workers = 2}); });
    walk("two sleeps, two workers", 500, [] {
        auto const main = []() -> task<> { co_await weft::gather(sleeps(2ms), sleeps(1ms)); };
        weft::run(main(), {.workers = 2});
    });
    // Who kept the time of both is busy until the later one ends, so the other one must keep it.
    search_and_walk("a sleep, and a long job after another sleep", 1, [] {
        weft::detail::parker woken;
        auto const sleeper = [](weft::detail::parker& who) -> task<> {
            co_await sleeps(2ms);
            who.unpark();
        };
        auto const main = [&]() -> task<> {
            auto const asleep = weft::spawn(sleeper(woken));
            co_await sleeps(1ms);
            static_cast<void>(woken.park());
            co_await asleep;
        };
        weft::run(main, {.workers = 2});
    });
}

TEST_CASE("runtime: it ends while a thread outside still announces what it has brought", "[model][foreign]") {
    search_and_walk("a foreign end || the runtime's end", 1, [] {
        weft::test::gate gate;
        std::thread outside([&] { gate.open(); });
        auto const passes = [](weft::test::gate& at) -> task<> { co_await at; };
        weft::run(passes(gate), {.workers = 1});
        outside.join();
    });
}
