// SPDX-License-Identifier: MIT
// Whole runtimes: start, run, submit, end, with everything that the other models look at by itself. Too large to be explored beyond few
// preemptions; the rest is random walks.
#include "support/catch.hpp"

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include <weft/gather.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/spawn.hpp>
#include <weft/yield.hpp>

#include "hands.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using weft::task;

task<int> gives(int number) {
    co_return number;
}
task<int> yields(int number) {
    co_await weft::yield();
    co_return number;
}
task<int> sleeps(int number) {
    co_await weft::sleep(1ms);
    co_return number;
}
task<> sleeps_for_ever() {
    co_await weft::sleep(24h);
}
task<int> sum(task<int> one, task<int> other) {
    auto [first, second] = co_await weft::gather(std::move(one), std::move(other));
    co_return first + second;
}
task<int> awaits_spawned(task<int> child) {
    auto handle = weft::spawn(std::move(child));
    co_return co_await std::move(handle);
}
task<int> leaves_a_sleeper() {
    static_cast<void>(weft::spawn(sleeps_for_ever()));
    co_return 7;
}

// All executions with so few preemptions, in sequential consistency; then random walks, which read what is stale, too.
void verify_few_and_random(std::string const& name, int preemptions, std::uint64_t walks, std::function<void()> const& body) {
    model::options with;
    with.name = name;
    with.preemptions = preemptions;
    with.stale_reads = false;
    model::verify_tasks(with, body);
    with.name = name + ", random";
    with.preemptions = model::unbounded;
    with.stale_reads = true;
    with.random_executions = walks;
    model::verify_tasks(with, body);
}

int run(task<int> main, unsigned workers) {
    weft::runtime runtime({.workers = workers});
    return runtime.run(std::move(main));
}

}  // namespace

TEST_CASE("runtime: run, 1 worker", "[model]") {
    verify_few_and_random("run", 1, 500, [] { model::check(run(gives(7), 1) == 7, "its value"); });
    verify_few_and_random("run a sleeper", 1, 500, [] { model::check(run(sleeps(7), 1) == 7, "its value"); });
    verify_few_and_random("run, a task is left", 1, 500, [] { model::check(run(leaves_a_sleeper(), 1) == 7, "its value"); });
}

TEST_CASE("runtime: run, 2 workers", "[model]") {
    verify_few_and_random("gather, 2 workers", 0, 500, [] { model::check(run(sum(gives(1), yields(2)), 2) == 3, "both results"); });
    verify_few_and_random("spawn and await, 2 workers", 0, 500, [] { model::check(run(awaits_spawned(yields(7)), 2) == 7, "its value"); });
}

TEST_CASE("runtime: submit, and the end", "[model]") {
    verify_few_and_random("submit and destroy", 1, 500, [] {
        std::future<int> value;
        {
            weft::runtime runtime({.workers = 1});
            value = runtime.submit(yields(7));
        }
        try {
            model::check(value.get() == 7, "its value");
        } catch (weft::cancelled const&) {
        }
    });
    verify_few_and_random("run || submit", 0, 500, [] {
        weft::runtime runtime({.workers = 1});
        std::thread outside([&] {
            std::future<int> value = runtime.submit(gives(2));
            // A future waits by a system call, of which the checker knows nothing.
            while (value.wait_for(0s) != std::future_status::ready) std::this_thread::yield();
            model::check(value.get() == 2, "its value");
        });
        model::check(runtime.run(gives(7)) == 7, "its value");
        outside.join();
    });
}
