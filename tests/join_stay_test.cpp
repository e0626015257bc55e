// SPDX-License-Identifier: MIT
// Children of a gather that are about to suspend and then do not: their fork must still count them, each of them. With one such
// child the loop would count it in the fork's place; so each test has two in one turn of the loop.
#include "support/catch.hpp"
#include "support/foreign.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::test::watchdog;

namespace {

weft::task<int> awaits_one_that_declines() {
    co_await weft::test::declining{};
    co_return 1;
}

weft::task<int> awaits_one_that_refuses() {
    try {
        co_await weft::test::refusing{};
    } catch (weft::test::refusing::refusal const&) {
        co_return 1;
    }
    co_return 0;
}

weft::task<> nothing() { co_return; }

// As if the task had ended between await_ready and await_suspend.
struct late_await {
    using weft_native_awaitable = void;
    decltype(std::declval<weft::join_handle<>&>().operator co_await()) inner;

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    auto await_suspend(std::coroutine_handle<Promise> suspended) {
        return inner.await_suspend(suspended);
    }
    void await_resume() { inner.await_resume(); }
};

weft::task<int> awaits_an_ended_handle(weft::join_handle<>& ended) {
    co_await late_await{ended.operator co_await()};
    co_return 1;
}

void wait_for(std::atomic<bool> const& flag) {
    while (!flag) std::this_thread::yield();
}

struct set_at_end {
    std::atomic<bool>* flag;

    explicit set_at_end(std::atomic<bool>& of) : flag(&of) {}
    set_at_end(set_at_end&& other) noexcept : flag(std::exchange(other.flag, nullptr)) {}
    set_at_end& operator=(set_at_end&&) = delete;
    ~set_at_end() {
        if (flag) *flag = true;
    }
};

}  // namespace

TEST_CASE("children whose foreign awaitables decline to suspend are counted by their fork", "[join]") {
    watchdog guard{20s, "foreign awaitables that decline"};
    const auto main = []() -> weft::task<int> {
        auto const [a, b, c] =
            co_await weft::gather(awaits_one_that_declines(), awaits_one_that_refuses(), awaits_one_that_declines());
        co_return a + b + c;
    };
    CHECK(weft::run(main(), {.workers = 1}) == 3);
}

TEST_CASE("children that find an awaited task ended at the last moment are counted by their fork", "[join]") {
    watchdog guard{20s, "ended handles"};
    const auto main = []() -> weft::task<int> {
        auto ended = weft::spawn(nothing());
        co_await ended;
        auto const [a, b, c] =
            co_await weft::gather(awaits_an_ended_handle(ended), awaits_an_ended_handle(ended), awaits_an_ended_handle(ended));
        co_return a + b + c;
    };
    CHECK(weft::run(main(), {.workers = 1}) == 3);
}

// Worker 0 computes. The two others each spin until a job has come in from outside, and then take that and not a fork. It ends a
// child of a pair, elsewhere, before the pair's fork settles: so that fork is the last and its parent goes on, twice in one turn of
// the loop.
TEST_CASE("children whose own forks turn out to be the last are counted by their fork", "[join]") {
    watchdog guard{20s, "forks that settle last"};
    weft::test::other_thread outside;
    const auto main = [&outside]() -> weft::task<int> {
        std::array<std::atomic<bool>, 2> came_in{};
        std::array<std::atomic<bool>, 2> gone{};
        std::atomic<bool> both_done = false;
        std::atomic<int> spinning = 0;
        struct hop {
            weft::test::other_thread* to;
            std::atomic<bool>* done;
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> suspended) const {
                to->post([suspended, flag = done] {
                    suspended.resume();
                    *flag = true;
                });
            }
            void await_resume() const noexcept {}
        };
        const auto spinner = [&](std::size_t i) -> weft::task<> {
            ++spinning;
            wait_for(came_in[i]);
            co_return;
        };
        const auto hops = [&](std::size_t i, set_at_end) -> weft::task<int> {
            co_await hop{&outside, &came_in[i]};
            co_return 1;
        };
        const auto waits = [&](std::size_t i) -> weft::task<int> {
            wait_for(gone[i]);
            std::this_thread::sleep_for(2ms);  // its end is counted soon after its parameters are gone; if later, this tests nothing
            co_return 1;
        };
        const auto pair = [&](std::size_t i) -> weft::task<int> {
            auto const [a, b] = co_await weft::gather(hops(i, set_at_end(gone[i])), waits(i));
            if (i == 1) both_done = true;
            co_return a + b;
        };
        const auto stolen = [&]() -> weft::task<int> {
            wait_for(both_done);
            std::this_thread::sleep_for(2ms);  // likewise: the pairs are counted in the meantime
            co_return 1;
        };
        auto const first_spinner = weft::spawn(spinner(0));
        auto const second_spinner = weft::spawn(spinner(1));
        while (spinning < 2) std::this_thread::yield();
        std::vector<weft::task<int>> children;
        children.push_back(pair(0));
        children.push_back(pair(1));
        children.push_back(stolen());
        children.push_back(stolen());
        int sum = 0;
        for (int const part : co_await weft::gather(std::move(children))) sum += part;
        co_await first_spinner;
        co_await second_spinner;
        co_return sum;
    };
    CHECK(weft::run(main(), {.workers = 3}) == 6);
}
