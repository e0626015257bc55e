// SPDX-License-Identifier: MIT
// interval: when its ticks are due, and what becomes of those that are missed. The clock is paused, so every moment is exact.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::missed_tick;
using weft::detail::forever;
using weft::detail::next_tick;
using weft::test::watchdog;

namespace {

using moments = std::vector<std::chrono::milliseconds>;

struct seen {
    moments due, delivered;
};

// Awaits as many ticks of 10 ms as there are works, and after each works (sleeps) for so long.
weft::task<seen> ticks(missed_tick missed, moments works) {
    auto const start = weft::now();
    auto const since_start = [start](auto moment) { return std::chrono::duration_cast<std::chrono::milliseconds>(moment - start); };
    weft::interval every(10ms, missed);
    seen all;
    for (auto const work : works) {
        auto const due = co_await every.tick();
        all.due.push_back(since_start(due));
        all.delivered.push_back(since_start(weft::now()));
        co_await weft::sleep(work);
    }
    co_return all;
}

seen run_paused(missed_tick missed, moments works) {
    weft::testing::paused_clock clock;
    return weft::run(ticks(missed, std::move(works)), {.workers = 1, .clock = &clock});
}

}  // namespace

TEST_CASE("the first tick is due at once, each one a period after the one before", "[interval]") {
    watchdog const guard(10s, "first tick");
    auto const missed = GENERATE(missed_tick::burst, missed_tick::delay, missed_tick::skip);
    seen const all = run_paused(missed, {0ms, 3ms, 9ms, 1ms});
    CHECK(all.due == moments{0ms, 10ms, 20ms, 30ms});
    CHECK(all.delivered == all.due);
}

TEST_CASE("missed ticks come in a burst until they are made up for", "[interval]") {
    watchdog const guard(10s, "burst");
    seen const all = run_paused(missed_tick::burst, {35ms, 0ms, 0ms, 0ms, 0ms});
    CHECK(all.due == moments{0ms, 10ms, 20ms, 30ms, 40ms});
    CHECK(all.delivered == moments{0ms, 35ms, 35ms, 35ms, 40ms});
}

TEST_CASE("after a missed tick a delayed interval begins anew", "[interval]") {
    watchdog const guard(10s, "delay");
    seen const all = run_paused(missed_tick::delay, {35ms, 0ms, 0ms, 0ms});
    CHECK(all.due == moments{0ms, 10ms, 45ms, 55ms});
    CHECK(all.delivered == moments{0ms, 35ms, 45ms, 55ms});
}

TEST_CASE("an interval that skips keeps its timetable", "[interval]") {
    watchdog const guard(10s, "skip");
    seen const all = run_paused(missed_tick::skip, {35ms, 0ms, 0ms, 0ms});
    CHECK(all.due == moments{0ms, 10ms, 40ms, 50ms});
    CHECK(all.delivered == moments{0ms, 35ms, 40ms, 50ms});
}

TEST_CASE("a tick that is late by less than a period has missed none", "[interval]") {
    watchdog const guard(10s, "late");
    auto const missed = GENERATE(missed_tick::burst, missed_tick::delay, missed_tick::skip);
    seen const all = run_paused(missed, {19ms, 0ms, 0ms});
    CHECK(all.due == moments{0ms, 10ms, 20ms});
    CHECK(all.delivered == moments{0ms, 19ms, 20ms});
}

TEST_CASE("ten thousand ticks do not drift, though each is awaited late", "[interval]") {
    watchdog const guard(20s, "drift");
    weft::testing::paused_clock clock;
    auto const body = []() -> weft::task<bool> {
        auto const start = weft::now();
        weft::interval every(7ms);
        bool exact = true;
        for (int tick = 0; tick < 10'000; ++tick) {
            auto const due = co_await every.tick();
            exact = exact && due == start + tick * 7ms && weft::now() == due;
            co_await weft::sleep(1ms + tick % 5 * 1us);
        }
        co_return exact;
    };
    CHECK(weft::run(body, {.workers = 1, .clock = &clock}));
}

TEST_CASE("by the steady clock ticks are due on the timetable, and never early", "[interval]") {
    watchdog const guard(10s, "steady");
    auto const body = []() -> weft::task<bool> {
        auto const start = weft::now() + 1ms;
        weft::interval every(start, 500us, missed_tick::burst);
        bool right = true;
        for (int tick = 0; tick < 100; ++tick) {
            auto const due = co_await every.tick();
            right = right && due == start + tick * 500us && std::chrono::steady_clock::now() >= due;
        }
        co_return right;
    };
    CHECK(weft::run(body, {.workers = 2}));
}

