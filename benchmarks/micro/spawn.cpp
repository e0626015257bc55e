// SPDX-License-Identifier: MIT
// A million background tasks that return at once: spawn them all, keep their handles, then await each. The peak memory is part of
// it.
#include "../harness.hpp"

#include <weft/weft.hpp>

#include <utility>

namespace {

weft::task<std::int64_t> echo(std::int64_t i) { co_return i; }

weft::task<std::int64_t> spawn_all(std::int64_t n) {
    std::vector<weft::join_handle<std::int64_t>> handles;
    handles.reserve(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
        handles.push_back(weft::spawn(echo(i)));
    }
    std::int64_t sum = 0;
    for (auto const& handle : handles) {
        sum += co_await handle;
    }
    co_return sum;
}

void on_weft(benchmark::State& state) {
    auto const n = state.range(0);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    runtime.run(spawn_all(n));  // to warm up
    harness::measure(state, n, n * (n - 1) / 2, n, [&](std::int64_t input) { return runtime.run(spawn_all(input)); });
}

BENCHMARK(on_weft)->Name("spawn/weft")->Apply([](auto* entry) {
    harness::each_size_and_thread_count(entry, "tasks", {1'000'000});
});

}  // namespace
