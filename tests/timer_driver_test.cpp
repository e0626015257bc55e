// SPDX-License-Identifier: MIT
// The timer driver: arming, disarming, firing, and who keeps the time. Moments are numbers here; no clock is asked.
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>

#include "timer_driver.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using weft::detail::timer_driver;
using weft::detail::timer_entry;

namespace {

namespace config = weft::detail::config;

using weft::detail::forever;

// A driver never resumes a waiter: an entry's own address will do for one.
void arm(timer_driver& driver, timer_entry& entry, std::int64_t deadline, unsigned stripe) {
    entry.deadline = deadline;
    entry.coroutine = std::coroutine_handle<>::from_address(&entry);
    driver.arm(entry, stripe);
}

std::vector<void*> fire(timer_driver& driver, std::int64_t now) {
    std::vector<void*> fired;
    const std::size_t count = driver.fire_due(now, [&](timer_entry& due) { fired.push_back(&due); });
    REQUIRE(count == fired.size());
    return fired;
}

}  // namespace

TEST_CASE("nothing armed: nothing expires, nobody keeps time", "[timer_driver]") {
    timer_driver driver(3, 0);
    CHECK(driver.next_expiry() == forever);
    CHECK(driver.armed() == 0);
    CHECK(!driver.unkept());
    CHECK(driver.keep_time(1) == forever);
    CHECK(driver.timekeeper() == timer_driver::nobody);
    CHECK(fire(driver, forever).empty());
}

TEST_CASE("an armed entry fires once, when it is due, whatever its stripe", "[timer_driver]") {
    timer_driver driver(4, 0);
    std::deque<timer_entry> entries(4);
    for (unsigned stripe = 0; stripe < 4; ++stripe) arm(driver, entries[stripe], 1000 * (4 - stripe), stripe);
    CHECK(driver.armed() == 4);
    CHECK(driver.next_expiry() == 1000);
    CHECK(fire(driver, 999).empty());
    CHECK(fire(driver, 1000) == std::vector<void*>{&entries[3]});
    CHECK(driver.next_expiry() == 2000);
    CHECK(fire(driver, 2999) == std::vector<void*>{&entries[2]});
    CHECK(driver.next_expiry() == 3000);
    CHECK(fire(driver, 10'000'000) == std::vector<void*>{&entries[0], &entries[1]});
    CHECK(driver.next_expiry() == forever);
    CHECK(driver.armed() == 0);
    CHECK(fire(driver, forever).empty());
}

TEST_CASE("what is due leaves in one order, whatever stripes it is on", "[timer_driver]") {
    constexpr std::int64_t tick = std::int64_t{1} << 14;
    constexpr unsigned stripes = 11;
    const std::uint64_t seed = weft::test::seed();
    CAPTURE(seed);
    std::mt19937_64 engine(seed);
    timer_driver driver(stripes, 0);
    std::deque<timer_entry> entries(500);
    std::vector<void*> expected;
    std::int64_t armed = 0;
    for (timer_entry& entry : entries) {
        entry.armed = ++armed;
        arm(driver, entry, static_cast<std::int64_t>(1 + engine() % 20) * tick, static_cast<unsigned>(engine() % stripes));
        expected.push_back(&entry);
    }
    std::ranges::stable_sort(expected, {}, [](void* entry) { return static_cast<timer_entry*>(entry)->deadline; });
    CHECK(fire(driver, 100 * tick) == expected);
}

TEST_CASE("an entry may be armed again once it has fired", "[timer_driver]") {
    timer_driver driver(2, 0);
    timer_entry entry;
    for (std::int64_t time = 1; time < 100; ++time) {
        arm(driver, entry, time * 1'000'000, static_cast<unsigned>(time % 2));
        CHECK(driver.next_expiry() == time * 1'000'000);
        REQUIRE(fire(driver, time * 1'000'000) == std::vector<void*>{&entry});
    }
}

TEST_CASE("a disarmed entry does not fire; a fired one cannot be disarmed", "[timer_driver]") {
    timer_driver driver(2, 0);
    timer_entry first;
    timer_entry second;
    arm(driver, first, 100, 0);
    arm(driver, second, 200, 1);
    CHECK(driver.disarm(first));
    CHECK(!driver.disarm(first));
    CHECK(driver.armed() == 1);
    CHECK(driver.next_expiry() == 200);
    CHECK(fire(driver, 150).empty());
    CHECK(fire(driver, 200) == std::vector<void*>{&second});
    CHECK(!driver.disarm(second));
    arm(driver, first, 300, 1);
    CHECK(driver.disarm(first));
    CHECK(driver.next_expiry() == forever);
}

TEST_CASE("after a disarm the next expiry may be early, and one look puts it right", "[timer_driver]") {
    timer_driver driver(1, 0);
    timer_entry soon;
    timer_entry later;
    arm(driver, soon, 5000, 0);
    arm(driver, later, 6000, 0);  // in the same tick
    REQUIRE(driver.disarm(soon));
    CHECK(driver.next_expiry() <= 6000);
    CHECK(fire(driver, 5000).empty());
    CHECK(driver.next_expiry() == 6000);
    CHECK(fire(driver, 6000) == std::vector<void*>{&later});
}

