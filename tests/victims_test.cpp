// SPDX-License-Identifier: MIT
// Whom a thief looks at, and in which order: everybody once, the last lucky one first, the near before the far, and now and then
// without regard to either.
#include "support/catch.hpp"

#include "victims.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <vector>

using weft::detail::victims;

namespace {

constexpr unsigned nobody = 1000;

// What a steal gives: true where it has taken something.
struct loot {
    bool taken = false;
    explicit operator bool() const { return taken; }
};

// Looks at all until it comes to `rich`, and says at whom, in which order.
template <class DistanceTo>
std::vector<unsigned> look(victims& order, unsigned rich, unsigned farthest, DistanceTo distance_to) {
    std::vector<unsigned> seen;
    loot const found = order.steal(farthest, distance_to, [&](unsigned victim) {
        seen.push_back(victim);
        return loot{victim == rich};
    });
    CHECK(found.taken == (rich != nobody));
    return seen;
}

std::vector<unsigned> look(victims& order, unsigned rich = nobody) {
    return look(order, rich, 0, [](unsigned) { return 0u; });
}

bool all_but(unsigned self, unsigned workers, std::vector<unsigned> seen) {
    std::vector<unsigned> expected(workers);
    std::iota(expected.begin(), expected.end(), 0u);
    std::erase(expected, self);
    std::ranges::sort(seen);
    return seen == expected;
}

// The next steal is not a fair one.
void steal_once(victims& order, unsigned from) { static_cast<void>(look(order, from)); }

}  // namespace

TEST_CASE("a thief looks at everybody else once", "[victims]") {
    for (unsigned workers = 1; workers <= 9; ++workers)
        for (unsigned self = 0; self < workers; ++self) {
            CAPTURE(workers, self);
            victims order(self, workers);
            CHECK(all_but(self, workers, look(order)));
            if (workers == 1) continue;
            const unsigned other = (self + 1) % workers;
            steal_once(order, other);
            CHECK(all_but(self, workers, look(order)));
            const auto by_number = [](unsigned victim) { return victim % 3; };
            CHECK(all_but(self, workers, look(order, nobody, 2, by_number)));
        }
}

TEST_CASE("a thief begins with the one that had something last time", "[victims]") {
    victims order(2, 8);
    for (const unsigned rich : {5u, 0u, 7u}) {
        steal_once(order, rich);
        // Once for all: it remains the last.
        CHECK(look(order).front() == rich);
        CHECK(look(order).front() == rich);
    }
}

TEST_CASE("a thief looks at the near before the far", "[victims]") {
    constexpr unsigned workers = 12;
    const auto distance = [](unsigned victim) { return victim < 4 ? 0u : victim < 8 ? 1u : 2u; };
    victims order(1, workers);
    steal_once(order, 3);
    std::set<unsigned> first_far;
    for (int round = 0; round < 200; ++round) {
        const auto seen = look(order, nobody, 2, distance);
        CHECK(all_but(1, workers, seen));
        CHECK(std::ranges::is_sorted(seen, {}, distance));
        first_far.insert(seen.at(7));
    }
    // Among equals it begins anywhere.
    CHECK(first_far == std::set<unsigned>{8, 9, 10, 11});
}

TEST_CASE("a far one that had something comes before the near", "[victims]") {
    const auto distance = [](unsigned victim) { return victim < 4 ? 0u : 2u; };
    victims order(0, 8);
    steal_once(order, 6);
    CHECK(look(order, nobody, 2, distance).front() == 6);
}

TEST_CASE("once in so many steals neither luck nor distance counts", "[victims]") {
    constexpr unsigned workers = 8;
    // Victim 1 is near and always has something; the others are far, and have something, too.
    const auto distance = [](unsigned victim) { return victim == 1 ? 0u : 2u; };
    victims order(0, workers);
    std::map<unsigned, int> stolen;
    constexpr int steals = 8000;
    for (int count = 0; count < steals; ++count)
        order.steal(2, distance, [&](unsigned victim) {
            ++stolen[victim];
            return loot{true};
        });
    // Each fair steal and those that follow it, by luck: one in eight begins anew, so every victim has about a seventh.
    for (unsigned victim = 1; victim < workers; ++victim) {
        CAPTURE(victim);
        CHECK(stolen[victim] > steals / 20);
        CHECK(stolen[victim] < steals / 4);
    }
}
