// SPDX-License-Identifier: MIT
// sleep and sleep_until: every kind of duration, when sleepers wake, and timers that fire whatever the workers do.
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <ratio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::duration;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using weft::detail::forever;
using weft::detail::saturated_nanoseconds;
using weft::test::ContainsSubstring;
using weft::test::watchdog;
using weft::testing::paused_clock;

namespace {

constexpr auto int64_min = std::numeric_limits<std::int64_t>::min();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

// ---- What a duration means

TEST_CASE("durations become nanoseconds, fractions rounded up", "[sleep][duration]") {
    CHECK(saturated_nanoseconds(0ns) == 0);
    CHECK(saturated_nanoseconds(1ns) == 1);
    CHECK(saturated_nanoseconds(-1ns) == -1);
    CHECK(saturated_nanoseconds(3ms) == 3'000'000);
    CHECK(saturated_nanoseconds(2h) == 7'200'000'000'000);
    CHECK(saturated_nanoseconds(duration<double>(0.5)) == 500'000'000);
    CHECK(saturated_nanoseconds(duration<float>(0.25F)) == 250'000'000);
    CHECK(saturated_nanoseconds(duration<double>(1e-10)) == 1);
    CHECK(saturated_nanoseconds(duration<double>(1.5e-9)) == 2);
    CHECK(saturated_nanoseconds(duration<double>(std::numeric_limits<double>::denorm_min())) == 1);
    CHECK(saturated_nanoseconds(duration<double>(-0.0)) == 0);
    CHECK(saturated_nanoseconds(duration<std::int64_t, std::pico>(1)) == 1);
    CHECK(saturated_nanoseconds(duration<std::int64_t, std::pico>(1000)) == 1);
    CHECK(saturated_nanoseconds(duration<std::int64_t, std::pico>(1001)) == 2);
    CHECK(saturated_nanoseconds(duration<int, std::ratio<1, 3>>(1)) == 333'333'334);
    CHECK(saturated_nanoseconds(duration<long double, std::ratio<60>>(0.5L)) == 30'000'000'000);
    CHECK(saturated_nanoseconds(duration<unsigned char>(7)) == 7'000'000'000);
}

TEST_CASE("durations that do not fit saturate", "[sleep][duration]") {
    CHECK(saturated_nanoseconds(nanoseconds::max()) == forever);
    CHECK(saturated_nanoseconds(std::chrono::seconds::max()) == forever);
    CHECK(saturated_nanoseconds(std::chrono::hours::max()) == forever);
    CHECK(saturated_nanoseconds(duration<double>(infinity)) == forever);
    CHECK(saturated_nanoseconds(duration<float>(std::numeric_limits<float>::max())) == forever);
    CHECK(saturated_nanoseconds(duration<double>::max()) == forever);
    CHECK(saturated_nanoseconds(duration<double>(9.3e9)) == forever);
    CHECK(saturated_nanoseconds(duration<long double>(std::numeric_limits<long double>::max())) == forever);
    CHECK(saturated_nanoseconds(duration<std::uint64_t>(std::numeric_limits<std::uint64_t>::max())) == forever);
    CHECK(saturated_nanoseconds(duration<std::uint64_t, std::nano>(std::numeric_limits<std::uint64_t>::max())) == forever);

    CHECK(saturated_nanoseconds(nanoseconds::min()) == int64_min);
    CHECK(saturated_nanoseconds(std::chrono::hours::min()) == int64_min);
    CHECK(saturated_nanoseconds(duration<double>(-infinity)) == int64_min);
    CHECK(saturated_nanoseconds(duration<double>::min()) == int64_min);
}

TEST_CASE("durations of any unit convert without overflow on the way", "[sleep][duration]") {
    // Two hundred years of frames, at 3 or 60 or 1001/30000 a second: count * 10^9 does not fit.
    CHECK(saturated_nanoseconds(duration<std::int64_t, std::ratio<1, 3>>(18'000'000'000)) == 6'000'000'000'000'000'000);
    CHECK(saturated_nanoseconds(duration<std::int64_t, std::ratio<1, 60>>(360'000'000'000)) == 6'000'000'000'000'000'000);
    CHECK(saturated_nanoseconds(duration<std::int64_t, std::ratio<1001, 30'000>>(30'000'000'000)) == 1'001'000'000'000'000'000);
    CHECK(saturated_nanoseconds(duration<std::int64_t, std::ratio<1, 3>>(-18'000'000'000)) == -6'000'000'000'000'000'000);
    CHECK(saturated_nanoseconds(duration<int, std::ratio<86'400>>(36'500)) == 3'153'600'000'000'000'000);
    CHECK(saturated_nanoseconds(duration<std::int64_t, std::pico>(std::numeric_limits<std::int64_t>::max())) ==
          9'223'372'036'854'776);
}

TEST_CASE("a duration that is not a number is an invalid_argument", "[sleep][duration][misuse]") {
    CHECK_THROWS_AS(weft::sleep(duration<double>(not_a_number)), std::invalid_argument);
    CHECK_THROWS_AS(weft::sleep(duration<float, std::milli>(-std::numeric_limits<float>::quiet_NaN())), std::invalid_argument);
    std::string message;
    try {
        static_cast<void>(weft::sleep(duration<long double>(std::numeric_limits<long double>::signaling_NaN())));
    } catch (const std::invalid_argument& error) {
        message = error.what();
    }
    CHECK_THAT(message, ContainsSubstring("weft: the duration") && ContainsSubstring("NaN"));
}

// ---- By the steady clock: never early

TEST_CASE("a thousand random sleeps, none of them early", "[sleep]") {
    const watchdog guard{20s, "a thousand random sleeps"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::mt19937_64 engine(weft::test::seed());
    std::uniform_int_distribution<std::int64_t> some_time(1, 20'000'000);
    std::atomic<int> early{0};
    weft::run(
        [&]() -> weft::task<> {
            auto sleep_relative = [&](nanoseconds time) -> weft::task<> {
                const auto start = steady_clock::now();
                co_await weft::sleep(time);
                early += steady_clock::now() - start < time;
            };
            auto sleep_seconds = [&](duration<double> time) -> weft::task<> {
                const auto start = steady_clock::now();
                co_await weft::sleep(time);
                early += duration<double>(steady_clock::now() - start) < time;
            };
            auto sleep_absolute = [&](nanoseconds time) -> weft::task<> {
                const auto moment = steady_clock::now() + time;
                co_await weft::sleep_until(moment);
                early += steady_clock::now() < moment;
            };
            std::vector<weft::task<>> sleepers;
            for (int i = 0; i < 1000; ++i) {
                const nanoseconds time{some_time(engine) >> (i % 24)};
                switch (i % 3) {
                    case 0: sleepers.push_back(sleep_relative(time)); break;
                    case 1: sleepers.push_back(sleep_seconds(time)); break;
                    default: sleepers.push_back(sleep_absolute(time)); break;
                }
            }
            co_await weft::gather(std::move(sleepers));
        },
        {.workers = workers});
    CHECK(early == 0);
}

TEST_CASE("two sleeps gathered take little more time than one", "[sleep][gather]") {
    const watchdog guard{30s, "concurrent sleeps"};
    const auto workers = GENERATE(1u, 2u, 8u);
    // The machine's load may make them late, by a time that does not grow with theirs.
    bool together = false;
    for (nanoseconds nap = 20ms; !together && nap < 3s; nap *= 2) {
        const auto taken = weft::run(
            [&]() -> weft::task<nanoseconds> {
                const auto start = steady_clock::now();
                co_await weft::gather(weft::sleep(nap), weft::sleep(nap));
                co_return steady_clock::now() - start;
            },
            {.workers = workers});
        CHECK(taken >= nap);
        together = taken < nap * 7 / 4;
    }
    CHECK(together);
}

// ---- By a paused clock: to the nanosecond

TEST_CASE("a sleep is measured from its await, not from its making", "[sleep]") {
    const watchdog guard{10s, "measured from the await"};
    const auto workers = GENERATE(1u, 2u, 8u);
    paused_clock clock;
    const auto slept = weft::run(
        []() -> weft::task<nanoseconds> {
            auto later = weft::sleep(10s);
            co_await weft::sleep(5s);
            const auto start = weft::now();
            co_await later;
            co_return weft::now() - start;
        },
        {.workers = workers, .clock = &clock});
    CHECK(slept == 10s);
    CHECK(clock.elapsed() == 15s);
}

TEST_CASE("sleepers wake in the order of their deadlines", "[sleep]") {
    const watchdog guard{10s, "order of deadlines"};
    std::vector<int> order;
    int late = 0;
    paused_clock clock;
    weft::run(
        [&]() -> weft::task<> {
            const auto start = weft::now();
            auto wake = [&](int n) -> weft::task<> {
                co_await weft::sleep_until(start + n * 1h);
                order.push_back(n);
                late += weft::now() != start + n * 1h;
            };
            co_await weft::gather(wake(7), wake(2), wake(5), wake(1), wake(8), wake(3), wake(6), wake(4));
        },
        {.workers = 1, .clock = &clock});
    CHECK(order == std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8});
    CHECK(late == 0);
}

TEST_CASE("two sleeps gathered take the time of one", "[sleep][gather]") {
    const watchdog guard{10s, "concurrent sleeps"};
    const auto workers = GENERATE(1u, 2u, 8u);
    paused_clock clock;
    weft::run([]() -> weft::task<> { co_await weft::gather(weft::sleep(1h), weft::sleep(1h)); },
              {.workers = workers, .clock = &clock});
    CHECK(clock.elapsed() == 1h);
}

TEST_CASE("a task that sleeps leaves its worker to others, and spawned sleepers overlap", "[sleep]") {
    const watchdog guard{10s, "ten thousand sleepers"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> woken{0};
    paused_clock clock;
    weft::run(
        [&]() -> weft::task<> {
            auto sleeper = [&]() -> weft::task<> {
                co_await weft::sleep(1h);
                ++woken;
            };
            std::vector<weft::join_handle<>> handles;
            for (int i = 0; i < 10'000; ++i) handles.push_back(weft::spawn(sleeper()));
            for (auto& each : handles) co_await each;
        },
        {.workers = workers, .clock = &clock});
    CHECK(woken == 10'000);
    CHECK(clock.elapsed() == 1h);  // one after the other: more than a year
}

TEST_CASE("one named sleep can be awaited several times, also at once", "[sleep]") {
    const watchdog guard{20s, "a named sleep"};
    const auto workers = GENERATE(1u, 2u, 8u);
    paused_clock clock;
    weft::run(
        []() -> weft::task<> {
            const auto nap = weft::sleep(5s);
            co_await weft::gather(nap, nap);
            co_await nap;
        },
        {.workers = workers, .clock = &clock});
    CHECK(clock.elapsed() == 10s);
}

// ---- No time at all

TEST_CASE("a sleep of nothing or less yields exactly once", "[sleep][yield]") {
    const watchdog guard{10s, "sleep of nothing"};
    paused_clock clock;
    std::vector<std::string> log;
    weft::run(
        [&]() -> weft::task<> {
            auto other = [&](std::string name) -> weft::task<> {
                for (int i = 1; i <= 3; ++i) {
                    log.push_back(name + std::to_string(i));
                    co_await weft::yield();
                }
            };
            auto sleeping = [&]() -> weft::task<> {
                log.push_back("s1");
                co_await weft::sleep(0s);
                log.push_back("s2");
                co_await weft::sleep(-5h);
                log.push_back("s3");
            };
            auto sleeping_until = [&]() -> weft::task<> {
                log.push_back("u1");
                co_await weft::sleep_until(weft::now());
                log.push_back("u2");
                co_await weft::sleep(duration<double>(-infinity));
                log.push_back("u3");
            };
            auto extreme = [&]() -> weft::task<> {
                log.push_back("x1");
                co_await weft::sleep(nanoseconds::min());
                log.push_back("x2");
                co_await weft::sleep_until(steady_clock::time_point::min());
                log.push_back("x3");
            };
            auto a = weft::spawn(other("a"));
            auto s = weft::spawn(sleeping());
            auto u = weft::spawn(sleeping_until());
            auto x = weft::spawn(extreme());
            auto b = weft::spawn(other("b"));
            co_await a;
            co_await s;
            co_await u;
            co_await x;
            co_await b;
        },
        {.workers = 1, .clock = &clock});
    const std::vector<std::string> expected{"a1", "s1", "u1", "x1", "b1", "a2", "s2", "u2",
                                            "x2", "b2", "a3", "s3", "u3", "x3", "b3"};
    CHECK(log == expected);
    CHECK(clock.elapsed() == 0s);
}

// ---- Timers and busy workers

TEST_CASE("timers fire while all workers but one block", "[sleep][blocking]") {
    const watchdog guard{10s, "all workers but one block"};
    const auto workers = GENERATE(2u, 8u);
    const auto count = weft::run(
        [&]() -> weft::task<int> {
            std::atomic<unsigned> blocked{0};
            std::atomic<bool> release{false};
            auto block = [&]() -> weft::task<> {
                ++blocked;
                while (!release) std::this_thread::yield();  // keeps the worker, as a blocking call does
                co_return;
            };
            std::vector<weft::join_handle<>> blockers;
            for (unsigned i = 1; i < workers; ++i) blockers.push_back(weft::spawn(block()));
            while (blocked < workers - 1) co_await weft::yield();
            int slept = 0;
            for (int i = 0; i < 5; ++i) {
                co_await weft::sleep(2ms);
                ++slept;
            }
            release = true;
            for (auto& each : blockers) co_await each;
            co_return slept;
        },
        {.workers = workers});
    CHECK(count == 5);
}

TEST_CASE("a timer armed on a worker that then blocks fires on another one", "[sleep][blocking]") {
    const watchdog guard{10s, "armed where it then blocks"};
    const auto workers = GENERATE(2u, 8u);
    const bool woken = weft::run(
        []() -> weft::task<bool> {
            std::atomic<bool> fired{false};
            auto sleeper = [&]() -> weft::task<> {
                co_await weft::sleep(2ms);
                fired = true;
            };
            // The sleeper's first step runs here or is stolen; either way this worker then does nothing but wait for it.
            auto handle = weft::spawn(sleeper());
            co_await weft::yield();
            while (!fired) std::this_thread::yield();
            co_await handle;
            co_return fired;
        },
        {.workers = workers});
    CHECK(woken);
}

TEST_CASE("timers fire while every worker runs tasks that only yield", "[sleep][busy]") {
    const watchdog guard{20s, "timers beside yielding tasks"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<bool> stop{false};
    auto spin = [&]() -> weft::task<> {
        while (!stop) co_await weft::yield();
    };
    const auto late = weft::run(
        [&]() -> weft::task<nanoseconds> {
            for (unsigned i = 0; i < 4 * workers; ++i) weft::spawn(spin());
            nanoseconds total{0};
            for (int i = 0; i < 5; ++i) {
                const auto moment = steady_clock::now() + 2ms;
                co_await weft::sleep_until(moment);
                total += steady_clock::now() - moment;
            }
            stop = true;
            co_return total / 5;
        },
        {.workers = workers});
    CHECK(late >= 0ns);
    CHECK(late < 2s);
}

namespace {

weft::task<int> fork_join_until(const std::atomic<bool>& stop, int depth) {
    if (depth == 0 || stop) co_return 1;
    const auto [a, b] = co_await weft::gather(fork_join_until(stop, depth - 1), fork_join_until(stop, depth - 1));
    co_return (a + b) % 1000;
}

}  // namespace

TEST_CASE("timers fire while a fork-join computation keeps every worker busy", "[sleep][busy]") {
    const watchdog guard{20s, "timers beside fork and join"};
    const auto workers = GENERATE(1u, 2u, 8u);
    // The computation would take years; only the sleeper ends it.
    const int slept = weft::run(
        []() -> weft::task<int> {
            std::atomic<bool> stop{false};
            auto sleeper = [&]() -> weft::task<int> {
                int times = 0;
                for (; times < 5; ++times) co_await weft::sleep(2ms);
                stop = true;
                co_return times;
            };
            const auto [times, ignored] = co_await weft::gather(sleeper(), fork_join_until(stop, 60));
            co_return times;
        },
        {.workers = workers});
    CHECK(slept == 5);
}
