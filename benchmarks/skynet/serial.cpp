// SPDX-License-Identifier: MIT
#include "../harness.hpp"
#include "problem.hpp"

namespace {

std::int64_t sum(skynet::node node) {
    if (node.is_leaf()) {
        return node.first;
    }
    std::int64_t total = 0;
    for (std::int64_t i = 0; i < skynet::children; ++i) {
        total += sum(node.child(i));
    }
    return total;
}

void serial(benchmark::State& state) {
    auto const leaves = state.range(0);
    auto const solve = [](std::int64_t input) { return sum(skynet::root(input)); };
    harness::measure(state, leaves, skynet::expected(leaves), skynet::nodes(leaves), solve);
}

BENCHMARK(serial)->Name("skynet/serial")->Apply([](auto* entry) { harness::each_size(entry, "leaves", skynet::sizes); });

}  // namespace
