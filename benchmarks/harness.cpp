// SPDX-License-Identifier: MIT
#include "harness.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace harness {

namespace {

std::vector<std::int64_t> powers_of_two_and(std::int64_t last) {
    std::vector<std::int64_t> counts;
    for (std::int64_t count = 1; count < last; count *= 2) {
        counts.push_back(count);
    }
    counts.push_back(last);
    return counts;
}

double seconds(timeval time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6; }

}  // namespace

std::vector<std::int64_t> thread_counts() {
    if (char const* const wanted = std::getenv("WEFT_BENCHMARK_THREADS")) {
        std::istringstream words(wanted);
        std::vector<std::int64_t> counts;
        for (std::int64_t count = 0; words >> count;) {
            counts.push_back(count);
        }
        return counts;
    }
    return powers_of_two_and(std::max(1U, std::thread::hardware_concurrency()));
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Not ru_maxrss where it can be helped: a process inherits that from whoever started it.
double peak_rss_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) {
            return std::stod(line.substr(6)) * 1024;
        }
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) * 1024;
}

}  // namespace harness
