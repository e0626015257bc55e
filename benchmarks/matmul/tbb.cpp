// SPDX-License-Identifier: MIT
#include "../tbb_threads.hpp"
#include "measure.hpp"

#include <oneapi/tbb/parallel_invoke.h>

namespace {

void multiply(matmul::product whole) {
    if (whole.is_leaf()) {
        matmul::multiply_leaf(whole);
        return;
    }
    for (std::size_t inner = 0; inner < 2; ++inner) {
        oneapi::tbb::parallel_invoke([=] { multiply(whole.part(0, 0, inner)); }, [=] { multiply(whole.part(0, 1, inner)); },
                                     [=] { multiply(whole.part(1, 0, inner)); }, [=] { multiply(whole.part(1, 1, inner)); });
    }
}

void on_tbb(benchmark::State& state) {
    harness::tbb_threads threads(state.range(1));
    matmul::measure(state, [&](matmul::product whole) { threads.run([&] { multiply(whole); }); });
}

BENCHMARK(on_tbb)->Name("matmul/tbb")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "n", matmul::sizes); });

}  // namespace
