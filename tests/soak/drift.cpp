// SPDX-License-Identifier: MIT
#include "drift.hpp"

#include <malloc.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <sstream>
#include <thread>

#include <weft/detail/config.hpp>

namespace weft::soak {

namespace {

namespace config = weft::detail::config;

constexpr long kibibyte = 1024;
constexpr long mebibyte = 1024 * kibibyte;

// The system keeps freed pages for a while and gives each thread an arena of its own: RSS wavers by some mebibytes. Sanitizers keep
// freed memory on purpose.
constexpr long rss_margin = config::asan || config::tsan ? 4096 * mebibyte : 6 * mebibyte;
// At a quiet moment everything is freed but what the runtimes keep for the next time.
constexpr long heap_margin = 192 * kibibyte;
// Threads for what blocks come when they are needed and go after a while: of two runtimes with two each.
constexpr long threads_margin = 4;

long entries(char const* folder) {
    std::filesystem::directory_iterator const all(folder);
    return static_cast<long>(std::distance(begin(all), end(all)));
}

// A thread that was joined stands there for another moment.
long settled_threads() {
    long fewest = entries("/proc/self/task");
    for (int look = 0; look < 5; ++look) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        fewest = std::min(fewest, entries("/proc/self/task"));
    }
    return fewest;
}

using quarter = std::span<sample const>;

std::vector<long> sorted(quarter of, long sample::*what) {
    std::vector<long> all;
    for (sample const& each : of) all.push_back(each.*what);
    std::ranges::sort(all);
    return all;
}

}  // namespace

sample take_sample() {
    sample now;
    now.threads = settled_threads();
    now.descriptors = entries("/proc/self/fd");
    long total = 0;
    long resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    now.rss = resident * sysconf(_SC_PAGESIZE);
    struct mallinfo2 const heap = mallinfo2();
    now.heap = static_cast<long>(heap.uordblks + heap.hblkhd);
    return now;
}

std::string drift(std::vector<sample> const& samples) {
    std::size_t const count = samples.size() / 4;
    quarter const all(samples);
    quarter const before = all.subspan(count, count);
    quarter const after = all.last(count);
    std::ostringstream text;
    auto const memory = [&](char const* name, long sample::*what, long margin) {
        long const first = sorted(before, what)[count / 2];
        long const last = sorted(after, what)[count / 2];
        if (last - first > margin)
            text << name << " drifts: " << first / kibibyte << " KiB, later " << last / kibibyte << " KiB; the margin is "
                 << margin / kibibyte << " KiB\n";
    };
    auto const number = [&](char const* name, long sample::*what, long margin) {
        long const most_first = sorted(before, what).back();
        long const fewest_last = sorted(after, what).front();
        if (fewest_last > most_first + margin)
            text << name << " drift: at most " << most_first << ", later at least " << fewest_last << '\n';
    };
    memory("RSS", &sample::rss, rss_margin);
    memory("heap", &sample::heap, heap_margin);
    number("descriptors", &sample::descriptors, 0);
    number("threads", &sample::threads, threads_margin);
    return text.str();
}

}  // namespace weft::soak
