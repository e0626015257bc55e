// SPDX-License-Identifier: MIT
// The model checker: runs a small concurrent program again and again until every interleaving and every stale read within the
// bounds has been seen. ../README.md tells how to write a model and what is not covered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <thread>

#define WEFT_MODEL_API [[gnu::visibility("default")]]

namespace weft::model {

inline constexpr int unbounded = 1'000'000;

struct options {
    std::string name = "model";
    // How often a thread that could go on is interrupted, in one execution. Leaving a blocked, spinning or ended thread costs
    // nothing.
    int preemptions = 2;
    int max_steps = 5'000;             // visible operations in one execution; more is a livelock
    std::uint64_t max_executions = 0;  // 0: as many as there are
    int spurious_cas_failures = 1;     // of compare_exchange_weak, in one execution (g++ only: clang does not tell which is weak)
    int spurious_wakeups = 0;          // of futexes and condition variables, in one execution
    int early_timeouts = 1;            // deadlines that pass although some thread could go on, in one execution
    bool stale_reads = true;           // false: sequential consistency, for what has too many reads
    bool process_barrier = true;       // what prepare_process_barrier() answers
    bool check_leaks = true;           // what is allocated in the body is freed in it
    bool sleep_sets = true;            // skip orders of independent steps; used only where preemptions are unbounded
    std::uint64_t random_executions = 0;  // not 0: so many random walks instead of the search
    std::uint64_t seed = 1;               // of the random walks
    std::string replay;                   // not empty: the one execution that has these choices (outcome::choices)
};

struct outcome {
    std::string failure;     // empty: none was found
    std::string trace;       // how it came about, one line for each step
    std::string choices;     // for options::replay
    std::uint64_t seed = 0;  // of the random walk that failed
    std::uint64_t executions = 0;
    std::uint64_t pruned = 0;  // of these, ended early because another execution shows the same
    bool exhausted = false;    // nothing is left within the bounds
    int longest = 0;           // steps of the longest execution
    int preemptions = 0;       // the bound
    std::string name;
    double seconds = 0;
};
// "name: 123 executions, exhausted, preemptions <= 2, longest 45 steps, 0.01 s", and the failure with its trace.
WEFT_MODEL_API std::ostream& operator<<(std::ostream& out, outcome const& seen);

// Runs `body` for each execution. All state that the threads share is made in the body or is global (globals get back the values
// they had before, after each execution). The environment variable WEFT_MODEL_REPLAY stands in for an empty options::replay.
WEFT_MODEL_API outcome explore(options const& wanted, std::function<void()> const& body);

// In the body and its threads:
using thread = std::thread;
WEFT_MODEL_API void check(bool condition, char const* text);     // false: this execution has failed
WEFT_MODEL_API int choose(int count);                            // each of 0 .. count-1 is tried
WEFT_MODEL_API void name(void const* object, char const* text);  // how the trace calls the object at this address
WEFT_MODEL_API bool running() noexcept;                          // whether the caller is in an execution

// What the operating system does; platform_model.cpp stands in front of them.
WEFT_MODEL_API void wait_on_word(void const* word, std::uint32_t expected, bool timed, std::int64_t deadline) noexcept;
WEFT_MODEL_API void wake_word(void const* word) noexcept;
WEFT_MODEL_API bool prepare_process_barrier() noexcept;
WEFT_MODEL_API void process_barrier() noexcept;

}  // namespace weft::model

// WEFT_SPIN_PAUSE() where WEFT_MODEL is defined: the caller spins, and is not scheduled until another thread has changed something.
extern "C" WEFT_MODEL_API void weft_model_pause();
