// SPDX-License-Identifier: MIT
// Chaos: outside of executions the instrumented code runs on real threads, and each of its atomic operations and locks may be
// preceded by a pause. WEFT_CHAOS=<seed> switches it on; 0, or nothing: off.
#pragma once

namespace weft::model::chaos {

extern constinit bool switched_on;

void pause_perhaps() noexcept;

// Any thread, also in a signal handler. Keeps errno.
inline void point() noexcept {
    if (switched_on) [[unlikely]] pause_perhaps();
}

}  // namespace weft::model::chaos
