// SPDX-License-Identifier: MIT
// Memory runs out at every operator new of a gather in turn, of spawn, and of to_thread: what could not begin is a std::bad_alloc,
// nothing is lost, and the runtime goes on. Frames come from an allocator of their own, which does not fail here.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

using namespace std::chrono_literals;
using weft::test::census;
using weft::test::counted;

namespace {

// How many more allocations succeed on this thread; negative: all.
constinit thread_local long allocations_left = -1;

}  // namespace

void* operator new(std::size_t size) {
    if (allocations_left == 0) throw std::bad_alloc();
    if (allocations_left > 0) --allocations_left;
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::nothrow_t const&) noexcept { std::free(memory); }

namespace {

// Set on the worker, by a function of its own: a coroutine would keep the variable's address over a suspension.
[[gnu::noinline]] void let_fail_after(long successes) { allocations_left = successes; }
[[gnu::noinline]] void let_succeed() { allocations_left = -1; }

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
    let_fail_after(successes);
    try {
        auto const results = co_await weft::gather(std::move(children));
        seen.results = results.size();
    } catch (std::bad_alloc const&) {
        seen.failed = true;
    }
    let_succeed();
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
    let_fail_after(0);
    for (int each = 0; each < count; ++each) {
        try {
            handles.push_back(weft::spawn(leaf(counted(frames), ran)));
        } catch (std::bad_alloc const&) {
            ++refused;
        }
    }
    let_succeed();
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
    let_fail_after(successes);
    try {
        called = co_await weft::to_thread(number_of, given) == 7;
    } catch (std::bad_alloc const&) {
    }
    let_succeed();
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
