// SPDX-License-Identifier: MIT
#include "../../harness.hpp"
#include "../../micro/deadlines.hpp"
#include "../../micro/percentiles.hpp"
#include "support.hpp"

#include <future>
#include <numeric>
#include <random>
#include <thread>

namespace peer {

namespace {

using namespace std::chrono_literals;

awaitable<> sleep_for(clock::duration duration) {
    timer sleeping(co_await asio::this_coro::executor, duration);
    co_await sleeping.async_wait(use_awaitable);
}

awaitable<int> nap(int times, clock::duration duration, micro::percentiles& lateness) {
    int early = 0;
    for (int i = 0; i < times; ++i) {
        auto const deadline = clock::now() + duration;
        co_await sleep_for(duration);
        auto const late = clock::now() - deadline;
        early += late < 0ns;
        lateness.add(late);
    }
    co_return early;
}

awaitable<> sleeper(std::chrono::milliseconds duration, micro::deadlines& all) {
    auto const deadline = all.in(duration);
    timer sleeping(co_await asio::this_coro::executor, duration);
    co_await sleeping.async_wait(use_awaitable);
    all.woke(deadline);
}

awaitable<std::int64_t> sleep_all(std::int64_t n, micro::deadlines& all) {
    auto const pool = co_await asio::this_coro::executor;
    std::minstd_rand random(1);
    std::uniform_int_distribution<int> milliseconds(1, 1000);
    wait_group sleeping(n);
    for (std::int64_t i = 0; i < n; ++i) {
        asio::co_spawn(pool, sleeper(std::chrono::milliseconds(milliseconds(random)), all), sleeping.done());
    }
    co_await sleeping.wait();
    co_return n;
}

// A cancelled timer's handler is not dropped but queued, for any of the threads, and the timer itself goes on to the next one.
// Every 1000 timers the coroutine gives way until all handlers have been run, so that there are never more of them.
awaitable<std::int64_t> arm_and_cancel(std::int64_t timers) {
    auto const pool = co_await asio::this_coro::executor;
    timer limit(pool);
    std::atomic<std::int64_t> called{0};
    std::atomic<std::int64_t> aborted{0};
    for (std::int64_t armed = 1; armed <= timers; ++armed) {
        limit.expires_after(30s);
        limit.async_wait([&](asio::error_code error) {
            if (error == asio::error::operation_aborted) {
                aborted.fetch_add(1, std::memory_order_relaxed);
            }
            called.fetch_add(1, std::memory_order_release);  // the last that touches the coroutine
        });
        limit.cancel();
        if (armed % 1000 == 0 || armed == timers) {
            while (called.load(std::memory_order_acquire) < armed) {
                co_await asio::post(pool, use_awaitable);
            }
        }
    }
    co_return aborted.load(std::memory_order_relaxed);
}

awaitable<std::int64_t> all_arm_and_cancel(std::int64_t timers, unsigned threads) {
    auto const pool = co_await asio::this_coro::executor;
    std::vector<std::int64_t> cancelled(threads);
    wait_group spawned(threads);
    for (std::int64_t i = 0; i < threads; ++i) {
        auto const share = timers * (i + 1) / threads - timers * i / threads;
        asio::co_spawn(pool, arm_and_cancel(share), spawned.store(cancelled[static_cast<std::size_t>(i)]));
    }
    co_await spawned.wait();
    co_return std::accumulate(cancelled.begin(), cancelled.end(), std::int64_t{0});
}

// For 50 to 150 µs each time: were it always the same, every sleep would end at the same place of a round, and its lateness would
// say where. By the clock, so that no peer's compiler makes it shorter.
awaitable<> compute(std::atomic<bool> const& stop) {
    auto const pool = co_await asio::this_coro::executor;
    for (int turn = 0; !stop.load(std::memory_order_relaxed); ++turn) {
        for (auto const end = clock::now() + (50 + turn * 37 % 101) * 1us; clock::now() < end;) {
        }
        co_await asio::post(pool, use_awaitable);
    }
}

awaitable<int> nap_beside(std::int64_t computing, int times, clock::duration duration, micro::percentiles& lateness) {
    auto const pool = co_await asio::this_coro::executor;
    std::atomic<bool> stop{false};
    wait_group spawned(computing);
    for (std::int64_t i = 0; i < computing; ++i) {
        asio::co_spawn(pool, compute(stop), spawned.done());
    }
    int const early = co_await nap(times, duration, lateness);
    stop.store(true, std::memory_order_relaxed);
    co_await spawned.wait();
    co_return early;
}

counters naps(std::int64_t ms, unsigned threads, std::int64_t computing) {
    constexpr int times = 500;
    asio::thread_pool pool(threads);
    micro::percentiles lateness;
    auto const start = clock::now();
    int const early = run(pool, nap_beside(computing, times, std::chrono::milliseconds(ms), lateness));
    return {{"items", times},
            {"seconds", seconds(clock::now() - start)},
            {"early", early},
            {"p50_us", lateness.at(0.50)},
            {"p99_us", lateness.at(0.99)}};
}

}  // namespace

counters sleep(std::int64_t ms, unsigned threads) { return naps(ms, threads, 0); }
counters loaded_sleep(std::int64_t ms, unsigned threads) { return naps(ms, threads, 2 * std::int64_t{threads}); }

counters arm_cancel(std::int64_t timers, unsigned threads) {
    asio::thread_pool pool(threads);
    return measure(timers, timers, [&] { return run(pool, all_arm_and_cancel(timers, threads)); });
}

counters sleepers(std::int64_t tasks, unsigned threads) {
    auto const rss = harness::peak_rss_bytes();
    auto const cpu = harness::cpu_seconds();
    asio::thread_pool pool(threads);
    micro::deadlines all;
    auto const start = clock::now();
    run(pool, sleep_all(tasks, all));
    auto const end = clock::now();
    return {{"items", static_cast<double>(tasks)},
            {"seconds", seconds(end - start)},
            {"early", static_cast<double>(all.early())},
            {"beyond_1s_ms", seconds(end - start - 1s) * 1e3},
            {"late_ms", seconds(end - all.last()) * 1e3},
            {"cpu_s", harness::cpu_seconds() - cpu},
            {"rss_bytes_per_task", (harness::peak_rss_bytes() - rss) / static_cast<double>(tasks)}};
}

counters idle(std::int64_t sleepers, unsigned threads) {
    asio::thread_pool pool(threads);
    std::vector<std::future<void>> ended;
    for (std::int64_t i = 0; i < sleepers; ++i) {
        ended.push_back(asio::co_spawn(pool, sleep_for(5500ms), asio::use_future));
    }
    std::this_thread::sleep_for(200ms);
    auto const before = harness::cpu_seconds();
    std::this_thread::sleep_for(5s);
    auto const cpu = harness::cpu_seconds() - before;
    for (auto& sleep : ended) {
        sleep.get();
    }
    return {{"items", 1}, {"seconds", 5}, {"cpu_ms", cpu * 1e3}};
}

}  // namespace peer
