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
    std::string task_name = {};       // empty: it was given none

    // One line: the exception's type, its what() where it has one, the task's name and where it was spawned.
    [[nodiscard]] WEFT_API std::string describe() const;
};

// Designated initialisers work: weft::run(async_main(), {.workers = 4}).
struct options {
    // Threads. 0: as many as the process may use (on Linux its affinity mask and its cgroup's quota, elsewhere what oneTBB says).
    // More than 65,535 is an invalid_argument.
    unsigned workers = 0;

    // Threads for what blocks (to_thread), at most; they are started when they are needed. 0: as many as asyncio's default executor
    // has, the processors that the process may use and 4 more, but not more than 32. More than 65,535 is an invalid_argument.
    unsigned blocking_threads = 0;

    // Names the threads in debuggers and top (Linux): "name-0", "name-1", ..., those for what blocks "name-thread-0", ..., the one
    // that waits for signals "name-signals". Empty: "weft".
    std::string name = {};

    // Called for every exception that nobody awaited, on whatever thread notices; several calls may overlap. Empty: describe() to
    // stderr. What it throws is itself described on stderr and dropped.
    std::function<void(unhandled_exception const&)> on_unhandled_exception = {};

    // While run() is under way, the first SIGINT (Ctrl-C) or SIGTERM that comes to the process cancels its main task, as
    // join_handle::cancel does; where that ends by it, run() throws weft::interrupted. The second one ends the process at once, by
    // the signal's default action. Before and after the run everything is as the program has it. A signal that is ignored when the
    // run begins (as SIGINT is in what a shell script puts in the background) stays ignored. In the child of a fork() signals do
    // what they did before the run (Linux). One run of a process at a time may have this: another one's run() throws invalid_state.
    bool handle_signals = false;

    // For tests: a clock that only moves when all tasks sleep (weft/testing.hpp). It must outlive the runtime. Null: the steady
    // clock.
    testing::paused_clock* clock = nullptr;
};

}  // namespace weft
