// SPDX-License-Identifier: MIT
#include <weft/detail/locked_list.hpp>

#include <thread>

namespace weft::detail {

std::uintptr_t lock_contended(std::atomic<std::uintptr_t>& word) noexcept {
    constexpr std::uintptr_t locked = 1;
    constexpr int pauses = 64;  // then whoever has it may have lost its processor
    for (int tries = 1;; ++tries) {
        if (!(word.load(std::memory_order_relaxed) & locked)) {
            // acquire: as in locked_list::guard.
            std::uintptr_t const before = word.fetch_or(locked, std::memory_order_acquire);
            if (!(before & locked)) return before;
        }
        if (tries % pauses == 0)
            std::this_thread::yield();
        else
            WEFT_SPIN_PAUSE();
    }
}

}  // namespace weft::detail
