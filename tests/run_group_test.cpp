// SPDX-License-Identifier: MIT
// Counting the tasks of a run: wait() returns when the last has ended, and not before, whoever counts where.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>

#include "asymmetric_fence.hpp"
#include "run_group.hpp"
#include "runtime_core.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using weft::detail::run_group;
using weft::detail::runtime_core;

namespace {

namespace config = weft::detail::config;

constexpr unsigned workers = 3;

// A runtime whose threads were never started: the group only remembers it.
std::shared_ptr<runtime_core> core() { return std::make_shared<runtime_core>(weft::options{.workers = workers}); }

// Whether wait() returns, asked without waiting for ever: somebody else waits, and says when it is back.
class waiting {
public:
    explicit waiting(run_group& group)
        : thread_([this, &group] {
              group.wait();
              back_.store(true);
          }) {}
    ~waiting() { thread_.join(); }
    bool back() const { return back_.load(); }

private:
    std::atomic<bool> back_{false};
    std::thread thread_;
};

}  // namespace

TEST_CASE("a run without spawned tasks is over when its main task has ended", "[run_group]") {
    const weft::test::watchdog guard{10s, "a run of one task"};
    const auto owner = core();
    run_group group(*owner, workers);
    CHECK(&group.core() == owner.get());
    for (int run = 0; run < 100; ++run) {
        group.begin_run();
        group.count_ended(static_cast<unsigned>(run) % workers);
        group.drain();
        group.wait();
    }
    SUCCEED("it came back a hundred times");
}

TEST_CASE("a run waits for what its tasks have spawned, wherever that ends", "[run_group]") {
    const weft::test::watchdog guard{10s, "a run of several tasks"};
    const auto owner = core();
    run_group group(*owner, workers);
    group.begin_run();
    group.count_begun(0);  // spawned by the main task
    group.count_begun(0);
    group.count_ended(0);  // the main task
    group.drain();
    const waiting run(group);
    CHECK(!run.back());
    group.count_ended(1);
    group.count_begun(2);  // the last one spawns another
    group.count_ended(2);
    CHECK(!run.back());
    group.count_ended(1);
}

TEST_CASE("nothing begins from outside once the group drains", "[run_group]") {
    const weft::test::watchdog guard{10s, "begin while draining"};
    const auto owner = core();
    run_group group(*owner, workers);
    CHECK(group.begin_task_outside());
    CHECK(group.begin_task_outside());
    group.count_ended(2);
    group.drain();
    CHECK(!group.begin_task_outside());
    {
        const waiting run(group);
        CHECK(!run.back());
        group.undo_begin_outside();  // the second one could not be scheduled
    }
    CHECK(!group.begin_task_outside());
    group.begin_run();
    CHECK(group.begin_task_outside());
    group.count_ended(0);
    group.count_ended(1);
    group.drain();
    group.wait();
}

TEST_CASE("a group that nobody ever used is over at once", "[run_group]") {
    const weft::test::watchdog guard{10s, "an unused group"};
    const auto owner = core();
    run_group group(*owner, workers);
    group.drain();
    group.wait();
    CHECK(!group.begin_task_outside());
}

TEST_CASE("tasks that spawn each other from thread to thread are all waited for", "[run_group]") {
    // Each thread is a worker that takes tasks from a common pot, each of which puts some others in. The run may be over only when
    // all of them have ended; every look from then on that comes too early would let wait() return with tasks alive.
    const weft::test::watchdog guard{60s, "spawning from thread to thread"};
    constexpr int runs = config::tsan ? 100 : 500;
    constexpr std::int64_t tasks_per_run = 300;
    const auto owner = core();
    weft::detail::asymmetric_fence::prepare();
    run_group group(*owner, workers);
    std::atomic<std::int64_t> ready{0};
    std::atomic<std::int64_t> left_to_spawn{0};
    std::atomic<std::int64_t> ended{0};
    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    for (unsigned index = 0; index < workers; ++index) {
        threads.emplace_back([&, index] {
            for (;;) {
                std::int64_t available = ready.load();
                if (available == 0) {
                    if (over.load()) return;
                    std::this_thread::yield();
                    continue;
                }
                if (!ready.compare_exchange_strong(available, available - 1)) continue;
                for (int spawned = 0; spawned < 2; ++spawned) {
                    if (left_to_spawn.fetch_sub(1) <= 0) break;
                    group.count_begun(index);
                    ready.fetch_add(1);
                }
                ended.fetch_add(1);
                group.count_ended(index);
            }
        });
    }
    int too_early = 0;
    for (int run = 0; run < runs; ++run) {
        ended.store(0);
        left_to_spawn.store(tasks_per_run);
        group.begin_run();
        ready.fetch_add(1);
        group.drain();
        group.wait();
        too_early += ended.load() != tasks_per_run + 1;
    }
    over.store(true);
    for (std::thread& each : threads) each.join();
    CHECK(too_early == 0);
}
