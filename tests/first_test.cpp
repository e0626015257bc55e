// SPDX-License-Identifier: MIT
// first and shield: who wins, what becomes of the others, and of a cancellation from outside. On a paused clock.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/endings.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using weft::task;
using weft::test::run_paused;
using weft::test::watchdog;

namespace {

task<int> after(std::chrono::nanoseconds duration, int value) {
    co_await weft::sleep(duration);
    co_return value;
}

task<int> fail_after(std::chrono::nanoseconds duration, std::string what) {
    co_await weft::sleep(duration);
    throw std::runtime_error(what);
}

// Counts in `ended` when it has been cancelled and has put things in order, which takes a minute.
task<int> tidy(std::atomic<int>& ended) {
    bool asked = false;
    try {
        co_await weft::sleep(24h);
    } catch (weft::cancelled const&) {
        asked = true;
    }
    if (asked) co_await weft::sleep(1min);
    ++ended;
    throw weft::cancelled();
}

task<std::string> what_of(task<int> failing) {
    try {
        co_await std::move(failing);
        co_return "nothing";
    } catch (std::runtime_error const& error) {
        co_return error.what();
    } catch (weft::cancelled const&) {
        co_return "cancelled";
    }
}

}  // namespace

TEST_CASE("first gives the value of the first one in its place", "[first]") {
    watchdog const guard(30s, "first");
    unsigned const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const got = run_paused(workers, []() -> task<std::variant<int, std::monostate, int>> {
        co_return co_await weft::first(after(1h, 1), weft::sleep(2h), after(1min, 3));
    }, &elapsed);
    CHECK(got.index() == 2);
    CHECK(std::get<2>(got) == 3);
    CHECK(elapsed == 1min);
}

TEST_CASE("first cancels the others and waits for them", "[first]") {
    watchdog const guard(30s, "the others of first");
    unsigned const workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> ended = 0;
    std::chrono::nanoseconds elapsed{};
    int const seen = run_paused(workers, [&]() -> task<int> {
        auto const got = co_await weft::first(tidy(ended), after(1min, 3), tidy(ended));
        co_return got.index() == 1 ? ended.load() : -1;
    }, &elapsed);
    CHECK(seen == 2);
    CHECK(elapsed == 2min);
}

TEST_CASE("the first of a vector comes with its index", "[first]") {
    watchdog const guard(30s, "first of a vector");
    auto const got = run_paused(2, []() -> task<std::pair<std::size_t, int>> {
        std::vector<task<int>> runners;
        for (int number = 0; number < 200; ++number) runners.push_back(after(number == 150 ? 1min : 1h, number));
        co_return co_await weft::first(std::move(runners));
    });
    CHECK(got.first == 150);
    CHECK(got.second == 150);
}

TEST_CASE("the first of a vector of handles; the tasks of the others are cancelled", "[first]") {
    watchdog const guard(30s, "first of handles");
    auto const body = []() -> task<std::string> {
        std::vector<weft::join_handle<int>> handles;
        for (int const seconds : {3, 1, 2}) handles.push_back(weft::spawn(after(std::chrono::seconds(seconds), seconds)));
        std::vector<weft::task_ref> tasks(handles.begin(), handles.end());
        auto const [index, value] = co_await weft::first(std::move(handles));
        std::string found = std::to_string(index) + " " + std::to_string(value);
        for (weft::task_ref const& each : tasks) found += each.cancelled() ? " cancelled" : " value";
        co_return found;
    };
    CHECK(run_paused(2, body) == "1 1 cancelled value cancelled");
}

TEST_CASE("of a vector of void tasks first gives the index", "[first]") {
    watchdog const guard(30s, "first of void tasks");
    auto const nap = [](std::chrono::minutes duration) -> task<> { co_await weft::sleep(duration); };
    auto const body = [&]() -> task<std::size_t> {
        std::vector<task<>> runners;
        runners.push_back(nap(2min));
        runners.push_back(nap(1min));
        co_return co_await weft::first(std::move(runners));
    };
    CHECK(run_paused(2, body) == 1);
}

TEST_CASE("first of nothing is a wrong argument", "[first][error]") {
    CHECK_THROWS_AS(weft::run([]() -> task<> { co_await weft::first(std::vector<task<>>{}); }), std::invalid_argument);
}

TEST_CASE("an exception can be the first, and ends the others", "[first][exception]") {
    watchdog const guard(30s, "a first exception");
    std::atomic<int> ended = 0;
    auto const race = [&]() -> task<int> {
        auto const got = co_await weft::first(tidy(ended), fail_after(1min, "no route"));
        co_return static_cast<int>(got.index());
    };
    CHECK(run_paused(2, [&]() -> task<std::string> { co_return co_await what_of(race()); }) == "no route");
    CHECK(ended == 1);
}

