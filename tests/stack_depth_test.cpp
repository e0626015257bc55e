// SPDX-License-Identifier: MIT
// A million of everything on an ordinary thread stack, whatever becomes of symmetric transfer: at -O0 and with sanitizers.
#include "support/catch.hpp"
#include "support/scale.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::test::watchdog;

namespace {

// A million; less where the scale is below 1: a hundred thousand are more than an ordinary stack of 8 MiB holds.
int const many = std::min(1'000'000, 2 * weft::test::scaled(500'000));

weft::task<int> one() { co_return 1; }

weft::task<int> yielding_one() {
    co_await weft::yield();
    co_return 1;
}

weft::task<int> nested(int depth) {
    if (depth == 0) co_return 0;
    co_return 1 + co_await nested(depth - 1);
}

// The innermost one suspends, so that the way back does not begin on the stack of the way there.
weft::task<int> nested_suspending(int depth) {
    if (depth == 0) {
        co_await weft::yield();
        co_return 0;
    }
    co_return 1 + co_await nested_suspending(depth - 1);
}

weft::task<> nested_throwing(int depth) {
    if (depth == 0) throw std::runtime_error("from the bottom");
    co_await nested_throwing(depth - 1);
}

weft::task<int> nested_gather(int depth) {
    if (depth == 0) co_return 0;
    const auto [below] = co_await weft::gather(nested_gather(depth - 1));
    co_return below + 1;
}

weft::task<int> nested_spawn(int depth) {
    if (depth == 0) co_return 0;
    auto below = weft::spawn(nested_spawn(depth - 1));
    co_return 1 + co_await std::move(below);
}

}  // namespace

TEST_CASE("a million sequential awaits", "[stack]") {
    const watchdog guard{60s, "a million sequential awaits"};
    const auto workers = GENERATE(1u, 2u);
    const int sum = weft::run(
        []() -> weft::task<int> {
            int total = 0;
            for (int i = 0; i < many; ++i) total += co_await one();
            co_return total;
        },
        {.workers = workers});
    CHECK(sum == many);
}

TEST_CASE("a million sequential awaits of tasks that suspend", "[stack]") {
    const watchdog guard{60s, "a million sequential suspending awaits"};
    const int sum = weft::run(
        []() -> weft::task<int> {
            int total = 0;
            for (int i = 0; i < many; ++i) total += co_await yielding_one();
            co_return total;
        },
        {.workers = 1});
    CHECK(sum == many);
}

TEST_CASE("a million nested awaits", "[stack]") {
    const watchdog guard{60s, "a million nested awaits"};
    CHECK(weft::run(nested(many), {.workers = 2}) == many);
}

TEST_CASE("a million nested awaits, the innermost suspending", "[stack]") {
    const watchdog guard{60s, "a million nested suspending awaits"};
    CHECK(weft::run(nested_suspending(many), {.workers = 2}) == many);
}

TEST_CASE("a million nested gathers of one", "[stack][gather]") {
    const watchdog guard{60s, "a million nested gathers"};
    CHECK(weft::run(nested_gather(many), {.workers = 2}) == many);
}

TEST_CASE("a chain of spawned tasks, each awaiting the next", "[stack][spawn]") {
    const watchdog guard{60s, "a long chain of spawned tasks"};
    constexpr int depth = 200'000;
    CHECK(weft::run(nested_spawn(depth), {.workers = 2}) == depth);
}

TEST_CASE("an exception from a hundred thousand tasks down", "[stack][exception]") {
    const watchdog guard{60s, "an exception from the depth"};
    CHECK_THROWS_AS(weft::run(nested_throwing(100'000), {.workers = 2}), std::runtime_error);
}

TEST_CASE("a million tasks made beforehand and then awaited", "[stack]") {
    const watchdog guard{60s, "a million prepared tasks"};
    const int sum = weft::run([]() -> weft::task<int> {
        std::vector<weft::task<int>> prepared;
        prepared.reserve(static_cast<std::size_t>(many));
        for (int i = 0; i < many; ++i) prepared.push_back(one());
        int total = 0;
        for (auto& task : prepared) total += co_await std::move(task);
        co_return total;
    });
    CHECK(sum == many);
}

TEST_CASE("a gather of a million tasks", "[stack][gather]") {
    const watchdog guard{60s, "a gather of a million"};
    const auto workers = GENERATE(1u, 2u);
    const auto [count, sum] = weft::run(
        []() -> weft::task<std::pair<std::size_t, int>> {
            std::vector<weft::task<int>> children;
            children.reserve(static_cast<std::size_t>(many));
            for (int i = 0; i < many; ++i) children.push_back(one());
            const auto values = co_await weft::gather(std::move(children));
            int total = 0;
            for (const int value : values) total += value;
            co_return {values.size(), total};
        },
        {.workers = workers});
    CHECK(count == static_cast<std::size_t>(many));
    CHECK(sum == many);
}

TEST_CASE("a million gathers, one after the other", "[stack][gather]") {
    const watchdog guard{60s, "a million sequential gathers"};
    const int sum = weft::run(
        []() -> weft::task<int> {
            int total = 0;
            for (int i = 0; i < many / 2; ++i) {
                const auto [first, second] = co_await weft::gather(one(), one());
                total += first + second;
            }
            for (int i = 0; i < many / 2; ++i) co_await weft::gather();
            co_return total;
        },
        {.workers = 2});
    CHECK(sum == many);
}

TEST_CASE("a million awaits of a handle whose task has ended", "[stack][spawn]") {
    const watchdog guard{60s, "a million awaits of one handle"};
    const int sum = weft::run([]() -> weft::task<int> {
        auto handle = weft::spawn(one());
        int total = 0;
        for (int i = 0; i < many; ++i) total += co_await handle;
        co_return total;
    });
    CHECK(sum == many);
}

TEST_CASE("a million foreign awaitables that decide not to suspend", "[stack][foreign]") {
    const watchdog guard{60s, "a million foreign awaits"};
    struct not_now {
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
        int await_resume() const noexcept { return 1; }
    };
    const int sum = weft::run([]() -> weft::task<int> {
        int total = 0;
        for (int i = 0; i < many; ++i) total += co_await not_now{};
        co_return total;
    });
    CHECK(sum == many);
}

TEST_CASE("a million tasks spawned at once and awaited", "[stack][spawn]") {
    const watchdog guard{60s, "a million spawned tasks"};
    const int sum = weft::run(
        []() -> weft::task<int> {
            std::vector<weft::join_handle<int>> handles;
            handles.reserve(static_cast<std::size_t>(many));
            for (int i = 0; i < many; ++i) handles.push_back(weft::spawn(one()));
            int total = 0;
            for (auto& handle : handles) total += co_await std::move(handle);
            co_return total;
        },
        {.workers = 2});
    CHECK(sum == many);
}
