// SPDX-License-Identifier: MIT
// What the process has at a quiet moment, and whether that grows.
#pragma once

#include <string>
#include <vector>

namespace weft::soak {

struct sample {
    long rss = 0;   // bytes
    long heap = 0;  // bytes in use of the C library's heap; 0 where it does not tell
    long descriptors = 0;
    long threads = 0;
};

sample take_sample();

// One line for each of the four that grows; empty: none does. The first quarter of the samples is for warming up; the second is
// compared with the last.
//   Memory: the median of the last quarter is above that of the second by more than a margin. The margin does not grow with the
//   time, so whatever leaks in proportion to the work is seen if only one waits; fragmentation and threads' arenas come to an end.
//   Descriptors and threads: every sample of the last quarter is above every one of the second.
std::string drift(std::vector<sample> const& samples);

inline constexpr std::size_t samples_needed = 24;

}  // namespace weft::soak
