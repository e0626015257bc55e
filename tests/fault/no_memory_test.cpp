// SPDX-License-Identifier: MIT
// Memory runs out at every operator new of a gather in turn, of spawn, of to_thread, and of the injector: what could not begin is a
// std::bad_alloc, nothing is lost, and the runtime goes on. Frames come from an allocator of their own, which does not fail here.
#include "failing_memory.hpp"
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include "injector.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using weft::test::census;
using weft::test::counted;
using weft::test::let_memory_fail_after;
using weft::test::let_memory_succeed;

namespace {

weft::task<int> leaf(counted, std::atomic<int>& ran) {
    ++ran;
    co_return 1;
}

std::vector<weft::task<int>> leaves(int count, census& frames, std::atomic<int>& ran) {
    std::vector<weft::task<int>> made;
    made.reserve(static_cast<std::size_t>(count));
    for (int each = 0; each < count; ++each) made.push_back(leaf(counted(frames), ran));
    return made;
}

struct outcome {
    bool failed = false;
    std::size_t results = 0;
};

// A gather below so many others, each of which leaves a sibling in the queue: it grows from 256 on.
weft::task<outcome> gather_below(int depth, std::vector<weft::task<int>>& children, long successes, census& frames,
                                 std::atomic<int>& ran) {
    if (depth > 0) {
        auto both = weft::gather(gather_below(depth - 1, children, successes, frames, ran), leaf(counted(frames), ran));
        auto const [below, sibling] = co_await both;
        co_return below;
    }
    outcome seen;
    let_memory_fail_after(successes);
    try {
        auto const results = co_await weft::gather(std::move(children));
        seen.results = results.size();
    } catch (std::bad_alloc const&) {
        seen.failed = true;
    }
    let_memory_succeed();
    co_return seen;
}

weft::task<std::int64_t> fibonacci(std::int64_t n) {
    if (n < 2) co_return n;
    auto const [a, b] = co_await weft::gather(fibonacci(n - 1), fibonacci(n - 2));
    co_return a + b;
}

}  // namespace

TEST_CASE("a gather without memory throws std::bad_alloc and has started nothing, or does everything", "[no_memory]") {
    const weft::test::watchdog guard{60s, "gathers whose memory fails at every place"};
    weft::runtime runtime({.workers = 1});
    int failures = 0;
    int successes_in_spite = 0;
    for (const int depth : {0, 200, 250, 254, 300})
        for (const int width : {3, 95, 96, 200, 2000})
            for (long successes = 0; successes < 12; ++successes) {
                CAPTURE(depth, width, successes);
                census frames;
                std::atomic<int> ran{0};
                auto children = leaves(width, frames, ran);
                const outcome seen = runtime.run(gather_below(depth, children, successes, frames, ran));
                children.clear();
                CHECK(frames.alive == 0);
                CHECK(ran == depth + (seen.failed ? 0 : width));
                CHECK(seen.results == (seen.failed ? 0u : static_cast<unsigned>(width)));
                ++(seen.failed ? failures : successes_in_spite);
            }
    // Both were seen.
    CHECK(failures > 30);
    CHECK(successes_in_spite > 100);
    CHECK(runtime.run(fibonacci(15)) == 610);
}

namespace {

weft::task<int> spawn_without_memory(int count, census& frames, std::atomic<int>& ran) {
    std::vector<weft::join_handle<int>> handles;
    handles.reserve(static_cast<std::size_t>(count));
    // So that the worker has places for tasks.
    std::atomic<int> before{0};
    co_await weft::spawn(leaf(counted(frames), before));
    int refused = 0;
    let_memory_fail_after(0);
    for (int each = 0; each < count; ++each) {
        try {
            handles.push_back(weft::spawn(leaf(counted(frames), ran)));
        } catch (std::bad_alloc const&) {
            ++refused;
        }
    }
    let_memory_succeed();
    int sum = 0;
    for (auto& each : handles) sum += co_await each;
    co_return sum + refused == count ? sum : -1;
}

}  // namespace

TEST_CASE("what spawn cannot put in line it refuses, and the others run", "[no_memory]") {
    const weft::test::watchdog guard{60s, "tasks spawned where no queue can grow"};
    for (const int count : {1, 255, 256, 257, 5000}) {
        weft::runtime runtime({.workers = 1});
        CAPTURE(count);
        census frames;
        std::atomic<int> ran{0};
        const int spawned = runtime.run(spawn_without_memory(count, frames, ran));
        CHECK(spawned == std::min(count, 256));
        CHECK(frames.alive == 0);
        CHECK(ran == spawned);
    }
}

