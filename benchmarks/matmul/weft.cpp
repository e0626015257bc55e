// SPDX-License-Identifier: MIT
#include "measure.hpp"

#include <weft/weft.hpp>

namespace {

weft::task<> multiply(matmul::product whole) {
    if (whole.is_leaf()) {
        matmul::multiply_leaf(whole);
        co_return;
    }
    for (std::size_t inner = 0; inner < 2; ++inner) {
        co_await weft::gather(multiply(whole.part(0, 0, inner)), multiply(whole.part(0, 1, inner)),
                              multiply(whole.part(1, 0, inner)), multiply(whole.part(1, 1, inner)));
    }
}

void on_weft(benchmark::State& state) {
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    matmul::measure(state, [&](matmul::product whole) { runtime.run(multiply(whole)); });
}

BENCHMARK(on_weft)->Name("matmul/weft")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "n", matmul::sizes); });

}  // namespace
