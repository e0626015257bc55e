// SPDX-License-Identifier: MIT
// The timer wheel, case by case and then step by step against a sorted map.
#include "support/catch.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

#include "timer_wheel.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

using weft::detail::timer_entry;
using weft::detail::timer_list;
using weft::detail::timer_wheel;

namespace {

using weft::detail::forever;
constexpr auto long_ago = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t tick = std::int64_t{1} << 14;

// How long a slot of each level lasts.
constexpr std::array<std::int64_t, 7> slot_time{tick, tick << 7, tick << 17, tick << 24, tick << 31, tick << 38, tick << 44};

void arm(timer_wheel& wheel, timer_entry& entry, std::int64_t deadline) {
    entry.deadline = deadline;
    wheel.insert(entry);
}

std::vector<timer_entry*> all_of(timer_list list) {
    std::vector<timer_entry*> entries;
    while (timer_entry* const entry = list.pop_front()) entries.push_back(entry);
    return entries;
}

using entries = std::vector<timer_entry*>;

entries due(timer_wheel& wheel, std::int64_t now) { return all_of(wheel.advance(now)); }

}  // namespace

TEST_CASE("an empty wheel has nothing to say", "[timer_wheel]") {
    timer_wheel wheel(5);
    CHECK(wheel.empty());
    CHECK(wheel.size() == 0);
    CHECK(wheel.next_expiry() == forever);
    for (const std::int64_t now : {std::int64_t{5}, long_ago, std::int64_t{6}, tick, forever}) {
        CHECK(wheel.advance(now).empty());
        CHECK(wheel.next_expiry() == forever);
    }
}

