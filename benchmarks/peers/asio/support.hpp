// SPDX-License-Identifier: MIT
// What Asio 1.22 leaves to its users: how to wait for several coroutines of a thread pool.
#pragma once

#include <asio.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace peer {

// With the pool's own executor in the type: nothing is type-erased, as it is with awaitable<T>.
using executor = asio::thread_pool::executor_type;
template <class Value = void>
using awaitable = asio::awaitable<Value, executor>;
inline constexpr asio::use_awaitable_t<executor> use_awaitable;

using clock = std::chrono::steady_clock;
using timer = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor>;

// Waits for n coroutines; store() and done() are what is given to co_spawn as their completion handlers.
// Boxed counters and promises (awaitable operators, use_future) cost more, and parallel groups of a number that is only known at
// run time came with a later Asio.
class wait_group {
public:
    explicit wait_group(std::int64_t n) : remaining_(n + 1) {}  // and one for the waiter itself

    template <class Value>
    auto store(Value& place) {
        return [this, &place](std::exception_ptr error, Value value) {
            if (error) {
                std::terminate();
            }
            place = value;
            arrive();
        };
    }

    auto done() {
        return [this](std::exception_ptr error) {
            if (error) {
                std::terminate();
            }
            arrive();
        };
    }

    awaitable<> wait() {
        auto const initiate = [this](auto&& resume) {
            waiter_.emplace(std::move(resume));
            if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                asio::post(take_waiter());  // not at once: the coroutine is still on its way into its suspension
            }
        };
        co_await asio::async_initiate<asio::use_awaitable_t<executor> const, void()>(initiate, use_awaitable);
    }

private:
    using handler = asio::async_result<asio::use_awaitable_t<executor>, void()>::handler_type;

    // The waiter may destroy this object as soon as it runs.
    void arrive() {
        if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            asio::dispatch(take_waiter());
        }
    }

    handler take_waiter() { return std::move(*waiter_); }

    // acq_rel: each side releases what it wrote, a child its result and the waiter its handler; who takes it to 0 acquires it all.
    std::atomic<std::int64_t> remaining_;
    std::optional<handler> waiter_;
};

// Runs a coroutine on the pool, from outside.
template <class Value>
Value run(asio::thread_pool& pool, awaitable<Value> main) {
    return asio::co_spawn(pool, std::move(main), asio::use_future).get();
}

using counters = std::vector<std::pair<std::string, double>>;

inline double seconds(clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

template <class Result, class Solve>
counters measure_cold(std::int64_t items, Result expected, Solve solve) {
    auto const start = clock::now();
    Result const result = solve();
    auto const time = clock::now() - start;
    if (result != expected) {
        throw std::runtime_error("wrong result: " + std::to_string(result));
    }
    return {{"items", static_cast<double>(items)}, {"seconds", seconds(time)}};
}

template <class Result, class Solve>
counters measure(std::int64_t items, Result expected, Solve solve) {
    solve();  // to warm up
    return measure_cold(items, expected, solve);
}

// Each workload by its name in main.cpp.
counters fib(std::int64_t n, unsigned threads);
counters skynet(std::int64_t leaves, unsigned threads);
counters nqueens(std::int64_t n, unsigned threads);
counters spawn(std::int64_t tasks, unsigned threads);
counters gather(std::int64_t tasks, unsigned threads);
counters yield(std::int64_t tasks, unsigned threads);
counters submit(std::int64_t pause_ms, unsigned threads);
counters sleep(std::int64_t ms, unsigned threads);
counters sleepers(std::int64_t tasks, unsigned threads);
counters arm_cancel(std::int64_t timers, unsigned threads);
counters loaded_sleep(std::int64_t ms, unsigned threads);
counters idle(std::int64_t sleepers, unsigned threads);

}  // namespace peer
