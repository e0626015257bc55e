// SPDX-License-Identifier: MIT
// Cases of CPython's test_timeouts.py that no other test here shows; asyncio_cases.md has all of them.
#include "support/catch.hpp"
#include "support/endings.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using weft::cancelled;
using weft::join_handle;
using weft::task;
using weft::timeout_error;
using weft::test::ending_of;
using weft::test::failure;
using weft::test::run_paused;
using weft::test::sleep_for;
using weft::test::texts;
using weft::test::watchdog;

TEST_CASE("timeout_at passes at its moment, which when still tells", "[asyncio][timeout]") {
    watchdog const guard(10s, "timeout_at");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const body = []() -> task<bool> {
        auto const moment = weft::now() + 1s;
        auto const limit = co_await weft::timeout_at(moment);
        try {
            co_await weft::sleep(1h);
        } catch (timeout_error const&) {
            co_return limit.expired() && limit.when() == moment && weft::now() == moment;
        }
        co_return false;
    };
    CHECK(run_paused(workers, body));
}

TEST_CASE("a limit that is not reached has not passed, and leaves nothing behind", "[asyncio][timeout]") {
    watchdog const guard(10s, "not reached");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<bool> {
        bool right = false;
        {
            auto const limit = co_await weft::timeout(10s);
            co_await weft::sleep(1s);
            right = !limit.expired() && limit.when() > weft::now();
        }
        co_await weft::sleep(1h);
        co_return right;
    };
    CHECK(run_paused(workers, body, &elapsed));
    CHECK(elapsed == 1h + 1s);
}

TEST_CASE("a limit of zero or less has passed at the first await that would wait", "[asyncio][timeout]") {
    watchdog const guard(10s, "passed already");
    auto const workers = GENERATE(1u, 2u);
    auto const duration = GENERATE(0s, -11s);
    auto const sleeps = GENERATE(0s, 10s);
    std::chrono::nanoseconds elapsed{};
    auto const body = [duration, sleeps]() -> task<bool> {
        auto const start = weft::now();
        auto const limit = co_await weft::timeout(duration);
        try {
            co_await weft::sleep(sleeps);
        } catch (timeout_error const&) {
            co_return limit.expired() && limit.when() == start + duration;
        }
        co_return false;
    };
    CHECK(run_paused(workers, body, &elapsed));
    CHECK(elapsed == 0s);
}

TEST_CASE("an exception passes a limit that has not passed", "[asyncio][timeout]") {
    watchdog const guard(10s, "an exception");
    auto const body = []() -> task<std::string> {
        bool expired = true;
        auto const fails = [](bool& passed) -> task<> {
            auto const limit = co_await weft::timeout(1s);
            passed = limit.expired();
            throw failure("error");
        };
        auto const ending = co_await ending_of(fails(expired));
        co_await weft::sleep(1h);
        co_return expired ? "expired" : ending;
    };
    CHECK(run_paused(GENERATE(1u, 2u), body) == "error");
}

TEST_CASE("a task that cancels itself within a limit is cancelled, and the limit has not passed", "[asyncio][timeout][cancel]") {
    watchdog const guard(10s, "cancels itself");
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        join_handle<> handle;
        handle = weft::spawn([](join_handle<>& self, texts& notes) -> task<> {
            auto const limit = co_await weft::timeout(10s);
            self.cancel();
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                notes.push_back(limit.expired() ? "expired" : "not expired");
                throw;
            }
        }, std::ref(handle), std::ref(seen));
        seen.push_back(co_await ending_of(handle));
        co_return seen;
    };
    CHECK(run_paused(1, body, &elapsed) == texts{"not expired", "cancelled"});
    CHECK(elapsed == 0s);
}

TEST_CASE("a limit around attempts with limits of their own ends them all", "[asyncio][timeout][nested]") {
    watchdog const guard(10s, "attempts");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const total = GENERATE(4500ms, 5500ms);  // within an attempt, and between two
    std::chrono::nanoseconds elapsed{};
    auto const body = [total]() -> task<texts> {
        texts seen;
        int attempts = 0;
        auto const again_and_again = [](int& count) -> task<> {
            for (;;) {
                ++count;
                try {
                    co_await weft::wait_for(sleep_for(1h), 1s);
                } catch (timeout_error const&) {
                    // The attempt's; that of all of them comes as `cancelled`.
                }
                co_await weft::sleep(1s);
            }
        };
        seen.push_back(co_await ending_of(weft::wait_for(again_and_again(attempts), total)));
        seen.push_back(std::to_string(attempts));
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"timeout", "3"});
    CHECK(elapsed == total);
}

TEST_CASE("who cleans up after a limit has passed may set one for that", "[asyncio][timeout][nested]") {
    watchdog const guard(10s, "limited cleaning up");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        auto const cleans_up = [](texts& notes) -> task<> {
            bool asked = false;
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                asked = true;
            }
            if (!asked) co_return;
            notes.push_back(co_await ending_of(weft::wait_for(sleep_for(1h), 1s)));
            throw cancelled();
        };
        seen.push_back(co_await ending_of(weft::wait_for(cleans_up(seen), 1s)));
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"timeout", "timeout"});
    CHECK(elapsed == 2s);
}

TEST_CASE("a request within a limit is told as such, also after one that was dealt with before", "[asyncio][timeout][cancel]") {
    watchdog const guard(10s, "another request");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<std::string> {
        auto handle = weft::spawn([]() -> task<std::string> {
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
            }
            co_return co_await ending_of(weft::wait_for(sleep_for(1h), 10s));
        });
        co_await weft::sleep(1s);
        handle.cancel();
        co_await weft::sleep(1s);
        handle.cancel();
        co_return co_await handle;
    };
    CHECK(run_paused(workers, body, &elapsed) == "cancelled");
    CHECK(elapsed == 2s);
}

TEST_CASE("what a group throws that a limit has cancelled comes instead of timeout_error", "[asyncio][timeout][task_group]") {
    watchdog const guard(10s, "a group in a limit");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        auto const group = [](weft::task_group& in) -> task<> {
            in.spawn([]() -> task<> {
                try {
                    co_await weft::sleep(1h);
                } catch (cancelled const&) {
                    throw failure("cleaning up");
                }
            });
            co_await weft::sleep(1h);
        };
        seen.push_back(co_await ending_of(weft::wait_for(weft::with_task_group(group), 1s)));
        co_await weft::sleep(1s);  // nothing is left of the limit
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"[cleaning up]"});
    CHECK(elapsed == 2s);
}
