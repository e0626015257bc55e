// SPDX-License-Identifier: MIT
#include "../../harness.hpp"
#include "../../micro/deadlines.hpp"
#include "../../micro/percentiles.hpp"
#include "support.hpp"

#include <future>
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

}  // namespace

counters sleep(std::int64_t ms, unsigned threads) {
    constexpr int naps = 500;
    asio::thread_pool pool(threads);
    micro::percentiles lateness;
    auto const start = clock::now();
    int const early = run(pool, nap(naps, std::chrono::milliseconds(ms), lateness));
    return {{"items", naps},
            {"seconds", seconds(clock::now() - start)},
            {"early", early},
            {"p50_us", lateness.at(0.50)},
            {"p99_us", lateness.at(0.99)}};
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
