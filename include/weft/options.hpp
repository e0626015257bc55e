// SPDX-License-Identifier: MIT
// What a runtime can be told at its start.
#pragma once

#include <exception>
#include <functional>
#include <source_location>
#include <string>

#include <weft/detail/config.hpp>

namespace weft {

namespace testing {
class paused_clock;
}

// A task failed and nobody awaited it.
struct unhandled_exception {
    std::exception_ptr exception;
    std::source_location spawned_at;  // where spawn was called; line() is 0 for spawn(callable, args...), which cannot know it

    // One line: the exception's type, its what() where it has one, and where the task was spawned.
    [[nodiscard]] WEFT_API std::string describe() const;
};

// Designated initialisers work: weft::run(async_main(), {.workers = 4}).
struct options {
    // Threads. 0: as many as the process may use (its affinity mask and its cgroup's quota). More than 65,535 is an
    // invalid_argument.
    unsigned workers = 0;

    // Threads for what blocks (to_thread), at most; they are started when they are needed. 0: as many as asyncio's default executor
    // has, the processors that the process may use and 4 more, but not more than 32. More than 65,535 is an invalid_argument.
    unsigned blocking_threads = 0;

    // Names the threads in debuggers and top: "name-0", "name-1", ..., those for what blocks "name-thread-0", ... Empty: "weft".
    std::string name = {};

    // Called for every exception that nobody awaited, on whatever thread notices; several calls may overlap. Empty: describe() to
    // stderr. What it throws is itself described on stderr and dropped.
    std::function<void(unhandled_exception const&)> on_unhandled_exception = {};

    // For tests: a clock that only moves when all tasks sleep (weft/testing.hpp). It must outlive the runtime. Null: the steady
    // clock.
    testing::paused_clock* clock = nullptr;
};

}  // namespace weft
