// SPDX-License-Identifier: MIT
// Which workers look for work and which sleep. lib/README.md, "Sleeping and waking", has the protocol and its proof.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include <weft/detail/config.hpp>

namespace weft::detail {

// Every worker is in one of three states.
//
//   busy       runs jobs
//   searching  looks into the other workers' queues
//   asleep     is parked, or on its way to it
//
// One word counts the searching (low half) and the sleeping (high half), so that both are read at once.
class idle {
public:
    explicit idle(unsigned workers);
    idle(idle const&) = delete;
    idle& operator=(idle const&) = delete;

    // How many there are of each at one moment. Awake are the busy and the searching.
    struct census {
        std::uint32_t searching;
        std::uint32_t asleep;
        std::uint32_t awake;
    };

    // busy -> searching, unless half of the workers that are awake search already: more would only contend.
    [[nodiscard]] bool begin_search() noexcept;

    // searching -> busy. With nobody left who searches, nobody watches for new work unless the caller wakes somebody.
    [[nodiscard]] census end_search() noexcept;

    // -> asleep, from searching or busy. The caller then looks once more before it parks, after a heavy fence if anybody is awake.
    [[nodiscard]] census fall_asleep(unsigned worker, bool searching);

    // asleep -> busy or searching, by itself. False: somebody had chosen this worker already; it is searching, and its parker has a
    // token.
    [[nodiscard]] bool rise(unsigned worker, bool to_search = false);

    // Whether a job that was just published needs somebody to be woken: somebody sleeps, and nobody searches who will find it.
    // After a light fence, or after wants_waking_from_outside. relaxed: the fence orders it, or that read-modify-write does: this
    // reads its value or a later one.
    [[nodiscard]] bool wants_waking() const noexcept { return wants_waking(counts_.load(std::memory_order_relaxed)); }
    // The same for a job from outside, after no fence. acq_rel: this and every change of the counts are read-modify-writes of one
    // word, so whichever of two comes second sees all that was before the first. If weaker: the publisher misses that the last
    // searcher stops, and that one misses the job.
    [[nodiscard]] bool wants_waking_from_outside() noexcept {
        return wants_waking(counts_.fetch_add(0, std::memory_order_acq_rel));
    }
    // seq_cst, for those whose other half is a seq_cst operation and no fence (timer_driver.hpp).
    [[nodiscard]] bool somebody_sleeps() const noexcept { return counts_.load(std::memory_order_seq_cst) >= one_asleep; }

    // asleep -> searching, of the worker that fell asleep last, if wants_waking() still holds. The caller unparks it. `spare` is
    // chosen only where nobody else sleeps: the timekeeper, whose role somebody would have to take over.
    [[nodiscard]] std::optional<unsigned> choose_sleeper(unsigned spare);

    // If all workers are asleep, calls f while none of them can rise; returns what it answers, else false.
    template <class Function>
    [[nodiscard]] bool while_all_sleep(Function f) {
        std::lock_guard const lock(mutex_);
        return now().awake == 0 && f();
    }

    // For the watchdog's report.
    [[nodiscard]] census now() const noexcept { return census_of(counts_.load()); }

private:
    static constexpr std::uint64_t one_searching = 1;
    static constexpr std::uint64_t searching_mask = 0xffff'ffff;
    static constexpr std::uint64_t one_asleep = std::uint64_t{1} << 32;

    [[nodiscard]] census census_of(std::uint64_t counts) const noexcept {
        auto const asleep = static_cast<std::uint32_t>(counts / one_asleep);
        return {static_cast<std::uint32_t>(counts & searching_mask), asleep, workers_ - asleep};
    }
    static constexpr bool wants_waking(std::uint64_t counts) noexcept {
        if (counts < one_asleep) [[likely]] return false;
        return (counts & searching_mask) == 0;
    }

    unsigned const workers_;
    // All changes are seq_cst, and those of the sleeping half are made with mutex_ held.
    alignas(config::destructive_interference) std::atomic<std::uint64_t> counts_{0};
    alignas(config::destructive_interference) std::mutex mutex_;
    std::vector<unsigned> sleepers_;  // as many as the high half counts, in the order in which they fell asleep
};

}  // namespace weft::detail
