// SPDX-License-Identifier: MIT
// A thread outside runs a task that returns at once, ten thousand times: what one `runtime::run` costs.
#include "../harness.hpp"

#include <weft/weft.hpp>

namespace {

weft::task<std::int64_t> echo(std::int64_t i) { co_return i; }

std::int64_t run_one_by_one(weft::runtime& runtime, std::int64_t runs) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < runs; ++i) {
        sum += runtime.run(echo(i));
    }
    return sum;
}

void on_weft(benchmark::State& state) {
    auto const runs = state.range(0);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    harness::measure(state, runs, runs * (runs - 1) / 2, runs, [&](std::int64_t input) { return run_one_by_one(runtime, input); });
}

BENCHMARK(on_weft)->Name("run/weft")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "runs", {10'000}); });

}  // namespace
