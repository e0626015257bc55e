// SPDX-License-Identifier: MIT
// gather(range, {.limit = n}): so many at once, each made when it is its turn.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/endings.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <list>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::task;
using weft::test::census;
using weft::test::counted;
using weft::test::failure;
using weft::test::run_paused;
using weft::test::watchdog;

namespace {

// How many run at once, and how many were made.
struct gauge {
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::atomic<int> made{0};

    void begin() {
        const int now = ++running;
        int seen = most;
        while (seen < now && !most.compare_exchange_weak(seen, now)) {}
    }
    void end() { --running; }
};

task<int> measured(gauge& in, int value) {
    in.begin();
    co_await weft::sleep(std::chrono::milliseconds(1 + value % 5));
    in.end();
    co_return value;
}

std::vector<int> numbers(int count) {
    std::vector<int> all;
    for (int i = 0; i < count; ++i) all.push_back(i);
    return all;
}

}  // namespace

TEST_CASE("a gather with a limit runs so many at once and gives the results in order", "[gather][limit]") {
    const watchdog guard{30s, "a limit"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto limit = GENERATE(1, 2, 7, 100, 1000);
    gauge in;
    const auto found = run_paused(workers, [&]() -> task<std::vector<int>> {
        co_return co_await weft::gather(std::views::iota(0, 200) | std::views::transform([&](int i) { return measured(in, i); }),
                                        {.limit = static_cast<std::size_t>(limit)});
    });
    CHECK(found == numbers(200));
    CHECK(in.most == std::min(limit, 200));
}

TEST_CASE("each task is made when its turn comes", "[gather][limit]") {
    const watchdog guard{10s, "made late"};
    const auto workers = GENERATE(1u, 2u, 8u);
    gauge in;
    const auto most_ahead = run_paused(workers, [&]() -> task<int> {
        std::atomic<int> ahead = 0;
        const auto child = [&](int i) -> task<> {
            const int now = in.made - i;
            int seen = ahead;
            while (seen < now && !ahead.compare_exchange_weak(seen, now)) {}
            co_await weft::sleep(1ms);
        };
        co_await weft::gather(std::views::iota(0, 300) | std::views::transform([&](int i) {
                                  ++in.made;
                                  return child(i);
                              }),
                              {.limit = 10});
        co_return ahead.load();
    });
    CHECK(in.made == 300);
    CHECK(most_ahead <= 2 * 10);
}

TEST_CASE("containers, lists, streams, handles and other awaitables", "[gather][limit]") {
    const watchdog guard{10s, "ranges"};
    gauge in;
    const bool right = run_paused(2, [&]() -> task<bool> {
        std::vector<task<int>> tasks;
        for (int i = 0; i < 20; ++i) tasks.push_back(measured(in, i));
        bool all = co_await weft::gather(std::move(tasks), {.limit = 3}) == numbers(20);

        std::list<task<int>> list;
        for (int i = 0; i < 5; ++i) list.push_back(measured(in, i));
        all = all && co_await weft::gather(std::move(list), {.limit = 2}) == numbers(5);

        // An input range, which can be gone through once.
        std::istringstream words("0 1 2 3");
        auto from_stream = std::views::istream<int>(words) | std::views::transform([&](int i) { return measured(in, i); });
        all = all && co_await weft::gather(std::move(from_stream), {.limit = 2}) == numbers(4);

        std::vector<weft::join_handle<int>> handles;
        for (int i = 0; i < 5; ++i) handles.push_back(weft::spawn(measured(in, i)));
        all = all && co_await weft::gather(std::move(handles), {.limit = 2}) == numbers(5);

        co_await weft::gather(std::views::iota(0, 4) | std::views::transform([](int) { return weft::sleep(1ms); }), {.limit = 2});
        static_assert(std::is_void_v<decltype(weft::gather(std::vector<task<>>{}, {.limit = 1}).operator co_await().await_resume())>);

        int shared = 3;
        const auto refer = [&](int) -> task<int&> { co_return shared; };
        auto references = co_await weft::gather(std::views::iota(0, 2) | std::views::transform(refer), {.limit = 2});
        all = all && &references[1].get() == &shared;

        co_return all && (co_await weft::gather(std::vector<task<int>>{}, {.limit = 5})).empty();
    });
    CHECK(right);
}

TEST_CASE("after a failure nothing else begins, what runs ends, and the first failure comes", "[gather][limit]") {
    const watchdog guard{10s, "a failure"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> begun = 0;
    std::atomic<int> ended = 0;
    const auto said = run_paused(workers, [&]() -> task<std::string> {
        const auto child = [&](int i) -> task<int> {
            ++begun;
            co_await weft::sleep(i == 4 ? 500ms : 1s);
            if (i == 4) throw failure("four");
            ++ended;
            if (i == 5) throw failure("five");
            co_return i;
        };
        try {
            co_await weft::gather(std::views::iota(0, 100) | std::views::transform(child), {.limit = 10});
        } catch (failure const& thrown) {
            co_return thrown.what();
        }
        co_return "nothing";
    });
    CHECK(said == "four");
    CHECK(begun == 10);
    CHECK(ended == 9);
}

TEST_CASE("with return_exceptions all run, and failures are results", "[gather][limit]") {
    const watchdog guard{10s, "return_exceptions"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const bool right = run_paused(workers, []() -> task<bool> {
        const auto child = [](int i) -> task<int> {
            co_await weft::sleep(1ms);
            if (i % 3 == 0) throw failure("third");
            if (i % 3 == 1) throw weft::cancelled();
            co_return i;
        };
        auto all = co_await weft::gather(weft::return_exceptions, std::views::iota(0, 90) | std::views::transform(child), {.limit = 4});
        bool ok = all.size() == 90;
        for (int i = 0; i < 90; ++i) {
            auto& each = all[static_cast<std::size_t>(i)];
            ok = ok && each.has_value() == (i % 3 == 2) && (!each.has_value() || each.value() == i);
        }
        auto nothing = co_await weft::gather(
            weft::return_exceptions, std::views::iota(0, 3) | std::views::transform([](int) -> task<> { co_await weft::yield(); }),
            {.limit = 2});
        co_return ok && nothing.size() == 3 && nothing[2].has_value();
    });
    CHECK(right);
}

TEST_CASE("an exception of the range itself is the gather's", "[gather][limit]") {
    const watchdog guard{10s, "a range that throws"};
    const auto limit = GENERATE(1, 3, 10);
    const auto workers = GENERATE(1u, 8u);
    std::atomic<int> ended = 0;
    const auto said = run_paused(workers, [&]() -> task<std::string> {
        const auto child = [&](int i) -> task<int> {
            co_await weft::sleep(1ms);
            ++ended;
            co_return i;
        };
        try {
            co_await weft::gather(std::views::iota(0, 100) | std::views::transform([&](int i) {
                                      if (i == 7) throw failure("no seventh");
                                      return child(i);
                                  }),
                                  {.limit = static_cast<std::size_t>(limit)});
        } catch (failure const& thrown) {
            co_return thrown.what();
        }
        co_return "nothing";
    });
    CHECK(said == "no seventh");
    // Where it is thrown before anything has begun, nothing begins.
    CHECK(ended == (limit > 7 ? 0 : 7));
}

TEST_CASE("cancelling it cancels those that run, and begins no others", "[gather][limit][cancel]") {
    const watchdog guard{10s, "cancelled"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto with_exceptions = GENERATE(false, true);
    std::atomic<int> begun = 0;
    std::atomic<int> told = 0;
    census in;
    const bool right = run_paused(workers, [&]() -> task<bool> {
        const auto child = [&](int, counted) -> task<> {
            ++begun;
            try {
                co_await weft::sleep(1s);
            } catch (weft::cancelled const&) {
                ++told;
                throw;
            }
        };
        const auto body = [&]() -> task<> {
            auto all = std::views::iota(0, 100) | std::views::transform([&](int i) { return child(i, counted(in)); });
            if (with_exceptions)
                co_await weft::gather(weft::return_exceptions, all, {.limit = 10});
            else
                co_await weft::gather(all, {.limit = 10});
        };
        auto handle = weft::spawn(body());
        co_await weft::sleep(1500ms);
        handle.cancel();
        while (!handle.done()) co_await weft::sleep(1ms);
        bool timed_out = false;
        try {
            co_await weft::wait_for(body(), 500ms);
        } catch (weft::timeout_error const&) {
            timed_out = true;
        }
        co_return handle.cancelled() && timed_out;
    });
    CHECK(right);
    CHECK(begun == 20 + 10);
    CHECK(told == 10 + 10);
    CHECK(in.alive == 0);
}

TEST_CASE("children that never suspend: the gather is still cancelled, and others have their turn", "[gather][limit][cancel]") {
    const watchdog guard{30s, "children that never suspend"};
    const auto workers = GENERATE(1u, 2u);
    std::atomic<long> ran = 0;
    const bool right = weft::run(
        [&]() -> task<bool> {
            auto endless = std::views::iota(0L) | std::views::transform([&](long) -> task<> {
                               ++ran;
                               co_return;
                           });
            auto handle = weft::spawn([&]() -> task<> { co_await weft::gather(endless, {.limit = 4}); });
            while (ran < 1000) co_await weft::yield();
            co_await weft::sleep(1ms);
            handle.cancel();
            while (!handle.done()) co_await weft::yield();
            co_return handle.cancelled();
        },
        {.workers = workers});
    CHECK(right);
}

// Another child has been told of the time limit; so a child that takes back a request of its own takes the limit's with it, and
// the gather around it is not told of that any more.
TEST_CASE("a gather of which a child has taken a passed time limit for its own ends all the same", "[gather][limit][cancel]") {
    const watchdog guard{30s, "a child that takes back what is not its own"};
    const bool passed = weft::run(
        []() -> task<bool> {
            std::atomic<bool> told = false;
            auto const hears = [&]() -> task<> {
                try {
                    co_await weft::sleep(24h);
                } catch (weft::cancelled const&) {
                    told = true;
                }
            };
            auto const takes_back = [&](int number) -> task<> {
                if (number > 0) co_return;
                while (!told) std::this_thread::yield();
                weft::current_task().cancel();
                weft::current_task().uncancel();
            };
            try {
                auto const limit = co_await weft::timeout(10ms);
                auto children = std::views::iota(0, 10) | std::views::transform(takes_back);
                co_await weft::gather(hears(), weft::gather(children, {.limit = 1}));
            } catch (weft::timeout_error const&) {
                co_return true;
            }
            co_return false;
        },
        {.workers = 2});
    CHECK(passed);
}

TEST_CASE("a limit of nothing is refused", "[gather][limit][misuse]") {
    CHECK_THROWS_AS(weft::gather(std::vector<task<>>{}, {.limit = 0}), std::invalid_argument);
}

TEST_CASE("a hundred thousand with a limit, on all workers", "[gather][limit][stress]") {
    const watchdog guard{60s, "many with a limit"};
    const auto workers = GENERATE(1u, 2u, 8u);
    constexpr int count = 100'000;
    gauge in;
    const auto found = weft::run(
        [&]() -> task<std::vector<int>> {
            const auto child = [&](int i) -> task<int> {
                in.begin();
                if (i % 4 == 0) co_await weft::yield();
                if (i % 1000 == 0) co_await weft::sleep(1us);
                in.end();
                co_return i;
            };
            co_return co_await weft::gather(std::views::iota(0, count) | std::views::transform(child), {.limit = 32});
        },
        {.workers = workers});
    CHECK(found == numbers(count));
    CHECK(in.most <= 32);
}
