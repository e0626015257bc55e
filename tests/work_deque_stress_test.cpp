// SPDX-License-Identifier: MIT
// The work-stealing deque between threads: one owner against three thieves, both uses, from the smallest capacity. Every element is
// taken exactly once, and it brings along what its owner wrote before it was pushed.
#include "support/catch.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>

#include "work_deque.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

namespace config = weft::detail::config;

constexpr int thieves = 3;
const int rounds = weft::test::scaled(config::tsan ? 20 : config::asan ? 40 : 100);
constexpr std::uint32_t elements_per_round = config::tsan ? 5'000 : 20'000;

// Plain fields: a sanitizer sees it if the deque does not order them.
struct element {
    std::uint32_t number = 0;
    std::uint32_t check = 0;
    std::uint32_t taken = 0;
};

using deque = weft::detail::work_deque<element*>;
using status = deque::status;

struct tally {
    std::uint64_t taken = 0;
    std::uint64_t wrong = 0;

    void take(element& each) {
        ++taken;
        if (each.check != ~each.number) ++wrong;
        // Written by whoever took it, without synchronisation: taken twice is a data race, and counts twice.
        ++each.taken;
    }
};

// What one round found, summed over all threads.
struct outcome {
    std::uint64_t taken = 0;
    std::uint64_t wrong = 0;
    std::uint64_t not_once = 0;
};

enum class use { lifo, fifo };

outcome one_round(use kind, std::uint64_t seed) {
    deque shared(1);
    std::vector<element> elements(elements_per_round);
    std::atomic<bool> over{false};
    std::atomic<int> ready{0};
    std::array<tally, thieves + 1> tallies;

    const auto thief = [&](std::size_t index) {
        tally& mine = tallies[index];
        deque own(1);
        ready.fetch_add(1);
        while (ready.load() <= thieves) {
        }
        for (bool last_look = false;;) {
            const auto [result, found] =
                kind == use::fifo ? shared.steal_half(own, 1 + static_cast<std::int64_t>(index) * 4) : shared.steal();
            if (result == status::taken) {
                mine.take(*found);
                for (;;) {
                    const auto [more, next] = own.steal();
                    if (more != status::taken) break;
                    mine.take(*next);
                }
            } else if (result == status::empty) {
                if (last_look) return;
                last_look = over.load();
            }
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t index = 1; index <= thieves; ++index) threads.emplace_back(thief, index);

    tally& mine = tallies[0];
    std::minstd_rand engine(static_cast<std::uint32_t>(seed));
    std::array<element*, 8> batch;
    ready.fetch_add(1);
    while (ready.load() <= thieves) {
    }
    for (std::uint32_t next = 0; next < elements_per_round;) {
        // A few in, some of them out again: mostly near empty, where owner and thieves meet, and now and then long enough to grow.
        const std::uint32_t choice = static_cast<std::uint32_t>(engine());
        const std::uint32_t count = std::min(choice % 64 == 0 ? 300u : choice % 4 + 1, elements_per_round - next);
        const bool reversed = kind == use::lifo && count <= batch.size() && choice % 3 == 0;
        if (reversed) shared.reserve(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            element& each = elements[next];
            each.number = next;
            each.check = ~next;
            ++next;
            if (reversed)
                batch[i] = &each;
            else
                shared.push(&each);
        }
        if (reversed) shared.push_reversed(batch.data(), count);
        for (std::uint32_t i = static_cast<std::uint32_t>(engine()) % (count + 2); i > 0; --i) {
            if (kind == use::lifo) {
                if (element* const popped = shared.pop()) mine.take(*popped);
            } else {
                const auto [result, oldest] = shared.steal();
                if (result == status::taken) mine.take(*oldest);
            }
        }
    }
    over.store(true);
    if (kind == use::lifo)
        while (element* const popped = shared.pop()) mine.take(*popped);
    for (std::thread& each : threads) each.join();

    outcome sum;
    for (const tally& each : tallies) {
        sum.taken += each.taken;
        sum.wrong += each.wrong;
    }
    sum.not_once = static_cast<std::uint64_t>(std::ranges::count_if(elements, [](const element& each) { return each.taken != 1; }));
    return sum;
}

void all_rounds(use kind, const char* name) {
    const weft::test::watchdog guard{60s, name};
    const std::uint64_t seed = weft::test::seed();
    for (int round = 0; round < rounds; ++round) {
        const outcome sum = one_round(kind, seed + static_cast<std::uint64_t>(round));
        CAPTURE(round);
        REQUIRE(sum.not_once == 0);
        REQUIRE(sum.taken == elements_per_round);
        REQUIRE(sum.wrong == 0);
    }
}

}  // namespace

TEST_CASE("LIFO: the owner and three thieves take every element once", "[work_deque][stress]") {
    all_rounds(use::lifo, "work_deque, LIFO, three thieves");
}

TEST_CASE("FIFO: the owner and three thieves that steal halves take every element once", "[work_deque][stress]") {
    all_rounds(use::fifo, "work_deque, FIFO, three thieves");
}
