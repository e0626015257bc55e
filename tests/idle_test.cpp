// SPDX-License-Identifier: MIT
// Who may search and who may sleep: every transition, its counts, and who is chosen to be woken.
#include "support/catch.hpp"

#include "idle.hpp"

#include <optional>
#include <vector>

using weft::detail::idle;

namespace {

constexpr unsigned no_spare = ~0u;

// How many of the awake may search before the next one is refused.
unsigned fill_with_searchers(idle& workers) {
    unsigned searching = 0;
    while (workers.begin_search()) ++searching;
    return searching;
}

}  // namespace

TEST_CASE("all workers begin busy", "[idle]") {
    idle workers(4);
    CHECK(workers.now().searching == 0);
    CHECK(workers.now().asleep == 0);
    CHECK(!workers.wants_waking());
    CHECK(!workers.somebody_sleeps());
    CHECK(workers.choose_sleeper(no_spare) == std::nullopt);
}

TEST_CASE("at most half of the awake workers search, rounded up", "[idle]") {
    for (unsigned count = 1; count <= 9; ++count) {
        CAPTURE(count);
        idle workers(count);
        CHECK(fill_with_searchers(workers) == (count + 1) / 2);
        CHECK(workers.now().searching == (count + 1) / 2);
    }
    for (unsigned asleep = 0; asleep < 8; ++asleep) {
        CAPTURE(asleep);
        idle workers(8);
        for (unsigned index = 0; index < asleep; ++index) static_cast<void>(workers.fall_asleep(index, false));
        CHECK(fill_with_searchers(workers) == (8 - asleep + 1) / 2);
    }
}

TEST_CASE("the last to end its search is told so", "[idle]") {
    idle workers(8);
    REQUIRE(workers.begin_search());
    REQUIRE(workers.begin_search());
    REQUIRE(workers.begin_search());
    CHECK(workers.end_search().searching == 2);
    CHECK(workers.end_search().searching == 1);
    CHECK(workers.end_search().searching == 0);
    REQUIRE(workers.begin_search());
    CHECK(workers.end_search().searching == 0);
    CHECK(workers.now().searching == 0);
}

TEST_CASE("falling asleep while searching ends the search", "[idle]") {
    idle workers(4);
    REQUIRE(workers.begin_search());
    idle::census after = workers.fall_asleep(2, true);
    CHECK(after.searching == 0);
    CHECK(after.asleep == 1);
    CHECK(after.awake == 3);
    CHECK(workers.now().searching == 0);
    CHECK(workers.now().asleep == 1);
    after = workers.fall_asleep(3, false);
    CHECK(after.searching == 0);
    CHECK(after.asleep == 2);
    CHECK(after.awake == 2);
    CHECK(workers.somebody_sleeps());
    REQUIRE(workers.begin_search());
    CHECK(workers.end_search().awake == 2);
}

TEST_CASE("a sleeper is woken only where nobody searches", "[idle]") {
    idle workers(4);
    static_cast<void>(workers.fall_asleep(3, false));
    CHECK(workers.wants_waking());
    CHECK(workers.wants_waking_from_outside());
    REQUIRE(workers.begin_search());
    CHECK(!workers.wants_waking());
    CHECK(!workers.wants_waking_from_outside());
    CHECK(workers.choose_sleeper(no_spare) == std::nullopt);
    CHECK(workers.now().asleep == 1);
    CHECK(workers.end_search().searching == 0);
    CHECK(workers.wants_waking());
    CHECK(workers.choose_sleeper(no_spare) == std::optional<unsigned>(3));
    CHECK(workers.now().asleep == 0);
}

TEST_CASE("the chosen one searches, so a second post wakes nobody", "[idle]") {
    idle workers(4);
    for (unsigned index = 0; index < 4; ++index) static_cast<void>(workers.fall_asleep(index, false));
    CHECK(workers.choose_sleeper(no_spare) == std::optional<unsigned>(3));
    CHECK(workers.now().searching == 1);
    CHECK(workers.now().asleep == 3);
    CHECK(!workers.wants_waking());
    CHECK(workers.choose_sleeper(no_spare) == std::nullopt);
    CHECK(workers.now().asleep == 3);
}

TEST_CASE("who fell asleep last is woken first", "[idle]") {
    idle workers(4);
    for (const unsigned index : {2u, 0u, 3u, 1u}) static_cast<void>(workers.fall_asleep(index, false));
    for (const unsigned expected : {1u, 3u, 0u, 2u}) {
        CHECK(workers.choose_sleeper(no_spare) == std::optional<unsigned>(expected));
        CHECK(workers.end_search().searching == 0);
    }
    CHECK(!workers.somebody_sleeps());
}

TEST_CASE("the spare one, the timekeeper, is woken only where nobody else sleeps", "[idle]") {
    for (unsigned spare = 0; spare < 3; ++spare) {
        CAPTURE(spare);
        idle workers(3);
        for (unsigned index = 0; index < 3; ++index) static_cast<void>(workers.fall_asleep(index, false));
        std::vector<unsigned> order;
        while (const auto chosen = workers.choose_sleeper(spare)) {
            order.push_back(*chosen);
            CHECK(workers.end_search().searching == 0);
        }
        REQUIRE(order.size() == 3);
        CHECK(order.back() == spare);
    }
}

TEST_CASE("a sleeper rises by itself once, unless it was chosen", "[idle]") {
    idle workers(3);
    for (unsigned index = 0; index < 3; ++index) static_cast<void>(workers.fall_asleep(index, false));
    CHECK(workers.rise(1));
    CHECK(workers.now().asleep == 2);
    CHECK(workers.now().searching == 0);
    CHECK(!workers.rise(1));
    CHECK(workers.now().asleep == 2);
    REQUIRE(workers.choose_sleeper(no_spare) == std::optional<unsigned>(2));
    CHECK(!workers.rise(2));
    CHECK(workers.now().searching == 1);
    CHECK(workers.rise(0));
    CHECK(workers.now().asleep == 0);
    CHECK(workers.end_search().searching == 0);
}
