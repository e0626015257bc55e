// SPDX-License-Identifier: MIT
// Whose turn it is when a timer is due while the workers are busy: by counts of jobs, not by times.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using weft::test::watchdog;

namespace {

// What one worker did, in order.
struct turns {
    bool over = false;
    std::vector<steady_clock::time_point> begun;  // of the jobs of all busy tasks
};

void compute(std::chrono::microseconds duration) {
    for (auto const end = steady_clock::now() + duration; steady_clock::now() < end;) {
    }
}

constexpr auto job_length = 200us;

weft::task<> busy(turns& all) {
    while (!all.over) {
        all.begun.push_back(steady_clock::now());
        compute(job_length);
        co_await weft::yield();
    }
}

// Whether no job between the two moments took twice its time, because the system had let the thread stand still. `first` is the
// number of the first one.
bool undisturbed(turns const& all, std::size_t first, steady_clock::time_point from, steady_clock::time_point until) {
    for (std::size_t number = first; number < all.begun.size(); ++number) {
        if (all.begun[number] - from > 2 * job_length) return false;
        from = all.begun[number];
    }
    return until - from <= 2 * job_length;
}

}  // namespace

TEST_CASE("a task whose timer is due goes before those that stood in line", "[sleep][busy]") {
    watchdog const guard(60s, "due first");
    auto const body = [](turns& all) -> weft::task<int> {
        std::vector<weft::join_handle<>> others;
        for (int i = 0; i < 8; ++i) others.push_back(weft::spawn(busy(all)));
        int most_before = 0;
        int looked_at = 0;
        for (int nap = 0; looked_at < 40; ++nap) {
            auto const start = steady_clock::now();
            auto const due = start + 1ms;
            auto const first = all.begun.size();
            co_await weft::sleep_until(due);
            // The worker learns from the first naps how long the jobs are, and looks at the clock after each.
            if (nap < 20 || !undisturbed(all, first, start, steady_clock::now())) continue;
            ++looked_at;
            auto const first_after = std::ranges::upper_bound(all.begun, due);
            most_before = std::max(most_before, static_cast<int>(all.begun.end() - first_after));
        }
        all.over = true;
        for (auto const& other : others) co_await other;
        co_return most_before;
    };
    turns all;
    // None, but for one that begins between the worker's look at the clock and the deadline's passing.
    CHECK(weft::run([&] { return body(all); }, {.workers = 1}) <= 1);
}

TEST_CASE("a task that sleeps for a moment again and again does not starve the others", "[sleep][busy]") {
    watchdog const guard(60s, "due again and again");
    auto const body = [](turns& all) -> weft::task<std::size_t> {
        auto const other = weft::spawn(busy(all));
        std::size_t before = 0;
        for (int nap = 0; nap < 100; ++nap) {
            compute(job_length);
            if (nap == 20) before = all.begun.size();
            co_await weft::sleep(1ns);
        }
        std::size_t const meanwhile = all.begun.size() - before;
        all.over = true;
        co_await other;
        co_return meanwhile;
    };
    turns all;
    // Of three turns two may be its own: one because it is due, and one in line.
    CHECK(weft::run([&] { return body(all); }, {.workers = 1}) >= 80 / 2 - 1);
}

TEST_CASE("one that is due later does not overtake those that were due before", "[sleep][busy]") {
    watchdog const guard(60s, "no overtaking");
    auto const nap = [](steady_clock::time_point due, std::vector<steady_clock::time_point>& log) -> weft::task<> {
        co_await weft::sleep_until(due);
        log.push_back(due);
        compute(job_length);
    };
    std::vector<steady_clock::time_point> log;
    auto const body = [&](std::chrono::milliseconds from_now) -> weft::task<bool> {
        log.clear();
        auto const first = steady_clock::now() + from_now;
        std::vector<weft::join_handle<>> all;
        // Fifty are due at once, which takes 10 ms; meanwhile one more is due every 300 us.
        for (int i = 0; i < 50; ++i) all.push_back(weft::spawn(nap(first, log)));
        for (int i = 1; i <= 30; ++i) all.push_back(weft::spawn(nap(first + i * 300us, log)));
        co_await weft::yield();  // until they sleep
        bool const in_time = steady_clock::now() < first;
        for (auto const& each : all) co_await each;
        co_return in_time;
    };
    // Who begins to sleep when it is due already is in no order with the others: then once more, with more time.
    for (auto from_now = 100ms; !weft::run([&] { return body(from_now); }, {.workers = 1}); from_now *= 2) {
    }
    CHECK(log.size() == 80);
    CHECK(std::ranges::is_sorted(log));
}
