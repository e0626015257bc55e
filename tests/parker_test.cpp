// SPDX-License-Identifier: MIT
// Putting one thread to sleep and waking it: a token that is never lost and never doubled.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>

#include "clock.hpp"
#include "parker.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using weft::detail::parker;
using weft::detail::steady_now;

namespace {

namespace config = weft::detail::config;

constexpr std::int64_t long_past = 1;
constexpr std::int64_t millisecond = 1'000'000;

}  // namespace

TEST_CASE("an unpark before the park is not lost", "[parker]") {
    const weft::test::watchdog guard{10s, "unpark before park"};
    parker tested;
    for (int time = 0; time < 100; ++time) {
        tested.unpark();
        REQUIRE(tested.park());
    }
}

TEST_CASE("several unparks leave one token", "[parker]") {
    const weft::test::watchdog guard{10s, "several unparks"};
    parker tested;
    for (int time = 0; time < 10; ++time) tested.unpark();
    CHECK(tested.park(long_past));
    CHECK(!tested.park(long_past));
    CHECK(!tested.park(long_past));
    tested.unpark();
    CHECK(tested.park(long_past));
}

TEST_CASE("a park without a token ends at its deadline and not before", "[parker]") {
    const weft::test::watchdog guard{10s, "park until a deadline"};
    parker tested;
    for (const std::int64_t wait : {0 * millisecond, millisecond / 10, millisecond, 5 * millisecond}) {
        const std::int64_t deadline = steady_now() + wait;
        CHECK(!tested.park(deadline));
        CHECK(steady_now() >= deadline);
    }
    // Moments before the clock's epoch, and the epoch itself.
    for (const std::int64_t deadline : {std::int64_t{-1}, std::int64_t{0}, std::numeric_limits<std::int64_t>::min()})
        CHECK(!tested.park(deadline));
    tested.unpark();
    CHECK(tested.park(std::numeric_limits<std::int64_t>::min()));
}

TEST_CASE("a token is taken even when the deadline lies years ahead", "[parker]") {
    const weft::test::watchdog guard{10s, "park far ahead"};
    parker tested;
    std::thread waker([&] { tested.unpark(); });
    const bool woken = tested.park(std::numeric_limits<std::int64_t>::max() - 1);
    waker.join();
    CHECK(woken);
}

TEST_CASE("a token makes visible what its giver did before", "[parker]") {
    const weft::test::watchdog guard{60s, "two threads hand a number to and fro"};
    constexpr int rounds = config::tsan ? 2'000 : 20'000;
    parker here;
    parker there;
    int number = 0;  // plain: the tokens alone order it
    bool right = true;
    std::thread other([&] {
        for (int round = 0; round < rounds; ++round) {
            there.park();
            ++number;
            here.unpark();
        }
    });
    for (int round = 0; round < rounds; ++round) {
        number *= 3;
        const int expected = number = number % 1000;
        there.unpark();
        here.park();
        right = right && number == expected + 1;
    }
    other.join();
    CHECK(right);
    CHECK(!here.park(long_past));
    CHECK(!there.park(long_past));
}

TEST_CASE("a token that races with a deadline arrives now or at the next park", "[parker]") {
    const weft::test::watchdog guard{60s, "unpark races with a deadline"};
    constexpr int rounds = config::tsan ? 500 : 3'000;
    parker tested;
    std::atomic<int> round_of_waker{0};
    std::thread waker([&] {
        for (int round = 1; round <= rounds; ++round) {
            while (round_of_waker.load() != round) std::this_thread::yield();
            tested.unpark();
        }
    });
    int tokens = 0;
    for (int round = 1; round <= rounds; ++round) {
        round_of_waker.store(round);
        // Around the time that the other thread needs to see this.
        const bool at_once = tested.park(steady_now() + round % 40 * 1'000);
        if (!at_once) tested.park();
        ++tokens;
    }
    waker.join();
    CHECK(tokens == rounds);
    CHECK(!tested.park(long_past));
}

TEST_CASE("whoever is woken from many sides misses nobody", "[parker]") {
    const weft::test::watchdog guard{60s, "three wakers"};
    constexpr int wakers = 3;
    constexpr std::uint64_t each = config::tsan ? 3'000 : 20'000;
    parker tested;
    std::atomic<std::uint64_t> given{0};
    std::vector<std::thread> threads;
    for (int index = 0; index < wakers; ++index)
        threads.emplace_back([&] {
            for (std::uint64_t count = 0; count < each; ++count) {
                given.fetch_add(1, std::memory_order_relaxed);
                tested.unpark();
            }
        });
    // Sleeps until everything was given: the last token brings the last number, or an earlier one did.
    while (given.load(std::memory_order_relaxed) < wakers * each) tested.park();
    for (std::thread& thread : threads) thread.join();
    CHECK(given.load() == wakers * each);
}