TEST_CASE("the first tick may be given, and be far away", "[interval]") {
    watchdog const guard(10s, "given");
    weft::testing::paused_clock clock;
    auto const body = []() -> weft::task<bool> {
        auto const first = weft::now() + 24h;
        weft::interval daily(first, 24h);
        auto const one = co_await daily.tick();
        bool const in_time = weft::now() == first;
        auto const two = co_await daily.tick();
        co_return in_time && one == first && two == first + 24h && daily.period() == 24h;
    };
    CHECK(weft::run(body, {.workers = 2, .clock = &clock}));
    CHECK(clock.elapsed() == 48h);
}

TEST_CASE("a tick yields even where it is due: a burst starves nobody", "[interval][yield]") {
    watchdog const guard(10s, "yields");
    weft::testing::paused_clock clock;
    auto const body = []() -> weft::task<int> {
        int turns = 0;
        bool over = false;
        auto const other = [](int& count, bool const& stop) -> weft::task<> {
            while (!stop) {
                ++count;
                co_await weft::yield();
            }
        };
        weft::interval every(weft::now() - 1s, 10ms);
        auto const handle = weft::spawn(other(turns, over));
        for (int tick = 0; tick < 50; ++tick) co_await every.tick();
        over = true;
        co_await handle;
        co_return turns;
    };
    CHECK(weft::run(body, {.workers = 1, .clock = &clock}) >= 49);
}

TEST_CASE("a tick is the one that is next when it is awaited", "[interval]") {
    watchdog const guard(10s, "stored ticks");
    weft::testing::paused_clock clock;
    auto const body = []() -> weft::task<bool> {
        auto const start = weft::now();
        weft::interval every(10ms);
        auto const one = every.tick();
        auto const other = every.tick();
        bool right = true;
        for (int tick = 0; tick < 6; tick += 2) {
            auto const first = co_await one;
            right = right && first == start + tick * 10ms && weft::now() == first;
            auto const second = co_await other;
            right = right && second == start + (tick + 1) * 10ms && weft::now() == second;
        }
        co_return right;
    };
    CHECK(weft::run(body, {.workers = 1, .clock = &clock}));
}

TEST_CASE("a tick can be gathered", "[interval][gather]") {
    watchdog const guard(10s, "gathered tick");
    weft::testing::paused_clock clock;
    auto const body = []() -> weft::task<bool> {
        auto const first = weft::now() + 1s;
        weft::interval every(first, 1s);
        auto both = weft::gather(every.tick(), weft::sleep(3s));
        auto const results = co_await both;
        co_return std::get<0>(results) == first && weft::now() == first + 2s;
    };
    CHECK(weft::run(body, {.workers = 2, .clock = &clock}));
}

TEST_CASE("a period must be longer than nothing", "[interval][misuse]") {
    CHECK_THROWS_AS(weft::interval(0s), std::invalid_argument);
    CHECK_THROWS_AS(weft::interval(-1ns), std::invalid_argument);
    CHECK_THROWS_AS(weft::interval(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())), std::invalid_argument);
    CHECK(weft::interval(std::chrono::duration<double>(1e-12)).period() == 1ns);
    CHECK(weft::interval(std::chrono::hours::max()).period() == std::chrono::nanoseconds::max());
}

TEST_CASE("the next tick at the ends of time", "[interval]") {
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    for (auto const missed : {missed_tick::burst, missed_tick::delay, missed_tick::skip}) {
        CHECK(next_tick(0, 0, forever, missed) == forever);
        CHECK(next_tick(forever, forever, 1, missed) == forever);
        CHECK(next_tick(forever - 5, forever - 5, 10, missed) == forever);
        CHECK(next_tick(least, least, 1, missed) == least + 1);
    }
    CHECK(next_tick(least, forever - 3, 2, missed_tick::burst) == least + 2);
    CHECK(next_tick(least, forever - 3, 2, missed_tick::delay) == forever - 1);
    CHECK(next_tick(least, forever - 3, 2, missed_tick::skip) == forever - 1);
    CHECK(next_tick(least, 0, std::int64_t{1} << 62, missed_tick::skip) == std::int64_t{1} << 62);
    CHECK(next_tick(10, 20, 10, missed_tick::skip) == 30);  // the one that is due this very moment counts as missed
    CHECK(next_tick(10, 19, 10, missed_tick::skip) == 20);
}
