// SPDX-License-Identifier: MIT
// parallel_invoke is oneTBB's fastest way to run ten children. With 10^6 leaves and two threads: parallel_invoke 20.7 ms,
// parallel_for (simple_partitioner) 23.8, parallel_reduce 24.6, task_group 26.6.
#include "../harness.hpp"
#include "../tbb_threads.hpp"
#include "problem.hpp"

#include <oneapi/tbb/parallel_invoke.h>

#include <numeric>

namespace {

std::int64_t sum(skynet::node node) {
    if (node.is_leaf()) {
        return node.first;
    }
    std::array<std::int64_t, skynet::children> parts;
    auto const child = [&](std::size_t i) {
        return [&parts, node, i] { parts[i] = sum(node.child(static_cast<std::int64_t>(i))); };
    };
    oneapi::tbb::parallel_invoke(child(0), child(1), child(2), child(3), child(4), child(5), child(6), child(7), child(8),
                                 child(9));
    return std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
}

void on_tbb(benchmark::State& state) {
    auto const leaves = state.range(0);
    harness::tbb_threads threads(state.range(1));
    auto const solve = [&](std::int64_t input) { return threads.run([&] { return sum(skynet::root(input)); }); };
    solve(skynet::warm_up);
    harness::measure(state, leaves, skynet::expected(leaves), skynet::nodes(leaves), solve);
}

BENCHMARK(on_tbb)->Name("skynet/tbb")->Apply([](auto* entry) {
    harness::each_size_and_thread_count(entry, "leaves", skynet::sizes);
});

}  // namespace
