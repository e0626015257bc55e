// SPDX-License-Identifier: MIT
// Tasks that several of these models have, and the moment that those of a gather are about.
#pragma once

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include <weft/error.hpp>
#include <weft/sleep.hpp>
#include <weft/spawn.hpp>
#include <weft/task.hpp>
#include <weft/yield.hpp>

#include "hands.hpp"

namespace weft::model {

struct failure {
    int number;
};

inline task<int> gives(int number) { co_return number; }
inline task<int> yields(int number) {
    co_await weft::yield();
    co_return number;
}
inline task<int> fails(int number) {
    throw failure{number};
    co_return 0;
}

inline task<int> sleeps_for_ever() {
    co_await weft::sleep(std::chrono::hours(24));
    co_return 0;
}
// For who may be told once more, by the next await, that it is cancelled: how often it is.
inline task<int> told_at_the_next_await() {
    try {
        co_await weft::yield();
    } catch (cancelled const&) {
        co_return 1;
    }
    co_return 0;
}

// Worker 0 runs so many jobs of its line, of which the task is the first; meanwhile worker 1 does that.
inline int run_beside(task<int> work, int jobs, std::function<void(house&)> const& meanwhile) {
    house both(2);
    join_handle<int> root = both.start(0, std::move(work));
    std::thread other([&] { meanwhile(both); });
    for (int i = 0; i < jobs; ++i) both.run_oldest(0);
    other.join();
    both.finish();
    check(both.empty(), "all tasks have ended");
    return std::move(root).result();
}

inline void steal(house& from) { from.steal_fork(1, 0); }
inline void steal_twice(house& from) {
    steal(from);
    steal(from);
}

}  // namespace weft::model
