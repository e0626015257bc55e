// SPDX-License-Identifier: MIT
// yield: to the back of the line, and nobody is left behind.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::test::watchdog;

TEST_CASE("a yielding task goes behind every task that is ready", "[yield]") {
    const watchdog guard{10s, "yield goes to the back"};
    std::vector<std::string> log;
    weft::run(
        [&]() -> weft::task<> {
            auto walk = [&](std::string name, int steps) -> weft::task<> {
                for (int i = 1; i <= steps; ++i) {
                    log.push_back(name + std::to_string(i));
                    co_await weft::yield();
                }
            };
            auto a = weft::spawn(walk("a", 3));
            auto b = weft::spawn(walk("b", 2));
            log.push_back("main");
            co_await weft::yield();  // behind a1 and b1
            log.push_back("main again");
            auto c = weft::spawn(walk("c", 1));  // behind a2 and b2, which are in line already
            co_await a;
            co_await b;
            co_await c;
        },
        {.workers = 1});
    CHECK(log == std::vector<std::string>{"main", "a1", "b1", "main again", "a2", "b2", "c1", "a3"});
}

TEST_CASE("yielding tasks take turns, for as long as they like", "[yield]") {
    const watchdog guard{10s, "turns"};
    constexpr int tasks = 10;
    constexpr int turns = 500;  // enough for whatever the worker does once in a while
    std::vector<int> log;
    weft::run(
        [&]() -> weft::task<> {
            auto walk = [&](int own) -> weft::task<> {
                for (int i = 0; i < turns; ++i) {
                    log.push_back(own);
                    co_await weft::yield();
                }
            };
            std::vector<weft::join_handle<>> handles;
            for (int i = 0; i < tasks; ++i) handles.push_back(weft::spawn(walk(i)));
            for (auto& each : handles) co_await each;
        },
        {.workers = 1});
    REQUIRE(log.size() == tasks * turns);
    int out_of_turn = 0;
    for (std::size_t i = 0; i < log.size(); ++i) out_of_turn += log[i] != static_cast<int>(i % tasks);
    CHECK(out_of_turn == 0);
}

