// SPDX-License-Identifier: MIT
// The n-th thread cannot be started, for every n: what needs it throws std::system_error or does without it, nothing is left
// running, and the next attempt works.
#include "support/catch.hpp"
#include "support/threads.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <latch>
#include <memory>
#include <system_error>
#include <vector>

#include <dlfcn.h>
#include <pthread.h>

using namespace std::chrono_literals;

namespace {

constinit std::atomic<long> until_failure{-1};  // threads that start before; negative: all do
constinit std::atomic<long> failures_left{0};

bool refuses_thread() noexcept {
    long const before = until_failure.load();
    if (before < 0 || until_failure.fetch_sub(1) != 0) return false;
    if (failures_left.fetch_sub(1) > 1) until_failure.store(0);
    return true;
}

class failing_threads {
public:
    explicit failing_threads(long successes, long how_many = 1) {
        failures_left = how_many;
        until_failure = successes;
    }
    failing_threads(failing_threads const&) = delete;
    failing_threads& operator=(failing_threads const&) = delete;
    ~failing_threads() { until_failure = -1; }
    // Whether all have failed.
    [[nodiscard]] bool used() const { return failures_left == 0; }
};

std::size_t threads_now() { return weft::test::living_threads().size(); }

weft::task<int> two_steps() {
    co_await weft::yield();
    co_return 42;
}

}  // namespace

// In front of that of the C library, which the standard library calls.
extern "C" int pthread_create(pthread_t* thread, pthread_attr_t const* attributes, void* (*start)(void*), void* argument) {
    static auto const next = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
    return refuses_thread() ? EAGAIN : next(thread, attributes, start, argument);
}

TEST_CASE("whichever worker's thread cannot be started, there is no runtime, and the next one works", "[no_threads]") {
    const weft::test::watchdog guard{60s, "runtimes without threads"};
    const auto before = threads_now();
    for (const unsigned workers : {1u, 2u, 8u})
        for (long n = 0; n <= workers; ++n) {
            CAPTURE(workers, n);
            {
                const failing_threads failing(n);
                if (n < workers) {
                    CHECK_THROWS_AS(weft::runtime({.workers = workers}), std::system_error);
                    CHECK(failing.used());
                } else {
                    CHECK(weft::runtime({.workers = workers}).run(two_steps()) == 42);
                }
            }
            CHECK(threads_now() == before);
            CHECK(weft::run(two_steps(), {.workers = workers}) == 42);
        }
}

TEST_CASE("where the thread that hears signals cannot be started, run throws and has begun nothing", "[no_threads][signals]") {
    const weft::test::watchdog guard{60s, "signals without a thread"};
    for (const unsigned workers : {1u, 2u}) {
        weft::runtime runtime({.workers = workers, .handle_signals = true});
        const auto before = threads_now();
        for (int time = 0; time < 3; ++time) {
            bool begun = false;
            const auto begin = [&]() -> weft::task<> {
                begun = true;
                co_return;
            };
            {
                const failing_threads failing(0);
                CHECK_THROWS_AS(runtime.run(begin), std::system_error);
                CHECK(failing.used());
            }
            CHECK(!begun);
            CHECK(threads_now() == before);
            CHECK(runtime.run(two_steps()) == 42);
        }
    }
}

namespace {

int busy(std::latch& all) {
    all.arrive_and_wait();
    return 1;
}

weft::task<int> call_all(int count, std::latch& all) {
    std::vector<weft::task<int>> calls;
    for (int each = 0; each < count; ++each) calls.push_back(weft::to_thread(busy, std::ref(all)));
    int sum = 0;
    for (int const each : co_await weft::gather(std::move(calls))) sum += each;
    co_return sum;
}

int one() { return 1; }

weft::task<int> call_one_by_one(int count) {
    int sum = 0;
    std::vector<weft::task<int>> calls;
    for (int each = 0; each < count; ++each) calls.push_back(weft::to_thread(one));
    for (auto& end : co_await weft::gather(weft::return_exceptions, std::move(calls))) {
        try {
            sum += end.value();
        } catch (std::system_error const&) {
        }
    }
    co_return sum;
}

}  // namespace

TEST_CASE("whichever thread for functions cannot be started, the others call them, or nobody does", "[no_threads][to_thread]") {
    const weft::test::watchdog guard{60s, "functions without threads"};
    constexpr int most = 4;
    for (const unsigned workers : {1u, 2u})
        for (long n = 0; n <= most; ++n)
            for (const long how_many : {1L, 100L}) {
                CAPTURE(workers, n, how_many);
                const auto before = threads_now();
                {
                    weft::runtime runtime({.workers = workers, .blocking_threads = most});
                    {
                        const failing_threads failing(n, how_many);
                        const int sum = runtime.run(call_one_by_one(most));
                        // The first function has no other thread to wait for; the next one asks for one anew.
                        const bool none = n == 0 && how_many > 1;
                        CHECK(sum >= (none ? 0 : most - 1));
                        CHECK(sum <= (none ? 0 : most));
                        if (n > 0) CHECK(sum == most);
                    }
                    // All threads that there may be are there when they are needed.
                    std::latch all{most};
                    CHECK(runtime.run(call_all(most, all)) == most);
                }
                CHECK(threads_now() == before);
            }
}
