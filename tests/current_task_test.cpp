// SPDX-License-Identifier: MIT
// Names, ids, current_task, all_tasks.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::task;
using weft::task_ref;
using weft::test::watchdog;
using weft::test::ContainsSubstring;

namespace {

using texts = std::vector<std::string>;

task<> wait_for_ever() {
    co_await weft::sleep(24h);
}

bool contains(std::vector<task_ref> const& all, task_ref const& one) {
    return std::ranges::find(all, one) != all.end();
}

}  // namespace

TEST_CASE("a task has the name that it was spawned with, or set later, or one with its id", "[current_task]") {
    const watchdog guard{10s, "names"};
    const texts found = weft::run([]() -> task<texts> {
        texts all;
        auto named = weft::spawn([]() -> task<std::string> { co_return weft::current_task().name(); }, {.name = "fetcher"});
        all.push_back(named.name());
        all.push_back(co_await named);
        all.push_back(named.name());  // also when it has ended
        named.set_name("done");
        all.push_back(named.name());
        named.set_name("");
        all.push_back(named.name());
        all.push_back("task-" + std::to_string(named.id()));
        const auto in_group = [&all](weft::task_group& group) -> task<> {
            group.spawn([&all]() -> task<> {
                all.push_back(weft::current_task().name());
                co_return;
            }, {.name = "of a group"});
            co_return;
        };
        co_await weft::with_task_group(in_group);
        auto by_value = weft::spawn(wait_for_ever(), {.name = "sleeper"});
        all.push_back(by_value.name());
        by_value.cancel();
        co_return all;
    });
    REQUIRE(found.size() == 8);
    CHECK(texts(found.begin(), found.begin() + 4) == texts{"fetcher", "fetcher", "fetcher", "done"});
    CHECK(found[4] == found[5]);
    CHECK(found[6] == "of a group");
    CHECK(found[7] == "sleeper");
}

