// SPDX-License-Identifier: MIT
// Forks run their children on their own stack, and yet others get their turn, timers are kept, and the stack stays bounded.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::test::watchdog;

namespace {

constexpr bool slow = weft::detail::config::asan || weft::detail::config::tsan;

// Endless for any test's patience, unless it is told to end. Never suspends but in its gathers.
weft::task<> compute_until(const std::atomic<bool>& enough, int depth = 50) {
    if (depth == 0 || enough) co_return;
    co_await weft::gather(compute_until(enough, depth - 1), compute_until(enough, depth - 1));
}

weft::task<> compute_in_threes_until(const std::atomic<bool>& enough, int depth = 30) {
    if (depth == 0 || enough) co_return;
    std::vector<weft::task<>> children;
    for (int i = 0; i < 3; ++i) children.push_back(compute_in_threes_until(enough, depth - 1));
    co_await weft::gather(std::move(children));
}

weft::task<> compute(bool in_threes, const std::atomic<bool>& enough) {
    return in_threes ? compute_in_threes_until(enough) : compute_until(enough);
}

weft::task<> set(std::atomic<bool>& flag) {
    flag = true;
    co_return;
}

weft::task<int> fibonacci(int n) {
    if (n < 2) co_return n;
    const auto [a, b] = co_await weft::gather(fibonacci(n - 1), fibonacci(n - 2));
    co_return a + b;
}

weft::task<int> leaves(int depth) {
    if (depth == 0) co_return 1;
    std::vector<weft::task<int>> children;
    for (int i = 0; i < 3; ++i) children.push_back(leaves(depth - 1));
    int sum = 0;
    for (const int each : co_await weft::gather(std::move(children))) sum += each;
    co_return sum;
}

// Not the address of a local: address sanitizer puts those elsewhere.
[[gnu::noinline]] std::uintptr_t stack_address() noexcept { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

// How much stack each worker has used, between the tasks that noted it.
class stack_use {
public:
    [[gnu::noinline]] void note() noexcept {
        auto& [lowest, highest] = ranges_[weft::worker_index()];
        const auto here = stack_address();
        lowest = std::min(lowest, here);
        highest = std::max(highest, here);
    }
    [[nodiscard]] std::size_t most() const noexcept {
        std::size_t bytes = 0;
        for (const auto& [lowest, highest] : ranges_)
            if (lowest < highest) bytes = std::max(bytes, highest - lowest);
        return bytes;
    }

private:
    std::array<std::pair<std::uintptr_t, std::uintptr_t>, 8> ranges_ = [] {
        std::array<std::pair<std::uintptr_t, std::uintptr_t>, 8> nothing;
        nothing.fill({std::numeric_limits<std::uintptr_t>::max(), 0});
        return nothing;
    }();
};

}  // namespace

// ---- Others get their turn. A test that fails hangs: the computation ends only when the other one has run.

TEST_CASE("a ready task runs before a computation of forks ends", "[fork][fair]") {
    const watchdog guard{30s, "a ready task beside a computation"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto in_threes = GENERATE(false, true);
    for (int round = 0; round < 20; ++round) {
        std::atomic<bool> enough = false;
        weft::run(
            [&]() -> weft::task<> {
                const auto other = weft::spawn(set(enough));
                co_await compute(in_threes, enough);
                co_await other;
            },
            {.workers = workers});
        CHECK(enough);
    }
}

TEST_CASE("a task from outside runs before a computation of forks ends", "[fork][fair]") {
    const watchdog guard{30s, "a task from outside beside a computation"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto in_threes = GENERATE(false, true);
    weft::runtime kept({.workers = workers});
    for (int round = 0; round < 20; ++round) {
        std::atomic<bool> started = false;
        std::atomic<bool> enough = false;
        auto computation = kept.submit([&]() -> weft::task<> {
            started = true;
            co_await compute(in_threes, enough);
        });
        while (!started) std::this_thread::yield();
        kept.run(set(enough));
        computation.get();
    }
    SUCCEED();
}

TEST_CASE("a timer that is due fires before a computation of forks ends", "[fork][fair][timer]") {
    const watchdog guard{30s, "a timer beside a computation"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto in_threes = GENERATE(false, true);
    const auto by_sibling = GENERATE(false, true);
    weft::runtime kept({.workers = workers});
    for (int round = 0; round < 5; ++round) {
        std::atomic<bool> enough = false;
        kept.run([&]() -> weft::task<> {
            auto sleeper = [](std::atomic<bool>& flag) -> weft::task<> {
                co_await weft::sleep(2ms);
                flag = true;
            };
            if (by_sibling) {
                co_await weft::gather(sleeper(enough), compute(in_threes, enough));
            } else {
                const auto other = weft::spawn(sleeper(enough));
                co_await compute(in_threes, enough);
                co_await other;
            }
        });
        CHECK(enough);
    }
}

TEST_CASE("a gather of very many children lets others run in between", "[fork][fair]") {
    const watchdog guard{30s, "others beside very many children"};
    constexpr int size = slow ? 100'000 : 1'000'000;
    const auto [ended, seen] = weft::run(
        []() -> weft::task<std::pair<int, int>> {
            int count = 0;
            int count_when_run = -1;
            auto child = [&](bool spawns) -> weft::task<> {
                if (spawns)
                    static_cast<void>(weft::spawn([&]() -> weft::task<> {
                        count_when_run = count;
                        co_return;
                    }));
                ++count;
                co_return;
            };
            std::vector<weft::task<>> children;
            children.reserve(size);
            for (int i = 0; i < size; ++i) children.push_back(child(i == 10));
            co_await weft::gather(std::move(children));
            co_return {count, count_when_run};
        },
        {.workers = 1});
    CHECK(ended == size);
    CHECK(seen > 10);
    CHECK(seen < size);
}

TEST_CASE("with others always waiting, forks give way again and again and are right", "[fork][fair]") {
    const watchdog guard{60s, "forks that always give way"};
    const auto workers = GENERATE(1u, 2u, 8u);
    constexpr int rounds = slow ? 2 : 10;
    const auto [wrong, fewest_turns] = weft::run(
        []() -> weft::task<std::pair<int, int>> {
            std::atomic<bool> done = false;
            auto spin = [&]() -> weft::task<int> {
                int turns = 0;
                while (!done) {
                    ++turns;
                    co_await weft::yield();
                }
                co_return turns;
            };
            std::vector<weft::join_handle<int>> others;
            for (int i = 0; i < 20; ++i) others.push_back(weft::spawn(spin));
            int bad = 0;
            for (int round = 0; round < rounds; ++round) {
                bad += co_await fibonacci(18) != 2584;
                bad += co_await leaves(7) != 2187;
            }
            done = true;
            const auto turns = co_await weft::gather(std::move(others));
            co_return {bad, *std::min_element(turns.begin(), turns.end())};
        },
        {.workers = workers});
    CHECK(wrong == 0);
    // With several, the system may not run the one that has stolen some of them as long as all of this takes.
    if (workers == 1) CHECK(fewest_turns > 1);
}

TEST_CASE("a worker that has given way forks on its stack again", "[fork][fair]") {
    const watchdog guard{30s, "forks after giving way"};
    // The same coroutine in both places: run on top of itself it is lower on the stack, run by the loop it is where it was.
    struct nested {
        static weft::task<std::uintptr_t> pair(int depth, int& on_top) {
            const auto here = stack_address();
            if (depth == 0) co_return here;
            const auto [first, second] = co_await weft::gather(pair(depth - 1, on_top), pair(depth - 1, on_top));
            on_top += first < here && second < here;
            co_return here;
        }
    };
    const int on_top = weft::run(
        []() -> weft::task<int> {
            std::atomic<bool> enough = false;
            const auto other = weft::spawn(set(enough));
            co_await compute_until(enough);
            co_await other;
            int count = 0;
            for (int i = 0; i < 1000; ++i) co_await nested::pair(1, count);
            co_return count;
        },
        {.workers = 1});
    CHECK(on_top > 500);
}

// ---- Timers

TEST_CASE("a child's timer is kept while its sibling computes without an await", "[fork][timer]") {
    const watchdog guard{60s, "a timer and a sibling that computes"};
    const auto sleeper_first = GENERATE(true, false);
    const auto before_arming = GENERATE(0us, 20us, 200us, 2000us);
    weft::runtime kept({.workers = 2});
    int late = 0;
    for (int round = 0; round < 5; ++round) {
        late += kept.run([&]() -> weft::task<bool> {
            using clock = std::chrono::steady_clock;
            std::atomic<bool> woken = false;
            auto sleeper = [&]() -> weft::task<> {
                for (const auto start = clock::now(); clock::now() - start < before_arming;) {
                }
                co_await weft::sleep(5ms);
                woken = true;
            };
            // Ends by the sleeper's doing; else by its own, far later than any machine is slow.
            auto computes = [&]() -> weft::task<bool> {
                for (const auto start = clock::now(); !woken;)
                    if (clock::now() - start > 10s) co_return true;
                co_return false;
            };
            co_await weft::sleep(2ms);  // the other worker falls asleep
            if (sleeper_first) co_return std::get<1>(co_await weft::gather(sleeper(), computes()));
            co_return std::get<0>(co_await weft::gather(computes(), sleeper()));
        });
        REQUIRE(late == 0);
    }
}

// ---- The stack

namespace {

weft::task<> end_of_line(bool suspends) {
    if (suspends) co_await weft::yield();
}

weft::task<int> leaf() { co_return 1; }

enum class shape { recursion_first, leaf_first, vector_of_three, awaited };

weft::task<int> line(shape form, int depth, bool suspends, stack_use& use) {
    use.note();
    if (depth == 0) {
        co_await end_of_line(suspends);
        co_return 0;
    }
    switch (form) {
        case shape::recursion_first: {
            const auto [below, one] = co_await weft::gather(line(form, depth - 1, suspends, use), leaf());
            co_return below + one;
        }
        case shape::leaf_first: {
            const auto [one, below] = co_await weft::gather(leaf(), line(form, depth - 1, suspends, use));
            co_return below + one;
        }
        case shape::vector_of_three: {
            std::vector<weft::task<int>> children;
            children.push_back(leaf());
            children.push_back(line(form, depth - 1, suspends, use));
            children.push_back(leaf());
            const auto values = co_await weft::gather(std::move(children));
            co_return values[0] + values[1] + values[2] - 1;
        }
        case shape::awaited:
            break;
    }
    // Awaits and forks in turn.
    auto rest = [](int left, bool suspend, stack_use& in) -> weft::task<int> {
        co_return co_await line(shape::awaited, left, suspend, in);
    }(depth - 1, suspends, use);
    const auto [below, one] = co_await weft::gather(std::move(rest), leaf());
    use.note();
    co_return below + one;
}

}  // namespace

TEST_CASE("a line of gathers far deeper than the stack", "[fork][stack]") {
    const watchdog guard{60s, "a deep line of gathers"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto form = GENERATE(shape::recursion_first, shape::leaf_first, shape::vector_of_three, shape::awaited);
    const auto suspends = GENERATE(false, true);
    constexpr int depth = slow ? 10'000 : 100'000;
    stack_use use;
    CHECK(weft::run(line(form, depth, suspends, use), {.workers = workers}) == depth);
    CAPTURE(workers, static_cast<int>(form), suspends);
    CHECK(use.most() < 1024 * 1024);
}

namespace {

weft::task<int> awaiting_leaf() { co_return co_await leaf(); }

weft::task<> nothing() { co_return; }

weft::task<int> suspending_leaf() {
    co_await weft::yield();
    co_return 1;
}

// Ends in children that await and suspend. Levels of different forms use the stack in different steps.
weft::task<int> down(int singles, int pairs, int vectors) {
    if (singles > 0) {
        const auto [below] = co_await weft::gather(down(singles - 1, pairs, vectors));
        co_return below;
    }
    if (pairs > 0) {
        const auto [none, below] = co_await weft::gather(nothing(), down(0, pairs - 1, vectors));
        co_return below;
    }
    if (vectors > 0) {
        std::vector<weft::task<int>> one;
        one.push_back(down(0, 0, vectors - 1));
        const auto values = co_await weft::gather(std::move(one));
        co_return values[0];
    }
    const auto [a, b] = co_await weft::gather(awaiting_leaf(), suspending_leaf());
    const auto [c, d, e] = co_await weft::gather(awaiting_leaf(), suspending_leaf(), awaiting_leaf());
    co_return a + b + c + d + e;
}

}  // namespace

TEST_CASE("children that await and suspend where the stack becomes deep", "[fork][stack]") {
    const watchdog guard{60s, "children at the limit of the stack"};
    const auto wrong = weft::run(
        []() -> weft::task<int> {
            int bad = 0;
            for (int pairs = 0; pairs < 6; ++pairs)
                for (int vectors = 0; vectors < 6; ++vectors)
                    for (int singles = 60; singles < 400; singles += slow ? 17 : 1)
                        bad += co_await down(singles, pairs, vectors) != 5;
            co_return bad;
        },
        {.workers = 1});
    CHECK(wrong == 0);
}

TEST_CASE("deep lines in the leaves of a tree, with others waiting", "[fork][stack]") {
    const watchdog guard{60s, "deep lines in a tree"};
    const auto workers = GENERATE(1u, 2u, 8u);
    constexpr int depth = slow ? 1'000 : 5'000;
    stack_use use;
    struct tree {
        static weft::task<int> of(int levels, stack_use& in) {
            if (levels == 0) co_return co_await line(shape::recursion_first, depth, true, in);
            const auto [a, b] = co_await weft::gather(of(levels - 1, in), of(levels - 1, in));
            co_return a + b;
        }
    };
    const int sum = weft::run(
        [&]() -> weft::task<int> {
            std::atomic<bool> done = false;
            const auto other = weft::spawn([](std::atomic<bool>& end) -> weft::task<> {
                while (!end) co_await weft::sleep(100us);
            }(done));
            const int nodes = co_await tree::of(4, use);
            done = true;
            co_await other;
            co_return nodes;
        },
        {.workers = workers});
    CHECK(sum == 16 * depth);
    CHECK(use.most() < 1024 * 1024);
}
