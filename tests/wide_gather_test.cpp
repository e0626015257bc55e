// SPDX-License-Identifier: MIT
// gather of so many tasks that they are started in blocks: the same contract as that of few.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/scale.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using weft::test::census;
using weft::test::counted;
using weft::test::watchdog;

namespace {

constexpr auto block = static_cast<int>(weft::detail::child_block_size);
constexpr auto wide = static_cast<int>(weft::detail::wide_gather);
constexpr int two_levels = block * block;
// Around every size at which there is one block or one level of them more.
const std::vector<int> counts{wide - 1,       wide,       wide + 1,       4 * block,          4 * block + 1,
                              two_levels - 1, two_levels, two_levels + 1, 2 * two_levels + 7, two_levels * block + 1};

struct numbered_error : std::runtime_error {
    explicit numbered_error(int n) : std::runtime_error("error " + std::to_string(n)), number(n) {}
    int number;
};

std::vector<int> numbers(int count) {
    std::vector<int> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return all;
}

template <class Make>
auto children(int count, Make const& make) {
    std::vector<decltype(make(0))> all;
    for (int n = 0; n < count; ++n) all.push_back(make(n));
    return all;
}

}  // namespace

TEST_CASE("a wide gather gives every result in order, whether or not its tasks suspend", "[wide_gather]") {
    watchdog guard{60s, "a wide gather"};
    const unsigned workers = GENERATE(1u, 2u, 8u);
    const int every = GENERATE(0, 1, 2, 37);  // how many apart are those that yield
    for (const int count : counts) {
        CAPTURE(workers, every, count);
        const auto child = [](int n, bool suspends) -> weft::task<int> {
            if (suspends) co_await weft::yield();
            co_return n;
        };
        const auto main = [&]() -> weft::task<std::vector<int>> {
            co_return co_await weft::gather(children(count, [&](int n) { return child(n, every != 0 && n % every == 0); }));
        };
        CHECK(weft::run(main(), {.workers = workers}) == numbers(count));
    }
}

TEST_CASE("with one worker the tasks of a wide gather start in order", "[wide_gather]") {
    watchdog guard{60s, "a wide gather"};
    for (const int count : counts) {
        CAPTURE(count);
        std::vector<int> order;
        const auto child = [&order](int n) -> weft::task<> {
            order.push_back(n);
            co_return;
        };
        const auto main = [&]() -> weft::task<> { co_await weft::gather(children(count, child)); };
        weft::run(main(), {.workers = 1});
        CHECK(order == numbers(count));
    }
}

TEST_CASE("a wide gather throws what was thrown first, after all of its tasks have ended", "[wide_gather]") {
    watchdog guard{60s, "a wide gather"};
    const unsigned workers = GENERATE(1u, 2u, 8u);
    for (const int count : counts) {
        CAPTURE(workers, count);
        std::atomic<int> ended = 0;
        std::atomic<int> thrown_first = -1;
        census kept;
        const auto child = [&ended, &thrown_first, &kept, count](int n) -> weft::task<counted> {
            // One fails at once, the others late, and most of the later ones are in other blocks.
            if (n != count / 2) co_await weft::yield();
            ++ended;
            if (n == count / 2 || n % 10 == 3) {
                int nobody = -1;
                thrown_first.compare_exchange_strong(nobody, n);
                throw numbered_error(n);
            }
            co_return counted(kept, n);
        };
        int ended_before = -1;
        const auto main = [&]() -> weft::task<int> {
            try {
                static_cast<void>(co_await weft::gather(children(count, child)));
            } catch (numbered_error const& error) {
                ended_before = ended;
                co_return error.number;
            }
            co_return -1;
        };
        const int first = weft::run(main(), {.workers = workers});
        CHECK(ended_before == count);
        // With several workers one that began to throw later may have been faster.
        if (workers == 1)
            CHECK(first == thrown_first);
        else
            CHECK((first == count / 2 || first % 10 == 3));
        CHECK(kept.alive == 0);
    }
}

TEST_CASE("a wide gather of return_exceptions gives every outcome in its place", "[wide_gather]") {
    watchdog guard{60s, "a wide gather"};
    const unsigned workers = GENERATE(1u, 2u, 8u);
    for (const int count : counts) {
        CAPTURE(workers, count);
        census kept;
        const auto child = [&kept](int n) -> weft::task<counted> {
            if (n % 5 == 1) co_await weft::yield();
            if (n % 7 == 2) throw numbered_error(n);
            co_return counted(kept, n);
        };
        const auto main = [&]() -> weft::task<int> {
            int right = 0;
            auto const outcomes = co_await weft::gather(weft::return_exceptions, children(count, child));
            for (int n = 0; n < static_cast<int>(outcomes.size()); ++n) {
                auto const& outcome = outcomes[static_cast<std::size_t>(n)];
                if (n % 7 != 2) {
                    right += outcome.value().number() == n;
                    continue;
                }
                try {
                    outcome.value();
                } catch (numbered_error const& error) {
                    right += error.number == n;
                }
            }
            co_return right;
        };
        CHECK(weft::run(main(), {.workers = workers}) == count);
        CHECK(kept.alive == 0);
    }
}

