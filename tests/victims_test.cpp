// SPDX-License-Identifier: MIT
// Whom a thief looks at, and in which order: everybody once, the last one stolen from first, the near before the far, and now and
// then from anywhere.
#include "support/catch.hpp"

#include "victims.hpp"

#include <algorithm>
#include <map>
#include <numeric>
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
std::vector<unsigned> look(victims& order, unsigned rich = nobody) {
    std::vector<unsigned> seen;
    loot const found = order.steal([&](unsigned victim) {
        seen.push_back(victim);
        return loot{victim == rich};
    });
    CHECK(found.taken == (rich != nobody));
    return seen;
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
    const bool distances = GENERATE(false, true);
    for (unsigned workers = 1; workers <= 9; ++workers)
        for (unsigned self = 0; self < workers; ++self) {
            CAPTURE(distances, workers, self);
            victims order(self, workers, distances);
            CHECK(all_but(self, workers, look(order)));
            if (workers == 1) continue;
            steal_once(order, (self + 1) % workers);
            CHECK(all_but(self, workers, look(order)));
            order.arrange([](unsigned victim) { return victim % 3; });
            CHECK(all_but(self, workers, look(order)));
        }
}

TEST_CASE("a thief begins with the one it stole from last", "[victims]") {
    victims order(2, 8, false);
    for (const unsigned rich : {5u, 0u, 7u}) {
        steal_once(order, rich);
        // A look that finds nothing does not change it.
        CHECK(look(order).front() == rich);
        CHECK(look(order).front() == rich);
    }
}

TEST_CASE("a thief looks at the near before the far, and begins at random among equals", "[victims]") {
    constexpr unsigned workers = 12;
    constexpr unsigned self = 1;
    constexpr int looks = 4000;
    const auto distance = [](unsigned victim) { return victim < 4 ? 0u : victim < 8 ? 1u : 2u; };
    victims order(self, workers, true);
    order.arrange(distance);
    steal_once(order, 3);
    std::map<unsigned, int> first_far;
    for (int round = 0; round < looks; ++round) {
        const auto seen = look(order);
        REQUIRE(all_but(self, workers, seen));
        REQUIRE(std::ranges::is_sorted(seen, {}, distance));
        ++first_far[seen.at(7)];
    }
    for (const unsigned victim : {8u, 9u, 10u, 11u}) {
        CAPTURE(victim);
        CHECK(first_far[victim] > looks / 8);
        CHECK(first_far[victim] < looks / 2);
    }
    // They may move.
    order.arrange([](unsigned victim) { return victim < 8 ? 1u : 0u; });
    CHECK(look(order).at(1) >= 8);
}

TEST_CASE("a far one that was stolen from comes before the near", "[victims]") {
    victims order(0, 8, true);
    order.arrange([](unsigned victim) { return victim < 4 ? 0u : 2u; });
    steal_once(order, 6);
    CHECK(look(order).front() == 6);
}

TEST_CASE("a victim that always has something does not keep the thief for itself", "[victims]") {
    constexpr unsigned workers = 8;
    constexpr int steals = 8000;
    victims order(0, workers, false);
    std::map<unsigned, int> stolen;
    for (int count = 0; count < steals; ++count)
        order.steal([&](unsigned victim) {
            ++stolen[victim];
            return loot{true};
        });
    // All have: of eight steals the first is from anywhere, and the others are from the same.
    for (unsigned victim = 1; victim < workers; ++victim) {
        CAPTURE(victim);
        CHECK(stolen[victim] > steals / 20);
        CHECK(stolen[victim] < steals / 4);
    }
}

TEST_CASE("a near one that always has something does not keep the far ones from being stolen from", "[victims]") {
    constexpr unsigned workers = 8;
    constexpr int steals = 8000;
    victims order(0, workers, true);
    order.arrange([](unsigned victim) { return victim == 1 ? 0u : 2u; });
    std::map<unsigned, int> stolen;
    for (int count = 0; count < steals; ++count) {
        unsigned dry = nobody;  // whoever was stolen from has nothing more, but for the near one
        if (count > 0 && look(order).front() != 1) dry = look(order).front();
        order.steal([&](unsigned victim) {
            if (victim == dry) return loot{false};
            ++stolen[victim];
            return loot{true};
        });
    }
    // One of eight steals is from anywhere: from a far one six times of seven.
    CHECK(stolen[1] > steals / 2);
    for (unsigned victim = 2; victim < workers; ++victim) {
        CAPTURE(victim);
        CHECK(stolen[victim] > steals / 8 / 7 / 2);
    }
}
