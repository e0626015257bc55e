// SPDX-License-Identifier: MIT
// In which order one worker looks at the others when it has nothing to do.
#pragma once

#include <cstdint>

namespace weft::detail {

// First at the one it stole from last, who probably has more. Then at the near ones before the far: what it takes from there, and
// what the stolen task shares with its siblings, need not come out of another cache. Among those at one distance it begins at
// random, so that thieves do not queue up.
//
// Once in so many steals neither counts, and it begins at random among all. Else a worker that always has work would keep the
// thief to itself, and what waits behind another one's long job would wait for ever.
class victims {
public:
    static constexpr unsigned fair_steal_every = 8;

    victims(unsigned self, unsigned workers) noexcept
        : self_(self), workers_(workers), last_(self), random_(self * 0x9e37'79b9u + 1) {}

    // Calls steal_from(victim) for each worker but `self`, once, until that answers something. distance_to(victim) is at most
    // `farthest`.
    template <class DistanceTo, class StealFrom>
    auto steal(unsigned farthest, DistanceTo distance_to, StealFrom steal_from) -> decltype(steal_from(0u)) {
        bool const fair = steals_ % fair_steal_every == 0;
        auto const tried_first = fair ? self_ : last_;
        if (tried_first != self_)
            if (auto stolen = steal_from(tried_first)) return succeeded(tried_first, stolen);
        unsigned const others = workers_ - 1;
        unsigned const start = random_below(others);
        for (unsigned ring = 0; ring <= (fair ? 0 : farthest); ++ring) {
            unsigned next = start;
            for (unsigned tried = 0; tried < others; ++tried) {
                unsigned const victim = next < self_ ? next : next + 1;
                if (++next == others) next = 0;
                if (victim == tried_first || (!fair && distance_to(victim) != ring)) continue;
                if (auto stolen = steal_from(victim)) return succeeded(victim, stolen);
            }
        }
        return {};
    }

private:
    template <class Stolen>
    Stolen succeeded(unsigned victim, Stolen stolen) noexcept {
        last_ = victim;
        ++steals_;
        return stolen;
    }

    // Marsaglia, "Xorshift RNGs" (2003), the triple 13, 17, 5; then scaled, which is uniform enough to choose a victim.
    unsigned random_below(unsigned bound) noexcept {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 17;
        random_ ^= random_ << 5;
        return static_cast<unsigned>((std::uint64_t{random_} * bound) >> 32);
    }

    unsigned self_;
    unsigned workers_;
    unsigned last_;
    unsigned steals_ = 0;
    std::uint32_t random_;
};

}  // namespace weft::detail
