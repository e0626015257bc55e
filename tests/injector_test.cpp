// SPDX-License-Identifier: MIT
// The door for jobs from outside: first in, first out, from any number of threads, also when there is no memory.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/task.hpp>

#include "injector.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using weft::detail::injector;
using weft::detail::job;

namespace {

namespace config = weft::detail::config;

weft::task<> never_started() { co_return; }

// Jobs that are frames of weft, as push_without_memory needs them; they are never resumed.
struct jobs {
    explicit jobs(std::size_t count) {
        for (std::size_t made = 0; made < count; ++made) tasks.push_back(never_started());
    }
    job operator[](std::size_t index) const { return tasks[index].unstarted(); }

    std::vector<weft::task<>> tasks;
};

}  // namespace

TEST_CASE("an empty injector gives nothing", "[injector]") {
    injector tested;
    CHECK(tested.empty());
    CHECK(tested.size() == 0);
    CHECK(!tested.pop());
    CHECK(!tested.pop());
}

TEST_CASE("jobs leave in the order in which they came", "[injector]") {
    const jobs all(1000);
    for (const bool without_memory : {false, true}) {
        CAPTURE(without_memory);
        injector tested;
        for (std::size_t which = 0; which < 1000; ++which) {
            if (without_memory)
                tested.push_without_memory(all[which]);
            else
                tested.push(all[which]);
        }
        CHECK(!tested.empty());
        CHECK(tested.size() == 1000);
        bool in_order = true;
        for (std::size_t which = 0; which < 1000; ++which) in_order = in_order && tested.pop() == all[which];
        CHECK(in_order);
        CHECK(tested.empty());
        CHECK(!tested.pop());
    }
}

TEST_CASE("a job may enter again and again by either way", "[injector]") {
    const jobs all(3);
    injector tested;
    for (int time = 0; time < 100; ++time) {
        tested.push_without_memory(all[0]);
        tested.push(all[1]);
        tested.push_without_memory(all[2]);
        REQUIRE(tested.size() == 3);
        std::vector<void*> left;
        while (const job popped = tested.pop()) left.push_back(popped.address());
        REQUIRE(left.size() == 3);
        for (std::size_t which = 0; which < 3; ++which) REQUIRE(std::ranges::count(left, all[which].address()) == 1);
        // Those without memory keep their order among themselves.
        REQUIRE(std::ranges::find(left, all[0].address()) < std::ranges::find(left, all[2].address()));
        REQUIRE(tested.empty());
    }
}

TEST_CASE("many threads push, many pop, every job arrives once", "[injector]") {
    const weft::test::watchdog guard{60s, "injector between threads"};
    constexpr std::size_t threads_each = 2;
    constexpr std::size_t per_thread = config::tsan ? 2'000 : 20'000;
    const jobs all(threads_each * per_thread);
    injector tested;
    std::atomic<std::size_t> popped{0};
    std::vector<std::vector<void*>> taken(threads_each);
    std::vector<std::thread> threads;
    for (std::size_t index = 0; index < threads_each; ++index) {
        threads.emplace_back([&, index] {
            for (std::size_t which = 0; which < per_thread; ++which) {
                const job next = all[index * per_thread + which];
                if (which % 3 == 0)
                    tested.push_without_memory(next);
                else
                    tested.push(next);
            }
        });
        threads.emplace_back([&, index] {
            while (popped.load() < threads_each * per_thread) {
                if (const job next = tested.pop()) {
                    taken[index].push_back(next.address());
                    popped.fetch_add(1);
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    for (std::thread& each : threads) each.join();
    std::map<void*, int> times;
    for (const auto& each : taken)
        for (void* const frame : each) ++times[frame];
    CHECK(times.size() == threads_each * per_thread);
    CHECK(std::ranges::all_of(times, [](auto const& each) { return each.second == 1; }));
    CHECK(tested.empty());
}
