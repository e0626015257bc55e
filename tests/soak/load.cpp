// SPDX-License-Identifier: MIT
#include "load.hpp"

#include <unistd.h>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <weft/testing.hpp>
#include <weft/weft.hpp>

namespace weft::soak {

using namespace std::chrono_literals;
using weft::test::counted;

namespace {

struct failure : std::runtime_error {
    failure() : std::runtime_error("it fails, as it is to") {}
};

// Whoever only makes it leaks nothing: compilers leave out an allocation that nobody uses.
std::atomic<void*> leaked{nullptr};

// What every task of the load begins with.
void count_task(tally& all) {
    all.tasks.fetch_add(1, std::memory_order_relaxed);
    if (all.leaks == leak::memory) leaked.store(::operator new(1), std::memory_order_relaxed);
}
void expect(tally& all, bool right) {
    if (!right) all.wrong.fetch_add(1, std::memory_order_relaxed);
}

task<int> leaf(tally& all, int number, std::chrono::nanoseconds length, counted) {
    count_task(all);
    if (length > 0ns) co_await sleep(length);
    co_return number;
}
task<int> leaf(tally& all, int number, std::chrono::nanoseconds length = 0ns) {
    return leaf(all, number, length, counted(all.objects));
}
task<int> failing(tally& all, std::chrono::nanoseconds length, counted) {
    count_task(all);
    if (length > 0ns) co_await sleep(length);
    throw failure();
}
task<int> failing(tally& all, std::chrono::nanoseconds length = 0ns) { return failing(all, length, counted(all.objects)); }

std::vector<join_handle<int>> spawn_some(tally& all, int count, std::chrono::nanoseconds length) {
    std::vector<join_handle<int>> handles;
    for (int number = 0; number < count; ++number) handles.push_back(spawn(leaf(all, number, length * number / count)));
    return handles;
}

// ---- One task for each part of the library

task<> spawns(tally& all) {
    int sum = 0;
    for (auto& handle : spawn_some(all, 40, 0ns)) sum += co_await std::move(handle);
    expect(all, sum == 40 * 39 / 2);
    spawn(leaf(all, 0));  // nobody awaits it
    try {
        co_await spawn(failing(all));
        expect(all, false);
    } catch (failure const&) {
    }
}

task<int> fibonacci(tally& all, int n) {
    if (n < 2) co_return n;
    all.tasks.fetch_add(1, std::memory_order_relaxed);
    auto const [a, b] = co_await gather(fibonacci(all, n - 1), fibonacci(all, n - 2));
    co_return a + b;
}

task<> gathers(tally& all) {
    expect(all, co_await fibonacci(all, 9) == 34);
    std::vector<task<int>> many;
    for (int number = 0; number < 60; ++number) many.push_back(leaf(all, number, number % 8 == 0 ? 5us : 0us));
    auto const values = co_await gather(std::move(many));
    expect(all, values.size() == 60 && values.back() == 59);
    auto const [good, bad] = co_await gather(return_exceptions, leaf(all, 1), failing(all));
    expect(all, good && !bad);
    try {
        co_await gather(leaf(all, 1, 5us), failing(all), spawn(leaf(all, 2)));
        expect(all, false);
    } catch (failure const&) {
    }
    auto const made = [&](int number) { return leaf(all, number, 3us); };
    auto const limited = co_await gather(std::views::iota(0, 12) | std::views::transform(made), {.limit = 3});
    expect(all, limited.size() == 12 && limited.back() == 11);
}

task<> sleeps(tally& all) {
    co_await gather(sleep(20us), sleep(0s), sleep_until(now() + 10us), yield());
    interval every(10us, missed_tick::skip);
    for (int tick = 0; tick < 4; ++tick) co_await every.tick();
    expect(all, co_await leaf(all, 3, 1us) == 3);
}

task<> cancellations(tally& all) {
    auto handles = spawn_some(all, 20, 1h);
    co_await yield();
    for (auto& handle : handles) handle.cancel();
    for (std::size_t which = 1; which < handles.size(); ++which) {
        try {
            co_await handles[which];
            expect(all, false);
        } catch (cancelled const&) {
        }
    }
    auto guarded = spawn([](tally& its) -> task<int> {
        auto const inner = spawn(leaf(its, 5, 20us));
        try {
            co_return co_await shield(inner);
        } catch (cancelled const&) {
        }
        co_return co_await inner;
    }, std::ref(all));
    guarded.cancel();
    try {
        expect(all, co_await guarded == 5);
    } catch (cancelled const&) {
        // Before it began, or on its way to the second await.
    }
}

task<> time_limits(tally& all) {
    for (auto const limit : {0us, 3us, 20us}) {
        try {
            co_await wait_for(leaf(all, 1, 10us), limit);
        } catch (timeout_error const&) {
        }
        try {
            auto const here = co_await timeout(limit);
            co_await gather(leaf(all, 1, 5us), leaf(all, 2, 15us));
        } catch (timeout_error const&) {
        }
    }
    try {
        co_await wait_for(leaf(all, 1, 1h), 1us);
        expect(all, false);
    } catch (timeout_error const&) {
    }
}

task<> groups(tally& all) {
    auto const adding = [&](task_group& group) -> task<int> {
        auto const one = group.spawn(leaf(all, 1, 5us));
        auto const two = group.spawn(leaf(all, 2));
        co_return co_await one + co_await two;
    };
    expect(all, co_await with_task_group(adding) == 3);
    auto const waiting = [&](task_group& group) -> task<> {
        for (int number = 0; number < 5; ++number) group.spawn(leaf(all, number, 1h));
        group.spawn(failing(all, 5us));
        co_await sleep(1h);
    };
    try {
        co_await with_task_group(waiting);
        expect(all, false);
    } catch (exception_group const&) {
    }
}

task<> races(tally& all) {
    auto const quickest = co_await first(leaf(all, 1, 1h), leaf(all, 2, 2us));
    expect(all, quickest.index() == 1);
    auto [done, pending] = co_await wait(spawn_some(all, 6, 30us), first_completed);
    expect(all, !done.empty() && done.size() + pending.size() == 6);
    for (auto& each : pending) co_await std::move(each);
    auto ends = as_completed(spawn_some(all, 8, 30us));
    int sum = 0;
    while (auto next = co_await ends.next()) sum += next->result();
    expect(all, sum == 8 * 7 / 2);
}

int blocks(tally& all, bool fails, counted) {
    count_task(all);
    if (fails) throw failure();
    return 7;
}

task<> threads(tally& all) {
    expect(all, co_await to_thread(blocks, std::ref(all), false, counted(all.objects)) == 7);
    try {
        co_await to_thread(blocks, std::ref(all), true, counted(all.objects));
        expect(all, false);
    } catch (failure const&) {
    }
    // In line, and cancelled there or not; one that has begun outlives who awaits it.
    try {
        co_await wait_for(gather(to_thread(blocks, std::ref(all), false, counted(all.objects)),
                                 to_thread(blocks, std::ref(all), false, counted(all.objects))),
                          5us);
    } catch (timeout_error const&) {
    }
}

context_var<std::string> const request("request", "none");

task<> check_request(tally& all, std::string expected) {
    count_task(all);
    co_await yield();
    expect(all, request.get() == expected);
}

task<> values_and_names(tally& all) {
    std::string const name = "a name that is too long for what a string keeps in itself";
    request.set(name);
    // The handle in a variable: g++ 12 destroys an aggregate that is a temporary of a co_await expression twice.
    auto const named = spawn(check_request(all, name), {.name = name});
    co_await named;
    {
        auto const here = request.scoped("inner");
        co_await gather(check_request(all, "inner"), check_request(all, "inner"));
    }
    expect(all, request.get() == name);
    auto handle = spawn(leaf(all, 1, 5us), {.name = name});
    task_ref const refers(handle);
    expect(all, refers.name() == name && current_task() != refers);
    current_task().set_name("another");
    expect(all, !all_tasks().empty());
    co_await std::move(handle);
}

using part = task<> (*)(tally&);
constexpr std::array parts{spawns, gathers, sleeps, cancellations, time_limits, groups, races, threads, values_and_names};

// Some parts at once, in tasks of their own or not, and some tasks that the end of the run finds alive.
task<int> mixed(tally& all, std::uint64_t random) {
    count_task(all);
    std::vector<task<>> together;
    std::vector<join_handle<>> apart;
    for (int number = 0; number < 4; ++number, random /= parts.size() * 2) {
        part const next = parts[random % parts.size()];
        if (random / parts.size() % 2 == 0)
            together.push_back(next(all));
        else
            apart.push_back(spawn(next(all)));
    }
    spawn(leaf(all, 0, 1h));
    spawn(failing(all, 1us));  // it may be reported
    co_await gather(std::move(together));
    for (auto const& each : apart) co_await each;
    co_return 1;
}

options visitor(tally& all, unsigned workers) {
    return {.workers = workers, .blocking_threads = 2, .name = "visitor", .on_unhandled_exception = [&all](auto const&) {
                all.reports.fetch_add(1, std::memory_order_relaxed);
            }};
}

}  // namespace

void run_round(runtime& lasting, tally& all, std::mt19937_64& engine) {
    expect(all, lasting.run(mixed(all, engine())) == 1);
    try {
        lasting.run(failing(all));
        expect(all, false);
    } catch (failure const&) {
    }
}

void submit_round(runtime& lasting, tally& all, std::mt19937_64& engine) {
    std::vector<std::future<int>> futures;
    for (int number = 0; number < 30; ++number)
        futures.push_back(lasting.submit(
            number % 10 == 9 ? failing(all) : leaf(all, number, std::chrono::nanoseconds(engine() % 20'000))));
    int sum = 0;
    for (auto& future : futures) {
        try {
            sum += future.get();
        } catch (failure const&) {
        }
    }
    expect(all, sum == 30 * 29 / 2 - 9 - 19 - 29);
}

void visit_round(tally& all, std::mt19937_64& engine) {
    if (all.leaks == leak::descriptor) static_cast<void>(dup(STDERR_FILENO));
    if (all.leaks == leak::thread) std::thread([] { pause(); }).detach();
    std::future<int> cut_off;
    {
        options settings = visitor(all, 1 + static_cast<unsigned>(engine() % 6));
        settings.handle_signals = engine() % 4 == 0;
        runtime brief(std::move(settings));
        expect(all, brief.run(mixed(all, engine())) == 1);
        // A task of one runtime awaits one of another.
        runtime other(visitor(all, 1));
        std::promise<join_handle<int>> handed_over;
        auto const spawning = brief.submit([&]() -> task<> {
            handed_over.set_value(spawn(leaf(all, 4, 10us)));
            co_return;
        });
        auto handle = handed_over.get_future().get();
        expect(all, other.run([&]() -> task<int> { co_return co_await handle; }) == 4);
        spawning.wait();
        cut_off = brief.submit(leaf(all, 1, 1h));
    }
    try {
        cut_off.get();
        expect(all, false);
    } catch (cancelled const&) {
    }
    if (engine() % 4 == 0) {
        testing::paused_clock clock;
        options settings = visitor(all, 2);
        settings.clock = &clock;
        expect(all, run(leaf(all, 9, 24h), std::move(settings)) == 9);
    }
}

}  // namespace weft::soak
