// SPDX-License-Identifier: MIT
// A clock that is paused, under a whole runtime (lib/README.md, "A paused clock"): it moves only when every task is asleep and none
// is on its way in, and then at once, to the very moment of the next sleep; what tasks await that is not weft's has its patience;
// and a deadlock is reported where there is one, and nowhere else.
#include "support/catch.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <weft/gather.hpp>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/spawn.hpp>
#include <weft/testing.hpp>
#include <weft/to_thread.hpp>
#include <weft/yield.hpp>

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
using weft::test::gate;
using weft::testing::deadlock;
using weft::testing::paused_clock;

task<int> gives(int value) { co_return value; }
task<> sleeps(std::chrono::nanoseconds duration) {
    auto const begin = weft::now();
    co_await weft::sleep(duration);
    model::check(weft::now() - begin == duration, "a sleep ends at its very moment");
}
task<> sleeps_for_ever() { co_await weft::sleep(std::chrono::hours::max()); }
task<> passes(gate& at) { co_await at; }
task<> opens(gate& at, std::chrono::nanoseconds after) {
    co_await sleeps(after);
    at.open();
}

std::chrono::nanoseconds real_time() { return std::chrono::steady_clock::now().time_since_epoch(); }

}  // namespace

TEST_CASE("paused clock: an hour passes at once", "[model][sleep]") {
    auto const body = [](unsigned count) {
        auto const begin = real_time();
        paused_clock clock;
        weft::run(sleeps(1h), {.workers = count, .clock = &clock});
        model::check(clock.elapsed() == 1h && real_time() == begin, "an hour by the clock, and no time");
    };
    search_and_walk("an hour, one worker", 1, [&] { body(1); });
    search_and_walk("an hour, two workers", 1, [&] { body(2); });
}

TEST_CASE("paused clock: it stands still while a task can run", "[model][busy]") {
    auto const body = [](unsigned count) {
        paused_clock clock;
        auto const main = [&]() -> task<> {
            auto const asleep = weft::spawn(sleeps(1h));
            co_await weft::yield();
            model::check(clock.elapsed() == 0h, "it stands still");
            co_await asleep;
        };
        weft::run(main, {.workers = count, .clock = &clock});
        model::check(clock.elapsed() == 1h, "it has moved");
    };
    search_and_walk("a sleep || who yields, one worker", 1, [&] { body(1); });
    search_and_walk("a sleep || who yields, two workers", 1, [&] { body(2); });
}

TEST_CASE("paused clock: two sleepers", "[model][two]") {
    auto const body = [](unsigned count) {
        paused_clock clock;
        std::chrono::nanoseconds first_at{0};
        auto const first = [](paused_clock const& by, std::chrono::nanoseconds& at) -> task<> {
            co_await sleeps(1h);
            at = by.elapsed();
        };
        auto const main = [&]() -> task<> {
            auto const early = weft::spawn(first(clock, first_at));
            co_await sleeps(2h);
            model::check(first_at == 1h, "the first has gone on, at its moment");
            co_await early;
        };
        weft::run(main, {.workers = count, .clock = &clock});
        model::check(clock.elapsed() == 2h, "it has moved twice");
    };
    search_and_walk("two sleeps, one worker", 1, [&] { body(1); });
    walk("two sleeps, two workers", 500, [&] { body(2); });
}

TEST_CASE("paused clock: something foreign comes within its patience", "[model][foreign]") {
    auto const body = [](unsigned count) {
        paused_clock clock(1min);
        gate door;
        std::thread outside([&] { door.open(); });
        auto const main = [&]() -> task<> {
            auto const asleep = weft::spawn(sleeps(1h));
            co_await door;
            model::check(clock.elapsed() == 0h, "it has waited");
            co_await asleep;
        };
        weft::run(main, {.workers = count, .clock = &clock});
        outside.join();
        model::check(clock.elapsed() == 1h, "it has moved");
    };
    search_and_walk("foreign, one worker", 1, [&] { body(1); });
    walk("foreign, two workers", 500, [&] { body(2); });
}

// When its runtime is gone another one may go by the clock, or the clock go, too, while the thread that has opened the door is still
// announcing that.
TEST_CASE("paused clock: a clock does not wait for who has brought something foreign", "[model][foreign][clock_goes]") {
    search_and_walk("foreign || the clock's end", 1, [] {
        auto clock = std::make_unique<paused_clock>(1min);
        gate door;
        std::thread outside([&] { door.open(); });
        weft::run(passes(door), {.workers = 1, .clock = clock.get()});
        weft::run(sleeps(1h), {.workers = 1, .clock = clock.get()});
        model::check(clock->elapsed() == 1h, "it has moved for the second one");
        clock.reset();
        outside.join();
    });
}

