// SPDX-License-Identifier: MIT
// The library's private timer wheel, by itself: no clock, no lock, no task. Among `entries` timers that wait (random deadlines
// within ten seconds), arm one more and cancel it, which is the life of most time limits; and arm all of them, then let every one
// expire.
#include "timer_wheel.hpp"

#include "../harness.hpp"

#include <memory>
#include <random>

namespace {

using weft::detail::timer_entry;
using weft::detail::timer_wheel;

constexpr std::int64_t second = 1'000'000'000;

// Entries cannot move, hence no vector of them.
class entries {
public:
    explicit entries(std::int64_t n) : n_(static_cast<std::size_t>(n)), all_(std::make_unique<timer_entry[]>(n_)) {
        std::minstd_rand random(1);
        std::uniform_int_distribution<std::int64_t> deadline(1, 10 * second);
        for (auto& entry : *this) {
            entry.deadline = deadline(random);
        }
    }

    timer_entry* begin() { return all_.get(); }
    timer_entry* end() { return all_.get() + n_; }

private:
    std::size_t n_;
    std::unique_ptr<timer_entry[]> all_;
};

void arm_and_cancel(benchmark::State& state) {
    timer_wheel wheel(0);
    entries waiting(state.range(0));
    for (auto& entry : waiting) {
        wheel.insert(entry);
    }
    entries limits(1024);
    auto const before = wheel.size();
    for (auto _ : state) {
        for (auto& limit : limits) {
            wheel.insert(limit);
            wheel.erase(limit);
        }
        benchmark::ClobberMemory();
    }
    if (wheel.size() != before) {
        state.SkipWithError("the wheel lost count");
    }
    harness::report(state, 1024);
}

// Advances from one expiry to the next, as the timer driver does.
void arm_and_expire(benchmark::State& state) {
    auto const n = state.range(0);
    entries all(n);
    for (auto _ : state) {
        timer_wheel wheel(0);
        for (auto& entry : all) {
            wheel.insert(entry);
        }
        std::int64_t expired = 0;
        bool early = false;
        while (!wheel.empty()) {
            auto const now = wheel.next_expiry();
            auto due = wheel.advance(now);
            while (auto* const entry = due.pop_front()) {
                early = early || entry->deadline > now;
                ++expired;
            }
        }
        if (expired != n || early) {
            state.SkipWithError("not every timer expired when it was due");
            break;
        }
    }
    harness::report(state, n);
}

BENCHMARK(arm_and_cancel)->Name("timer_wheel/weft/cancel")->Apply([](auto* entry) {
    harness::each_size(entry, "entries", {1, 1'000'000});
});
BENCHMARK(arm_and_expire)->Name("timer_wheel/weft/expire")->Apply([](auto* entry) {
    harness::each_size(entry, "entries", {1000, 1'000'000});
});

}  // namespace
