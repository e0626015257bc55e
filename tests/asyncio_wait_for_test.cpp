// SPDX-License-Identifier: MIT
// Cases of CPython's test_waitfor.py that no other test here shows; asyncio_cases.md has all of them.
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
using weft::test::ending_of;
using weft::test::run_paused;
using weft::test::sleep_and_give;
using weft::test::sleep_for;
using weft::test::texts;
using weft::test::watchdog;

namespace {

// Ends after `duration`, whoever asks it to end before.
task<int> stubborn(std::chrono::nanoseconds duration) {
    auto const end = weft::now() + duration;
    while (weft::now() < end) {
        try {
            co_await weft::sleep_until(end);
        } catch (cancelled const&) {
        }
    }
    co_return 1;
}

}  // namespace

TEST_CASE("wait_for waits for what ignores its cancellation, by the limit or from outside", "[asyncio][wait_for]") {
    watchdog const guard(10s, "stubborn");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const by_limit = GENERATE(false, true);
    std::chrono::nanoseconds elapsed{};
    auto const body = [by_limit]() -> task<texts> {
        texts seen;
        auto waiting = weft::spawn(weft::wait_for(stubborn(4s), by_limit ? 2s : 1h));
        co_await weft::sleep(1s);
        if (!by_limit) waiting.cancel();
        seen.push_back(co_await ending_of(waiting));
        seen.push_back(waiting.cancelled() ? "cancelled" : "not cancelled");
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"value", "not cancelled"});
    CHECK(elapsed == 4s);
}

TEST_CASE("who waits for a handle within a limit and is cancelled cancels its task", "[asyncio][wait_for][cancel]") {
    watchdog const guard(10s, "cancels its task");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const limit = GENERATE(std::chrono::nanoseconds(1min), std::chrono::nanoseconds::max());
    std::chrono::nanoseconds elapsed{};
    auto const body = [limit]() -> task<texts> {
        texts seen;
        auto handle = weft::spawn(sleep_for(1h));
        auto waiting = weft::spawn([](join_handle<>& awaited, std::chrono::nanoseconds duration) -> task<> {
            co_await weft::wait_for(awaited, duration);
        }, std::ref(handle), limit);
        co_await weft::sleep(1s);
        waiting.cancel();
        seen.push_back(co_await ending_of(waiting));
        seen.push_back(handle.cancelled() ? "its task is cancelled" : "its task goes on");
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"cancelled", "its task is cancelled"});
    CHECK(elapsed == 1s);
}

TEST_CASE("a request that comes when the awaited task has just ended is not lost", "[asyncio][wait_for][cancel]") {
    watchdog const guard(10s, "just ended");
    // It ends before wait_for is called, or at the moment of the request and before it.
    auto const before = GENERATE(false, true);
    auto const body = [before]() -> task<texts> {
        texts seen;
        bool at_end = false;
        auto handle = weft::spawn(sleep_and_give(before ? 0s : 1s, 5));
        if (before) co_await ending_of(handle);
        auto waiting = weft::spawn([&]() -> task<> {
            co_await weft::wait_for(handle, 100s);
            co_await weft::sleep(1s);
            at_end = true;
        });
        auto const cancels = weft::spawn([&]() -> task<> {
            co_await weft::sleep(before ? 0s : 1s);
            if (handle.done()) waiting.cancel();
        });
        seen.push_back(co_await ending_of(waiting));
        seen.push_back(std::to_string(co_await handle));
        seen.push_back(at_end ? "at its end" : "not at its end");
        co_return seen;
    };
    CHECK(run_paused(1, body) == texts{"cancelled", "5", "not at its end"});
}

TEST_CASE("wait_for a shield: the task goes on after a limit of zero or less", "[asyncio][wait_for][shield]") {
    watchdog const guard(10s, "shield and zero");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const limit = GENERATE(0s, -1s);
    std::chrono::nanoseconds elapsed{};
    auto const body = [limit]() -> task<texts> {
        texts seen;
        auto const handle = weft::spawn(sleep_and_give(1s, 5));
        seen.push_back(co_await ending_of(weft::wait_for(weft::shield(handle), limit)));
        seen.push_back(handle.done() || handle.cancelling() != 0 ? "asked" : "not asked");
        seen.push_back(std::to_string(co_await handle));
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"timeout", "not asked", "5"});
    CHECK(elapsed == 1s);
}

TEST_CASE("wait_for a shield without an end gives its task's value", "[asyncio][wait_for][shield]") {
    watchdog const guard(10s, "shield without an end");
    auto const body = []() -> task<int> {
        auto const handle = weft::spawn(sleep_and_give(1h, 5));
        int const value = co_await weft::wait_for(weft::shield(handle), std::chrono::nanoseconds::max());
        co_return handle.done() ? value : -1;
    };
    CHECK(run_paused(GENERATE(1u, 2u), body) == 5);
}
