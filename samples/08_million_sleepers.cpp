// SPDX-License-Identifier: MIT
// A million tasks asleep at once, each for 1 to 1000 random milliseconds. A reporter prints four times how many are awake again.
// Then come the total time, how late the last one was, a histogram of how late each was (from its deadline until it went on), how
// many woke early (none may), and the memory per task, all included. Between one and two seconds.
//
//     async def sleeper():
//         await asyncio.sleep(random.randint(1, 1000) / 1000)
//
//     async def main():
//         reporter = asyncio.create_task(report())
//         await asyncio.gather(*[sleeper() for _ in range(1_000_000)])
//         await reporter

#include <weft/weft.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr std::size_t sleepers = 1'000'000;

struct nap {
    steady::time_point due, woke;
};

weft::task<nap> sleeper(std::atomic<unsigned>& awake) {
    auto const due = steady::now() + std::chrono::milliseconds(weft::random::randint(1, 1000));
    co_await weft::sleep_until(due);
    auto const woke = steady::now();
    awake.fetch_add(1, std::memory_order_relaxed);
    co_return nap{due, woke};
}

weft::task<> report(std::atomic<unsigned> const& awake, steady::time_point start) {
    for (auto after = 250ms; after <= 1000ms; after += 250ms) {
        co_await weft::sleep_until(start + after);
        std::printf("after %4d ms: %7u awake\n", static_cast<int>(after.count()), awake.load(std::memory_order_relaxed));
    }
}

// A # for 2 %, or what is left of them.
void print_histogram(std::vector<nap> const& naps) {
    struct range {
        char const* name;
        steady::duration below;
        std::size_t tasks = 0;
    };
    range ranges[] = {{"<  50 us", 50us},
                      {"< 100 us", 100us},
                      {"< 250 us", 250us},
                      {"<   1 ms", 1ms},
                      {"<   5 ms", 5ms},
                      {"<  25 ms", 25ms},
                      {">= 25 ms", steady::duration::max()}};
    for (nap const& nap : naps)
        ++std::ranges::find_if(ranges, [late = nap.woke - nap.due](range const& each) { return late < each.below; })->tasks;
    for (range const& each : ranges) {
        double const percent = 100.0 * static_cast<double>(each.tasks) / static_cast<double>(naps.size());
        std::string const bar(static_cast<std::size_t>(std::ceil(percent / 2)), '#');
        std::printf("late by %s: %7zu %5.1f %% %s\n", each.name, each.tasks, percent, bar.c_str());
    }
}

double milliseconds(steady::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

// The most memory this process has used so far. Linux counts it in KiB.
double peak_bytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

weft::task<bool> async_main() {
    double const bytes_before = peak_bytes();
    auto const start = steady::now();

    std::atomic<unsigned> awake = 0;
    auto reporter = weft::spawn(report(awake, start));
    std::vector<weft::task<nap>> tasks;
    tasks.reserve(sleepers);
    while (tasks.size() < sleepers) tasks.push_back(sleeper(awake));
    auto const naps = co_await weft::gather(std::move(tasks));
    auto const end = steady::now();
    co_await reporter;

    auto last_due = start;
    std::size_t early = 0;
    for (nap const& nap : naps) {
        last_due = std::max(last_due, nap.due);
        if (nap.woke < nap.due) ++early;
    }
    std::printf("all awake after %.0f ms\n", milliseconds(end - start));
    std::printf("%.1f ms past the last deadline\n", milliseconds(end - last_due));
    print_histogram(naps);
    std::printf("%zu woke early\n", early);
    std::printf("%.0f bytes per task\n", (peak_bytes() - bytes_before) / sleepers);
    co_return early == 0;
}

int main() { return weft::run(async_main()) ? 0 : 1; }
