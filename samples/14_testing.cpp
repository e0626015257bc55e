// SPDX-License-Identifier: MIT
// How to test a program that sleeps. Under a paused clock time stands still while any task can run, and jumps to the next wake-up
// when all of them sleep. Prints a test of a client that tries again after 1, 2, 4, 8 hours, which takes no time at all; then what
// becomes of a deadlock: an exception that says who waits for whom, and not a test that hangs.
//
// asyncio has nothing like it; tests replace its loop's clock, or wait.

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>

using namespace std::chrono_literals;

struct server {
    int failures_left;
    int calls = 0;

    void call() {
        ++calls;
        if (failures_left-- > 0) throw std::runtime_error("not now");
    }
};

// What is tested: call until it works, each time after twice as long a pause.
weft::task<> call_with_patience(server& called) {
    for (auto pause = 1h;; pause *= 2) {
        try {
            co_return called.call();
        } catch (std::runtime_error const&) {
        }
        co_await weft::sleep(pause);
    }
}

weft::task<> wait_for(std::unique_ptr<weft::join_handle<>> const& other) {
    co_await weft::yield();  // until it is there
    co_await *other;
}

weft::task<> wait_for_each_other() {
    std::unique_ptr<weft::join_handle<>> first, second;
    first = std::make_unique<weft::join_handle<>>(weft::spawn(wait_for(second)));
    second = std::make_unique<weft::join_handle<>>(weft::spawn(wait_for(first)));
    co_await *first;
}

int main() {
    auto const real_start = std::chrono::steady_clock::now();

    weft::testing::paused_clock clock;
    server called{.failures_left = 4};
    weft::run(call_with_patience(called), {.workers = 1, .clock = &clock});
    std::cout << called.calls << " calls, " << clock.elapsed() / 1h << " hours\n";

    weft::testing::paused_clock other_clock;
    try {
        weft::run(wait_for_each_other(), {.workers = 1, .clock = &other_clock});
    } catch (weft::testing::deadlock const& thrown) {
        std::cout << thrown.what() << '\n';
    }

    bool const quick = std::chrono::steady_clock::now() - real_start < 5s;
    std::cout << (quick ? "all of that in less than 5 seconds\n" : "that took long\n");
}
