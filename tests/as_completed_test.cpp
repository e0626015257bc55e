// SPDX-License-Identifier: MIT
// as_completed: tasks as they end.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/endings.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <set>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::task;
using weft::test::census;
using weft::test::counted;
using weft::test::run_paused;
using weft::test::sleep_and_give;
using weft::test::watchdog;

namespace {

std::vector<task<int>> sleepers(std::vector<int> const& seconds) {
    std::vector<task<int>> all;
    for (const int each : seconds) all.push_back(sleep_and_give(std::chrono::seconds(each), each));
    return all;
}

}  // namespace

TEST_CASE("handles come in the order in which their tasks end", "[as_completed]") {
    const watchdog guard{10s, "the order of ends"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto found = run_paused(workers, []() -> task<std::vector<int>> {
        auto ends = weft::as_completed(sleepers({3, 1, 4, 2}));
        std::vector<int> order{static_cast<int>(ends.remaining())};
        while (auto next = co_await ends.next()) order.push_back(next->result());
        order.push_back(static_cast<int>(ends.remaining()));
        co_return order;
    });
    CHECK(found == std::vector<int>{4, 1, 2, 3, 4, 0});
}

TEST_CASE("those that have ended before come first, in the order of the handles", "[as_completed]") {
    const watchdog guard{10s, "ended before"};
    const auto found = run_paused(1, []() -> task<std::vector<int>> {
        std::vector<weft::join_handle<int>> handles;
        for (auto& each : sleepers({3, 1, 2, 5, 4})) handles.push_back(weft::spawn(std::move(each)));
        co_await weft::sleep(3500ms);
        auto ends = weft::as_completed(std::move(handles));
        std::vector<int> order;
        while (auto next = co_await ends.next()) order.push_back(co_await std::move(*next));
        co_return order;
    });
    CHECK(found == std::vector<int>{3, 1, 2, 4, 5});
}

TEST_CASE("of nothing there is no next one", "[as_completed]") {
    const watchdog guard{10s, "nothing"};
    const bool none = weft::run([]() -> task<bool> {
        auto ends = weft::as_completed(std::vector<weft::join_handle<int>>{});
        auto timed = weft::as_completed(std::vector<task<>>{}, 0s);
        const bool first = !(co_await ends.next());
        const bool again = !(co_await ends.next());
        co_return first && again && !(co_await timed.next());
    });
    CHECK(none);
}

TEST_CASE("a task that fails or is cancelled is given like any other", "[as_completed]") {
    const watchdog guard{10s, "failures"};
    const auto found = run_paused(2, []() -> task<std::string> {
        std::vector<weft::join_handle<>> handles;
        handles.push_back(weft::spawn([]() -> task<> {
            co_await weft::sleep(1s);
            throw std::runtime_error("failed");
        }));
        handles.push_back(weft::spawn([]() -> task<> { co_await weft::sleep(1h); }));
        handles.back().cancel();
        auto ends = weft::as_completed(std::move(handles));
        std::string all;
        while (auto next = co_await ends.next()) {
            if (next->cancelled()) {
                all += "cancelled ";
                continue;
            }
            try {
                co_await *next;
            } catch (std::runtime_error const& thrown) {
                all += thrown.what();
            }
        }
        co_return all;
    });
    CHECK(found == "cancelled failed");
}

TEST_CASE("after the time has passed each next throws, what has ended before is given, and nothing is cancelled", "[as_completed]") {
    const watchdog guard{10s, "a time limit"};
    const auto found = run_paused(1, []() -> task<std::vector<int>> {
        auto ends = weft::as_completed(sleepers({1, 2, 4, 5}), 3s);
        co_await weft::sleep(2500ms);
        std::vector<int> all;
        for (int i = 0; i < 4; ++i) {
            try {
                auto next = co_await ends.next();
                all.push_back(next->result());
            } catch (weft::timeout_error const&) {
                all.push_back(-static_cast<int>(ends.remaining()));
            }
        }
        co_await weft::sleep(2s);  // the third has ended
        all.push_back((co_await ends.next())->result());
        co_return all;
    });
    CHECK(found == std::vector<int>{1, 2, -2, -2, 4});
}

TEST_CASE("who waits for the next one may be cancelled, the tasks go on, and none is lost", "[as_completed][cancel]") {
    const watchdog guard{10s, "cancelled next"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto found = run_paused(workers, []() -> task<std::vector<int>> {
        auto ends = weft::as_completed(sleepers({2, 3}));
        std::vector<int> all;
        for (int i = 0; i < 5; ++i) {
            try {
                auto next = co_await weft::wait_for(ends.next(), 900ms);
                all.push_back(next->result());
            } catch (weft::timeout_error const&) {
                all.push_back(0);
            }
        }
        co_return all;
    });
    CHECK(found == std::vector<int>{0, 0, 2, 0, 3});
}

TEST_CASE("a stream that goes early leaves the tasks alone", "[as_completed][lifetime]") {
    const watchdog guard{10s, "left early"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    std::atomic<int> ended = 0;
    const auto child = [&](int seconds, counted) -> task<int> {
        co_await weft::sleep(std::chrono::seconds(seconds));
        ++ended;
        co_return seconds;
    };
    const int first = run_paused(workers, [&]() -> task<int> {
        int value = 0;
        {
            std::vector<task<int>> children;
            for (int i = 1; i <= 10; ++i) children.push_back(child(i, counted(in)));
            auto ends = weft::as_completed(std::move(children));
            value = (co_await ends.next())->result();
        }
        while (ended < 10) co_await weft::sleep(1s);
        co_return value;
    });
    CHECK(first == 1);
    CHECK(ended == 10);
    CHECK(in.alive == 0);
}

TEST_CASE("streams that go while their tasks end", "[as_completed][stress]") {
    const watchdog guard{60s, "left while they end"};
    const auto workers = GENERATE(2u, 8u);
    census in;
    weft::run(
        [&]() -> task<> {
            const auto child = [](int turns, counted) -> task<> {
                for (int i = 0; i < turns; ++i) co_await weft::yield();
            };
            for (int round = 0; round < 2000; ++round) {
                std::vector<task<>> children;
                for (int i = 0; i < 6; ++i) children.push_back(child(i % 3, counted(in)));
                auto ends = weft::as_completed(std::move(children));
                for (int i = 0; i < round % 7; ++i) co_await ends.next();
            }
        },
        {.workers = workers});
    CHECK(in.alive == 0);
}

TEST_CASE("each of many tasks is given once, whoever runs them", "[as_completed][stress]") {
    const watchdog guard{60s, "many ends"};
    const auto workers = GENERATE(1u, 2u, 8u);
    constexpr int count = 20'000;
    const bool right = weft::run(
        []() -> task<bool> {
            std::vector<task<int>> children;
            for (int i = 0; i < count; ++i)
                children.push_back([](int value) -> task<int> {
                    if (value % 3 == 0) co_await weft::yield();
                    if (value % 100 == 0) co_await weft::sleep(1ms);
                    co_return value;
                }(i));
            auto ends = weft::as_completed(std::move(children));
            std::set<int> seen;
            while (auto next = co_await ends.next()) seen.insert(next->result());
            co_return seen.size() == count && *seen.begin() == 0 && *seen.rbegin() == count - 1;
        },
        {.workers = workers});
    CHECK(right);
}

TEST_CASE("next against cancel: each end is given once", "[as_completed][cancel][stress]") {
    const watchdog guard{60s, "next and cancel"};
    const auto workers = GENERATE(2u, 8u);
    const int wrong = weft::run(
        []() -> task<int> {
            int bad = 0;
            for (int round = 0; round < 2000; ++round) {
                auto ends = weft::as_completed([] {
                    std::vector<task<int>> two;
                    for (int i = 0; i < 2; ++i)
                        two.push_back([](int value) -> task<int> {
                            co_await weft::yield();
                            co_return value;
                        }(i));
                    return two;
                }());
                int sum = 0;
                const auto ask = [&]() -> task<> {
                    while (auto next = co_await ends.next()) sum += 1 + next->result();
                };
                auto asking = weft::spawn(ask());
                for (int i = 0; i < round % 4; ++i) co_await weft::yield();
                asking.cancel();
                while (!asking.done()) co_await weft::yield();
                co_await ask();
                bad += sum != 3;
            }
            co_return bad;
        },
        {.workers = workers});
    CHECK(wrong == 0);
}

TEST_CASE("ends of another runtime's tasks come, under a paused clock, too", "[as_completed][paused]") {
    const watchdog guard{20s, "another runtime"};
    weft::runtime other({.workers = 1});
    std::vector<weft::join_handle<int>> handles;
    other.run([&]() -> task<> {
        handles.push_back(weft::spawn(sleep_and_give(1ms, 7)));
        co_await handles.back();
    });
    std::promise<weft::join_handle<int>> given;
    auto running = other.submit([&]() -> task<> {
        auto handle = weft::spawn(sleep_and_give(30ms, 8));
        given.set_value(std::move(handle));
        co_await weft::sleep(60ms);
    });
    handles.push_back(given.get_future().get());
    const auto found = run_paused(1, [&]() -> task<std::vector<int>> {
        auto ends = weft::as_completed(std::move(handles));
        std::vector<int> all;
        while (auto next = co_await ends.next()) all.push_back(next->result());
        co_return all;
    });
    running.get();
    CHECK(found == std::vector<int>{7, 8});
}

TEST_CASE("empty handles and tasks are refused before anything begins", "[as_completed][misuse]") {
    const watchdog guard{10s, "refused"};
    const int refused = weft::run([]() -> task<int> {
        int count = 0;
        bool began = false;
        try {
            std::vector<task<>> tasks;
            tasks.push_back([](bool& set) -> task<> {
                set = true;
                co_return;
            }(began));
            tasks.emplace_back();
            auto ends = weft::as_completed(std::move(tasks));
        } catch (weft::invalid_state const&) {
            ++count;
        }
        try {
            std::vector<weft::join_handle<>> handles(1);
            auto ends = weft::as_completed(std::move(handles));
        } catch (weft::invalid_state const&) {
            ++count;
        }
        try {
            std::vector<task<>> tasks;
            tasks.push_back([](bool& set) -> task<> {
                set = true;
                co_return;
            }(began));
            auto ends = weft::as_completed(std::move(tasks), std::chrono::duration<double>(std::nan("")));
        } catch (std::invalid_argument const&) {
            ++count;
        }
        co_await weft::yield();
        co_return began ? -1 : count;
    });
    CHECK(refused == 3);
}

TEST_CASE("a report names a task by where as_completed was called", "[as_completed][exception]") {
    const watchdog guard{10s, "where it was called"};
    std::vector<std::string> reports;
    const auto listen = [&](weft::unhandled_exception const& heard) {
        reports.push_back(std::string(heard.spawned_at.file_name()) + ":" + std::to_string(heard.spawned_at.line()));
    };
    const auto failing = [] {
        std::vector<task<>> one;
        one.push_back([]() -> task<> {
            throw std::runtime_error("unheard");
            co_return;
        }());
        return one;
    };
    unsigned line = 0;
    const auto main = [&]() -> task<> {
        auto without = weft::as_completed(failing());
        auto within = weft::as_completed(failing(), 1h);
        line = std::source_location::current().line();
        while (co_await without.next()) continue;
        while (co_await within.next()) continue;
    };
    weft::run(main, {.workers = 1, .on_unhandled_exception = listen});
    const std::string file = std::source_location::current().file_name();
    CHECK(reports == std::vector<std::string>{file + ":" + std::to_string(line - 2), file + ":" + std::to_string(line - 1)});
}

TEST_CASE("the handles that come out are those that went in", "[as_completed][asyncio]") {
    const watchdog guard{10s, "the same handles"};
    const bool same = run_paused(2, []() -> task<bool> {
        std::vector<weft::join_handle<int>> handles;
        std::set<std::uint64_t> ids;
        for (auto& each : sleepers({2, 1, 3})) {
            handles.push_back(weft::spawn(std::move(each)));
            ids.insert(handles.back().id());
        }
        auto ends = weft::as_completed(std::move(handles));
        std::set<std::uint64_t> came;
        while (auto next = co_await ends.next()) came.insert(next->id());
        co_return came == ids && ids.size() == 3;
    });
    CHECK(same);
}

TEST_CASE("a limit that does not pass is not noticed", "[as_completed][asyncio]") {
    const watchdog guard{10s, "an unused limit"};
    const auto found = run_paused(1, []() -> task<std::vector<int>> {
        auto ends = weft::as_completed(sleepers({3, 1}), 1h);
        std::vector<int> all;
        while (auto next = co_await ends.next()) all.push_back(next->result());
        co_return all;
    });
    CHECK(found == std::vector<int>{1, 3});
}

TEST_CASE("the handles that came may be awaited later, all at once", "[as_completed][asyncio]") {
    const watchdog guard{10s, "awaited later"};
    const auto found = run_paused(2, []() -> task<std::vector<int>> {
        std::vector<weft::join_handle<int>> came;
        {
            auto ends = weft::as_completed(sleepers({2, 1}));
            while (auto next = co_await ends.next()) came.push_back(std::move(*next));
        }
        co_return co_await weft::gather(std::move(came));
    });
    CHECK(found == std::vector<int>{1, 2});
}

TEST_CASE("as_completed of tasks outside a runtime throws no_current_runtime", "[as_completed][misuse][asyncio]") {
    CHECK_THROWS_AS(weft::as_completed(sleepers({1})), weft::no_current_runtime);
    CHECK_THROWS_AS(weft::as_completed(sleepers({1}), 1s), weft::no_current_runtime);
    std::vector<weft::join_handle<int>> one;
    one.push_back(weft::run([]() -> task<weft::join_handle<int>> { co_return weft::spawn(sleep_and_give(1h, 1)); }));
    CHECK_THROWS_AS(weft::as_completed(std::move(one), 1s), weft::no_current_runtime);
    CHECK_THROWS_AS(weft::as_completed(std::vector<weft::join_handle<>>{}), weft::no_current_runtime);
}

TEST_CASE("an end that came in time is given, though the time passes before its turn", "[as_completed]") {
    const watchdog guard{20s, "ended in time"};
    using clock = std::chrono::steady_clock;
    // On a busy machine the time may have passed before the task goes on to its end: once more then, with more time.
    bool in_time = false;
    bool given = false;
    for (auto limit = 10ms; !in_time; limit *= 2) {
        given = weft::run(
            [&]() -> task<bool> {
                const auto start = clock::now();
                std::vector<weft::join_handle<>> one;
                one.push_back(weft::spawn([&]() -> task<> {
                    co_await weft::sleep(1ms);
                    in_time = clock::now() < start + limit;
                }));
                auto ends = weft::as_completed(std::move(one), limit);
                // Computes from when the first one is due until the time has passed.
                auto busy = weft::spawn([&]() -> task<> {
                    co_await weft::sleep(1ms);
                    while (clock::now() < start + 2 * limit) {}
                });
                bool next = false;
                try {
                    next = (co_await ends.next()).has_value();
                } catch (weft::timeout_error const&) {
                }
                co_await busy;
                co_return next;
            },
            {.workers = 1});
    }
    CHECK(given);
}

TEST_CASE("handles that are dropped as they come leave other tasks alone", "[as_completed][lifetime]") {
    const watchdog guard{20s, "dropped handles"};
    // The frames of tasks that have gone are used again, by tasks that somebody awaits.
    const int ended = weft::run(
        []() -> task<int> {
            int sum = 0;
            for (int round = 0; round < 200; ++round) {
                std::vector<weft::join_handle<int>> later;
                later.reserve(5);  // one is referred to
                {
                    auto ends = weft::as_completed(sleepers({0, 0, 0, 0}));
                    while (auto next = co_await ends.next()) sum += next->result();
                    for (int i = 1; i <= 4; ++i) later.push_back(weft::spawn(sleep_and_give(1us, 1)));
                    auto waits = weft::spawn([](weft::join_handle<int> const& awaited) -> task<int> { co_return co_await awaited; },
                                             std::ref(later[0]));
                    co_await weft::yield();
                    later.push_back(std::move(waits));
                }
                while (!later.empty()) {
                    sum += co_await later.back();
                    later.pop_back();
                }
            }
            co_return sum;
        },
        {.workers = 1});
    CHECK(ended == 200 * 5);
}
