// SPDX-License-Identifier: MIT
#pragma once

#include "../harness.hpp"
#include "problem.hpp"

namespace matmul {

// multiply(product) once per iteration and once before, to warm up; then one check of all that was accumulated.
template <class Multiply>
void measure(benchmark::State& state, Multiply multiply) {
    problem matrices(state.range(0));
    multiply(matrices.all());
    for (auto _ : state) {
        multiply(matrices.all());
    }
    if (!matrices.holds(static_cast<element>(state.iterations() + 1))) {
        state.SkipWithError("wrong result");
    }
    harness::report(state, matrices.multiplications());
}

}  // namespace matmul
