// SPDX-License-Identifier: MIT
// Victim selection: in which order one worker looks at the others when it has nothing to do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft::detail {

// First the worker that it stole from last, which probably has more. Then the near ones before the far: what is taken from there,
// and what the stolen task shares with its siblings, need not come out of another cache. Among those at one distance it begins at
// random, so that thieves do not queue up.
//
// Once in so many steals neither counts, and it begins at random among all. Else a worker that always has work would keep the
// thief to itself, and what waits behind another one's long job would wait for ever.
class victims {
public:
    static constexpr unsigned fair_steal_every = 8;

    // Without distances all are equally far, and need no memory: that of so many workers would grow with their square.
    victims(unsigned self, unsigned workers, bool distances)
        : self_(self), others_(workers - 1), last_(self), random_(self * 0x9e37'79b9u + 1) {
        if (!distances) return;
        by_distance_.reserve(others_);
        for (unsigned n = 0; n < others_; ++n) by_distance_.push_back({static_cast<std::uint16_t>(other(n)), 0});
    }

    // From now on these distances hold. Does nothing where there are none.
    template <class DistanceTo>
    void arrange(DistanceTo distance_to) noexcept {
        for (neighbour& each : by_distance_) each.distance = static_cast<std::uint8_t>(distance_to(each.index));
        std::sort(by_distance_.begin(), by_distance_.end(),
                  [](neighbour const& one, neighbour const& two) { return one.distance < two.distance; });
    }

    // Calls steal_from(victim) for each other worker, once, until that answers something.
    template <class StealFrom>
    auto steal(StealFrom steal_from) -> decltype(steal_from(0u)) {
        bool const fair = steals_ % fair_steal_every == 0;
        unsigned const tried = fair ? self_ : last_;
        if (tried != self_)
            if (auto stolen = steal_from(tried)) return succeeded(tried, stolen);
        for (unsigned first = 0; first < others_;) {
            unsigned const past = fair ? others_ : end_of_ring(first);
            unsigned const start = first + random_below(past - first);
            for (unsigned n = first; n < past; ++n) {
                unsigned const place = n + (start - first);
                unsigned const victim = other(place < past ? place : place - (past - first));
                if (victim == tried) continue;
                if (auto stolen = steal_from(victim)) return succeeded(victim, stolen);
            }
            first = past;
        }
        return {};
    }

private:
    struct neighbour {
        std::uint16_t index;
        std::uint8_t distance;
    };

    [[nodiscard]] unsigned other(unsigned n) const noexcept {
        if (n < by_distance_.size()) return by_distance_[n].index;
        return n < self_ ? n : n + 1;
    }
    [[nodiscard]] unsigned end_of_ring(unsigned first) const noexcept {
        if (by_distance_.empty()) return others_;
        unsigned past = first + 1;
        while (past < others_ && by_distance_[past].distance == by_distance_[first].distance) ++past;
        return past;
    }

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
    unsigned others_;
    unsigned last_;  // self: nobody
    unsigned steals_ = 0;
    std::uint32_t random_;
    std::vector<neighbour> by_distance_;
};

}  // namespace weft::detail
