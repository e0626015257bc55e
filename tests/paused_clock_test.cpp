// SPDX-License-Identifier: MIT
// testing::paused_clock: when it moves, when it does not, and what a deadlock is.
#include "support/catch.hpp"
#include "support/foreign.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/subprocess.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::test::ContainsSubstring;
using weft::test::watchdog;
using weft::testing::deadlock;
using weft::testing::paused_clock;

namespace {

weft::task<> sleeper(std::chrono::nanoseconds duration) { co_await weft::sleep(duration); }

constexpr int exit_of_terminate = 86;

std::string at_line(int line) { return "paused_clock_test.cpp:" + std::to_string(line); }

template <class Body>
std::string deadlock_of(Body const& body, unsigned workers) {
    paused_clock clock;
    weft::runtime runtime({.workers = workers, .clock = &clock});
    std::string text = "no deadlock";
    try {
        runtime.run(body);
    } catch (deadlock const& thrown) {
        text = thrown.what();
    }
    return text;
}

}  // namespace

TEST_CASE("an hour passes at once, and exactly", "[paused_clock]") {
    watchdog const guard(10s, "an hour");
    auto const workers = GENERATE(1u, 2u, 8u);
    paused_clock clock;
    CHECK(clock.elapsed() == 0s);
    auto const body = []() -> weft::task<std::chrono::nanoseconds> {
        auto const start = weft::now();
        co_await weft::sleep(1h);
        co_return weft::now() - start;
    };
    CHECK(weft::run(body, {.workers = workers, .clock = &clock}) == 1h);
    CHECK(clock.elapsed() == 1h);
}

