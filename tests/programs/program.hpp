// SPDX-License-Identifier: MIT
// A random program: a tree of what weft's users do.
#pragma once

#include "programs/choices.hpp"

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <vector>

namespace weft::test {

enum class kind : std::uint8_t {
    // No children.
    value,
    fail,
    sleep,
    sleep_until,
    yield,
    ticks,         // three ticks of an interval
    hop,           // a foreign awaitable, resumed by another thread
    thread,        // to_thread
    thread_fails,  // to_thread, of a function that throws
    elsewhere,     // to_thread, of a run on another runtime
    who,           // current_task, all_tasks
    // One child.
    guarded,         // what it throws becomes a value; being cancelled, too
    cleanup,         // cancelled, it sleeps before it says so
    replaced,        // cancelled, it fails otherwise
    spawn_await,     // co_await spawn(callable, args)
    spawn_named,     // the same with a name, by a handle with a name
    spawn_look,      // the handle is asked for all that came of it
    spawn_twice,     // one handle awaited twice
    spawn_shared,    // one handle awaited by two
    spawn_detached,  // nobody awaits it
    spawn_cancelled,
    spawn_cancels_itself,
    spawn_takes_back,  // cancels itself, and takes that back
    context_set,       // in a spawned task
    context_scoped,
    wait_for,
    shielded,         // shield(task)
    shielded_handle,  // wait_for(shield(handle)), then the handle
    // Two.
    time_limit,    // around two, moved between them
    spawn_around,  // spawns the first, awaits the second, then the first's handle
    gather_mixed,  // a task, a handle, and a sleep
    first_tuple,
    results_tuple,
    // Some.
    sequence,
    gather_tuple,
    gather_vector,
    gather_void,
    gather_handles,
    gather_limit,
    gather_wide,  // among a hundred others
    results_vector,
    results_limit,
    first_vector,
    wait,
    as_completed,
    group,  // with_task_group; the first child is the body
    count_  // how many kinds there are
};

char const* name_of(kind what) noexcept;

constexpr unsigned most_nodes = 64;  // a set of them is a word

struct node {
    unsigned id = 0;
    kind what = kind::value;
    unsigned variant = 0;  // 0 ... 255, read by its kind
    unsigned time = 0;     // 0: none at all; else 1 ... 15
    std::vector<std::unique_ptr<node>> children;

    node const& operator[](std::size_t which) const { return *children[which]; }
};

struct program {
    enum class clock_kind : std::uint8_t { paused, real };

    unsigned workers = 1;  // 1, 2 or 8
    clock_kind clock = clock_kind::paused;
    bool submitted = false;  // from a thread outside, in place of run
    bool waits = true;       // main waits for what nobody awaits
    unsigned nodes = 0;
    std::unique_ptr<node> root;
};

program make_program(choices& from);
std::ostream& operator<<(std::ostream& out, program const& one);

// How long a node's time is, in nanoseconds of a paused clock. Few sums of different nodes' times are the same, and those that are
// not are further apart than the timers' ticks add up to: so what happens at one moment has as a rule one cause.
std::int64_t length_of(node const& one) noexcept;
// Of a second time, where a node has two.
std::int64_t other_length_of(node const& one) noexcept;
// Longer than the program takes.
std::int64_t horizon_of(program const& one) noexcept;

}  // namespace weft::test