namespace {

int number_of(counted const& given) { return given.number(); }

// Whether the function was called.
weft::task<bool> call_without_memory(long successes, census& objects) {
    counted const given(objects, 7);
    bool called = false;
    let_memory_fail_after(successes);
    try {
        called = co_await weft::to_thread(number_of, given) == 7;
    } catch (std::bad_alloc const&) {
    }
    let_memory_succeed();
    co_return called;
}

}  // namespace

TEST_CASE("to_thread without memory throws std::bad_alloc and calls nothing, or calls the function", "[no_memory][to_thread]") {
    const weft::test::watchdog guard{60s, "functions for which there is no memory"};
    int failures = 0;
    bool called = false;
    for (long successes = 0; successes < 1000 && !called; ++successes) {
        CAPTURE(successes);
        census objects;
        weft::runtime runtime({.workers = 1, .blocking_threads = 2});
        called = runtime.run(call_without_memory(successes, objects));
        failures += !called;
        CHECK(objects.alive == 0);
        CHECK(runtime.run(call_without_memory(-1, objects)));
    }
    CHECK(failures >= 3);  // the job, the thread's seat, the thread
    CHECK(called);
}

namespace {

weft::task<> never_started() { co_return; }

// Jobs for an injector; they are never resumed.
std::vector<weft::task<>> idle_jobs(std::size_t count) {
    std::vector<weft::task<>> made;
    for (std::size_t each = 0; each < count; ++each) made.push_back(never_started());
    return made;
}

// Whether it is in.
bool try_push(weft::detail::injector& door, weft::task<> const& entering) {
    try {
        door.push(entering.unstarted());
        return true;
    } catch (std::bad_alloc const&) {
        return false;
    }
}

}  // namespace

TEST_CASE("an injector without memory refuses jobs, and keeps and takes the others", "[no_memory][injector]") {
    auto const all = idle_jobs(3000);
    for (long successes = 0; successes < 40; ++successes) {
        CAPTURE(successes);
        weft::detail::injector door;
        std::vector<void*> in;
        const auto push_all = [&] {
            std::size_t refused = 0;
            for (auto const& each : all)
                if (try_push(door, each))
                    in.push_back(each.unstarted().address());
                else
                    ++refused;
            return refused;
        };
        const auto leave_in_order = [&] {
            for (void* const expected : in)
                if (door.pop().address() != expected) return false;
            in.clear();
            return door.empty() && !door.pop();
        };
        in.reserve(all.size());
        let_memory_fail_after(successes);
        const std::size_t refused = push_all();
        let_memory_succeed();
        // Each block is one page, for 32 jobs; one is always secured for who pushes.
        CHECK(refused >= all.size() - 32 * static_cast<std::size_t>(successes));
        CHECK(door.size() == all.size() - refused);
        REQUIRE(leave_in_order());
        REQUIRE(push_all() == 0);
        REQUIRE(leave_in_order());
        door.shrink();
        REQUIRE(push_all() == 0);
        REQUIRE(leave_in_order());
    }
}

TEST_CASE("an injector between threads whose memory fails now and then loses nothing", "[no_memory][injector]") {
    const weft::test::watchdog guard{60s, "injector without memory between threads"};
    constexpr std::size_t pushers = 3;
    constexpr std::size_t per_thread = 20'000;
    auto const all = idle_jobs(pushers * per_thread);
    weft::detail::injector door;
    std::vector<std::size_t> refused(pushers);
    std::atomic<std::size_t> pushing{pushers};
    std::vector<void*> left;
    left.reserve(all.size());
    std::vector<std::jthread> threads;
    const auto seed = weft::test::seed();
    for (std::size_t index = 0; index < pushers; ++index)
        threads.emplace_back([&, index] {
            std::mt19937_64 numbers(seed + index);
            for (std::size_t which = 0; which < per_thread; ++which) {
                let_memory_fail_after(numbers() % 4 == 0 ? static_cast<long>(numbers() % 2) : -1);
                refused[index] += !try_push(door, all[index * per_thread + which]);
                let_memory_succeed();
            }
            --pushing;
        });
    for (;;) {
        const bool last = pushing == 0;
        if (const auto popped = door.pop())
            left.push_back(popped.address());
        else if (last)
            break;
    }
    threads.clear();
    std::size_t refusals = 0;
    for (const std::size_t each : refused) refusals += each;
    std::ranges::sort(left);
    CHECK(left.size() + refusals == all.size());
    CHECK(std::ranges::adjacent_find(left) == left.end());
    CHECK(door.empty());
}
