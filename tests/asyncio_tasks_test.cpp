// SPDX-License-Identifier: MIT
// Cases of CPython's test_tasks.py that no other test here shows; asyncio_cases.md has all of them.
#include "support/catch.hpp"
#include "support/endings.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::cancelled;
using weft::join_handle;
using weft::task;
using weft::test::ending_of;
using weft::test::fail_after;
using weft::test::run_paused;
using weft::test::sleep_and_give;
using weft::test::sleep_for;
using weft::test::text_of;
using weft::test::texts;
using weft::test::watchdog;

namespace {

task<> await_named(join_handle<>& awaited) { co_await awaited; }

// A time limit as one would make it by hand: an alarm cancels the task, which takes that back.
task<std::string> limited_by_hand(join_handle<std::string>& self, std::chrono::nanoseconds limit, std::chrono::nanoseconds work) {
    bool rang = false;
    auto const rings = [](join_handle<std::string>& whom, std::chrono::nanoseconds when, bool& flag) -> task<> {
        co_await weft::sleep(when);
        flag = true;
        whom.cancel();
    };
    auto alarm = weft::spawn(rings(self, limit, rang));
    bool asked = false;
    try {
        co_await weft::sleep(work);
    } catch (cancelled const&) {
        asked = true;
    }
    alarm.cancel();
    co_await ending_of(alarm);
    if (asked && !(rang && self.uncancel() == 0)) throw cancelled();
    co_await weft::sleep(1s);  // outside the limit
    co_return asked ? "timeout" : "in time";
}

// Two that end after 100 ms and 150 ms, the other way round.
std::vector<join_handle<>> two_tasks() {
    std::vector<join_handle<>> handles;
    handles.push_back(weft::spawn(fail_after(150ms, "late")));
    handles.push_back(weft::spawn(sleep_for(100ms)));
    return handles;
}

}  // namespace

// ---- cancel and uncancel

TEST_CASE("a task that has dealt with a request and taken it back can be cancelled again", "[asyncio][cancel][uncancel]") {
    watchdog const guard(10s, "cancelled again");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        join_handle<> handle;
        auto const note = [&] { seen.push_back(std::to_string(handle.cancelling()) + (handle.cancelled() ? " cancelled" : "")); };
        handle = weft::spawn([](join_handle<>& self) -> task<> {
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                self.uncancel();
            }
            co_await weft::sleep(1h);
        }, std::ref(handle));
        co_await weft::sleep(1s);
        handle.cancel();
        co_await weft::sleep(1s);
        note();
        handle.cancel();
        seen.push_back(co_await ending_of(handle));
        note();
        handle.uncancel();  // too late to change anything
        note();
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"0", "cancelled", "1 cancelled", "0 cancelled"});
    CHECK(elapsed == 2s);
}

TEST_CASE("a time limit can be made by hand, of cancel and uncancel", "[asyncio][cancel][uncancel]") {
    watchdog const guard(10s, "by hand");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        for (auto const work : {10s, 1s}) {
            join_handle<std::string> handle;
            std::atomic<bool> known = false;
            handle = weft::spawn([](join_handle<std::string>& self, std::atomic<bool>& go, std::chrono::nanoseconds duration)
                                     -> task<std::string> {
                while (!go) co_await weft::yield();
                co_return co_await limited_by_hand(self, 2s, duration);
            }, std::ref(handle), std::ref(known), work);
            known = true;
            seen.push_back(co_await handle);
            seen.push_back(std::to_string(handle.cancelling()));
        }
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"timeout", "0", "in time", "0"});
    CHECK(elapsed == 3s + 2s);
}

TEST_CASE("a request that somebody else takes back comes all the same", "[asyncio][cancel][uncancel]") {
    watchdog const guard(10s, "somebody else");
    // asyncio lets those go on that are ready or have not begun.
    enum class when { waiting, ready, not_begun };
    auto const state = GENERATE(when::waiting, when::ready, when::not_begun);
    CAPTURE(static_cast<int>(state));
    auto const body = [state]() -> task<texts> {
        texts seen;
        join_handle<> handle;
        auto const moment = weft::now() + 1s;
        auto const asks_and_takes_back = [](join_handle<>& whom, auto at) -> task<> {
            co_await weft::sleep_until(at);
            whom.cancel();
            whom.uncancel();
        };
        auto const sleeps = [](auto until) -> task<> { co_await weft::sleep_until(until); };
        // Of two that wake at one moment, this one goes on first: the other one is ready then.
        auto const asks = weft::spawn(asks_and_takes_back(handle, moment));
        handle = weft::spawn(sleeps(state == when::ready ? moment : moment + 1h));
        if (state == when::not_begun) {
            handle.cancel();
            handle.uncancel();
        }
        seen.push_back(co_await ending_of(handle));
        seen.push_back(std::to_string(handle.cancelling()));
        co_return seen;
    };
    CHECK(run_paused(1, body) == texts{"cancelled", "0"});
}

