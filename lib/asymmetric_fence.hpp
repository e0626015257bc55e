// SPDX-License-Identifier: MIT
// A full fence between two threads of which only the rare side pays.
//
//     frequent side (push a job)            rare side (fall asleep)
//       store A                               store B
//       light()                               heavy()
//       load B                                load A
//
// At least one of the two loads sees the other side's store. With a process barrier: heavy() makes every running thread execute
// a full barrier at one point of its program, and light() keeps the compiler from moving the store past the load. If that point
// of the frequent thread lies before its store, then its load comes after the rare side's store B became visible; if it lies after
// the store, A is visible to the rare side's load. Where the system has no such barrier, both sides do an acq_rel read-modify-write
// on one word: the two are ordered, and whichever comes second sees everything before the first.
#pragma once

#include <atomic>

#include <weft/detail/config.hpp>

#include "platform.hpp"

namespace weft::detail {

class asymmetric_fence {
public:
    // Called before any worker of a runtime starts; only the first call in the process does something.
    static void prepare() noexcept {
        static bool const prepared = (by_process_barrier_ = platform::prepare_process_barrier(), true);
        static_cast<void>(prepared);
    }

    static void light() noexcept {
        WEFT_COMPILER_BARRIER();
        if (!by_process_barrier_) [[unlikely]] meet();
        WEFT_COMPILER_BARRIER();
    }

    static void heavy() noexcept {
        WEFT_COMPILER_BARRIER();
        if (by_process_barrier_)
            platform::process_barrier();
        else
            meet();
        WEFT_COMPILER_BARRIER();
    }

private:
    // acq_rel. Pairs with: itself on the other side. Makes visible: every store before it. If weaker: both loads may miss.
    static void meet() noexcept { meeting_.fetch_add(1, std::memory_order_acq_rel); }

    // Written once, before any worker exists.
    static inline constinit bool by_process_barrier_ = false;
    static inline constinit std::atomic<unsigned> meeting_{0};
};

}  // namespace weft::detail
