// SPDX-License-Identifier: MIT
#pragma once

#include "percentiles.hpp"

#include <weft/weft.hpp>

#include <chrono>

namespace micro {

inline constexpr int naps = 500;

// Sleeps for a millisecond, again and again; `lateness` is how long after its time it woke. Returns whether it ever woke early.
inline weft::task<bool> take_naps(percentiles& lateness) {
    constexpr auto length = std::chrono::milliseconds(1);
    bool early = false;
    for (int i = 0; i < naps; ++i) {
        auto const deadline = clock::now() + length;
        co_await weft::sleep(length);
        auto const late = clock::now() - deadline;
        early = early || late < clock::duration::zero();
        lateness.add(late);
    }
    co_return early;
}

}  // namespace micro
