// SPDX-License-Identifier: MIT
#include "measure.hpp"

namespace {

void multiply(matmul::product whole) {
    if (whole.is_leaf()) {
        matmul::multiply_leaf(whole);
        return;
    }
    for (std::size_t inner = 0; inner < 2; ++inner) {
        multiply(whole.part(0, 0, inner));
        multiply(whole.part(0, 1, inner));
        multiply(whole.part(1, 0, inner));
        multiply(whole.part(1, 1, inner));
    }
}

void serial(benchmark::State& state) { matmul::measure(state, multiply); }

BENCHMARK(serial)->Name("matmul/serial")->Apply([](auto* entry) { harness::each_size(entry, "n", matmul::sizes); });

}  // namespace
