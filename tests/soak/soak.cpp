// SPDX-License-Identifier: MIT
// A mixed load for a long time, after which the process is to have no more memory, descriptors and threads than before.
//     soak [SECONDS [memory|descriptor|thread]]     with the second argument it leaks that, and must notice
// Without arguments: WEFT_SOAK_SECONDS from the environment, or 5.
#include <malloc.h>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <weft/runtime.hpp>

#include "drift.hpp"
#include "load.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
using namespace weft::soak;
using clock_type = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

constexpr int drivers = 3;

// A busy machine takes longer. With fewer, a byte lost by each would be within the margin of drift.cpp.
constexpr std::uint64_t tasks_needed = 30'000;

void print(sample const& now, seconds since_begin, double tasks_each_second, std::uint64_t rounds_begun) {
    std::printf("%8.1f s  %9.0f tasks/s  %8llu rounds  RSS %ld KiB  heap %ld KiB  %ld descriptors  %ld threads\n",
                since_begin.count(), tasks_each_second, static_cast<unsigned long long>(rounds_begun), now.rss / 1024,
                now.heap / 1024, now.descriptors, now.threads);
    std::fflush(stdout);
}

// What was wrong; empty: nothing.
std::string soak(seconds length, tally& all) {
    rounds turns(drivers);
    std::uint64_t const seed = weft::test::seed();
    weft::runtime lasting({.workers = 4, .blocking_threads = 2, .name = "lasting", .on_unhandled_exception = [&](auto const&) {
                               all.reports.fetch_add(1, std::memory_order_relaxed);
                           }});
    auto const drive = [&](std::uint64_t number, auto round) {
        return std::thread([&turns, round, engine = std::mt19937_64(seed + number)]() mutable {
            while (turns.next()) round(engine);
        });
    };
    std::vector<std::thread> threads;
    threads.push_back(drive(0, [&](auto& engine) { run_round(lasting, all, engine); }));
    threads.push_back(drive(1, [&](auto& engine) { submit_round(lasting, all, engine); }));
    threads.push_back(drive(2, [&](auto& engine) { visit_round(all, engine); }));

    // A quiet moment needs the end of every thread's round, so it is the sign of life of all of them.
    std::optional<weft::test::watchdog> guard(std::in_place, 60s, "soak");
    seconds const period = std::clamp(length / 60, seconds(0.1), seconds(10));
    auto const begin = clock_type::now();
    auto printed = begin;
    std::uint64_t tasks_printed = 0;
    long left = 0;
    std::vector<sample> samples;
    auto const enough = [&] {
        return clock_type::now() - begin >= length && samples.size() >= samples_needed && all.tasks >= tasks_needed;
    };
    while (left == 0 && !enough()) {
        std::this_thread::sleep_for(period);
        turns.quietly([&] {
            // What is submitted tells its end before its frame is gone, and a function on a thread may outlive who awaited it.
            for (int look = 0; look < 10'000 && all.objects.alive != 0; ++look) std::this_thread::sleep_for(1ms);
            left = all.objects.alive;
            samples.push_back(take_sample());
        });
        guard.emplace(60s, "soak");
        auto const now = clock_type::now();
        if (now - printed >= std::max(seconds(1), length / 60)) {
            std::uint64_t const tasks = all.tasks;
            print(samples.back(), now - begin, static_cast<double>(tasks - tasks_printed) / seconds(now - printed).count(),
                  turns.begun());
            printed = now;
            tasks_printed = tasks;
        }
    }
    turns.end();
    for (std::thread& each : threads) each.join();

    print(samples.back(), clock_type::now() - begin, static_cast<double>(all.tasks) / seconds(clock_type::now() - begin).count(),
          turns.begun());
    std::string wrong = drift(samples);
    if (left != 0) wrong += std::to_string(left) + " objects are left when nothing runs\n";
    if (all.wrong != 0) wrong += std::to_string(all.wrong) + " results are wrong\n";
    return wrong;
}

}  // namespace

int main(int argc, char** argv) {
    std::map<std::string, leak> const leaks{{"memory", leak::memory}, {"descriptor", leak::descriptor}, {"thread", leak::thread}};
    char* end = nullptr;
    char const* const of_environment = std::getenv("WEFT_SOAK_SECONDS");
    char const* const asked = argc > 1 ? argv[1] : of_environment ? of_environment : "5";
    double const length = std::strtod(asked, &end);
    bool const length_understood = end != asked && *end == '\0' && length > 0;
    if (argc > 3 || !length_understood || (argc == 3 && !leaks.contains(argv[2]))) {
        std::fputs("usage: soak [SECONDS [memory|descriptor|thread]]\n", stderr);
        return 2;
    }
    mallopt(M_ARENA_MAX, 1);  // what drift() asks knows the first arena alone
    tally all;
    if (argc == 3) all.leaks = leaks.at(argv[2]);
    std::string const wrong = soak(seconds(length), all);
    std::fputs(wrong.empty() ? "nothing drifts\n" : wrong.c_str(), stdout);
    return wrong.empty() ? 0 : 1;
}