TEST_CASE("an entry is due at its deadline and not a nanosecond before", "[timer_wheel]") {
    // Whatever level it starts on, and wherever in its tick the deadline lies.
    for (const std::int64_t start : {std::int64_t{0}, std::int64_t{12'345'678'901'234}, std::int64_t{-777'777'777}, long_ago}) {
        for (const std::int64_t step : slot_time) {
            for (const std::int64_t off : {-1, 0, 1, 100, 16'383}) {
                timer_wheel wheel(start);
                timer_entry entry;
                const std::int64_t deadline = start + step + off;
                CAPTURE(start, step, off);
                arm(wheel, entry, deadline);
                REQUIRE(wheel.next_expiry() == deadline);
                REQUIRE(due(wheel, deadline - 1).empty());
                REQUIRE(wheel.next_expiry() == deadline);
                REQUIRE(wheel.size() == 1);
                REQUIRE(due(wheel, deadline) == entries{&entry});
                REQUIRE(wheel.empty());
                REQUIRE(wheel.next_expiry() == forever);
            }
        }
    }
}

TEST_CASE("an entry is due whatever the steps that lead there", "[timer_wheel]") {
    for (const std::int64_t step : {tick / 3, tick, 100 * tick, 255 * tick, 256 * tick, 257 * tick, 65'537 * tick}) {
        timer_wheel wheel(1000);
        timer_entry entry;
        const std::int64_t deadline = 1000 + 200'000 * tick + 77;
        arm(wheel, entry, deadline);
        std::int64_t now = 1000;
        bool early = false;
        for (; now + step < deadline; now += step) early = !wheel.advance(now + step).empty() || early;
        CAPTURE(step);
        CHECK(!early);
        CHECK(wheel.next_expiry() == deadline);
        CHECK(due(wheel, now + step) == entries{&entry});
    }
}

TEST_CASE("within one tick only what is due leaves, in the order of arming", "[timer_wheel]") {
    timer_wheel wheel(0);
    std::array<timer_entry, 5> e;
    arm(wheel, e[0], 300);
    arm(wheel, e[1], 100);
    arm(wheel, e[2], 200);
    arm(wheel, e[3], 100);
    arm(wheel, e[4], 400);
    CHECK(wheel.next_expiry() == 100);
    CHECK(due(wheel, 99).empty());
    CHECK(due(wheel, 100) == entries{&e[1], &e[3]});
    CHECK(wheel.next_expiry() == 200);
    CHECK(due(wheel, 350) == entries{&e[0], &e[2]});
    CHECK(wheel.next_expiry() == 400);
    CHECK(due(wheel, 400) == entries{&e[4]});
}

TEST_CASE("ticks leave in order of deadline, whether time goes in steps or at once", "[timer_wheel]") {
    constexpr std::int64_t start = 987'654'321;
    std::vector<std::int64_t> deadlines;
    for (const std::int64_t step : slot_time) {
        for (const std::int64_t times : {1, 2, 3, 255, 256, 257, 1023, 1024, 1025}) {
            if (step < slot_time.back()) deadlines.push_back(start + step * times);
        }
    }
    std::ranges::sort(deadlines);
    deadlines.erase(std::ranges::unique(deadlines).begin(), deadlines.end());
    std::vector<std::int64_t> armed = deadlines;
    std::mt19937_64 engine(1);
    std::ranges::shuffle(armed, engine);
    for (const bool at_once : {true, false}) {
        timer_wheel wheel(start);
        std::deque<timer_entry> pool(armed.size());
        for (std::size_t i = 0; i < armed.size(); ++i) arm(wheel, pool[i], armed[i]);
        std::vector<std::int64_t> seen;
        while (!wheel.empty()) {
            const std::int64_t now = at_once ? deadlines.back() : wheel.next_expiry();
            for (const timer_entry* entry : due(wheel, now)) seen.push_back(entry->deadline);
        }
        CAPTURE(at_once);
        CHECK(seen == deadlines);
    }
}

TEST_CASE("equal deadlines leave in the order of arming, though armed levels apart", "[timer_wheel]") {
    constexpr std::int64_t deadline = 3 * slot_time[3] + 5 * slot_time[2] + 7 * slot_time[1] + 9 * tick + 11;
    timer_wheel wheel(0);
    std::array<timer_entry, 10> e;
    std::size_t armed = 0;
    entries order;
    for (const std::int64_t before : {deadline, 2 * slot_time[3], slot_time[3], 3 * slot_time[2], slot_time[2], 2 * slot_time[1],
                                      slot_time[1], 2 * tick, std::int64_t{5}, std::int64_t{1}}) {
        CHECK(wheel.advance(deadline - before).empty());
        arm(wheel, e[armed], deadline);
        order.push_back(&e[armed++]);
    }
    CHECK(due(wheel, deadline) == order);
}

TEST_CASE("a deadline that has passed is due at the next advance, even one that makes no progress", "[timer_wheel]") {
    timer_wheel wheel(1'000'000'000);
    std::array<timer_entry, 4> e;
    arm(wheel, e[0], 999'999'999);
    arm(wheel, e[1], long_ago);
    arm(wheel, e[2], 1'000'000'000);
    arm(wheel, e[3], 0);
    CHECK(wheel.next_expiry() == long_ago);
    CHECK(due(wheel, 1'000'000'000) == entries{&e[0], &e[1], &e[2], &e[3]});
    arm(wheel, e[1], -5);
    CHECK(due(wheel, 7) == entries{&e[1]});
    arm(wheel, e[2], 3);
    CHECK(due(wheel, forever) == entries{&e[2]});
}

TEST_CASE("a clock that goes backwards changes nothing", "[timer_wheel]") {
    timer_wheel wheel(100 * tick);
    std::array<timer_entry, 2> e;
    arm(wheel, e[0], 200 * tick);
    CHECK(due(wheel, 150 * tick).empty());
    CHECK(due(wheel, 20 * tick).empty());
    CHECK(due(wheel, long_ago).empty());
    arm(wheel, e[1], 140 * tick);  // has passed, as the wheel knows
    CHECK(due(wheel, 30 * tick) == entries{&e[1]});
    CHECK(due(wheel, 199 * tick).empty());
    CHECK(due(wheel, 200 * tick) == entries{&e[0]});
}

TEST_CASE("for ever is as long as it can be", "[timer_wheel]") {
    for (const std::int64_t start : {std::int64_t{0}, long_ago, forever - 1, forever}) {
        timer_wheel wheel(start);
        std::array<timer_entry, 3> e;
        arm(wheel, e[0], forever);
        arm(wheel, e[1], forever - 1);
        arm(wheel, e[2], forever);
        CAPTURE(start);
        CHECK(wheel.next_expiry() == forever - 1);
        if (start < forever - 2) CHECK(due(wheel, forever - 2).empty());
        if (start < forever) {
            CHECK(due(wheel, forever - 1) == entries{&e[1]});
            CHECK(wheel.next_expiry() == forever);
            CHECK(due(wheel, forever) == entries{&e[0], &e[2]});
        } else {
            CHECK(due(wheel, forever) == entries{&e[0], &e[1], &e[2]});
        }
    }
}

TEST_CASE("all of int64 is in order, in one step from end to end", "[timer_wheel]") {
    const std::array<std::int64_t, 9> deadlines{long_ago + tick, -tick, -1, 0, 1, tick, 1'000'000'000, forever / 2, forever};
    timer_wheel wheel(long_ago);
    std::array<timer_entry, 9> e;
    for (std::size_t i = e.size(); i-- > 0;) arm(wheel, e[i], deadlines[i]);
    std::vector<std::int64_t> seen;
    for (const timer_entry* entry : due(wheel, forever)) seen.push_back(entry->deadline);
    // 0 and 1 are in one tick and leave as armed, 1 first; likewise -tick and -1.
    CHECK(seen == std::vector<std::int64_t>{long_ago + tick, -1, -tick, 1, 0, tick, 1'000'000'000, forever / 2, forever});
}

TEST_CASE("an entry that is erased does not come out, wherever it stood in its slot", "[timer_wheel]") {
    for (std::size_t gone = 0; gone < 4; ++gone) {
        timer_wheel wheel(0);
        std::array<timer_entry, 4> e;
        for (auto& entry : e) arm(wheel, entry, 1000 * tick);
        wheel.erase(e[gone]);
        CHECK(e[gone].slot == timer_entry::in_no_wheel);
        CHECK(wheel.size() == 3);
        entries rest;
        for (auto& entry : e) {
            if (&entry != &e[gone]) rest.push_back(&entry);
        }
        CAPTURE(gone);
        CHECK(due(wheel, 1000 * tick) == rest);
    }
}

TEST_CASE("an entry can be armed, erased and armed again", "[timer_wheel]") {
    timer_wheel wheel(0);
    timer_entry entry;
    for (const std::int64_t step : slot_time) {
        arm(wheel, entry, step);
        CHECK(wheel.next_expiry() == step);
        wheel.erase(entry);
        CHECK(wheel.empty());
        CHECK(wheel.next_expiry() == forever);
    }
    arm(wheel, entry, 10);
    CHECK(due(wheel, forever) == entries{&entry});
}

TEST_CASE("an entry that came out is in no wheel, and otherwise as it was", "[timer_wheel]") {
    timer_wheel wheel(0);
    std::array<timer_entry, 2> e;
    e[0].stripe = 7;
    CHECK(e[0].slot == timer_entry::in_no_wheel);
    arm(wheel, e[0], 5);            // leaves with its tick not over
    arm(wheel, e[1], 5000 * tick);  // leaves with its tick
    CHECK(e[0].slot != timer_entry::in_no_wheel);
    CHECK(due(wheel, 6).size() == 1);
    CHECK(due(wheel, forever).size() == 1);
    for (const auto& entry : e) CHECK(entry.slot == timer_entry::in_no_wheel);
    CHECK(e[0].stripe == 7);
    CHECK(e[0].deadline == 5);
    CHECK(!e[0].coroutine);
}

TEST_CASE("an entry may die, or be armed again, as soon as it is taken from the list", "[timer_wheel]") {
    timer_wheel wheel(0);
    std::vector<std::unique_ptr<timer_entry>> owners;
    for (int i = 0; i < 3; ++i) {
        owners.push_back(std::make_unique<timer_entry>());
        arm(wheel, *owners.back(), 50);
    }
    timer_list list = wheel.advance(50);
    CHECK(list.pop_front() == owners[0].get());
    owners[0].reset();
    CHECK(list.pop_front() == owners[1].get());
    arm(wheel, *owners[1], 60);
    CHECK(list.pop_front() == owners[2].get());
    CHECK(list.pop_front() == nullptr);
    CHECK(list.empty());
    CHECK(due(wheel, 60) == entries{owners[1].get()});
}

TEST_CASE("a timer_list can be emptied and filled again", "[timer_wheel]") {
    timer_list list;
    std::array<timer_entry, 3> e;
    for (int round = 0; round < 2; ++round) {
        CHECK(list.empty());
        for (auto& entry : e) list.push_back(entry);
        CHECK(all_of(list) == entries{&e[0], &e[1], &e[2]});
        while (list.pop_front() != nullptr) {
        }
    }
}

TEST_CASE("lists of several wheels merge by tick, and within a tick by when the entries were armed", "[timer_wheel][random]") {
    std::mt19937_64 engine(weft::test::seed());
    for (int round = 0; round < 2000; ++round) {
        CAPTURE(weft::test::seed(), round);
        std::deque<timer_entry> all(engine() % 40);
        std::array<timer_list, 2> lists;
        entries expected;
        for (auto& entry : all) {
            entry.deadline = static_cast<std::int64_t>(engine() % (8 * tick)) - 4 * tick;
            entry.armed = static_cast<std::int64_t>(engine() % 4);
            expected.push_back(&entry);
        }
        const auto earlier = [](const timer_entry* a, const timer_entry* b) {
            const auto a_tick = timer_wheel::tick_of(a->deadline);
            const auto b_tick = timer_wheel::tick_of(b->deadline);
            return a_tick != b_tick ? a_tick < b_tick : a->armed < b->armed;
        };
        // Among equals the first list's come first, each list's in their order.
        const auto of_first = std::stable_partition(expected.begin(), expected.end(), [&](auto*) { return engine() % 2 == 0; });
        std::stable_sort(expected.begin(), of_first, earlier);
        std::stable_sort(of_first, expected.end(), earlier);
        for (auto at = expected.begin(); at != expected.end(); ++at) lists[at < of_first ? 0 : 1].push_back(**at);
        std::inplace_merge(expected.begin(), of_first, expected.end(), earlier);
        REQUIRE(all_of(merged(lists[0], lists[1])) == expected);
    }
}

TEST_CASE("a too early next_expiry costs one advance, then it is right", "[timer_wheel]") {
    for (const std::int64_t step : slot_time) {
        if (step > forever / 8) continue;
        timer_wheel wheel(0);
        std::array<timer_entry, 2> e;
        // Both in one slot.
        arm(wheel, e[0], 3 * step + 10);
        arm(wheel, e[1], 3 * step + step / 2);
        wheel.erase(e[0]);
        CAPTURE(step);
        CHECK(wheel.next_expiry() == 3 * step + 10);
        CHECK(due(wheel, 3 * step + 10).empty());
        CHECK(wheel.next_expiry() == 3 * step + step / 2);
        CHECK(due(wheel, 3 * step + step / 2) == entries{&e[1]});
    }
}

TEST_CASE("what is not due is not looked at again", "[timer_wheel]") {
    // A million sleepers of one deadline, while the clock goes through their tick nanosecond by nanosecond. To see whether they are
    // looked at, their deadlines are falsified once they are in.
    timer_wheel wheel(0);
    std::deque<timer_entry> crowd(1'000'000);
    for (auto& entry : crowd) arm(wheel, entry, tick - 1);
    for (auto& entry : crowd) entry.deadline = long_ago;
    bool looked = false;
    for (std::int64_t now = 0; now < tick - 1; ++now) looked = !wheel.advance(now).empty() || looked;
    CHECK(!looked);
    for (auto& entry : crowd) entry.deadline = tick - 1;
    std::size_t left = 0;
    for (timer_list list = wheel.advance(tick - 1); list.pop_front() != nullptr;) ++left;
    CHECK(left == crowd.size());
}

namespace {

// What the wheel should do, done the obvious way: entries by the tick at which they can come out, in order of arming within it.
class oracle {
public:
    explicit oracle(std::int64_t now) : now_(now) {}

    void insert(timer_entry& entry) { where_[&entry] = by_tick_.emplace(tick_of(std::max(entry.deadline, now_)), &entry); }

    void erase(timer_entry& entry) {
        by_tick_.erase(where_.at(&entry));
        where_.erase(&entry);
    }

    entries advance(std::int64_t now) {
        now_ = std::max(now, now_);
        entries due;
        for (auto at = by_tick_.begin(); at != by_tick_.end() && at->first <= tick_of(now_);) {
            if (at->second->deadline > now_) {
                ++at;
                continue;
            }
            due.push_back(at->second);
            where_.erase(at->second);
            at = by_tick_.erase(at);
        }
        return due;
    }

    std::int64_t next_expiry() const {
        std::int64_t earliest = forever;
        for (auto at = by_tick_.begin(); at != by_tick_.end() && at->first == by_tick_.begin()->first; ++at) {
            earliest = std::min(earliest, at->second->deadline);
        }
        return earliest;
    }

    std::size_t size() const { return by_tick_.size(); }
    std::int64_t now() const { return now_; }

private:
    // Rounds down, for negative times too.
    static std::int64_t tick_of(std::int64_t time) { return time / tick - (time % tick < 0 ? 1 : 0); }

    using map = std::multimap<std::int64_t, timer_entry*>;
    std::int64_t now_;
    map by_tick_;
    std::map<timer_entry*, map::iterator> where_;
};

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
    if (b > 0 && a > forever - b) return forever;
    if (b < 0 && a < long_ago - b) return long_ago;
    return a + b;
}

// One life of a wheel, next to the oracle. Returns what went wrong, or nothing.
class trial {
public:
    explicit trial(std::mt19937_64& engine) : engine_(engine), wheel_(start_), oracle_(start_) {
        for (auto& entry : pool_) idle_.push_back(&entry);
    }

    std::string run(int steps) {
        std::string wrong;
        for (int i = 0; i < steps && wrong.empty(); ++i) {
            const auto dice = below(100);
            if (dice < inserts_ && !idle_.empty()) {
                insert();
            } else if (dice < inserts_ + 25 && !armed_.empty()) {
                erase();
            } else {
                wrong = advance(jump());
            }
            if (wrong.empty()) wrong = check();
        }
        // At last everything comes out, by one step or by going from expiry to expiry.
        if (below(2) == 0 && wrong.empty()) wrong = advance(forever);
        while (wrong.empty() && !wheel_.empty()) wrong = advance(wheel_.next_expiry());
        if (wrong.empty() && (oracle_.size() != 0 || !armed_.empty())) wrong = "an entry was lost";
        return wrong.empty() ? wrong : wrong + ", started at " + std::to_string(start_) + ", now " + std::to_string(oracle_.now());
    }

private:
    std::uint64_t below(std::uint64_t n) { return engine_() % n; }

    // Any order of magnitude up to 2^bits, each as likely.
    std::int64_t magnitude(std::uint64_t bits) { return static_cast<std::int64_t>(engine_() >> (63 - below(bits))); }

    // -1, 0 or 1 ns from where a slot of some level begins, one of the next few.
    std::int64_t near_boundary() {
        const std::int64_t step = slot_time[below(slot_time.size())];
        const std::int64_t here = oracle_.now() / step * step;
        std::int64_t at = here;
        for (auto n = below(4); n > 0; --n) at = saturating_add(at, step);
        return saturating_add(at, static_cast<std::int64_t>(below(3)) - 1);
    }

    std::int64_t some_start() {
        switch (below(6)) {
            case 0:
                return 0;
            case 1:
                return long_ago;
            case 2:
                return -magnitude(62);
            case 3:
                return saturating_add(magnitude(62) / slot_time[3] * slot_time[3], static_cast<std::int64_t>(below(3)) - 1);
            case 4:
                return forever - magnitude(40);
            default:
                return magnitude(62);
        }
    }

    std::int64_t some_deadline() {
        const std::int64_t now = oracle_.now();
        switch (below(12)) {
            case 0:
                return recent_;
            case 1:
                return near_boundary();
            case 2:
                return saturating_add(now, -magnitude(62));
            case 3:
                return std::array{forever, forever - 1, std::int64_t{0}, std::int64_t{-1}, long_ago, now}[below(6)];
            case 4:
                return saturating_add(now, static_cast<std::int64_t>(below(4 * tick)));  // a cluster
            case 5:
                return saturating_add(recent_, static_cast<std::int64_t>(below(5)) - 2);
            case 6:
                return saturating_add(now, magnitude(62));
            default:
                return saturating_add(now, magnitude(reach_));
        }
    }

    std::int64_t jump() {
        const std::int64_t now = oracle_.now();
        switch (below(10)) {
            case 0:
                return now;
            case 1:
                return saturating_add(now, -magnitude(62));
            case 2:
                return wheel_.next_expiry() == forever ? now : wheel_.next_expiry();
            case 3:
                return saturating_add(wheel_.next_expiry() == forever ? now : wheel_.next_expiry(), -1);
            case 4:
                return below(50) == 0 ? near_boundary() : now;
            case 5:
                return saturating_add(now, static_cast<std::int64_t>(below(100)));
            default:
                return saturating_add(now, magnitude(stride_));
        }
    }

    void insert() {
        timer_entry& entry = *idle_.back();
        idle_.pop_back();
        entry.deadline = recent_ = some_deadline();
        wheel_.insert(entry);
        oracle_.insert(entry);
        place_[&entry] = armed_.size();
        armed_.push_back(&entry);
    }

    void erase() {
        timer_entry& entry = *armed_[below(armed_.size())];
        wheel_.erase(entry);
        oracle_.erase(entry);
        disarm(entry);
        erased_ = true;
    }

    void disarm(timer_entry& entry) {
        const std::size_t at = place_.at(&entry);
        armed_[at] = armed_.back();
        place_[armed_[at]] = at;
        armed_.pop_back();
        idle_.push_back(&entry);
    }

    std::string advance(std::int64_t now) {
        const entries out = all_of(wheel_.advance(now));
        if (out != oracle_.advance(now)) return "advance returned something else than the map";
        for (timer_entry* const entry : out) {
            if (entry->slot != timer_entry::in_no_wheel) return "a returned entry is marked as in a wheel";
            disarm(*entry);
        }
        if (!wheel_.empty() && wheel_.next_expiry() <= oracle_.now()) return "next_expiry is not past after an advance";
        return {};
    }

    std::string check() {
        if (wheel_.size() != oracle_.size() || wheel_.empty() != (oracle_.size() == 0)) return "the sizes differ";
        if (wheel_.empty()) erased_ = false;
        const std::int64_t expected = oracle_.next_expiry();
        if (wheel_.next_expiry() > expected) return "next_expiry is too late";
        if (!erased_ && wheel_.next_expiry() != expected) return "next_expiry is not exact though nothing was erased";
        return {};
    }

    std::mt19937_64& engine_;
    // What this trial is like: how far deadlines lie ahead, how far the clock goes at a time, how many entries there are.
    std::uint64_t reach_ = 1 + below(62);
    std::uint64_t stride_ = 1 + below(reach_);
    std::uint64_t inserts_ = 30 + below(30);
    std::deque<timer_entry> pool_ = std::deque<timer_entry>(1 + below(300));
    std::int64_t start_ = some_start();
    timer_wheel wheel_;
    oracle oracle_;
    entries idle_;
    entries armed_;
    std::map<timer_entry*, std::size_t> place_;
    std::int64_t recent_ = 0;
    bool erased_ = false;
};

}  // namespace

TEST_CASE("a million random steps, each as the sorted map has it", "[timer_wheel][random]") {
    std::mt19937_64 engine(weft::test::seed());
    for (int i = 0; i < weft::test::scaled(1000); ++i) {
        const std::string wrong = std::make_unique<trial>(engine)->run(1000);
        CAPTURE(weft::test::seed(), i, wrong);
        REQUIRE(wrong.empty());
    }
}
