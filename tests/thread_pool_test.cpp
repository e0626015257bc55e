// SPDX-License-Identifier: MIT
// The pool behind to_thread, alone: how many threads there are, and who gets the next job.
#include "support/catch.hpp"
#include "support/no_more_threads.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>

#include "thread_pool.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <latch>
#include <random>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::detail::pool_job;
using weft::detail::thread_pool;
using weft::test::watchdog;

namespace {

namespace config = weft::detail::config;

constexpr std::int64_t long_time = 3'600'000'000'000;
constexpr std::int64_t short_time = 1'000'000;

struct call : pool_job {
    explicit call(std::function<void()> what) : pool_job{&run_it, &tell_it}, function(std::move(what)) {}

    static bool run_it(pool_job& job) noexcept {
        static_cast<call&>(job).function();
        return true;
    }
    static void tell_it(pool_job& job) noexcept {
        if (static_cast<call&>(job).telling) static_cast<call&>(job).telling();
        auto& done = static_cast<call&>(job).done;
        done.store(true);
        done.notify_all();  // `done` stays: whoever waits for it destroys the call later
    }
    void wait() const { done.wait(false); }

    std::function<void()> function;
    std::function<void()> telling;
    std::atomic<bool> done{false};
};

void push(thread_pool& pool, call& job) {
    pool.expect();
    thread_pool::wake(pool.push(job));
}

template <class Condition>
void wait_until(Condition condition) {
    while (!condition()) std::this_thread::sleep_for(100us);
}

}  // namespace

TEST_CASE("a pool has no thread before the first job, and one for jobs one after the other", "[thread_pool]") {
    watchdog const guard(30s, "one after the other");
    thread_pool pool("test", 8, long_time);
    CHECK(pool.now().threads == 0);
    std::set<std::thread::id> threads;
    std::deque<call> jobs;  // wait() may return before notify_all is done with the last one
    for (int round = 0; round < 1000; ++round) {
        call& job = jobs.emplace_back([&] { threads.insert(std::this_thread::get_id()); });
        push(pool, job);
        job.wait();
    }
    CHECK(threads.size() == 1);
    CHECK(pool.now().threads == 1);
    CHECK(threads.count(std::this_thread::get_id()) == 0);
    pool.stop();
}

TEST_CASE("a thread is free again when it tells of a job: the next one needs no other", "[thread_pool]") {
    watchdog const guard(30s, "free again");
    thread_pool pool("test", 8, long_time);
    call first([] {});
    call second([] {});
    thread_pool::census before{};
    thread_pool::census after{};
    first.function = [&] { before = pool.now(); };
    first.telling = [&] {
        push(pool, second);
        after = pool.now();
    };
    push(pool, first);
    second.wait();
    CHECK(before.free == 0);
    CHECK(after.threads == 1);
    CHECK(after.free == 1);
    CHECK(after.jobs == 1);
    pool.stop();
}

TEST_CASE("a pool has as many threads as jobs at once, and not more than it may have", "[thread_pool]") {
    watchdog const guard(30s, "as many as jobs");
    auto const most = GENERATE(1u, 3u, 8u);
    thread_pool pool("test", most, long_time);
    std::latch all_there(most);
    std::latch go(1);
    std::atomic<unsigned> now = 0;
    std::atomic<unsigned> at_once = 0;
    auto const body = [&] {
        unsigned const here = ++now;
        for (unsigned seen = at_once; here > seen && !at_once.compare_exchange_weak(seen, here);) {
        }
        if (!go.try_wait()) {
            all_there.count_down();
            go.wait();
        }
        --now;
    };
    std::deque<call> jobs;
    for (unsigned number = 0; number < most; ++number) {
        push(pool, jobs.emplace_back(body));
        CHECK(pool.now().threads == number + 1);
    }
    all_there.wait();
    for (unsigned number = 0; number < 3 * most; ++number) push(pool, jobs.emplace_back(body));
    auto const busy = pool.now();
    CHECK(busy.threads == most);
    CHECK(busy.free == 0);
    CHECK(busy.jobs == 3 * most);
    go.count_down();
    for (call const& each : jobs) each.wait();
    CHECK(at_once == most);
    pool.stop();
}

