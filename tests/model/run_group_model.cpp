// SPDX-License-Identifier: MIT
// lib/run_group: run() returns exactly when no task of the run is alive.
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>

#include <run_group.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;
using weft::detail::asymmetric_fence;
using weft::detail::run_group;

// The group only passes it on.
weft::detail::runtime_core& no_core() {
    alignas(std::max_align_t) static std::byte place{};
    return reinterpret_cast<weft::detail::runtime_core&>(place);
}

// A task's frame, as far as the run's end concerns it: whoever waited for that may free it.
struct task {
    bool ended = false;
};

void end(run_group& group, unsigned worker, task& ending) {
    ending.ended = true;
    group.count_ended(worker);
}
// As release_ended does it (lib/task_core.cpp).
void end_main(run_group& group, unsigned worker, task& ending) {
    end(group, worker, ending);
    static_cast<void>(group.drain());
}

// Three threads and the waiting itself are too much for each interleaving.
constexpr int of_three = 3;
constexpr int of_three_and_more_steps = 2;

void both_fences(std::string const& name, int preemptions, std::function<void()> const& body) {
    for (bool const barrier : {true, false}) {
        model::options with;
        with.name = name + (barrier ? ", process barrier" : ", fallback");
        with.preemptions = preemptions;
        with.process_barrier = barrier;
        model::verify(with, [&] {
            asymmetric_fence::prepare();
            body();
        });
    }
}

}  // namespace

// A thread that begins another one stands for a worker from which that one has stolen a task: it sees what came before.

TEST_CASE("run_group: the last end is seen, by who ends it or who drains", "[model]") {
    both_fences("two workers", model::unbounded, [] {
        run_group group(no_core(), 2);
        task child;
        group.begin_run();
        group.count_begun(0);
        std::thread other([&] { end(group, 1, child); });
        group.count_ended(0);
        if (group.drain()) model::check(child.ended, "no task is alive");
        other.join();
        model::check(group.wait(), "somebody has seen it");
    });
    both_fences("two workers, and a grandchild", model::unbounded, [] {
        run_group group(no_core(), 2);
        task child;
        task grandchild;
        group.begin_run();
        group.count_begun(0);
        std::thread other([&] {
            group.count_begun(1);
            end(group, 1, child);
            end(group, 1, grandchild);
        });
        group.count_ended(0);
        if (group.drain()) model::check(child.ended && grandchild.ended, "no task is alive");
        other.join();
        model::check(group.wait(), "somebody has seen it");
    });
}

TEST_CASE("run_group: the main task's end against its child's", "[model]") {
    both_fences("child on another worker", of_three, [] {
        run_group group(no_core(), 2);
        task main;
        task child;
        group.begin_run();
        std::thread one([&] {
            group.count_begun(0);
            std::thread other([&] { end(group, 1, child); });
            end_main(group, 0, main);
            other.join();
        });
        model::check(group.wait(), "not given up");
        model::check(main.ended && child.ended, "no task is alive");
        one.join();
    });
}

TEST_CASE("run_group: a child spawns a grandchild and ends before it", "[model]") {
    both_fences("grandchild", of_three_and_more_steps, [] {
        run_group group(no_core(), 2);
        task main;
        task child;
        task grandchild;
        group.begin_run();
        std::thread one([&] {
            group.count_begun(0);
            std::thread other([&] {
                group.count_begun(1);
                end(group, 1, child);
                end(group, 1, grandchild);
            });
            end_main(group, 0, main);
            other.join();
        });
        model::check(group.wait(), "not given up");
        model::check(main.ended && child.ended && grandchild.ended, "no task is alive");
        one.join();
    });
}

TEST_CASE("run_group: it is used again while a late look of the run before is on its way", "[model]") {
    both_fences("two runs", of_three_and_more_steps, [] {
        run_group group(no_core(), 2);
        std::array<task, 2> mains;
        task child;
        std::thread other;
        group.begin_run();
        std::thread one([&] {
            group.count_begun(0);
            other = std::thread([&] { end(group, 1, child); });
            end_main(group, 0, mains[0]);
        });
        model::check(group.wait(), "not given up");
        model::check(mains[0].ended && child.ended, "no task of the first run is alive");
        one.join();
        // On worker 0, while worker 1 may still look.
        group.begin_run();
        std::thread again([&] { end_main(group, 0, mains[1]); });
        model::check(group.wait(), "not given up");
        model::check(mains[1].ended, "no task of the second run is alive");
        again.join();
        other.join();
    });
}

TEST_CASE("run_group: submitted tasks, and the end of the runtime", "[model]") {
    both_fences("submit against drain", of_three, [] {
        run_group group(no_core(), 1);
        std::atomic<bool> taken_in{false};
        std::atomic<bool> ended{false};
        std::thread worker([&] {
            // No memory for the first one, none that is submitted, or one after the other.
            int const which = model::choose(3);
            if (!group.begin_task_outside()) return;
            if (which != 0) group.undo_begin_outside();
            if (which == 1 || (which == 2 && !group.begin_task_outside())) return;
            taken_in.store(true);
            ended.store(true);
            group.count_ended(0);
        });
        static_cast<void>(group.drain());
        model::check(group.wait(), "not given up");
        model::check(!taken_in.load() || ended.load(), "what has been taken in has ended");
        worker.join();
    });
    both_fences("submit after drain", model::unbounded, [] {
        run_group group(no_core(), 1);
        bool taken_in = false;
        std::thread outside([&] { taken_in = group.begin_task_outside(); });
        bool const over = group.drain();
        outside.join();
        model::check(over != taken_in, "it is taken in before the end, or not at all");
        if (taken_in) group.undo_begin_outside();
        model::check(group.wait(), "not given up");
    });
}

TEST_CASE("run_group: the main task asks whether it is alone", "[model]") {
    both_fences("alone", model::unbounded, [] {
        run_group group(no_core(), 2);
        task main;
        task child;
        group.begin_run();
        group.count_begun(0);
        std::thread other([&] { end(group, 1, child); });
        if (group.alone()) model::check(child.ended, "it is alone when no other task is alive");
        end_main(group, 0, main);
        model::check(group.wait(), "not given up");
        model::check(child.ended, "no task is alive");
        other.join();
    });
}

TEST_CASE("run_group: a run is given up", "[model]") {
    both_fences("give_up", model::unbounded, [] {
        run_group group(no_core(), 1);
        group.begin_run();
        std::thread waiting([&] { model::check(!group.wait(), "given up"); });
        group.give_up();
        waiting.join();
    });
}