TEST_CASE("who awaits a task that is cancelled ends cancelled, too, though nobody asked it", "[asyncio][cancel]") {
    watchdog const guard(10s, "nobody asked");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const both_asked = GENERATE(false, true);
    std::chrono::nanoseconds elapsed{};
    auto const body = [both_asked]() -> task<texts> {
        texts seen;
        auto inner = weft::spawn(sleep_for(1h));
        auto outer = weft::spawn(await_named, std::ref(inner));
        co_await weft::sleep(1s);
        inner.cancel();
        if (both_asked) outer.cancel();
        seen.push_back(co_await ending_of(outer));
        seen.push_back(inner.cancelled() && outer.cancelled() ? "both" : "not both");
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"cancelled", "both"});
    CHECK(elapsed == 1s);
}

TEST_CASE("cancelled passes through the coroutines of a task, and any of them may stop it", "[asyncio][cancel]") {
    watchdog const guard(10s, "passes through");
    auto const workers = GENERATE(1u, 2u);
    auto const body = []() -> task<texts> {
        texts seen;
        auto handle = weft::spawn([](texts& notes) -> task<> {
            auto const inner = [](texts& of) -> task<> {
                try {
                    co_await weft::sleep(1h);
                } catch (cancelled const&) {
                    of.push_back("inner");
                    throw;
                }
            };
            try {
                co_await inner(notes);
            } catch (cancelled const&) {
                notes.push_back("outer");
            }
        }, std::ref(seen));
        co_await weft::sleep(1s);
        handle.cancel();
        seen.push_back(co_await ending_of(handle));
        seen.push_back(handle.cancelled() ? "cancelled" : "not cancelled");
        co_return seen;
    };
    CHECK(run_paused(workers, body) == texts{"inner", "outer", "value", "not cancelled"});
}

TEST_CASE("cancelling a task that has failed does not hush its failure", "[asyncio][cancel][unhandled]") {
    watchdog const guard(10s, "failed before");
    std::atomic<int> reports = 0;
    bool const asked = weft::run([]() -> task<bool> {
        auto handle = weft::spawn(fail_after(0s, "error"));
        while (!handle.done()) co_await weft::yield();
        co_return handle.cancel();
    }, {.workers = 2, .on_unhandled_exception = [&](weft::unhandled_exception const&) { ++reports; }});
    CHECK_FALSE(asked);
    CHECK(reports == 1);
}

TEST_CASE("the future of a submitted task that ends cancelled throws cancelled", "[asyncio][cancel][submit]") {
    watchdog const guard(10s, "cancelled future");
    weft::runtime runtime({.workers = 2});
    auto future = runtime.submit([]() -> task<int> {
        auto handle = weft::spawn(sleep_and_give(1h, 3));
        handle.cancel();
        co_return co_await handle;
    });
    CHECK_THROWS_AS(future.get(), cancelled);
}

// ---- wait

TEST_CASE("wait throws no failure, and takes no time for tasks that have ended", "[asyncio][wait]") {
    watchdog const guard(10s, "wait again");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        auto handles = two_tasks();
        for (int round = 0; round < 2; ++round) {
            auto [done, pending] = co_await weft::wait(std::move(handles));
            seen.push_back(std::to_string(done.size()) + " done, " + std::to_string(pending.size()) + " pending");
            for (auto const& each : done) seen.push_back(text_of(each.exception()));
            handles = std::move(done);
        }
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) ==
          texts{"2 done, 0 pending", "late", "none", "2 done, 0 pending", "late", "none"});
    CHECK(elapsed == 150ms);
}

TEST_CASE("a failure that was there before ends a wait for the first one at once", "[asyncio][wait]") {
    watchdog const guard(10s, "failed before the wait");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<bool> {
        std::vector<join_handle<>> handles;
        handles.push_back(weft::spawn(fail_after(1s, "error")));
        handles.push_back(weft::spawn(sleep_for(1h)));
        co_await ending_of(handles[0]);
        auto const [done, pending] = co_await weft::wait(std::move(handles), weft::first_exception);
        co_return done.size() == 1 && done[0].exception() && pending.size() == 1 && !pending[0].done();
    };
    CHECK(run_paused(workers, body, &elapsed));
    CHECK(elapsed == 1s);
}