TEST_CASE("sleepers wake in order, each at its moment, which now() shows", "[paused_clock][random]") {
    watchdog const guard(30s, "order");
    auto const workers = GENERATE(1u, 2u, 8u);
    CAPTURE(weft::test::seed(), workers);
    std::mt19937_64 engine(weft::test::seed());
    std::vector<std::chrono::nanoseconds> naps;
    for (int i = 0; i < 300; ++i) naps.push_back(std::chrono::nanoseconds(engine() % 1'000'000'000'000'000 + 1));
    paused_clock clock;
    auto const nap = [](std::chrono::nanoseconds duration, std::atomic<int>& wrong) -> weft::task<> {
        auto const due = weft::now() + duration;
        co_await weft::sleep(duration);
        if (weft::now() != due) ++wrong;
    };
    std::atomic<int> wrong = 0;
    auto const body = [&]() -> weft::task<> {
        std::vector<weft::task<>> all;
        for (auto const duration : naps) all.push_back(nap(duration, wrong));
        co_await weft::gather(std::move(all));
    };
    weft::run(body, {.workers = workers, .clock = &clock});
    CHECK(wrong == 0);
    CHECK(clock.elapsed() == *std::ranges::max_element(naps));
}

TEST_CASE("timers of one deadline fire in the order of arming, and no earlier tick after a later one", "[paused_clock][sleep]") {
    watchdog const guard(30s, "ties");
    CAPTURE(weft::test::seed());
    std::mt19937_64 engine(weft::test::seed());
    paused_clock clock;
    std::vector<std::pair<std::int64_t, int>> woken;
    auto const nap = [](weft::testing::paused_clock const& c, std::int64_t due, int number, auto& log) -> weft::task<> {
        co_await weft::sleep_until(c.now() - c.elapsed() + std::chrono::nanoseconds(due));
        log.emplace_back(due, number);
    };
    auto const body = [&]() -> weft::task<> {
        std::vector<weft::join_handle<>> all;
        for (int number = 0; number < 2000; ++number)
            all.push_back(weft::spawn(nap(clock, static_cast<std::int64_t>(1 + engine() % 40) * 50'000, number, woken)));
        for (auto const& each : all) co_await each;
    };
    weft::run(body, {.workers = 1, .clock = &clock});
    CHECK(woken.size() == 2000);
    CHECK(std::ranges::is_sorted(woken));
}

TEST_CASE("the clock stands still while a task can run", "[paused_clock]") {
    watchdog const guard(10s, "stands still");
    auto const workers = GENERATE(1u, 2u);
    paused_clock clock;
    auto const body = [](paused_clock const& c) -> weft::task<bool> {
        auto const asleep = weft::spawn(sleeper(1s));
        bool still = true;
        for (int turn = 0; turn < 2000; ++turn) {
            co_await weft::yield();
            still = still && c.elapsed() == 0s;
        }
        co_await asleep;
        co_return still && c.elapsed() == 1s;
    };
    CHECK(weft::run([&] { return body(clock); }, {.workers = workers, .clock = &clock}));
}

TEST_CASE("the clock stands still while a task awaits what is not weft's", "[paused_clock][foreign]") {
    watchdog const guard(10s, "foreign");
    auto const workers = GENERATE(1u, 2u);
    paused_clock clock(1min);
    weft::test::other_thread thread;
    auto const body = [](paused_clock const& c, weft::test::other_thread& other) -> weft::task<bool> {
        auto const asleep = weft::spawn(sleeper(1h));
        bool still = true;
        for (int turn = 0; turn < 20; ++turn) {
            other.post([] { std::this_thread::sleep_for(1ms); });
            co_await other.hop();
            still = still && c.elapsed() == 0s;
        }
        co_await weft::test::declining{};
        try {
            co_await weft::test::refusing{};
        } catch (weft::test::refusing::refusal) {
        }
        co_await asleep;
        co_return still && c.elapsed() == 1h;
    };
    CHECK(weft::run([&] { return body(clock, thread); }, {.workers = workers, .clock = &clock}));
}

TEST_CASE("what tasks open for each other is waited for no longer than the clock's patience", "[paused_clock][foreign]") {
    watchdog const guard(10s, "patience");
    auto const workers = GENERATE(1u, 2u);
    auto const patience = GENERATE(0ms, 20ms);
    paused_clock clock(patience);
    auto const opens = [](weft::test::gate& gate) -> weft::task<> {
        co_await weft::sleep(1h);
        gate.open();
    };
    auto const passes = [](weft::test::gate& gate) -> weft::task<> { co_await gate; };
    auto const body = [&]() -> weft::task<> {
        weft::test::gate gate;
        auto open = opens(gate);
        auto pass = passes(gate);
        co_await weft::gather(std::move(open), std::move(pass), sleeper(3h));
    };
    auto const start = std::chrono::steady_clock::now();
    weft::run(body, {.workers = workers, .clock = &clock});
    CHECK(std::chrono::steady_clock::now() - start >= patience);
    CHECK(clock.elapsed() == 3h);
    CHECK_THROWS_AS(paused_clock(-1ns), std::invalid_argument);
}

TEST_CASE("the clock's patience begins anew with each thing that is awaited", "[paused_clock][foreign]") {
    watchdog const guard(20s, "patience anew");
    auto const workers = GENERATE(1u, 2u);
    static constexpr auto patience = 1s;
    paused_clock clock(patience);
    weft::test::other_thread thread;
    auto const body = [](paused_clock const& c, weft::test::other_thread& other) -> weft::task<bool> {
        auto const asleep = weft::spawn(sleeper(1h));
        bool still = true;
        bool lost_patience = false;  // rightly, on a busy machine
        // Together longer than the patience.
        for (int turn = 0; turn < 12; ++turn) {
            auto const start = std::chrono::steady_clock::now();
            other.post([] { std::this_thread::sleep_for(100ms); });
            co_await other.hop();
            lost_patience = lost_patience || std::chrono::steady_clock::now() - start >= patience;
            still = still && (c.elapsed() == 0s || lost_patience);
        }
        co_await asleep;
        co_return still;
    };
    CHECK(weft::run([&] { return body(clock, thread); }, {.workers = workers, .clock = &clock}));
}

TEST_CASE("a runtime works on after its clock has lost patience", "[paused_clock][foreign]") {
    watchdog const guard(10s, "after patience");
    auto const workers = GENERATE(1u, 2u);
    paused_clock clock(1ms);
    weft::runtime runtime({.workers = workers, .clock = &clock});
    for (int turn = 1; turn <= 3; ++turn) {
        weft::test::gate gate;
        auto const opens = [](weft::test::gate& its) -> weft::task<> {
            co_await weft::sleep(1h);
            its.open();
        };
        auto const passes = [](weft::test::gate& its) -> weft::task<> { co_await its; };
        auto const body = [&]() -> weft::task<> {
            auto open = opens(gate);
            auto pass = passes(gate);
            co_await weft::gather(std::move(open), std::move(pass));
        };
        runtime.run(body);
        CHECK(runtime.submit(sleeper(1h)).wait_for(5s) == std::future_status::ready);
        CHECK(clock.elapsed() == turn * 2h);
    }
}

TEST_CASE("a task of another runtime may be awaited, and takes real time", "[paused_clock][foreign]") {
    watchdog const guard(10s, "two runtimes");
    weft::runtime other({.workers = 1});
    weft::join_handle<> handle;
    other.run([&]() -> weft::task<> {
        handle = weft::spawn(sleeper(1ns));
        co_return;
    });
    auto const awaits = [](weft::runtime& theirs) -> weft::task<> {
        weft::join_handle<> late;
        std::promise<void> made;
        auto const spawns = [](weft::join_handle<>& to, std::promise<void>& told) -> weft::task<> {
            to = weft::spawn(sleeper(30ms));
            told.set_value();
            co_return;
        };
        auto const spawned = theirs.submit(spawns(late, made));
        made.get_future().wait();
        co_await late;
        co_await late;  // it has ended
    };
    paused_clock clock(1min);
    weft::run([&] { return awaits(other); }, {.workers = 2, .clock = &clock});
    CHECK(clock.elapsed() == 0s);
}

TEST_CASE("between runs the clock stands still, and a runtime at rest is no deadlock", "[paused_clock]") {
    watchdog const guard(10s, "rest");
    paused_clock clock;
    weft::runtime runtime({.workers = 2, .clock = &clock});
    for (int hour = 1; hour <= 3; ++hour) {
        runtime.run(sleeper(1h));
        std::this_thread::sleep_for(1ms);
        CHECK(clock.elapsed() == hour * 1h);
    }
    CHECK_NOTHROW(runtime.submit(sleeper(1h)).get());
    CHECK(clock.elapsed() == 4h);
}

TEST_CASE("runs and submissions from several threads are never taken for a deadlock", "[paused_clock][stress]") {
    watchdog const guard(60s, "no false deadlock");
    auto const workers = GENERATE(1u, 2u, 4u);
    paused_clock clock;
    weft::runtime runtime({.workers = workers, .clock = &clock});
    std::atomic<int> deadlocks = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread)
        threads.emplace_back([&, thread] {
            for (int turn = 0; turn < 300; ++turn) {
                try {
                    if (thread == 0)
                        runtime.submit(sleeper(1s)).get();
                    else
                        runtime.run(sleeper(std::chrono::seconds(turn % 3)));
                } catch (deadlock const&) {
                    ++deadlocks;
                }
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(deadlocks == 0);
}

TEST_CASE("one runtime at a time goes by a paused clock", "[paused_clock][misuse]") {
    watchdog const guard(10s, "one runtime at a time");
    paused_clock clock;
    {
        weft::runtime first({.workers = 1, .clock = &clock});
        CHECK_THROWS_AS(weft::runtime({.workers = 1, .clock = &clock}), weft::invalid_state);
        CHECK_THROWS_WITH(weft::runtime({.workers = 1, .clock = &clock}), ContainsSubstring("give each its own"));
    }
    weft::runtime second({.workers = 1, .clock = &clock});
    second.run(sleeper(1min));
    CHECK(clock.elapsed() == 1min);
}

TEST_CASE("a clock may be used again after a deadlock, and after something foreign", "[paused_clock][stress]") {
    watchdog const guard(20s, "a clock is used again");
    paused_clock clock;
    {
        weft::runtime first({.workers = 1, .clock = &clock});
        CHECK_THROWS_AS(first.run(sleeper(std::chrono::nanoseconds::max())), deadlock);
    }
    weft::runtime other({.workers = 1});
    // Who ends what is awaited is still at it, now and then, when the runtime is gone.
    for (int round = 0; round < weft::test::scaled(500); ++round) {
        auto const awaited = other.submit([]() -> weft::task<weft::join_handle<>> { co_return weft::spawn(sleeper(100us)); }).get();
        paused_clock brief;
        paused_clock& by = round % 2 == 0 ? clock : brief;
        weft::run([&]() -> weft::task<> { co_await awaited; }, {.workers = 1, .clock = &by});
        weft::run(sleeper(0s), {.workers = 1, .clock = &by});
    }
    CHECK(clock.elapsed() == 0s);
}

TEST_CASE("outside the workers now() is the steady clock", "[paused_clock]") {
    auto const before = std::chrono::steady_clock::now();
    auto const now = weft::now();
    CHECK(before <= now);
    CHECK(now <= std::chrono::steady_clock::now());
}

// ---- Deadlocks

TEST_CASE("two tasks that await each other are a deadlock, and the error says who waits for whom", "[paused_clock][deadlock]") {
    watchdog const guard(10s, "deadlock");
    auto const workers = GENERATE(1u, 2u, 8u);
    int first_line = 0;
    int second_line = 0;
    int main_line = 0;
    auto const body = [&]() -> weft::task<> {
        static auto const wait_for = [](weft::join_handle<> const* other) -> weft::task<> {
            co_await weft::sleep(1h);  // until both handles are there
            co_await *other;
        };
        auto handles = std::make_unique<weft::join_handle<>[]>(2);
        first_line = __LINE__ + 1;
        handles[0] = weft::spawn(wait_for(&handles[1]));
        second_line = __LINE__ + 1;
        handles[1] = weft::spawn(wait_for(&handles[0]));
        co_await handles[0];
    };
    paused_clock clock;
    weft::runtime runtime({.workers = workers, .clock = &clock});
    std::string text = "no deadlock";
    try {
        main_line = __LINE__ + 1;
        runtime.run(body());
    } catch (deadlock const& thrown) {
        text = thrown.what();
    }
    CAPTURE(text);
    CHECK_THAT(text, ContainsSubstring("a deadlock"));
    CHECK_THAT(text, ContainsSubstring(at_line(first_line) + " waits for the end of the task spawned at"));
    CHECK_THAT(text, ContainsSubstring(at_line(second_line) + " waits for the end of the task spawned at"));
    CHECK_THAT(text, ContainsSubstring(at_line(main_line) + " waits for the end of the task spawned at"));
    CHECK_THAT(text, ContainsSubstring("the main task of run() at"));
    CHECK_THAT(text, !ContainsSubstring("runtime.hpp"));
    CHECK(std::ranges::count(text, '\n') == 3);
    // The runtime is dead.
    CHECK_THROWS_AS(runtime.run(sleeper(1s)), deadlock);
    CHECK_THROWS_AS(runtime.submit(sleeper(1s)), deadlock);
}

TEST_CASE("a sleep for ever is a deadlock as soon as nothing else sleeps", "[paused_clock][deadlock]") {
    watchdog const guard(10s, "for ever");
    auto const workers = GENERATE(1u, 2u);
    auto const body = []() -> weft::task<> {
        auto const other = weft::spawn(sleeper(std::chrono::nanoseconds::max()));
        static auto const wait_for = [](weft::join_handle<> const& handle) -> weft::task<> { co_await handle; };
        co_await weft::gather(wait_for(other), sleeper(std::chrono::nanoseconds::max()), sleeper(1h));
    };
    auto const text = deadlock_of(body, workers);
    CAPTURE(text);
    CHECK_THAT(text, ContainsSubstring("waits for the end of a sleep for ever and the end of the task spawned at"));
    CHECK(std::ranges::count(text, '\n') == 2);
}

TEST_CASE("the error says where a callable was given to run", "[paused_clock][deadlock]") {
    watchdog const guard(10s, "callable");
    paused_clock clock;
    int line = 0;
    std::string text;
    try {
        line = __LINE__ + 1;
        weft::run([] { return sleeper(std::chrono::nanoseconds::max()); }, {.workers = 1, .clock = &clock});
    } catch (deadlock const& thrown) {
        text = thrown.what();
    }
    CHECK_THAT(text, ContainsSubstring("the main task of run() at") && ContainsSubstring(at_line(line)));
}

TEST_CASE("a run is over before run() throws, while others are stuck", "[paused_clock][deadlock][stress]") {
    watchdog const guard(60s, "stuck beside others");
    for (int round = 0; round < 200; ++round) {
        paused_clock clock;
        weft::runtime runtime({.workers = 2, .clock = &clock});
        std::thread stuck([&] {
            try {
                runtime.run(sleeper(std::chrono::nanoseconds::max()));
            } catch (deadlock const&) {
            }
        });
        bool refused = false;
        std::atomic<bool> ran = false;
        auto const body = [](std::atomic<bool>& began) -> weft::task<> {
            began = true;
            co_return;
        };
        try {
            runtime.run(body(ran));
        } catch (deadlock const&) {
            refused = true;  // the runtime stood still already
        }
        stuck.join();
        if (ran == refused) FAIL("in round " << round << " run() threw, and yet its task ran; or neither");
    }
}

TEST_CASE("submitted", "[.]") {
    // Not by a signal: Catch2 would print a report in its handler, which ThreadSanitizer rightly does not like.
    std::set_terminate([] { std::_Exit(exit_of_terminate); });
    paused_clock clock;
    weft::runtime runtime({.workers = 2, .clock = &clock});
    runtime.submit(sleeper(std::chrono::nanoseconds::max())).get();
}

TEST_CASE("a deadlock of submitted tasks, whose futures nobody can fulfil, ends the program and says why", "[paused_clock][deadlock]") {
    auto const process = weft::test::run_case("submitted", 20s);
    CHECK(process.in_time);
    CHECK(process.exit_code == exit_of_terminate);
    CHECK_THAT(process.errors, ContainsSubstring("waits for the end of a sleep for ever"));
}
