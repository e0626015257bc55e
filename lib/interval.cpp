// SPDX-License-Identifier: MIT
#include <weft/interval.hpp>

#include <stdexcept>

namespace weft::detail {

std::int64_t positive_period(std::int64_t nanoseconds) {
    if (nanoseconds <= 0) throw std::invalid_argument("weft::interval: the period must be longer than nothing");
    return nanoseconds;
}

std::int64_t next_tick(std::int64_t due, std::int64_t now, std::int64_t period, missed_tick missed) noexcept {
    std::int64_t const next = saturated_sum(due, period);
    if (next > now) return next;
    switch (missed) {
        case missed_tick::burst: break;
        case missed_tick::delay: return saturated_sum(now, period);
        case missed_tick::skip: {
            // Unsigned: the two may lie further apart than an int64 can say.
            std::uint64_t const since = static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(due);
            std::uint64_t const into_period = since % static_cast<std::uint64_t>(period);
            return saturated_sum(now - static_cast<std::int64_t>(into_period), period);
        }
    }
    return next;
}

}  // namespace weft::detail
