// SPDX-License-Identifier: MIT
// Each node spawns all children but the last on the pool and awaits the last one in place.
#include "../../fib/problem.hpp"
#include "../../nqueens/problem.hpp"
#include "../../skynet/problem.hpp"
#include "support.hpp"

#include <numeric>

namespace peer {

namespace {

awaitable<std::int64_t> fibonacci(std::int64_t n) {
    if (n < 2) {
        co_return n;
    }
    std::int64_t a = 0;
    wait_group forked(1);
    asio::co_spawn(co_await asio::this_coro::executor, fibonacci(n - 1), forked.store(a));
    std::int64_t const b = co_await fibonacci(n - 2);
    co_await forked.wait();
    co_return a + b;
}

awaitable<std::int64_t> sum(::skynet::node node) {
    if (node.is_leaf()) {
        co_return node.first;
    }
    auto const pool = co_await asio::this_coro::executor;
    std::array<std::int64_t, ::skynet::children> parts;
    wait_group forked(::skynet::children - 1);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        asio::co_spawn(pool, sum(node.child(static_cast<std::int64_t>(i))), forked.store(parts[i]));
    }
    parts.back() = co_await sum(node.child(::skynet::children - 1));
    co_await forked.wait();
    co_return std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
}

awaitable<int> count(int row, ::nqueens::board queens) {
    if (row == ::nqueens::n) {
        co_return 1;
    }
    auto const columns = ::nqueens::safe_columns(queens, row);
    if (columns.size() == 0) {
        co_return 0;
    }
    auto const pool = co_await asio::this_coro::executor;
    auto const last = columns.size() - 1;
    std::array<int, ::nqueens::n> parts;
    wait_group forked(static_cast<std::int64_t>(last));
    for (std::size_t i = 0; i < last; ++i) {
        asio::co_spawn(pool, count(row + 1, ::nqueens::with_queen(queens, row, columns[i])), forked.store(parts[i]));
    }
    parts[last] = co_await count(row + 1, ::nqueens::with_queen(queens, row, columns[last]));
    co_await forked.wait();
    co_return std::accumulate(parts.begin(), parts.begin() + columns.size(), 0);
}

}  // namespace

counters fib(std::int64_t n, unsigned threads) {
    asio::thread_pool pool(threads);
    return measure(::fib::calls(n), ::fib::expected(n), [&] { return run(pool, fibonacci(n)); });
}

counters skynet(std::int64_t leaves, unsigned threads) {
    asio::thread_pool pool(threads);
    return measure(::skynet::nodes(leaves), ::skynet::expected(leaves), [&] { return run(pool, sum(::skynet::root(leaves))); });
}

counters nqueens(std::int64_t n, unsigned threads) {
    if (n != ::nqueens::n) {
        throw std::runtime_error("the board is " + std::to_string(::nqueens::n) + " wide");
    }
    asio::thread_pool pool(threads);
    // A small one to warm up: the whole holds gigabytes.
    run(pool, count(::nqueens::n - 2, ::nqueens::board{}));
    return measure_cold(::nqueens::nodes, ::nqueens::expected, [&] { return run(pool, count(0, ::nqueens::board{})); });
}

}  // namespace peer
