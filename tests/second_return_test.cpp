// SPDX-License-Identifier: MIT
// A coroutine that has returned and goes on all the same: its value is dropped, and what it needs to wait is there again.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using weft::test::watchdog;

namespace {

struct thrown {};

struct throws_at_its_end {
    throws_at_its_end() = default;
    throws_at_its_end(const throws_at_its_end&) = delete;
    ~throws_at_its_end() noexcept(false) { throw thrown{}; }
};

template <class Value, class Second>
weft::task<Value> returns_twice(Value first, Second second) {
    try {
        const throws_at_its_end last;
        co_return first;
    } catch (const thrown&) {
    }
    co_await weft::yield();
    co_return co_await second();
}

template <class Value>
bool second_return_counts(Value first, Value second) {
    auto give = [second]() -> weft::task<Value> {
        co_await weft::yield();
        co_return second;
    };
    return weft::run([&]() -> weft::task<bool> {
        const Value awaited = co_await returns_twice(first, give);
        auto handle = weft::spawn(returns_twice(first, give));
        const Value spawned = co_await handle;
        auto [gathered, other] = co_await weft::gather(returns_twice(first, give), returns_twice(first, give));
        co_return awaited == second && spawned == second && handle.result() == second && gathered == second && other == second;
    });
}

}  // namespace

TEST_CASE("a task that has returned may go on where a destructor throws, wait, and return again", "[task][exception]") {
    const watchdog guard{10s, "two returns"};
    CHECK(second_return_counts<int>(1, 2));
    CHECK(second_return_counts<char>('a', 'b'));
    CHECK(second_return_counts<double>(1.5, 2.5));
    CHECK(second_return_counts<bool>(false, true));
    CHECK(second_return_counts<std::memory_order>(std::memory_order_relaxed, std::memory_order_acquire));
    int one = 1;
    int other = 2;
    CHECK(second_return_counts<int*>(&one, &other));
    CHECK(second_return_counts<std::pair<int, int>>({1, 2}, {3, 4}));
    CHECK(second_return_counts<std::pair<long, long>>({1, 2}, {3, 4}));
    CHECK(second_return_counts<std::string>("first", "second, too long for the string itself"));
    CHECK(second_return_counts<std::shared_ptr<int>>(std::make_shared<int>(1), std::make_shared<int>(2)));
}

TEST_CASE("a task that has returned and goes on can be cancelled and limited", "[task][exception]") {
    const watchdog guard{10s, "cancelled after a return"};
    weft::testing::paused_clock clock;
    const auto [cancelled, limited] = weft::run(
        []() -> weft::task<std::pair<bool, bool>> {
            bool goes_on = false;
            auto give = [&goes_on]() -> weft::task<int> {
                goes_on = true;
                co_await weft::sleep(24h);
                co_return 2;
            };
            auto handle = weft::spawn(returns_twice(1, give));
            while (!goes_on) co_await weft::yield();
            handle.cancel();
            bool was_cancelled = false;
            try {
                co_await handle;
            } catch (const weft::cancelled&) {
                was_cancelled = true;
            }
            goes_on = false;
            bool was_limited = false;
            try {
                co_await weft::wait_for(returns_twice(1, give), 1h);
            } catch (const weft::timeout_error&) {
                was_limited = goes_on;
            }
            co_return {was_cancelled, was_limited};
        },
        {.workers = 1, .clock = &clock});
    CHECK(cancelled);
    CHECK(limited);
}
