// SPDX-License-Identifier: MIT
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace micro {

using clock = std::chrono::steady_clock;

// The durations of single events, in microseconds; reported as the counters p50_us and p99_us.
class percentiles {
public:
    void add(clock::duration duration) { microseconds_.push_back(std::chrono::duration<double, std::micro>(duration).count()); }

    double at(double fraction) {
        if (microseconds_.empty()) {
            return 0;
        }
        std::sort(microseconds_.begin(), microseconds_.end());
        return microseconds_[static_cast<std::size_t>(fraction * static_cast<double>(microseconds_.size() - 1))];
    }

    void report(benchmark::State& state) {
        state.counters["p50_us"] = at(0.50);
        state.counters["p99_us"] = at(0.99);
    }

private:
    std::vector<double> microseconds_;
};

}  // namespace micro
