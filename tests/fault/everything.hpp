// SPDX-License-Identifier: MIT
// One program that uses everything that weft has, for what may fail at any place of it.
#pragma once

#include <atomic>
#include <chrono>
#include <stdexcept>

#include <weft/weft.hpp>

#include "support/counted.hpp"

namespace weft::test {

// How often a piece of the program came to its end. The same in every run that nothing fails in.
struct pieces {
    std::atomic<int> ended{0};
};

// What came out is wrong, though nothing has failed.
struct wrong_outcome : std::logic_error {
    using std::logic_error::logic_error;
};

// Runs it, and from outside submits tasks, on a runtime whose sleeps take `moment` or a few of them. Throws what it throws, or
// wrong_outcome; by then all has ended, but for the frames of the submitted tasks.
void do_everything(weft::runtime& runtime, census& objects, pieces& done, std::chrono::nanoseconds moment);

}  // namespace weft::test