TEST_CASE("a sleep for ever neither fires nor needs a timekeeper", "[timer_driver]") {
    timer_driver driver(1, 0);
    timer_entry entry;
    arm(driver, entry, forever, 0);
    CHECK(driver.armed() == 1);
    CHECK(!driver.unkept());
    CHECK(driver.keep_time(0) == forever);
    CHECK(fire(driver, forever - 1).empty());
    CHECK(driver.disarm(entry));
}

TEST_CASE("one sleeper keeps the time", "[timer_driver]") {
    timer_driver driver(3, 0);
    timer_entry entry;
    arm(driver, entry, 1000, 0);
    CHECK(driver.unkept());
    CHECK(driver.keep_time(2) == 1000);
    CHECK(driver.timekeeper() == 2);
    CHECK(!driver.unkept());
    // The others sleep without a deadline.
    CHECK(driver.keep_time(0) == forever);
    CHECK(driver.keep_time(1) == forever);
    CHECK(driver.timekeeper() == 2);
    driver.stop_keeping_time(2);
    CHECK(driver.timekeeper() == timer_driver::nobody);
    CHECK(driver.unkept());
    CHECK(driver.keep_time(1) == 1000);
    driver.stop_keeping_time(1);
    CHECK(fire(driver, 1000).size() == 1);
    CHECK(!driver.unkept());
}

TEST_CASE("an earlier expiry wants a new timekeeper, who takes the role from the old one", "[timer_driver]") {
    timer_driver driver(3, 0);
    timer_entry late;
    timer_entry early;
    arm(driver, late, 1'000'000, 0);
    REQUIRE(driver.keep_time(0) == 1'000'000);
    arm(driver, early, 500, 1);
    CHECK(driver.unkept());
    CHECK(driver.keep_time(1) == 500);
    CHECK(driver.timekeeper() == 1);
    CHECK(!driver.unkept());
    // The old one wakes at its own deadline, or for work, and takes nothing with it.
    driver.stop_keeping_time(0);
    CHECK(driver.timekeeper() == 1);
    CHECK(!driver.unkept());
    driver.stop_keeping_time(1);
    CHECK(driver.unkept());
}

TEST_CASE("a later expiry changes nothing for the timekeeper", "[timer_driver]") {
    timer_driver driver(2, 0);
    timer_entry early;
    timer_entry late;
    arm(driver, early, 500, 0);
    REQUIRE(driver.keep_time(0) == 500);
    arm(driver, late, 1'000'000, 1);
    CHECK(!driver.unkept());
    CHECK(driver.keep_time(1) == forever);
    REQUIRE(driver.disarm(early));
    CHECK(!driver.unkept());  // woken too early, once
    driver.stop_keeping_time(0);
    CHECK(driver.keep_time(0) == 1'000'000);
}

TEST_CASE("arming on one thread, disarming on a second, firing on a third: one winner for each entry", "[timer_driver]") {
    const weft::test::watchdog guard{60s, "disarm races with firing"};
    constexpr int rounds = config::tsan ? 200 : 2'000;
    constexpr std::size_t count = 64;
    const std::uint64_t seed = weft::test::seed();

    timer_driver driver(2, 0);
    std::deque<timer_entry> entries(count);
    std::vector<int> fired(count);
    std::vector<int> disarmed(count);
    // Round numbers: the owner opens a round, both others close it.
    std::atomic<int> opened{0};
    std::atomic<int> closed{0};
    std::atomic<std::int64_t> clock{0};

    std::thread disarmer([&] {
        std::mt19937_64 engine(seed);
        for (int round = 1; round <= rounds; ++round) {
            while (opened.load() != round) std::this_thread::yield();
            const std::size_t start = engine() % count;
            for (std::size_t step = 0; step < count; ++step) {
                const std::size_t which = (start + step) % count;
                if (driver.disarm(entries[which])) ++disarmed[which];
            }
            closed.fetch_add(1);
        }
    });
    std::thread firer([&] {
        for (int round = 1; round <= rounds; ++round) {
            while (opened.load() != round) std::this_thread::yield();
            const std::int64_t base = clock.load();
            for (std::int64_t step = 0; step <= static_cast<std::int64_t>(count); ++step) {
                driver.fire_due(base + step * 1000, [&](timer_entry& due) {
                    const auto* const entry = &due;
                    for (std::size_t which = 0; which < count; ++which)
                        if (&entries[which] == entry) ++fired[which];
                });
            }
            closed.fetch_add(1);
        }
    });
    int both_won = 0;
    int none_won = 0;
    std::uint64_t fired_in_all = 0;
    for (int round = 1; round <= rounds; ++round) {
        const std::int64_t base = clock.load() + 1'000'000;
        clock.store(base);
        std::ranges::fill(fired, 0);
        std::ranges::fill(disarmed, 0);
        for (std::size_t which = 0; which < count; ++which)
            arm(driver, entries[which], base + static_cast<std::int64_t>(which) * 1000, static_cast<unsigned>(which % 2));
        opened.store(round);
        while (closed.load() != 2 * round) std::this_thread::yield();
        for (std::size_t which = 0; which < count; ++which) {
            both_won += fired[which] + disarmed[which] > 1;
            none_won += fired[which] + disarmed[which] < 1;
            fired_in_all += static_cast<std::uint64_t>(fired[which]);
        }
    }
    disarmer.join();
    firer.join();
    CAPTURE(fired_in_all);
    CHECK(both_won == 0);
    CHECK(none_won == 0);
    CHECK(driver.armed() == 0);
}
