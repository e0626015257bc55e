// SPDX-License-Identifier: MIT
// runtime: run and submit from outside, several at once, where tasks are, and how it ends: drained, closed, misused.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/subprocess.hpp"
#include "support/threads.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include "first_line.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::test::ContainsSubstring;
using weft::test::census;
using weft::test::counted_move_only;
using weft::test::other_thread;
using weft::test::run_case;
using weft::test::watchdog;
using weft::testing::paused_clock;

namespace {

weft::task<> nothing() { co_return; }

weft::task<int> add(int a, int b) {
    co_await weft::yield();
    co_return a + b;
}

weft::task<int> failing() {
    co_await weft::yield();
    throw std::runtime_error("failed");
}

static_assert(!std::is_copy_constructible_v<weft::runtime> && !std::is_move_constructible_v<weft::runtime>);
static_assert(!std::is_convertible_v<weft::options, weft::runtime>);

}  // namespace

// ---- run

TEST_CASE("a runtime runs any number of tasks, one after the other", "[runtime]") {
    const watchdog guard{10s, "one runtime, many runs"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::runtime runtime({.workers = workers});
    CHECK(runtime.workers() == workers);
    int sum = 0;
    int failures = 0;
    for (int i = 0; i < 200; ++i) {
        sum += runtime.run(add(i, 1));
        sum += runtime.run(add, i, 1);
        try {
            runtime.run(failing());
        } catch (const std::runtime_error&) {
            ++failures;
        }
    }
    runtime.run(nothing());
    CHECK(sum == 40'200);
    CHECK(failures == 200);
}

TEST_CASE("several threads run tasks on one runtime at once", "[runtime]") {
    const watchdog guard{20s, "runs from several threads"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::runtime runtime({.workers = workers});
    std::atomic<int> sum{0};
    {
        std::vector<std::unique_ptr<other_thread>> threads;
        for (int i = 0; i < 8; ++i) {
            threads.push_back(std::make_unique<other_thread>());
            threads.back()->post([&] {
                for (int k = 0; k < 50; ++k) sum += runtime.run(add(k, 1));
            });
        }
    }
    CHECK(sum == 8 * 1275);
}

TEST_CASE("run cancels the tasks of its own run and no others, and waits for those and for no others", "[runtime]") {
    const watchdog guard{20s, "independent runs"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::runtime runtime({.workers = workers});
    std::atomic<bool> stop{false};
    std::atomic<bool> long_run_over{false};
    std::atomic<bool> started{false};
    std::atomic<int> generations{0};
    std::atomic<int> strangers_cancelled{0};
    other_thread thread;  // destroyed when its run is over
    thread.post([&] {
        runtime.run([&]() -> weft::task<> {
            // Its tasks go on, and make new ones, while other runs come and go.
            struct descend {
                static weft::task<> run(std::atomic<bool>& until, std::atomic<int>& count, std::atomic<int>& cancelled) {
                    ++count;
                    try {
                        co_await weft::yield();
                    } catch (const weft::cancelled&) {
                        cancelled += !until;
                    }
                    if (!until) weft::spawn(run(until, count, cancelled));
                }
            };
            weft::spawn(descend::run(stop, generations, strangers_cancelled));
            started = true;
            while (!stop) co_await weft::sleep(100us);
        });
        long_run_over = true;
    });
    while (!started) std::this_thread::yield();
    census in;
    int left = 0;
    for (int i = 0; i < 20; ++i) {
        runtime.run([&]() -> weft::task<> {
            auto work = [](counted_move_only, int yields) -> weft::task<> {
                for (int k = 0; k < yields; ++k) co_await weft::yield();
                co_await weft::sleep(1h);
            };
            for (int k = 0; k < 10; ++k) weft::spawn(work(counted_move_only{in}, k));
            for (int k = 0; k < 5; ++k) co_await weft::yield();
        });
        left += in.alive;
    }
    // Not one of the other run is missing: they still make new ones.
    const int before = generations;
    while (generations == before) std::this_thread::yield();
    CHECK(left == 0);
    CHECK(strangers_cancelled == 0);
    CHECK_FALSE(long_run_over);
    stop = true;
}

TEST_CASE("run on a runtime inside a task throws nested_run, whichever runtime it is", "[runtime][misuse]") {
    const watchdog guard{10s, "nested run of another runtime"};
    weft::runtime one({.workers = 1});
    weft::runtime other({.workers = 1});
    const int caught = one.run([&]() -> weft::task<int> {
        int errors = 0;
        for (weft::runtime* each : {&one, &other}) {
            try {
                each->run(nothing());
            } catch (const weft::nested_run&) {
                ++errors;
            }
        }
        co_return errors;
    });
    CHECK(caught == 2);
    other.run(nothing());  // and it is still usable
}

// ---- submit

TEST_CASE("submit gives a future of the value, the reference or the exception", "[runtime][submit]") {
    const watchdog guard{10s, "submit"};
    const auto workers = GENERATE(1u, 2u, 8u);
    int number = 0;
    paused_clock clock;
    weft::runtime runtime({.workers = workers, .clock = &clock});
    static_assert(std::is_same_v<decltype(runtime.submit(add(1, 2))), std::future<int>>);
    static_assert(std::is_same_v<decltype(runtime.submit(nothing())), std::future<void>>);
    CHECK(runtime.submit(add(1, 2)).get() == 3);
    CHECK(runtime.submit(add, 3, 4).get() == 7);
    CHECK_NOTHROW(runtime.submit(nothing()).get());
    auto pointer = runtime.submit([]() -> weft::task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); });
    CHECK(*pointer.get() == 5);
    auto reference = runtime.submit([&]() -> weft::task<int&> { co_return number; });
    static_assert(std::is_same_v<decltype(reference), std::future<int&>>);
    CHECK(&reference.get() == &number);
    CHECK_THROWS_AS(runtime.submit(failing()).get(), std::runtime_error);
    auto void_failure = runtime.submit([]() -> weft::task<> {
        co_await weft::sleep(1h);
        throw 5;
    });
    CHECK_THROWS_AS(void_failure.get(), int);
    auto captured = runtime.submit([argument = std::make_unique<int>(6)](int more) -> weft::task<int> {
        co_await weft::sleep(1h);
        co_return *argument + more;
    }, 1);
    CHECK(captured.get() == 7);
    CHECK(clock.elapsed() == 2h);
}

TEST_CASE("submit from eight threads at once loses nothing", "[runtime][submit]") {
    const watchdog guard{20s, "submit from eight threads"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> ran{0};
    std::atomic<int> sum{0};
    {
        weft::runtime runtime({.workers = workers});
        std::vector<std::unique_ptr<other_thread>> threads;
        for (int i = 0; i < 8; ++i) {
            threads.push_back(std::make_unique<other_thread>());
            threads.back()->post([&] {
                std::vector<std::future<int>> futures;
                for (int k = 0; k < 200; ++k)
                    futures.push_back(runtime.submit([&ran](int n) -> weft::task<int> {
                        ++ran;
                        if (n % 3 == 0) co_await weft::yield();
                        co_return n;
                    }, k));
                for (auto& each : futures) sum += each.get();
            });
        }
        threads.clear();
    }
    CHECK(ran == 1600);
    CHECK(sum == 8 * 19'900);
}

TEST_CASE("a task may submit, to its own runtime and to another", "[runtime][submit]") {
    const watchdog guard{10s, "submit from a task"};
    weft::runtime one({.workers = 2});
    weft::runtime other({.workers = 1});
    auto [own, foreign] = one.run([&]() -> weft::task<std::pair<std::future<int>, std::future<int>>> {
        co_return {one.submit(add(1, 1)), other.submit(add(2, 2))};
    });
    CHECK(own.get() == 2);
    CHECK(foreign.get() == 4);
}

TEST_CASE("a future that is dropped does not stop its task", "[runtime][submit]") {
    const watchdog guard{10s, "dropped future"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> ended{0};
    {
        weft::runtime runtime({.workers = workers});
        for (int i = 0; i < 10; ++i)
            runtime.submit([&]() -> weft::task<> {
                co_await weft::sleep(1ms);
                ++ended;
            });
        while (ended < 10) std::this_thread::yield();  // one too few is a hang
    }
    CHECK(ended == 10);
}

// ---- Several runtimes

TEST_CASE("a task awaits a handle of another runtime's task, and goes on in its own", "[runtime][handle]") {
    const watchdog guard{20s, "handles across runtimes"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::runtime one({.workers = workers});
    weft::runtime other({.workers = workers + 1});
    const auto fails = GENERATE(false, true);
    weft::test::gate go;
    // Made in `one`, kept here, awaited in `other`.
    std::vector<weft::join_handle<std::string>> handles;
    one.submit([&]() -> weft::task<> {
           for (int i = 0; i < 20; ++i)
               handles.push_back(weft::spawn([&go, fails]() -> weft::task<std::string> {
                   co_await go;
                   co_await weft::yield();
                   if (fails) throw std::runtime_error("there");
                   co_return "there";
               }));
           co_return;
       })
        .get();
    other_thread opener;
    const auto [right, astray] = other.run([&]() -> weft::task<std::pair<int, int>> {
        int got = 0;
        int lost = 0;
        auto wait = [&](const weft::join_handle<std::string>& handle) -> weft::task<> {
            try {
                const std::string& text = co_await handle;
                got += text == "there" && !fails;
            } catch (const std::runtime_error&) {
                got += fails;
            }
            lost += !weft::on_worker() || weft::worker_count() != workers + 1;
        };
        // One worker at a time counts: each waits for the one before.
        auto first = weft::spawn(wait(handles[0]));
        co_await weft::yield();
        opener.post([&] { go.open(); });
        co_await first;
        for (std::size_t i = 1; i < handles.size(); ++i) co_await wait(handles[i]);
        co_return {got, lost};
    });
    CHECK(right == 20);
    CHECK(astray == 0);
}

TEST_CASE("several runtimes live at once and do not know each other's workers", "[runtime]") {
    const watchdog guard{20s, "several runtimes"};
    std::vector<std::unique_ptr<weft::runtime>> runtimes;
    for (unsigned i = 1; i <= 5; ++i) runtimes.push_back(std::make_unique<weft::runtime>(weft::options{.workers = i}));
    std::vector<std::future<std::set<std::thread::id>>> futures;
    for (auto& each : runtimes)
        futures.push_back(each->submit([]() -> weft::task<std::set<std::thread::id>> {
            std::set<std::thread::id> seen;
            std::vector<weft::task<std::thread::id>> children;
            auto where = []() -> weft::task<std::thread::id> {
                co_await weft::yield();
                co_return weft::test::this_thread_id();
            };
            for (int i = 0; i < 100; ++i) children.push_back(where());
            for (const auto id : co_await weft::gather(std::move(children))) seen.insert(id);
            co_return seen;
        }));
    std::set<std::thread::id> all;
    std::size_t count = 0;
    for (std::size_t i = 0; i < futures.size(); ++i) {
        const auto seen = futures[i].get();
        CHECK(seen.size() <= i + 1);
        count += seen.size();
        all.insert(seen.begin(), seen.end());
    }
    CHECK(all.size() == count);
}

// ---- Where a task is

TEST_CASE("worker_index, worker_count and on_worker tell where a task is", "[runtime][worker]") {
    const watchdog guard{10s, "worker_index"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [indices, wrong] = weft::run(
        [&]() -> weft::task<std::pair<std::set<unsigned>, int>> {
            std::atomic<unsigned> arrived{0};
            auto meet = [&]() -> weft::task<std::pair<unsigned, bool>> {
                ++arrived;
                while (arrived < workers) std::this_thread::yield();  // so each is on a worker of its own
                const unsigned index = weft::worker_index();
                co_return {index, weft::on_worker() && weft::worker_count() == workers};
            };
            std::vector<weft::task<std::pair<unsigned, bool>>> children;
            for (unsigned i = 0; i < workers; ++i) children.push_back(meet());
            std::set<unsigned> seen;
            int faults = 0;
            for (const auto& [index, right] : co_await weft::gather(std::move(children))) {
                seen.insert(index);
                faults += !right;
            }
            co_return {seen, faults};
        },
        {.workers = workers});
    CHECK(wrong == 0);
    CHECK(indices.size() == workers);
    CHECK(*indices.begin() == 0);
    CHECK(*indices.rbegin() == workers - 1);
}

TEST_CASE("outside a worker, on_worker is false and the others throw no_current_runtime", "[runtime][worker][misuse]") {
    weft::runtime runtime({.workers = 1});
    CHECK_FALSE(weft::on_worker());
    CHECK_THROWS_AS(weft::worker_index(), weft::no_current_runtime);
    CHECK_THROWS_AS(weft::worker_count(), weft::no_current_runtime);
}

TEST_CASE("the worker threads bear the runtime's name and their number", "[runtime][options]") {
    const watchdog guard{10s, "thread names"};
    const std::filesystem::path threads = "/proc/self/task";
    if (!std::filesystem::exists(threads)) return;  // not this system's way
    const auto names = [&] {
        std::multiset<std::string> all;
        for (const auto thread : weft::test::living_threads())
            all.insert(weft::detail::first_line(threads / std::to_string(thread) / "comm"));
        return all;
    };
    {
        weft::runtime named({.workers = 3, .name = "loom"});
        weft::runtime unnamed({.workers = 2});
        weft::runtime long_name({.workers = 1, .name = "a-name-longer-than-the-system-takes"});
        // A thread names itself when it starts: each is there once it has run a task.
        for (weft::runtime* each : {&named, &unnamed, &long_name})
            each->run([each]() -> weft::task<> {
                std::atomic<unsigned> arrived{0};
                std::vector<weft::task<>> all;
                auto meet = [&]() -> weft::task<> {
                    ++arrived;
                    while (arrived < each->workers()) std::this_thread::yield();
                    co_return;
                };
                for (unsigned i = 0; i < each->workers(); ++i) all.push_back(meet());
                co_await weft::gather(std::move(all));
            });
        const auto seen = names();
        for (const char* expected : {"loom-0", "loom-1", "loom-2", "weft-0", "weft-1"}) {
            CAPTURE(expected);
            CHECK(seen.count(expected) == 1);
        }
        CHECK(std::any_of(seen.begin(), seen.end(), [](const auto& name) { return name.rfind("a-name-longer", 0) == 0; }));
    }
    CHECK(names().count("loom-0") == 0);
}

// ---- The end

TEST_CASE("destroying a runtime cancels its tasks, and waits for those that go on", "[runtime][shutdown]") {
    const watchdog guard{20s, "destruction cancels and waits"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    std::vector<std::future<int>> going_on;
    std::vector<std::future<int>> cancelled;
    {
        weft::runtime runtime({.workers = workers});
        for (int i = 0; i < 20; ++i) {
            going_on.push_back(runtime.submit([&begun, &ended, kept = counted_move_only{in}](int n) -> weft::task<int> {
                ++begun;
                try {
                    co_await weft::sleep(1h);
                } catch (const weft::cancelled&) {
                }
                co_await weft::sleep(std::chrono::microseconds(n * 100));
                auto child = []() -> weft::task<> { co_await weft::yield(); };
                co_await weft::gather(child(), child());
                ++ended;
                co_return n;
            }, i));
        }
        while (begun < 20) std::this_thread::yield();
        // The destructor may find these before they begin.
        for (int i = 0; i < 20; ++i) {
            cancelled.push_back(runtime.submit([kept = counted_move_only{in}]() -> weft::task<int> {
                co_await weft::sleep(1h);
                co_return 0;
            }));
        }
    }
    CHECK(ended == 20);
    CHECK(in.alive == 0);
    for (int i = 0; i < 20; ++i) CHECK(going_on[static_cast<std::size_t>(i)].get() == i);
    for (auto& each : cancelled) CHECK_THROWS_AS(each.get(), weft::cancelled);
}

TEST_CASE("destroying a runtime at once is fine", "[runtime][shutdown]") {
    const watchdog guard{20s, "destroyed at once"};
    const auto workers = GENERATE(1u, 2u, 8u);
    for (int i = 0; i < 30; ++i) weft::runtime runtime({.workers = workers});
}

TEST_CASE("spawn and submit throw runtime_closed while the runtime is being destroyed", "[runtime][shutdown]") {
    const watchdog guard{20s, "closing"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    std::atomic<int> spawn_refused{0};
    std::atomic<int> submit_refused{0};
    std::string spawn_message;
    std::string submit_message;
    std::atomic<int> inner_ran{0};
    std::atomic<int> inner_ran_late{0};
    auto work = [&](counted_move_only) -> weft::task<> {
        ++inner_ran;
        co_return;
    };
    {
        auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = workers});
        weft::runtime& still_there = *runtime;
        runtime->submit([&]() -> weft::task<> {
            int cancelled = 0;
            auto yield = [&]() -> weft::task<> {
                try {
                    co_await weft::yield();
                } catch (const weft::cancelled&) {
                    ++cancelled;
                }
            };
            // Goes on until the runtime is closing, and has cancelled it.
            while (spawn_refused == 0) {
                try {
                    weft::spawn(work(counted_move_only{in}));
                } catch (const weft::runtime_closed& error) {
                    spawn_message = error.what();
                    ++spawn_refused;
                }
                co_await yield();
            }
            while (submit_refused == 0) {
                try {
                    still_there.submit(work(counted_move_only{in}));
                } catch (const weft::runtime_closed& error) {
                    submit_message = error.what();
                    ++submit_refused;
                }
                co_await yield();
            }
            while (cancelled == 0) co_await yield();
            // What it awaits still runs.
            const int before = inner_ran;
            co_await work(counted_move_only{in});
            co_await weft::gather(work(counted_move_only{in}), work(counted_move_only{in}));
            co_await weft::sleep(100us);
            inner_ran_late = inner_ran - before;
        });
        while (inner_ran == 0) std::this_thread::yield();
        runtime.reset();
    }
    CHECK(spawn_refused == 1);
    CHECK(submit_refused == 1);
    CHECK(inner_ran_late >= 3);
    CHECK_THAT(spawn_message, ContainsSubstring("weft::spawn") && ContainsSubstring("being destroyed"));
    CHECK_THAT(submit_message, ContainsSubstring("submit") && ContainsSubstring("being destroyed"));
    CHECK(in.alive == 0);
}

TEST_CASE("a runtime may be destroyed on another runtime's worker", "[runtime][shutdown]") {
    const watchdog guard{10s, "destroyed on another one's worker"};
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    weft::run([&]() -> weft::task<> {
        weft::runtime inner({.workers = 2});
        for (int i = 0; i < 5; ++i)
            inner.submit([&]() -> weft::task<> {
                ++begun;
                try {
                    co_await weft::sleep(1h);
                } catch (const weft::cancelled&) {
                }
                co_await weft::sleep(100us);
                ++ended;
            });
        while (begun < 5) co_await weft::yield();
    });
    CHECK(ended == 5);
}

namespace {

constexpr int exit_of_terminate = 86;

}  // namespace

TEST_CASE("runtime destroyed on its own worker", "[.]") {
    const watchdog guard{20s, "destroyed on its own worker"};
    // Not by a signal: Catch2 would print a report in its handler, which ThreadSanitizer rightly does not like.
    std::set_terminate([] { std::_Exit(exit_of_terminate); });
    auto* const runtime = new weft::runtime({.workers = 2});
    runtime->run([&]() -> weft::task<> {
        delete runtime;
        co_return;
    });
}

TEST_CASE("destroying a runtime on its own worker ends the program with a message", "[runtime][shutdown][death]") {
    const auto ended = run_case("runtime destroyed on its own worker", 20s);
    CAPTURE(ended.errors);
    CHECK(ended.in_time);
    CHECK(ended.exit_code == exit_of_terminate);
    CHECK_THAT(ended.errors, ContainsSubstring("weft::runtime: destroyed by one of its own workers"));
}

TEST_CASE("an exception that leaves on_worker code does not end the program", "[runtime][exception]") {
    const watchdog guard{10s, "exceptions stay in tasks"};
    std::atomic<int> reported{0};
    weft::runtime runtime({.workers = 2, .on_unhandled_exception = [&](const weft::unhandled_exception&) { ++reported; }});
    for (int i = 0; i < 10; ++i) runtime.run([&]() -> weft::task<> {
        weft::spawn(failing());
        while (reported <= i) co_await weft::yield();
    });
    CHECK(reported == 10);
    CHECK(runtime.run(add(1, 1)) == 2);
}
