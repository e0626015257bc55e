// SPDX-License-Identifier: MIT
// What a sleeping task leaves in the timer wheel: a list node that lives in the awaiter, hence in the task's frame, so that arming
// a timer allocates nothing.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include <weft/detail/suspension.hpp>

namespace weft::detail {

// As a duration or a moment, in nanoseconds: it does not end, or does not come.
inline constexpr std::int64_t forever = std::numeric_limits<std::int64_t>::max();

// Of a moment or duration and a duration that is not negative.
constexpr std::int64_t saturated_sum(std::int64_t time, std::int64_t duration) noexcept {
    return time > forever - duration ? forever : time + duration;
}

// Its coroutine is whom to wake; null: it is a time_limit. The wheel never looks at that.
struct timer_entry : suspension {
    // The value of `slot` of an entry that no wheel holds.
    static constexpr std::uint16_t in_no_wheel = std::numeric_limits<std::uint16_t>::max();

    timer_entry() noexcept : suspension(waits_for::timer) {}

    // Set by whoever arms the timer, and left alone while a wheel holds the entry.
    std::uint16_t stripe = 0;   // which of the timer driver's wheels holds the entry; only the driver reads and writes it
    // The wheel's own.
    std::uint16_t slot = in_no_wheel;
    // As `stripe`.
    std::int64_t deadline = 0;  // nanoseconds since the steady clock's epoch, or `forever`
    std::int64_t armed = 0;     // when it was armed: decides between two workers' entries of one tick
    // As `slot`.
    timer_entry* prev = nullptr;  // means nothing once the entry is in a timer_list
    timer_entry* next = nullptr;
};

static_assert(sizeof(timer_entry) <= 64, "every sleeping task pays for what stands here");

// A frame may be freed without a thought about the entry in it, once no wheel and no task's list holds that.
static_assert(std::is_trivially_destructible_v<timer_entry>);

}  // namespace weft::detail
