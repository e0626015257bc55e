// SPDX-License-Identifier: MIT
// The clock that timers go by.
#pragma once

#include <chrono>
#include <cstdint>

namespace weft::detail {

// Nanoseconds since the steady clock's epoch.
inline std::int64_t steady_now() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace weft::detail