TEST_CASE("paused clock: without patience something foreign and the next sleep come in any order", "[model][patience]") {
    search_and_walk("no patience", 1, [] {
        paused_clock clock(0s);
        gate door;
        std::thread outside([&] { door.open(); });
        auto const main = [&]() -> task<> {
            auto const asleep = weft::spawn(sleeps(1h));
            co_await door;
            co_await asleep;
        };
        weft::run(main, {.workers = 1, .clock = &clock});
        outside.join();
        model::check(clock.elapsed() == 1h, "it has moved");
    });
    for (auto const patience : {0ms, 20ms}) {
        search_and_walk("a sleep brings it, patience " + std::to_string(patience.count()) + " ms", 1, [patience] {
            auto const begin = real_time();
            paused_clock clock(patience);
            gate door;
            auto const main = [&]() -> task<> { co_await weft::gather(opens(door, 1h), passes(door)); };
            weft::run(main, {.workers = 1, .clock = &clock});
            model::check(clock.elapsed() == 1h && real_time() - begin == patience, "it has waited, and moved");
        });
    }
}

TEST_CASE("paused clock: a function on another thread", "[model][function]") {
    search_and_walk("a function || a sleep", 1, [] {
        paused_clock clock(0s);
        auto const main = [&]() -> task<> {
            auto const asleep = weft::spawn(sleeps(1h));
            int const value = co_await weft::to_thread([] { return 1; });
            model::check(value == 1 && clock.elapsed() == 0h, "it has waited");
            co_await asleep;
        };
        weft::run(main, {.workers = 1, .blocking_threads = 1, .clock = &clock});
        model::check(clock.elapsed() == 1h, "it has moved");
    });
}

TEST_CASE("paused clock: a run on its way in is no deadlock", "[model][way_in]") {
    auto const runs = [](runtime& on, int value) { model::check(on.run(gives(value)) == value, "its value comes back"); };
    search_and_walk("one run after the other", 2, [&] {
        paused_clock clock;
        runtime workers({.workers = 1, .clock = &clock});
        runs(workers, 1);
        runs(workers, 2);
    });
    search_and_walk("run, two workers", 1, [&] {
        paused_clock clock;
        runtime workers({.workers = 2, .clock = &clock});
        runs(workers, 1);
    });
    search_and_walk("run || run", 1, [&] {
        paused_clock clock;
        runtime workers({.workers = 1, .clock = &clock});
        std::thread outside([&] { runs(workers, 2); });
        runs(workers, 1);
        outside.join();
    });
    search_and_walk("run || submit", 1, [&] {
        paused_clock clock;
        runtime workers({.workers = 1, .clock = &clock});
        std::thread outside([&] { model::check(workers.submit(gives(2)).get() == 2, "its value comes back"); });
        runs(workers, 1);
        outside.join();
    });
}

namespace {

bool comes_to_deadlock(runtime& on, std::function<task<>()> const& main) {
    try {
        on.run(main);
        return false;
    } catch (deadlock const&) {
        return true;
    }
}

}  // namespace

TEST_CASE("paused clock: a deadlock is reported", "[model][deadlock]") {
    for (unsigned const count : {1U, 2U}) {
        model::search_with_frames_left("a deadlock, workers: " + std::to_string(count), 1, [count] {
            paused_clock clock;
            runtime workers({.workers = count, .clock = &clock});
            auto const main = []() -> task<> { co_await weft::spawn(sleeps_for_ever()); };
            model::check(comes_to_deadlock(workers, main), "it is reported");
        });
    }
    // Who has brought it may still be at it when all sleep again.
    model::search_with_frames_left("a deadlock after something foreign", 1, [] {
        paused_clock clock(1min);
        gate door;
        std::thread outside([&] { door.open(); });
        {
            runtime workers({.workers = 1, .clock = &clock});
            auto const main = [&]() -> task<> {
                co_await door;
                co_await sleeps_for_ever();
            };
            model::check(comes_to_deadlock(workers, main), "it is reported");
        }
        outside.join();
    });
    model::search_with_frames_left("a deadlock || a run on its way in", 1, [] {
        paused_clock clock;
        bool begun = false;
        bool ended = false;
        bool refused = false;
        {
            runtime workers({.workers = 1, .clock = &clock});
            std::thread outside([&] {
                refused = comes_to_deadlock(workers, [&]() -> task<> {
                    begun = true;
                    co_return;
                });
                ended = !refused;
            });
            model::check(comes_to_deadlock(workers, sleeps_for_ever), "it is reported");
            outside.join();
        }
        model::check(begun == ended, "who is refused has not begun");
    });
}