TEST_CASE("a task alone may yield as often as it likes", "[yield]") {
    const watchdog guard{20s, "yield alone"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const int count = weft::run(
        []() -> weft::task<int> {
            int times = 0;
            for (; times < 100'000; ++times) co_await weft::yield();
            co_return times;
        },
        {.workers = workers});
    CHECK(count == 100'000);
}

TEST_CASE("a yielding task waits for what was submitted from outside, too", "[yield]") {
    const watchdog guard{20s, "yield and submitted tasks"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::runtime runtime({.workers = workers});
    std::atomic<bool> ran{false};
    auto waiting = runtime.submit([&]() -> weft::task<> {
        while (!ran) co_await weft::yield();
    });
    auto other = runtime.submit([&]() -> weft::task<> {
        ran = true;
        co_return;
    });
    waiting.get();
    other.get();
    CHECK(ran);
}

TEST_CASE("a ping-pong pair does not starve a third task", "[yield]") {
    const watchdog guard{20s, "ping-pong"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const bool third_ran = weft::run(
        []() -> weft::task<bool> {
            std::atomic<bool> stop{false};
            std::atomic<int> ball{0};
            auto play = [&](int own) -> weft::task<> {
                while (!stop) {
                    if (ball == own) ball = 1 - own;
                    co_await weft::yield();
                }
            };
            auto ping = weft::spawn(play(0));
            auto pong = weft::spawn(play(1));
            auto third = weft::spawn([&]() -> weft::task<> {
                for (int i = 0; i < 100; ++i) co_await weft::yield();
                stop = true;
            });
            co_await third;
            co_await ping;
            co_await pong;
            co_return stop;
        },
        {.workers = workers});
    CHECK(third_ran);
}

TEST_CASE("children of a gather that yield take turns with it", "[yield][gather]") {
    const watchdog guard{10s, "yield inside gather"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const int sum = weft::run(
        []() -> weft::task<int> {
            std::atomic<int> total{0};
            auto child = [&](int n) -> weft::task<> {
                for (int i = 0; i < n; ++i) {
                    ++total;
                    co_await weft::yield();
                }
            };
            auto beside = weft::spawn(child(100));
            co_await weft::gather(child(1), child(10), child(100));
            co_await beside;
            co_return total;
        },
        {.workers = workers});
    CHECK(sum == 211);
}

TEST_CASE("a self-spawning load starves neither a yielding task nor a submitted one", "[yield][spawn]") {
    const watchdog guard{20s, "self-spawning load"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<bool> stop{false};  // outlives the runtime, whose last breeder still looks at it
    weft::runtime runtime({.workers = workers});
    struct breeder {
        static weft::task<> run(std::atomic<bool>& until) {
            if (!until) weft::spawn(run(until));
            co_return;
        }
    };
    auto load = runtime.submit(breeder::run(stop));
    auto yielding = runtime.submit([]() -> weft::task<> {
        for (int i = 0; i < 50; ++i) co_await weft::yield();
    });
    yielding.get();
    auto entering = runtime.submit([]() -> weft::task<int> { co_return 1; });
    const int one = entering.get();
    stop = true;
    load.get();
    CHECK(one == 1);
}

namespace {

weft::task<> at_once() { co_return; }

struct ready_at_once {
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}
};

}  // namespace

TEST_CASE("a task that awaits what is there already, again and again, lets others go now and then", "[yield][fair]") {
    const watchdog guard{60s, "ready awaits"};
    const auto workers = GENERATE(1u, 2u);
    const auto kind = GENERATE(range(0, 9));
    CAPTURE(workers, kind);
    const bool in_turns = weft::run(
        [&]() -> weft::task<bool> {
            std::atomic<bool> over = false;
            auto ended = weft::spawn([]() -> weft::task<int> { co_return 1; });
            co_await ended;
            // For as_completed: more than are taken in a few turns.
            constexpr int many = 200'000;
            std::vector<weft::join_handle<>> handles;
            if (kind == 2) {
                for (int i = 0; i < many; ++i) handles.push_back(weft::spawn(at_once()));
                for (auto const& each : handles) co_await each;
            }
            auto ends = weft::as_completed(std::move(handles));
            const auto hog = [&]() -> weft::task<> {
                while (!over) {
                    if (kind == 0) co_await ended;
                    if (kind == 1) co_await weft::shield(ended);
                    if (kind == 2) {
                        if (!co_await ends.next()) co_return;
                    }
                    if (kind == 3) co_await at_once();
                    if (kind == 4) co_await weft::gather(at_once(), at_once());
                    if (kind == 5) co_await weft::gather();
                    if (kind == 6) co_await weft::gather(std::vector<weft::task<>>());
                    if (kind == 7) co_await ready_at_once();
                    if (kind == 8) {
                        const auto limit = co_await weft::timeout(1h);
                    }
                }
            };
            // Each has a worker to itself; where this task has one, too, the ends may all be taken before it goes on.
            std::vector<weft::join_handle<>> hogs;
            for (unsigned i = 0; i < (kind == 2 ? 1 : workers); ++i) hogs.push_back(weft::spawn(hog()));
            co_await weft::yield();
            co_await weft::sleep(1ms);
            over = true;
            for (auto& each : hogs) co_await each;
            co_return kind != 2 || workers > 1 || ends.remaining() > 0;
        },
        {.workers = workers});
    CHECK(in_turns);
}

TEST_CASE("to let others go is no cancellation point: what has ended is not lost to a limit of zero", "[yield][fair][timeout]") {
    const watchdog guard{60s, "a limit of zero"};
    const auto [lost, turns] = weft::run(
        []() -> weft::task<std::pair<int, long>> {
            std::atomic<bool> over = false;
            long count = 0;
            const auto neighbour = [&]() -> weft::task<> {
                while (!over) {
                    ++count;
                    co_await weft::yield();
                }
            };
            auto other = weft::spawn(neighbour());
            auto ended = weft::spawn([]() -> weft::task<int> { co_return 1; });
            co_await ended;
            int timeouts = 0;
            // Until it has let the neighbour go a hundred times.
            while (count < 100) {
                try {
                    co_await weft::wait_for(ended, 0s);
                } catch (weft::timeout_error const&) {
                    ++timeouts;
                }
            }
            over = true;
            co_await other;
            co_return {timeouts, count};
        },
        {.workers = 1});
    CHECK(lost == 0);
    CHECK(turns >= 100);
}

TEST_CASE("a pair that wakes each other does not keep a third task from running", "[yield][fair]") {
    const watchdog guard{30s, "a pair and a third"};
    const bool both = weft::run(
        []() -> weft::task<bool> {
            bool over = false;
            long rounds = 0;
            const auto pair = [&]() -> weft::task<> {
                for (; !over; ++rounds) co_await weft::spawn(at_once());
            };
            auto one = weft::spawn(pair());
            for (int turn = 0; turn < 1000; ++turn) co_await weft::yield();
            over = true;
            co_await one;
            co_return rounds >= 100;
        },
        {.workers = 1});
    CHECK(both);
}