TEST_CASE("jobs that must wait begin in the order in which they came; who is removed does not begin", "[thread_pool]") {
    watchdog const guard(30s, "order");
    thread_pool pool("test", 1, long_time);
    std::latch begun(1);
    std::latch go(1);
    std::vector<int> order;
    std::deque<call> jobs;
    push(pool, jobs.emplace_back([&] {
        begun.count_down();
        go.wait();
    }));
    begun.wait();
    for (int number = 0; number < 50; ++number) push(pool, jobs.emplace_back([&order, number] { order.push_back(number); }));
    CHECK_FALSE(pool.remove(jobs[0]));  // runs
    std::vector<int> expected;
    for (int number = 0; number < 50; ++number) {
        // The first, the last, one alone, neighbours.
        bool const out = number == 0 || number == 49 || number == 7 || number == 20 || number == 21;
        if (out) {
            CHECK(pool.remove(jobs[static_cast<std::size_t>(number) + 1]));
            CHECK_FALSE(pool.remove(jobs[static_cast<std::size_t>(number) + 1]));
        } else {
            expected.push_back(number);
        }
    }
    CHECK(pool.now().jobs == expected.size());
    go.count_down();
    pool.stop();  // what stands in line is done before
    CHECK(order == expected);
    CHECK_FALSE(pool.remove(jobs[10]));
}

TEST_CASE("a queue that was emptied by removing takes jobs again", "[thread_pool]") {
    watchdog const guard(30s, "emptied");
    thread_pool pool("test", 1, long_time);
    std::latch go(1);
    std::deque<call> jobs;
    push(pool, jobs.emplace_back([&] { go.wait(); }));
    wait_until([&] { return pool.now().jobs == 0; });
    int done = 0;
    for (int round = 0; round < 3; ++round) {
        push(pool, jobs.emplace_back([&] { ++done; }));
        CHECK(pool.remove(jobs.back()));
    }
    push(pool, jobs.emplace_back([&] { done += 100; }));
    go.count_down();
    jobs.back().wait();
    CHECK(done == 100);
    pool.stop();
}

TEST_CASE("threads that are idle end, and others begin when there are jobs again", "[thread_pool]") {
    watchdog const guard(30s, "shrinking");
    thread_pool pool("test", 6, short_time);
    for (int round = 0; round < 5; ++round) {
        std::latch both(7);
        std::deque<call> jobs;
        for (int number = 0; number < 6; ++number) push(pool, jobs.emplace_back([&] { both.arrive_and_wait(); }));
        CHECK(pool.now().threads == 6);
        both.count_down();
        for (call const& each : jobs) each.wait();
        wait_until([&] { return pool.now().threads == 0; });
        CHECK(pool.now().free == 0);
    }
    pool.stop();
}

TEST_CASE("threads that are not needed end while one works", "[thread_pool]") {
    watchdog const guard(30s, "not needed");
    constexpr std::int64_t keep_alive = 50'000'000;
    thread_pool pool("test", 4, keep_alive);
    auto const begin = std::chrono::steady_clock::now();
    std::latch all(4);
    std::deque<call> jobs;
    for (int number = 0; number < 4; ++number) push(pool, jobs.emplace_back([&] { all.arrive_and_wait(); }));
    for (call const& each : jobs) each.wait();
    // One job every now and then: always for the same thread, and the others have nothing to do.
    while (pool.now().threads > 1) {
        std::this_thread::sleep_for(1ms);
        push(pool, jobs.emplace_back([] {}));
        jobs.back().wait();
    }
    CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::nanoseconds(keep_alive));
    pool.stop();
}