TEST_CASE("what the losers throw when they are cancelled is dropped", "[first][exception]") {
    watchdog const guard(30s, "a loser that fails");
    auto const sore = []() -> task<int> {
        try {
            co_await weft::sleep(1h);
        } catch (weft::cancelled const&) {
            throw std::runtime_error("lost");
        }
        co_return 0;
    };
    auto const got = run_paused(2, [&]() -> task<std::variant<int, int>> { co_return co_await weft::first(sore(), after(1min, 5)); });
    CHECK(std::get<1>(got) == 5);
}

TEST_CASE("a race that is cancelled from outside cancels all of it, once", "[first][cancel]") {
    watchdog const guard(30s, "a race cancelled");
    unsigned const workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> ended = 0;
    bool const right = run_paused(workers, [&]() -> task<bool> {
        bool cleaned = false;
        auto race = weft::spawn([&]() -> task<> {
            bool asked = false;
            try {
                co_await weft::first(tidy(ended), tidy(ended));
            } catch (weft::cancelled const&) {
                asked = true;
            }
            co_await weft::sleep(1min);  // told once only
            cleaned = asked;
        });
        co_await weft::sleep(1h);
        race.cancel();
        co_await race;
        co_return cleaned && race.cancelling() == 1;
    });
    CHECK(right);
    CHECK(ended == 2);
}

namespace {

// Nobody suspends: the request has come before the participant ends, by what another task came to, and nobody has been told of it.
task<int> asks_and_awaits(weft::join_handle<int> const& ended) {
    weft::current_task().cancel();
    co_return co_await ended;
}
task<> race_of_such(bool of_vector, weft::join_handle<int> const& ended) {
    if (!of_vector) {
        co_await weft::first(asks_and_awaits(ended), asks_and_awaits(ended));
        co_return;
    }
    std::vector<task<int>> one;
    one.push_back(asks_and_awaits(ended));
    co_await weft::first(std::move(one));
}
// Runs it in a task of its own, beside one that was cancelled. Others than `cancelled` end the test.
std::string with_cancelled_task(std::function<task<std::string>(weft::join_handle<int> const&)> body,
                                std::chrono::nanoseconds* elapsed = nullptr) {
    return run_paused(1, [&]() -> task<std::string> {
        auto ended = weft::spawn(after(1h, 1));
        ended.cancel();
        co_await weft::yield();
        co_return co_await weft::spawn(body(ended));
    }, elapsed);
}

}  // namespace

TEST_CASE("a race that is cancelled from outside, and of which nobody suspends, has no value", "[first][cancel]") {
    watchdog const guard(30s, "a race cancelled, without suspending");
    bool const of_vector = GENERATE(false, true);
    auto const found = with_cancelled_task([&](weft::join_handle<int> const& ended) -> task<std::string> {
        std::string what;
        try {
            co_await race_of_such(of_vector, ended);
            what = "a value";
        } catch (weft::cancelled const&) {
            what = "cancelled";
        }
        // The awaited task's, before; this is the request.
        try {
            co_await weft::yield();
        } catch (weft::cancelled const&) {
            what += ", told of the request";
        }
        co_await weft::sleep(1min);
        co_return what;
    });
    CHECK(found == "cancelled, told of the request");
}

TEST_CASE("such a race takes the request from nobody beside it", "[first][cancel]") {
    watchdog const guard(30s, "beside a race cancelled, without suspending");
    bool const nested = GENERATE(false, true);
    std::chrono::nanoseconds elapsed{};
    auto const found = with_cancelled_task([&](weft::join_handle<int> const& ended) -> task<std::string> {
        try {
            if (nested)
                co_await weft::first(race_of_such(false, ended), weft::sleep(24h));
            else
                co_await weft::gather(race_of_such(false, ended), weft::sleep(24h));
        } catch (weft::cancelled const&) {
            co_return "cancelled";
        }
        co_return "a value";
    }, &elapsed);
    CHECK(found == "cancelled");
    CHECK(elapsed < 1h);
}

TEST_CASE("such a race as the only child, its failure kept as a value, does not swallow the request", "[first][cancel]") {
    watchdog const guard(30s, "around a race cancelled, without suspending");
    bool const limited = GENERATE(false, true);
    auto const found = with_cancelled_task([&](weft::join_handle<int> const& ended) -> task<std::string> {
        std::vector<task<>> all;
        all.push_back(race_of_such(false, ended));
        if (limited) all.push_back([]() -> task<> { co_return; }());
        try {
            if (limited)
                co_await weft::gather(weft::return_exceptions, std::move(all), {.limit = 1});
            else
                co_await weft::gather(weft::return_exceptions, std::move(all));
            co_await weft::sleep(24h);
        } catch (weft::cancelled const&) {
            co_return "cancelled";
        }
        co_return "a value";
    });
    CHECK(found == "cancelled");
}

namespace {

// A value that cannot be moved so often: then its constructor throws what a cancelled await would.
struct fragile {
    fragile() = default;
    fragile(fragile&&) {
        if (moves_left-- == 0) throw weft::cancelled();
    }
    static inline int moves_left = 0;
};

}  // namespace

