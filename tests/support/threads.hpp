// SPDX-License-Identifier: MIT
// The threads of this process, as Linux tells of them.
#pragma once

#include <vector>

#include <sys/types.h>

namespace weft::test {

// Without those that are about to end: one that was joined may stand in /proc for a while yet.
std::vector<pid_t> living_threads();

// Returns when all the others have been asleep at one moment: none is inside the allocator then, nor about to wake another one.
// For where nothing wakes them meanwhile, no timer either: before a fork(), whose child would find the allocator's lock closed for
// ever.
void wait_until_others_sleep();

}  // namespace weft::test