TEST_CASE("a wide gather that is never awaited destroys its tasks", "[wide_gather]") {
    watchdog guard{60s, "a wide gather"};
    bool started = false;
    census kept;
    const auto child = [&](int n) {
        return [](bool& begun, counted argument) -> weft::task<int> {
            begun = true;
            co_return argument.number();
        }(started, counted(kept, n));
    };
    {
        auto const unused = weft::gather(children(2 * two_levels, child));
        CHECK(kept.alive == 2 * two_levels);
    }
    CHECK(kept.alive == 0);
    CHECK(!started);
}

TEST_CASE("wide gathers inside wide gathers", "[wide_gather]") {
    watchdog guard{60s, "a wide gather"};
    const unsigned workers = GENERATE(1u, 2u, 8u);
    CAPTURE(workers);
    const auto leaf = [](int n) -> weft::task<int> { co_return n; };
    const auto inner = [&](int n) -> weft::task<int> {
        auto const parts = co_await weft::gather(children(wide + n % 50, leaf));
        co_return std::accumulate(parts.begin(), parts.end(), 0);
    };
    const auto main = [&]() -> weft::task<int> {
        auto const parts = co_await weft::gather(children(10 * wide, inner));
        co_return std::accumulate(parts.begin(), parts.end(), 0);
    };
    int expected = 0;
    for (int n = 0; n < 10 * wide; ++n) expected += (wide + n % 50) * (wide + n % 50 - 1) / 2;
    CHECK(weft::run(main(), {.workers = workers}) == expected);
}

TEST_CASE("wide gathers far deeper than the stack", "[wide_gather][stack]") {
    watchdog guard{60s, "a wide gather"};
    constexpr int depth = weft::detail::config::asan || weft::detail::config::tsan ? 300 : 1000;
    const unsigned workers = GENERATE(1u, 2u, 8u);
    // Which child of each level goes on: the first block's first, one in the middle, the last of all.
    const int heir = GENERATE(0, wide / 2, wide - 1);
    CAPTURE(workers, heir);
    struct line {
        static weft::task<int> down(int left, int place, int heir) {
            if (place != heir || left == 0) co_return 1;
            auto const parts = co_await weft::gather(children(wide, [&](int n) { return down(left - 1, n, heir); }));
            co_return std::accumulate(parts.begin(), parts.end(), 0);
        }
    };
    CHECK(weft::run(line::down(depth, heir, heir), {.workers = workers}) == depth * (wide - 1) + 1);
}

TEST_CASE("what the tasks of a wide gather spawn runs, whoever runs them", "[wide_gather]") {
    watchdog guard{60s, "a wide gather"};
    const unsigned workers = GENERATE(1u, 2u, 8u);
    CAPTURE(workers);
    std::atomic<int> ran = 0;
    const auto spawned = [&](int n) -> weft::task<int> {
        ++ran;
        co_return n;
    };
    // One in three waits for what it has spawned, one leaves it alone, one lets it run first.
    const auto child = [&](int n) -> weft::task<int> {
        auto handle = weft::spawn(spawned(n));
        if (n % 3 == 0) co_return co_await handle;
        if (n % 3 == 1) co_await weft::yield();
        co_return n;
    };
    const auto main = [&](int round) -> weft::task<std::vector<int>> {
        auto results = co_await weft::gather(children(two_levels + 7, child));
        // The end of the run cancels what has not begun.
        while (ran < round * (two_levels + 7)) co_await weft::yield();
        co_return results;
    };
    weft::runtime runtime({.workers = workers});
    for (int round = 1; round <= 20; ++round) {
        CHECK(runtime.run(main(round)) == numbers(two_levels + 7));
        CHECK(ran == round * (two_levels + 7));
    }
}

TEST_CASE("others get their turn while a wide gather computes", "[wide_gather]") {
    watchdog guard{60s, "a wide gather"};
    std::atomic<bool> other_ran = false;
    const auto other = [&]() -> weft::task<> {
        co_await weft::yield();
        other_ran = true;
    };
    const auto child = [&](int) -> weft::task<> {
        const auto until = std::chrono::steady_clock::now() + 20us;
        while (std::chrono::steady_clock::now() < until) {}
        co_return;
    };
    const auto main = [&]() -> weft::task<bool> {
        auto const handle = weft::spawn(other());
        co_await weft::gather(children(two_levels, child));
        co_return other_ran.load();
    };
    CHECK(weft::run(main(), {.workers = 1}));
}

TEST_CASE("the results of a wide gather whose tasks compute do not depend on who ran them", "[wide_gather][stress]") {
    watchdog guard{60s, "a wide gather"};
    const unsigned workers = GENERATE(2u, 8u);
    CAPTURE(workers);
    weft::runtime runtime({.workers = workers});
    const auto child = [](int n) -> weft::task<int> {
        int sum = 0;
        for (int i = 0; i < n % 300; ++i) sum += i & n;
        if (n % 97 == 0) co_await weft::yield();
        if (n % 311 == 0) co_await weft::sleep(1us);
        co_return sum;
    };
    const auto once = [&](int count) -> weft::task<std::vector<int>> {
        co_return co_await weft::gather(children(count, [&](int n) { return child(n); }));
    };
    std::vector<int> expected;
    for (int n = 0; n < 5000; ++n) {
        int sum = 0;
        for (int i = 0; i < n % 300; ++i) sum += i & n;
        expected.push_back(sum);
    }
    for (int round = 0; round < weft::test::scaled(100); ++round) REQUIRE(runtime.run(once(5000)) == expected);
}