TEST_CASE("the first one's value throws when it is moved: the race ends by that", "[first][exception]") {
    watchdog const guard(30s, "a value that throws");
    int survived = 0;
    for (int moves = 0; moves < 20; ++moves) {
        fragile::moves_left = moves;
        std::chrono::nanoseconds elapsed{};
        survived += run_paused(1, []() -> task<int> {
            auto const gives = []() -> task<fragile> { co_return fragile(); };
            try {
                co_return static_cast<int>((co_await weft::first(gives(), weft::sleep(24h))).index() == 0);
            } catch (weft::cancelled const&) {
                co_return 0;
            }
        }, &elapsed);
        CHECK(elapsed < 1h);
    }
    CHECK(survived > 0);
    CHECK(survived < 20);
}

TEST_CASE("a race leaves no cancellation behind", "[first][cancel]") {
    watchdog const guard(30s, "after a race");
    unsigned const workers = GENERATE(1u, 2u, 8u);
    int const sum = run_paused(workers, []() -> task<int> {
        int total = 0;
        for (int round = 0; round < 100; ++round) {
            auto const got = co_await weft::first(after(1min, 1), after(1h, 2));
            total += std::get<0>(got);
            co_await weft::sleep(1s);
        }
        co_return total;
    });
    CHECK(sum == 100);
}

TEST_CASE("a race within a limit ends with it", "[first][timeout]") {
    watchdog const guard(30s, "a race within a limit");
    std::chrono::nanoseconds elapsed{};
    bool const timed_out = run_paused(2, []() -> task<bool> {
        try {
            co_await weft::wait_for(weft::first(after(1h, 1), after(2h, 2)), 1min);
        } catch (weft::timeout_error const&) {
            co_return true;
        }
        co_return false;
    }, &elapsed);
    CHECK(timed_out);
    CHECK(elapsed == 1min);
}

// ---- shield

TEST_CASE("who waits behind a shield can be cancelled without the task", "[shield]") {
    watchdog const guard(30s, "shield");
    unsigned const workers = GENERATE(1u, 2u, 8u);
    int const value = run_paused(workers, []() -> task<int> {
        auto inner = weft::spawn(after(1h, 7));
        try {
            co_await weft::wait_for(weft::shield(inner), 1min);
            co_return -1;
        } catch (weft::timeout_error const&) {
        }
        if (inner.done() || inner.cancelling() != 0) co_return -2;
        co_return co_await inner;
    });
    CHECK(value == 7);
}

TEST_CASE("a shield around a task starts it, and lets it go on", "[shield]") {
    watchdog const guard(30s, "shield a task");
    bool const right = run_paused(2, []() -> task<bool> {
        bool ended = false;
        auto const work = [&]() -> task<> {
            co_await weft::sleep(1h);
            ended = true;
        };
        auto waiting = weft::spawn([&]() -> task<> { co_await weft::shield(work()); });
        co_await weft::sleep(1min);
        waiting.cancel();
        try {
            co_await waiting;
        } catch (weft::cancelled const&) {
        }
        bool const early = ended;
        co_await weft::sleep(2h);
        co_return !early && ended && waiting.cancelled();
    });
    CHECK(right);
}

TEST_CASE("who waits behind a shield is cancelled with the task itself", "[shield]") {
    watchdog const guard(30s, "a shielded task that is cancelled");
    bool const cancelled = run_paused(2, []() -> task<bool> {
        auto inner = weft::spawn(after(1h, 7));
        auto waiting = weft::spawn([&]() -> task<int> { co_return co_await weft::shield(inner); });
        co_await weft::sleep(1min);
        inner.cancel();
        try {
            co_await waiting;
        } catch (weft::cancelled const&) {
            co_return inner.cancelled();
        }
        co_return false;
    });
    CHECK(cancelled);
}

TEST_CASE("many can wait behind shields, and leave in any order", "[shield]") {
    watchdog const guard(60s, "many behind shields");
    int const left = run_paused(2, []() -> task<int> {
        auto inner = weft::spawn(after(1h, 1));
        std::vector<weft::join_handle<int>> waiting;
        for (int number = 0; number < 1000; ++number)
            waiting.push_back(weft::spawn([&]() -> task<int> { co_return co_await weft::shield(inner); }));
        co_await weft::sleep(1min);
        for (std::size_t number = 0; number < waiting.size(); number += 2) waiting[(number * 7) % waiting.size()].cancel();
        int stayed = 0;
        for (auto& each : waiting) try {
                stayed += co_await each;
            } catch (weft::cancelled const&) {
            }
        co_return stayed;
    });
    CHECK(left == 500);
}

TEST_CASE("first leaves a shielded task alone", "[shield][first]") {
    watchdog const guard(30s, "first and shield");
    int const value = run_paused(2, []() -> task<int> {
        auto inner = weft::spawn(after(1h, 7));
        auto const got = co_await weft::first(weft::shield(inner), after(1min, 1));
        if (got.index() != 1 || inner.cancelling() != 0) co_return -1;
        co_return co_await inner;
    });
    CHECK(value == 7);
}
