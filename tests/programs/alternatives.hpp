// SPDX-License-Identifier: MIT
// What a piece of a program may come to, and when. Usually there is one alternative; where several things happen at one moment,
// one for each order of them.
#pragma once

#include "programs/outcome.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace weft::test {

using moment = std::int64_t;
constexpr moment never = std::numeric_limits<moment>::max();

// A set of nodes. What is in `least` must have happened, what is not in `most` must not.
struct node_set {
    std::uint64_t least = 0;
    std::uint64_t most = 0;

    void insert(unsigned id) { least |= std::uint64_t{1} << id, most |= std::uint64_t{1} << id; }
    void both(node_set other) { least |= other.least, most |= other.most; }
    void either(node_set other) { least &= other.least, most |= other.most; }
    void perhaps() { least = 0; }
};

struct effects {
    node_set begun;
    node_set ended;     // by a value
    node_set reported;  // failures of these nodes, to on_unhandled_exception

    void both(effects const& other) { begun.both(other.begun), ended.both(other.ended), reported.both(other.reported); }
    void either(effects const& other) { begun.either(other.begun), ended.either(other.ended), reported.either(other.reported); }
    // Perhaps nothing of it.
    void perhaps() { begun.perhaps(), ended.perhaps(), reported.perhaps(); }
};

// Requests to cancel, as bits of a word.
using request_set = std::uint32_t;

struct alternative {
    outcome came_to;
    moment at = 0;
    request_set seen = 0;  // requests that the coroutine has been told of
    effects did;
};

// There are too many: the oracle gives up.
struct too_wide : std::exception {};

class alternatives {
public:
    alternatives() = default;
    alternatives(alternative one) { add(one); }

    void add(alternative const& one) {
        auto const same = std::ranges::find_if(all_, [&](alternative const& other) {
            return other.came_to == one.came_to && other.at == one.at && other.seen == one.seen;
        });
        if (same != all_.end()) return same->did.either(one.did);
        if (all_.size() == most) throw too_wide();
        all_.push_back(one);
    }
    void add(alternatives const& others) {
        for (alternative const& each : others) add(each);
    }
    // Each goes on, with what it has done before.
    template <class Next>
    alternatives then(Next next) const {
        alternatives result;
        for (alternative const& each : all_) {
            alternatives following = next(each);
            for (alternative& one : following.all_) {
                one.did.both(each.did);
                result.add(one);
            }
        }
        return result;
    }
    // What is certain to have been done, and what may have been.
    [[nodiscard]] effects done() const {
        effects sum;
        if (!all_.empty()) sum = all_.front().did;
        for (alternative const& each : all_) sum.either(each.did);
        return sum;
    }

    [[nodiscard]] std::vector<alternative>::const_iterator begin() const { return all_.begin(); }
    [[nodiscard]] std::vector<alternative>::const_iterator end() const { return all_.end(); }
    [[nodiscard]] std::size_t size() const { return all_.size(); }
    [[nodiscard]] bool empty() const { return all_.empty(); }

private:
    static constexpr std::size_t most = 24;
    std::vector<alternative> all_;
};

// Calls visit(combination) for one alternative of each, in all combinations.
inline void each_combination(std::span<alternatives const> of,
                             std::function<void(std::span<alternative const* const>)> const& visit) {
    std::size_t count = 1;
    for (alternatives const& each : of) {
        count *= each.size();
        if (count > 150) throw too_wide();
    }
    std::vector<alternative const*> chosen(of.size());
    std::function<void(std::size_t)> const choose = [&](std::size_t place) {
        if (place == of.size()) return visit(chosen);
        for (alternative const& each : of[place]) {
            chosen[place] = &each;
            choose(place + 1);
        }
    };
    choose(0);
}

// Calls visit for each subset of a set.
template <class Visit>
void each_subset(request_set of, Visit visit) {
    for (request_set some = of;; some = (some - 1) & of) {
        visit(some);
        if (some == 0) return;
    }
}

}  // namespace weft::test
