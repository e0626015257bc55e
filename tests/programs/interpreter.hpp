// SPDX-License-Identifier: MIT
// Runs a program on weft.
#pragma once

#include "programs/outcome.hpp"
#include "programs/program.hpp"
#include "support/counted.hpp"

#include <weft/weft.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace weft::test {

// Runs small tasks that tasks of other runtimes wait for.
runtime& other_runtime();

// What a run leaves behind. Functions on other threads may be later than the run, and keep it.
struct run_record {
    struct of_node {
        std::atomic<int> begun{0};
        std::atomic<int> ended{0};  // by a value
        std::atomic<int> left{0};   // in any way
    };
    std::array<of_node, most_nodes> nodes;
    census frames;  // of nodes that have not ended, begun or not

    void fault(std::string what) {
        std::lock_guard const lock(mutex_);
        faults_.push_back(std::move(what));
    }
    std::vector<std::string> take_faults() {
        std::lock_guard const lock(mutex_);
        return std::exchange(faults_, {});
    }

private:
    std::mutex mutex_;
    std::vector<std::string> faults_;
};

// One for a run; it must outlive that.
struct interpreter {
    std::shared_ptr<run_record> record;
    bool paused;
    bool waits;  // for what nobody awaits

    // What a node finds around it.
    struct surroundings {
        unsigned context = 0;  // the value of the context variable
        int name = -1;         // the node whose name the task has
    };

    // The main task. It waits until what nobody awaits has ended, too, where it is to.
    task<value> main(program const& whole) const;

    task<value> run(node const& one, surroundings around) const;

private:
    task<value> run_here(node const& one, surroundings around, counted_move_only) const;
    task<value> act(node const& one, surroundings around) const;
    void check(node const& one, surroundings around) const;
    void check_task(node const& one, surroundings around) const;

    std::chrono::nanoseconds length(node const& one) const;
    std::chrono::nanoseconds other_length(node const& one) const;

    std::vector<task<value>> run_all(node const& one, surroundings around, std::size_t from = 0) const;
    task<> run_into(node const& one, surroundings around, value& into) const;
    std::vector<join_handle<value>> spawn_all(node const& one, surroundings around) const;

    task<value> leaf(node const& one, surroundings around) const;
    task<value> on_thread(node const& one, surroundings around) const;

    task<value> guarded(node const& one, surroundings around) const;
    task<value> context_scoped(node const& one, surroundings around) const;
    task<value> within(node const& one, surroundings around) const;
    task<value> time_limit(node const& one, surroundings around) const;

    task<value> spawned(node const& one, surroundings around) const;
    task<value> spawn_look(node const& one, surroundings around) const;
    task<value> spawn_shared(node const& one, surroundings around) const;
    task<value> spawn_around(node const& one, surroundings around) const;
    task<value> spawn_cancelled(node const& one, surroundings around) const;
    task<value> shielded_handle(node const& one, surroundings around) const;

    task<value> sequence(node const& one, surroundings around) const;
    task<value> gathered(node const& one, surroundings around) const;
    task<value> gather_mixed(node const& one, surroundings around) const;
    task<value> gather_void(node const& one, surroundings around) const;
    task<value> gather_wide(node const& one, surroundings around) const;
    task<value> with_results(node const& one, surroundings around) const;

    task<value> first_of(node const& one, surroundings around) const;
    task<value> waited(node const& one, surroundings around) const;
    task<value> completed(node const& one, surroundings around) const;
    task<value> grouped(node const& one, surroundings around) const;
};

}  // namespace weft::test