TEST_CASE("an idle thread stays for as long as it is told", "[thread_pool]") {
    watchdog const guard(30s, "stays");
    CHECK(thread_pool::default_keep_alive == std::chrono::nanoseconds(10s).count());
    thread_pool pool("test", 2, 200'000'000);
    call first([] {});
    auto const begin = std::chrono::steady_clock::now();
    push(pool, first);
    first.wait();
    wait_until([&] { return pool.now().threads == 0; });
    CHECK(std::chrono::steady_clock::now() - begin >= 200ms);
    pool.stop();
}

TEST_CASE("the end of a pool waits for jobs that run, and for threads that are about to end", "[thread_pool]") {
    watchdog const guard(60s, "the end");
    int wrong = 0;
    for (int round = 0; round < 200; ++round) {
        std::atomic<int> done = 0;
        std::deque<call> jobs;
        {
            thread_pool pool("test", 3, round % 2 ? long_time : 20'000);
            for (int number = 0; number < 5; ++number)
                push(pool, jobs.emplace_back([&, round] {
                    std::this_thread::sleep_for(std::chrono::microseconds(round));
                    ++done;
                }));
            if (round % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 3));
        }
        wrong += done != 5;
    }
    CHECK(wrong == 0);
}

TEST_CASE("jobs that come as threads end are all done", "[thread_pool][random]") {
    watchdog const guard(120s, "as threads end");
    CAPTURE(weft::test::seed());
    std::mt19937_64 engine(weft::test::seed());
    int const rounds = weft::test::scaled(config::tsan || config::asan ? 1'000 : 3'000);
    thread_pool pool("test", 2, 30'000);
    std::atomic<int> done = 0;
    std::deque<call> jobs;
    for (int round = 0; round < rounds; ++round) {
        int const together = 1 + static_cast<int>(engine() % 3);
        for (int number = 0; number < together; ++number) push(pool, jobs.emplace_back([&] { ++done; }));
        for (int number = 1; number <= together; ++number) jobs[jobs.size() - static_cast<std::size_t>(number)].wait();
        // About as long as an idle thread stays.
        std::this_thread::sleep_for(std::chrono::nanoseconds(engine() % 60'000));
    }
    CHECK(static_cast<std::size_t>(done.load()) == jobs.size());
    wait_until([&] { return pool.now().threads == 0; });
    CHECK(pool.now().jobs == 0);
    pool.stop();
}

TEST_CASE("a job that is expected keeps a thread", "[thread_pool]") {
    watchdog const guard(30s, "expected");
    thread_pool pool("test", 2, short_time);
    pool.expect();
    CHECK(pool.now().threads == 1);
    std::this_thread::sleep_for(20ms);
    CHECK(pool.now().threads == 1);
    pool.expect_no_more();
    wait_until([&] { return pool.now().threads == 0; });
    pool.stop();
}

TEST_CASE("where no thread can be started, the error comes out, or the job waits for another thread", "[thread_pool]") {
    watchdog const guard(30s, "no more threads");
    thread_pool pool("test", 4, short_time);
    call first([] {});
    {
        weft::test::no_more_threads const none;
        CHECK_THROWS_AS(pool.expect(), std::system_error);
        CHECK(pool.now().threads == 0);
        CHECK(pool.now().jobs == 0);
    }
    std::latch go(1);
    call busy([&] { go.wait(); });
    push(pool, busy);
    {
        weft::test::no_more_threads const none;
        CHECK_NOTHROW(pool.expect());
        thread_pool::wake(pool.push(first));
        CHECK(pool.now().threads == 1);
    }
    go.count_down();
    first.wait();
    wait_until([&] { return pool.now().threads == 0; });
    pool.stop();
}

TEST_CASE("a pool knows its own threads", "[thread_pool]") {
    watchdog const guard(30s, "its own");
    thread_pool pool("test", 2, long_time);
    CHECK_FALSE(pool.has_this_thread());
    bool inside = false;
    call asks([&] { inside = pool.has_this_thread(); });
    push(pool, asks);
    asks.wait();
    CHECK(inside);
    CHECK_FALSE(pool.has_this_thread());
    pool.stop();
}
