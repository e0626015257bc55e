// SPDX-License-Identifier: MIT
#include "../../micro/percentiles.hpp"
#include "support.hpp"

#include <numeric>
#include <thread>

namespace peer {

namespace {

awaitable<std::int64_t> echo(std::int64_t i) { co_return i; }

// Asio has no handle of a coroutine that another one can await: where each result goes and one group for all is the idiom, for
// `spawn` and for `gather`.
awaitable<std::int64_t> echo_all(std::int64_t n) {
    auto const pool = co_await asio::this_coro::executor;
    std::vector<std::int64_t> results(static_cast<std::size_t>(n));
    wait_group spawned(n);
    for (std::int64_t i = 0; i < n; ++i) {
        asio::co_spawn(pool, echo(i), spawned.store(results[static_cast<std::size_t>(i)]));
    }
    co_await spawned.wait();
    co_return std::accumulate(results.begin(), results.end(), std::int64_t{0});
}

counters echoes(std::int64_t n, unsigned threads) {
    asio::thread_pool pool(threads);
    return measure(n, n * (n - 1) / 2, [&] { return run(pool, echo_all(n)); });
}

constexpr std::int64_t yields = 1000;

awaitable<std::int64_t> give_way(std::int64_t times) {
    auto const pool = co_await asio::this_coro::executor;
    std::int64_t done = 0;
    for (; done < times; ++done) {
        co_await asio::post(pool, use_awaitable);
    }
    co_return done;
}

awaitable<std::int64_t> all_give_way(std::int64_t tasks) {
    auto const pool = co_await asio::this_coro::executor;
    std::vector<std::int64_t> done(static_cast<std::size_t>(tasks));
    wait_group spawned(tasks);
    for (auto& one : done) {
        asio::co_spawn(pool, give_way(yields), spawned.store(one));
    }
    co_await spawned.wait();
    co_return std::accumulate(done.begin(), done.end(), std::int64_t{0});
}

}  // namespace

counters spawn(std::int64_t tasks, unsigned threads) { return echoes(tasks, threads); }
counters gather(std::int64_t tasks, unsigned threads) { return echoes(tasks, threads); }

counters yield(std::int64_t tasks, unsigned threads) {
    asio::thread_pool pool(threads);
    return measure(tasks * yields, tasks * yields, [&] { return run(pool, all_give_way(tasks)); });
}

counters submit(std::int64_t pause_ms, unsigned threads) {
    constexpr int round_trips = 500;
    asio::thread_pool pool(threads);
    auto const round_trip = [&](int i) {
        if (run(pool, echo(i)) != i) {
            throw std::runtime_error("wrong result");
        }
    };
    if (pause_ms == 0) {
        for (int i = 0; i < round_trips; ++i) {
            round_trip(i);  // to warm up
        }
    }
    micro::percentiles latency;
    auto const first = clock::now();
    for (int i = 0; i < round_trips; ++i) {
        if (pause_ms > 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
        }
        auto const start = clock::now();
        round_trip(i);
        latency.add(clock::now() - start);
    }
    return {{"items", round_trips},
            {"seconds", seconds(clock::now() - first)},
            {"p50_us", latency.at(0.50)},
            {"p99_us", latency.at(0.99)}};
}

}  // namespace peer