TEST_CASE("ids are all different, and stay", "[current_task]") {
    const watchdog guard{10s, "ids"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const bool right = weft::run(
        []() -> task<bool> {
            std::vector<weft::join_handle<std::uint64_t>> handles;
            for (int i = 0; i < 1000; ++i)
                handles.push_back(weft::spawn([]() -> task<std::uint64_t> {
                    const auto id = weft::current_task().id();
                    co_await weft::yield();
                    co_return id == weft::current_task().id() ? id : 0;
                }));
            std::set<std::uint64_t> ids{weft::current_task().id()};
            bool all_right = true;
            for (auto& each : handles) {
                const auto id = co_await each;
                all_right = all_right && id != 0 && id == each.id() && ids.insert(id).second;
            }
            co_return all_right;
        },
        {.workers = workers});
    CHECK(right);
}

TEST_CASE("current_task is the spawned task, in what it awaits and gathers, too", "[current_task]") {
    const watchdog guard{10s, "current_task"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const bool right = weft::run(
        []() -> task<bool> {
            const task_ref main = weft::current_task();
            const auto same = [](task_ref expected) -> task<bool> {
                co_await weft::yield();
                co_return weft::current_task() == expected;
            };
            bool all_right = co_await same(main);
            auto [a, b] = co_await weft::gather(same(main), same(main));
            task_ref of_child;
            auto child = weft::spawn([&]() -> task<> {
                of_child = weft::current_task();
                co_return;
            });
            co_await child;
            co_return all_right && a && b && of_child == task_ref(child) && of_child != main && !main.done() && of_child.done();
        },
        {.workers = workers});
    CHECK(right);
}

TEST_CASE("outside a worker there is no current task, and no tasks", "[current_task][misuse]") {
    const watchdog guard{10s, "outside"};
    CHECK_THROWS_AS(weft::current_task(), weft::no_current_runtime);
    CHECK_THROWS_AS(weft::all_tasks(), weft::no_current_runtime);
    const task_ref none;
    CHECK_FALSE(none.valid());
    CHECK_THROWS_AS(none.name(), weft::invalid_state);
    CHECK_THROWS_AS(none.cancel(), weft::invalid_state);
    CHECK_THROWS_AS(task_ref(weft::join_handle<int>{}), weft::invalid_state);
}

TEST_CASE("a task_ref outlives its task and its runtime, and does what a handle does", "[current_task][lifetime]") {
    const watchdog guard{10s, "a task_ref"};
    task_ref kept;
    bool cancelled = false;
    weft::run([&]() -> task<> {
        auto handle = weft::spawn(wait_for_ever(), {.name = "kept"});
        kept = handle;
        co_await weft::yield();
        cancelled = kept.cancel();
        co_await weft::wait([](weft::join_handle<> one) {
            std::vector<weft::join_handle<>> all;
            all.push_back(std::move(one));
            return all;
        }(std::move(handle)));
    });
    const task_ref copy = kept;
    CHECK(cancelled);
    CHECK(copy.done());
    CHECK(copy.cancelled());
    CHECK(copy.cancelling() == 1);
    CHECK(copy.uncancel() == 0);
    CHECK_FALSE(copy.cancel());
    CHECK(copy.name() == "kept");
}

TEST_CASE("a task that a task_ref keeps does not fail unheard", "[current_task]") {
    const watchdog guard{10s, "a failure"};
    std::atomic<int> reports = 0;
    std::string said;
    std::mutex mutex;
    task_ref kept;
    weft::run(
        [&]() -> task<> {
            kept = weft::spawn([]() -> task<> { throw std::runtime_error("lost"); co_return; }, {.name = "unlucky"});
            while (!kept.done()) co_await weft::yield();
        },
        {.on_unhandled_exception = [&](weft::unhandled_exception const& what) {
            const std::lock_guard lock(mutex);
            ++reports;
            said = what.describe();
            if (what.task_name != "unlucky") said.clear();
        }});
    CHECK(reports == 1);
    CHECK_THAT(said, ContainsSubstring("\"unlucky\"") && ContainsSubstring("lost"));
}

TEST_CASE("all_tasks has the tasks that have not ended, of all runs of the runtime, and no others", "[current_task]") {
    const watchdog guard{30s, "all_tasks"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::runtime other({.workers = 1});
    auto elsewhere = other.submit(wait_for_ever());
    weft::runtime runtime({.workers = workers});
    const bool right = runtime.run([]() -> task<bool> {
        bool all_right = weft::all_tasks() == std::vector{weft::current_task()};
        std::vector<weft::join_handle<>> handles;
        for (int i = 0; i < 1000; ++i) handles.push_back(weft::spawn(wait_for_ever()));
        auto all = weft::all_tasks();
        all_right = all_right && all.size() == 1001 && contains(all, weft::current_task());
        for (auto const& each : handles) all_right = all_right && contains(all, each);
        for (int i = 0; i < 500; ++i) handles[static_cast<std::size_t>(i)].cancel();
        for (int i = 0; i < 500; ++i)
            while (!handles[static_cast<std::size_t>(i)].done()) co_await weft::yield();
        all = weft::all_tasks();
        all_right = all_right && all.size() == 501 && !contains(all, handles[0]) && contains(all, handles[999]);
        for (task_ref const& each : all)
            if (each != weft::current_task()) each.cancel();
        for (auto const& each : handles)
            while (!each.done()) co_await weft::yield();
        co_return all_right && weft::all_tasks().size() == 1;
    });
    CHECK(right);
}

TEST_CASE("all_tasks while tasks begin and end", "[current_task][stress]") {
    const watchdog guard{60s, "all_tasks beside others"};
    const int ended_or_strange = weft::run(
        []() -> task<int> {
            std::atomic<bool> over = false;
            const auto breed = [&]() -> task<> {
                while (!over) {
                    auto one = weft::spawn([]() -> task<> { co_return; }, {.name = "short"});
                    co_await weft::spawn([]() -> task<> { co_await weft::yield(); });
                    co_await one;
                }
            };
            std::vector<weft::join_handle<>> breeders;
            for (int i = 0; i < 6; ++i) breeders.push_back(weft::spawn(breed(), {.name = "breeder"}));
            int wrong = 0;
            for (int i = 0; i < 300; ++i) {
                int seen_breeders = 0;
                for (task_ref const& each : weft::all_tasks()) seen_breeders += each.name() == "breeder";
                wrong += seen_breeders != 6;
                co_await weft::yield();
            }
            over = true;
            for (auto& each : breeders) co_await each;
            co_return wrong;
        },
        {.workers = 4});
    CHECK(ended_or_strange == 0);
}

TEST_CASE("a deadlock's report has the names", "[current_task][paused]") {
    const watchdog guard{10s, "a deadlock with names"};
    weft::testing::paused_clock clock;
    std::string said;
    try {
        weft::run(
            []() -> task<> {
                auto sleeper = weft::spawn(wait_for_ever(), {.name = "sleeper"});
                sleeper.cancel();
                auto stuck = weft::spawn([]() -> task<> { co_await weft::sleep(std::chrono::hours::max()); }, {.name = "stuck"});
                co_await stuck;
            },
            {.workers = 1, .clock = &clock});
    } catch (weft::testing::deadlock const& found) {
        said = found.what();
    }
    CHECK_THAT(said, ContainsSubstring("\"stuck\""));
}

TEST_CASE("all_tasks beside runs that are refused", "[current_task][lifetime][stress]") {
    const watchdog guard{60s, "refused runs"};
    weft::runtime runtime({.workers = 2, .handle_signals = true});
    std::atomic<bool> under_way = false;
    std::atomic<bool> over = false;
    std::thread first([&] {
        runtime.run([&]() -> task<> {
            under_way = true;
            while (!over) {
                for (task_ref const& each : weft::all_tasks()) static_cast<void>(each.name());
                co_await weft::yield();
            }
        });
    });
    while (!under_way) std::this_thread::yield();
    int refused = 0;
    for (int i = 0; i < 300; ++i) {
        try {
            runtime.run([]() -> task<> { co_return; });
        } catch (weft::invalid_state const&) {
            ++refused;  // another run handles signals
        }
    }
    over = true;
    first.join();
    CHECK(refused == 300);
}
