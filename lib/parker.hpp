// SPDX-License-Identifier: MIT
// Puts one thread to sleep and wakes it.
#pragma once

#include <atomic>
#include <cstdint>

#include "clock.hpp"
#include "platform.hpp"

namespace weft::detail {

// A token that is there or not. unpark leaves it, park takes it, sleeping until it is there; an unpark before the park is not lost,
// and several unparks leave one token.
//
//   empty --park--> asleep --unpark--> token --(the sleeper wakes)--> empty
//   empty --unpark--> token --park--> empty
//   asleep --deadline--> empty
//
// park is called by the owning thread alone, unpark by any.
class parker {
public:
    // True: took the token. False: the deadline passed.
    bool park(std::int64_t deadline = forever) noexcept {
        // acquire, here and below: pairs with unpark's exchange; makes visible what the waker did before; if weaker, a woken worker
        // may miss the very change it was woken for.
        std::uint32_t seen = token;
        if (state_.compare_exchange_strong(seen, empty, std::memory_order_acquire, std::memory_order_relaxed)) return true;
        seen = empty;
        // relaxed: a failure means that a token arrived, and the exchange below acquires it.
        if (!state_.compare_exchange_strong(seen, asleep, std::memory_order_relaxed)) {
            state_.exchange(empty, std::memory_order_acquire);
            return true;
        }
        for (;;) {
            platform::wait_on_word(state_, asleep, deadline);
            if (state_.load(std::memory_order_relaxed) == token) break;
            if (deadline != forever && steady_now() >= deadline) break;
        }
        return state_.exchange(empty, std::memory_order_acquire) == token;
    }

    void unpark() noexcept {
        // release. Pairs with park. If weaker: see there.
        if (state_.exchange(token, std::memory_order_release) == asleep) platform::wake_word(state_);
    }

    // For the watchdog's report: whether the thread sleeps at this moment. relaxed: nothing follows from it.
    [[nodiscard]] bool parked() const noexcept { return state_.load(std::memory_order_relaxed) == asleep; }

private:
    static constexpr std::uint32_t empty = 0;
    static constexpr std::uint32_t asleep = 1;
    static constexpr std::uint32_t token = 2;
    std::atomic<std::uint32_t> state_{empty};
};

}  // namespace weft::detail
