// SPDX-License-Identifier: MIT
// A million time limits of 30 s that do not pass, one after the other, on one worker. An item is one wait_for, or one block.
//   wait_for_ready      wait_for around a task that returns at once: its timer is never armed
//   wait_for_yield      around one that suspends once, with a yield: a timer is armed and cancelled
//   wait_for_handle     around the handle of a spawned task: it is spawned, awaited within the limit, and ends
//   timeout_ready, timeout_yield   the same await inside a block with a timeout, without a task of its own
// without_limit_... is the same without a limit.
#include "../harness.hpp"

#include <weft/weft.hpp>

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t limits = 1'000'000;

weft::task<std::int64_t> ready() { co_return 1; }

weft::task<std::int64_t> yielding() {
    co_await weft::yield();
    co_return 1;
}

template <weft::task<std::int64_t> (*awaited)()>
weft::task<std::int64_t> plain(std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        sum += co_await awaited();
    }
    co_return sum;
}

template <weft::task<std::int64_t> (*awaited)()>
weft::task<std::int64_t> limited(std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        sum += co_await weft::wait_for(awaited(), 30s);
    }
    co_return sum;
}

template <weft::task<std::int64_t> (*awaited)()>
weft::task<std::int64_t> in_a_block(std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        auto const limit = co_await weft::timeout(30s);
        sum += co_await awaited();
    }
    co_return sum;
}

weft::task<std::int64_t> handles(std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        sum += co_await weft::spawn(ready());
    }
    co_return sum;
}

weft::task<std::int64_t> limited_handles(std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        sum += co_await weft::wait_for(weft::spawn(ready()), 30s);
    }
    co_return sum;
}

template <weft::task<std::int64_t> (*await_all)(std::int64_t)>
void on_weft(benchmark::State& state) {
    weft::runtime runtime({.workers = 1});
    runtime.run(await_all(limits));  // to warm up
    harness::measure(state, limits, limits, limits, [&](std::int64_t n) { return runtime.run(await_all(n)); });
}

template <weft::task<std::int64_t> (*await_all)(std::int64_t)>
void add(char const* name) {
    benchmark::RegisterBenchmark(name, on_weft<await_all>)->UseRealTime()->Unit(benchmark::kMillisecond);
}

[[maybe_unused]] bool const added = [] {
    add<limited<ready>>("wait_for_ready/weft/limits:1000000/threads:1");
    add<in_a_block<ready>>("timeout_ready/weft/limits:1000000/threads:1");
    add<plain<ready>>("without_limit_ready/weft/limits:1000000/threads:1");
    add<limited<yielding>>("wait_for_yield/weft/limits:1000000/threads:1");
    add<in_a_block<yielding>>("timeout_yield/weft/limits:1000000/threads:1");
    add<plain<yielding>>("without_limit_yield/weft/limits:1000000/threads:1");
    add<limited_handles>("wait_for_handle/weft/limits:1000000/threads:1");
    add<handles>("without_limit_handle/weft/limits:1000000/threads:1");
    return true;
}();

}  // namespace
