// SPDX-License-Identifier: MIT
// A million tasks asleep at once, each for 1 to 1000 random milliseconds. A reporter prints four times how many are awake again.
// Then come the total time, how late the last one was, how many woke early (none may), and the memory per task, all included.
// Between one and two seconds.
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
#include <cstdio>
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
    std::printf("%zu woke early\n", early);
    std::printf("%.0f bytes per task\n", (peak_bytes() - bytes_before) / sleepers);
    co_return early == 0;
}

int main() { return weft::run(async_main()) ? 0 : 1; }
