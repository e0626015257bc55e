// SPDX-License-Identifier: MIT
// A thousand tasks give way to each other a thousand times each. An item is one yield.
#include "../harness.hpp"

#include <weft/weft.hpp>

namespace {

constexpr std::int64_t yields = 1000;

weft::task<std::int64_t> give_way(std::int64_t times) {
    std::int64_t done = 0;
    for (; done < times; ++done) {
        co_await weft::yield();
    }
    co_return done;
}

weft::task<std::int64_t> all_give_way(std::int64_t tasks) {
    std::vector<weft::join_handle<std::int64_t>> handles;
    for (std::int64_t i = 0; i < tasks; ++i) {
        handles.push_back(weft::spawn(give_way(yields)));
    }
    std::int64_t done = 0;
    for (auto const& handle : handles) {
        done += co_await handle;
    }
    co_return done;
}

void on_weft(benchmark::State& state) {
    auto const tasks = state.range(0);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    runtime.run(all_give_way(tasks));  // to warm up
    harness::measure(state, tasks, tasks * yields, tasks * yields, [&](std::int64_t n) { return runtime.run(all_give_way(n)); });
}

BENCHMARK(on_weft)->Name("yield/weft")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "tasks", {1000}); });

}  // namespace