TEST_CASE("wait gives all that have ended by then, not only the first", "[asyncio][wait]") {
    watchdog const guard(10s, "really done");
    auto const body = []() -> task<std::size_t> {
        std::vector<join_handle<>> handles;
        handles.push_back(weft::spawn(sleep_for(1s)));
        handles.push_back(weft::spawn(sleep_for(1h)));
        handles.push_back(weft::spawn(sleep_for(1s)));
        auto const [done, pending] = co_await weft::wait(std::move(handles), weft::first_completed);
        co_return done.size();
    };
    CHECK(run_paused(1, body) == 2);
}

TEST_CASE("wait with a limit gives what has ended by then, and cancels nothing", "[asyncio][wait]") {
    watchdog const guard(10s, "wait with a limit");
    // At 100 ms one of them ends and the limit passes.
    using scene = std::pair<unsigned, std::chrono::milliseconds>;
    auto const with = GENERATE(scene{1, 110ms}, scene{2, 110ms}, scene{8, 110ms}, scene{1, 100ms});
    std::chrono::nanoseconds elapsed{};
    auto const body = [limit = with.second]() -> task<texts> {
        texts seen;
        auto const start = weft::now();
        auto handles = two_tasks();
        co_await weft::yield();  // they begin before the wait does
        auto [done, pending] = co_await weft::wait(std::move(handles), weft::all_completed, limit);
        if (weft::now() == start + limit) seen.push_back("in time");
        for (auto const& each : done) seen.push_back("done: " + text_of(each.exception()));
        for (auto const& each : pending) seen.push_back("pending: " + co_await ending_of(each));
        co_return seen;
    };
    CHECK(run_paused(with.first, body, &elapsed) == texts{"in time", "done: none", "pending: late"});
    CHECK(elapsed == 150ms);
}

// ---- shield

TEST_CASE("a shield throws what its task throws, and gives the value of one that has ended", "[asyncio][shield]") {
    watchdog const guard(10s, "shield's outcome");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        auto const failing = weft::spawn(fail_after(1s, "error"));
        seen.push_back(co_await ending_of(weft::shield(failing)));
        seen.push_back(co_await ending_of(weft::shield(failing)));
        auto const giving = weft::spawn(sleep_and_give(1s, 7));
        seen.push_back(std::to_string(co_await weft::shield(giving)));
        seen.push_back(std::to_string(co_await weft::shield(giving)));
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"error", "error", "7", "7"});
    CHECK(elapsed == 2s);
}

TEST_CASE("behind a shield a gather goes on", "[asyncio][shield][gather]") {
    watchdog const guard(10s, "shielded gather");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const body = []() -> task<texts> {
        texts seen;
        std::atomic<int> ended = 0;
        auto const both = [](std::atomic<int>& count) -> task<> {
            co_await weft::gather(sleep_for(2s), sleep_for(3s));
            ++count;
        };
        auto waiting = weft::spawn([&]() -> task<> { co_await weft::shield(both(ended)); });
        co_await weft::sleep(1s);
        waiting.cancel();
        seen.push_back(co_await ending_of(waiting));
        seen.push_back(std::to_string(ended));
        co_await weft::sleep(3s);
        seen.push_back(std::to_string(ended));
        co_return seen;
    };
    CHECK(run_paused(workers, body) == texts{"cancelled", "0", "1"});
}

TEST_CASE("a gather of shields can be cancelled, and the tasks behind them go on", "[asyncio][shield][gather]") {
    watchdog const guard(10s, "gather of shields");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        auto const one = weft::spawn(sleep_and_give(2s, 1));
        auto const two = weft::spawn(sleep_and_give(3s, 2));
        auto waiting = weft::spawn([&]() -> task<> { co_await weft::gather(weft::shield(one), weft::shield(two)); });
        co_await weft::sleep(1s);
        waiting.cancel();
        seen.push_back(co_await ending_of(waiting));
        seen.push_back(one.done() || two.done() ? "ended" : "going on");
        seen.push_back(std::to_string(co_await one));
        seen.push_back(std::to_string(co_await two));
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"cancelled", "going on", "1", "2"});
    CHECK(elapsed == 3s);
}
