// SPDX-License-Identifier: MIT
// How often what is random, or a race, is repeated.
#pragma once

namespace weft::test {

// WEFT_TEST_SCALE from the environment, a factor such as 10 or 0.2; 1 without one. Throws std::invalid_argument for what is no
// positive number. Watchdogs wait that much longer, too.
double scale();

// So many rounds by the scale, but one at least.
int scaled(int rounds);

// WEFT_TEST_WORKERS from the environment, else the usual number: for tests with more workers than processors.
unsigned many_workers(unsigned usual);

}  // namespace weft::test
