// SPDX-License-Identifier: MIT
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <cstddef>
#include <cstdint>

namespace harness {

// Exactly n threads compute: the calling one, inside run(), and n - 1 of oneTBB's. They are started by the first run.
class tbb_threads {
public:
    explicit tbb_threads(std::int64_t n)
        : limit_(oneapi::tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(n)), arena_(static_cast<int>(n)) {}

    template <class Function>
    auto run(Function&& function) {
        return arena_.execute(function);
    }

private:
    oneapi::tbb::global_control limit_;
    oneapi::tbb::task_arena arena_;
};

}  // namespace harness
