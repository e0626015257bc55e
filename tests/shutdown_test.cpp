// SPDX-License-Identifier: MIT
// Runtimes that end while their tasks are in every state: ready, sleeping, forked, awaiting a handle, still in the injector.
// Nothing is lost, nothing hangs, nothing leaks, from several threads at once.
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

namespace config = weft::detail::config;

constexpr int runtimes = config::tsan || config::asan ? 200 : 400;
constexpr int threads_at_once = 3;

// How many objects live in frames: none after the end, or a frame was lost.
struct census {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    std::atomic<int> alive{0};
};

class inhabitant {
public:
    explicit inhabitant(census& of) : of_(&of) { of_->alive.fetch_add(1, std::memory_order_relaxed); }
    inhabitant(inhabitant const& other) : inhabitant(*other.of_) {}
    inhabitant& operator=(inhabitant const&) = delete;
    ~inhabitant() { of_->alive.fetch_sub(1, std::memory_order_relaxed); }

    void begin() const { of_->begun.fetch_add(1, std::memory_order_relaxed); }
    void end() const { of_->ended.fetch_add(1, std::memory_order_relaxed); }

private:
    census* of_;
};

// One task in each state in which the end of a runtime may find it.
weft::task<> ready(inhabitant me) {
    me.begin();
    me.end();
    co_return;
}

weft::task<> yielding(inhabitant me, int times) {
    me.begin();
    while (times-- > 0) co_await weft::yield();
    me.end();
}

weft::task<> sleeping(inhabitant me, std::chrono::microseconds duration) {
    me.begin();
    co_await weft::sleep(duration);
    me.end();
}

weft::task<> forking(inhabitant me, int depth) {
    me.begin();
    if (depth > 0) co_await weft::gather(forking(me, depth - 1), forking(me, depth - 1));
    if (depth == 1) co_await weft::yield();
    me.end();
}

weft::task<> awaiting(inhabitant me, weft::join_handle<> handle) {
    me.begin();
    co_await handle;
    me.end();
}

weft::task<> sharing(inhabitant me, weft::join_handle<> const& handle) {
    me.begin();
    co_await handle;
    me.end();
}

weft::task<> failing(inhabitant me) {
    me.begin();
    co_await weft::yield();
    me.end();
    throw std::runtime_error("nobody awaits this");
}

weft::task<> awaited_by_two(inhabitant me, weft::join_handle<> handle) {
    co_await weft::gather(sharing(me, handle), sharing(me, handle));
}

// Tasks of which nobody keeps a handle, and what they spawn in turn.
weft::task<> spawn_all_states(inhabitant me, int sleep_microseconds) {
    weft::spawn(ready(me));
    weft::spawn(yielding(me, 20));
    weft::spawn(sleeping(me, std::chrono::microseconds(sleep_microseconds)));
    weft::spawn(forking(me, 4));
    weft::spawn(awaiting(me, weft::spawn(sleeping(me, 50us))));
    weft::spawn(awaiting(me, weft::spawn(awaiting(me, weft::spawn(yielding(me, 3))))));
    weft::spawn(awaited_by_two(me, weft::spawn(sleeping(me, 100us))));
    weft::spawn(failing(me));
    co_return;
}
// ready 1, yielding 1, sleeping 1, forking 31, awaiting 2, awaiting 3, awaited_by_two 3, failing 1
constexpr int tasks_of_all_states = 1 + 1 + 1 + 31 + 2 + 3 + 3 + 1;

struct found {
    int begun = 0;
    int ended = 0;
    int alive = 0;
    int reported = 0;
    int expected = 0;
    int expected_reports = 0;

    void add(census const& one, std::atomic<int> const& reports, int roots) {
        begun += one.begun.load();
        ended += one.ended.load();
        alive += one.alive.load();
        reported += reports.load();
        expected += roots * tasks_of_all_states;
        expected_reports += roots;
    }
};

// Several threads, each of which makes and ends runtimes; their findings are added up.
template <class Life>
found on_threads(Life life) {
    std::vector<found> sums(threads_at_once);
    std::vector<std::thread> threads;
    for (int index = 0; index < threads_at_once; ++index)
        threads.emplace_back([&, index] {
            std::mt19937 engine(static_cast<unsigned>(weft::test::seed()) + static_cast<unsigned>(index));
            for (int count = 0; count < runtimes / threads_at_once; ++count) life(engine, sums[static_cast<std::size_t>(index)]);
        });
    for (std::thread& each : threads) each.join();
    found sum;
    for (found const& each : sums) {
        sum.begun += each.begun;
        sum.ended += each.ended;
        sum.alive += each.alive;
        sum.reported += each.reported;
        sum.expected += each.expected;
        sum.expected_reports += each.expected_reports;
    }
    return sum;
}

void check(found const& sum) {
    CHECK(sum.expected > 0);
    CHECK(sum.begun == sum.expected);
    CHECK(sum.ended == sum.expected);
    CHECK(sum.alive == 0);
    CHECK(sum.reported == sum.expected_reports);
}

weft::options some_workers(std::mt19937& engine, std::atomic<int>& reports) {
    constexpr unsigned choices[] = {1, 2, 3, 8};
    return {.workers = choices[engine() % 4], .on_unhandled_exception = [&reports](auto const&) { reports.fetch_add(1); }};
}

}  // namespace

TEST_CASE("a runtime that ends waits for submitted tasks in every state", "[runtime][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "destroying runtimes with submitted tasks"};
    check(on_threads([](std::mt19937& engine, found& sum) {
        census all;
        std::atomic<int> reports{0};
        int const roots = 1 + static_cast<int>(engine() % 4);
        int const extra = static_cast<int>(engine() % 20);
        {
            weft::runtime ending(some_workers(engine, reports));
            std::vector<std::future<void>> spawning;
            for (int root = 0; root < roots; ++root)
                spawning.push_back(ending.submit(spawn_all_states(inhabitant(all), static_cast<int>(engine() % 500))));
            // Once the destructor has begun, spawn throws; so the roots have spawned by then, and what they spawned is anywhere.
            for (auto& each : spawning) each.get();
            // These are in the injector, or just out of it.
            for (int count = 0; count < extra; ++count) static_cast<void>(ending.submit(forking(inhabitant(all), 3)));
        }
        sum.expected += 15 * extra;
        sum.add(all, reports, roots);
    }));
}

TEST_CASE("run waits for all that its task has spawned, in every state", "[run][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "run with live tasks"};
    check(on_threads([](std::mt19937& engine, found& sum) {
        census all;
        std::atomic<int> reports{0};
        int const runs = 1 + static_cast<int>(engine() % 4);
        weft::runtime kept(some_workers(engine, reports));
        for (int count = 0; count < runs; ++count) kept.run(spawn_all_states(inhabitant(all), static_cast<int>(engine() % 500)));
        // The runtime still lives; nothing of the runs does.
        sum.add(all, reports, runs);
    }));
}

TEST_CASE("several threads run and submit on one runtime", "[runtime][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "run and submit at once"};
    for (const unsigned workers : {1u, 2u, 8u}) {
        std::atomic<int> reports{0};
        census all;
        int roots = 0;
        {
            weft::runtime shared({.workers = workers, .on_unhandled_exception = [&](auto const&) { reports.fetch_add(1); }});
            std::vector<std::thread> threads;
            for (int index = 0; index < threads_at_once; ++index)
                threads.emplace_back([&, index] {
                    for (int count = 0; count < runtimes / 8; ++count) {
                        if (index == 0)
                            static_cast<void>(shared.submit(spawn_all_states(inhabitant(all), 10)));
                        else
                            shared.run(spawn_all_states(inhabitant(all), 10));
                    }
                });
            for (std::thread& each : threads) each.join();
            roots = threads_at_once * (runtimes / 8);
        }
        found sum;
        sum.add(all, reports, roots);
        CAPTURE(workers);
        check(sum);
    }
}

namespace {

struct submissions {
    std::atomic<int> accepted{0};
    std::atomic<int> refused{0};
    std::atomic<int> ran{0};
    std::atomic<int> spawned{0};
    std::atomic<int> spawn_refused{0};
    std::atomic<int> spawned_ran{0};
    std::atomic<bool> destroying{false};
};

weft::task<> count_in(std::atomic<int>& counter) {
    counter.fetch_add(1);
    co_return;
}

// Submits to its own runtime and spawns until both are refused, or for a while after the destructor has begun.
weft::task<> submit_until_refused(weft::runtime& own, submissions& counts) {
    bool submitting = true;
    bool spawning = true;
    for (int after = 0; (submitting || spawning) && after < 100'000; after += counts.destroying.load() ? 1 : 0) {
        if (submitting) {
            try {
                static_cast<void>(own.submit(count_in(counts.ran)));
                counts.accepted.fetch_add(1);
            } catch (weft::runtime_closed const&) {
                counts.refused.fetch_add(1);
                submitting = false;
            }
        }
        if (spawning) {
            try {
                weft::spawn(count_in(counts.spawned_ran));
                counts.spawned.fetch_add(1);
            } catch (weft::runtime_closed const&) {
                counts.spawn_refused.fetch_add(1);
                spawning = false;
            }
        }
        co_await weft::yield();
    }
}

}  // namespace

TEST_CASE("submit and spawn race with the destructor: what was accepted runs, the rest is told so", "[runtime][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "submit races with the destructor"};
    constexpr int submitters = 3;
    int lost = 0;
    int not_refused = 0;
    for (int round = 0; round < runtimes / 4; ++round) {
        for (const unsigned workers : {1u, 2u, 8u}) {
            submissions counts;
            {
                weft::runtime ending({.workers = workers});
                for (int count = 0; count < submitters; ++count)
                    static_cast<void>(ending.submit(submit_until_refused(ending, counts)));
                // Until all of them are at it, or none.
                if (round % 3 != 0)
                    while (counts.accepted.load() < submitters * (round % 3)) std::this_thread::yield();
                counts.destroying.store(true);
            }
            lost += counts.accepted.load() - counts.ran.load() + counts.spawned.load() - counts.spawned_ran.load();
            not_refused += submitters - counts.refused.load() + submitters - counts.spawn_refused.load();
        }
    }
    CHECK(lost == 0);
    CHECK(not_refused == 0);
}

TEST_CASE("a handle and a future may outlive their runtime", "[spawn][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "handles that outlive the runtime"};
    int wrong = 0;
    std::atomic<int> reports{0};
    census all;
    for (int round = 0; round < runtimes / 4; ++round) {
        weft::join_handle<int> value;
        weft::join_handle<> failed;
        weft::join_handle<> never_looked_at;
        std::future<int> future;
        {
            weft::runtime ending({.workers = 1 + static_cast<unsigned>(round % 3),
                                  .on_unhandled_exception = [&](auto const&) { reports.fetch_add(1); }});
            future = ending.submit([]() -> weft::task<int> {
                co_await weft::yield();
                co_return 7;
            });
            ending
                .submit([&]() -> weft::task<> {
                    value = weft::spawn([]() -> weft::task<int> {
                        co_await weft::sleep(20us);
                        co_return 5;
                    });
                    failed = weft::spawn(failing(inhabitant(all)));
                    never_looked_at = weft::spawn(failing(inhabitant(all)));
                    co_return;
                })
                .get();
        }
        wrong += future.get() != 7;
        wrong += !value.done() || value.result() != 5;
        wrong += !failed.done() || !failed.exception();
    }
    CHECK(wrong == 0);
    CHECK(all.alive == 0);
    // The end of a runtime reports what nobody has seen by then: both.
    CHECK(reports == 2 * (runtimes / 4));
}

namespace {

// A job is resumed by a thread that is no worker, by and by, and its runtime may be gone when that thread lets go.
class foreign_thread {
public:
    foreign_thread() : thread_([this] { work(); }) {}
    ~foreign_thread() {
        over_.store(true);
        thread_.join();
    }
    void take(std::coroutine_handle<> waiting) {
        while (place_.load() != nullptr) std::this_thread::yield();
        place_.store(waiting.address());
    }

private:
    void work() {
        while (!over_.load()) {
            if (void* const waiting = place_.load()) {
                place_.store(nullptr);
                std::coroutine_handle<>::from_address(waiting).resume();
            } else {
                std::this_thread::yield();
            }
        }
    }

    std::atomic<void*> place_{nullptr};
    std::atomic<bool> over_{false};
    std::thread thread_;
};

struct resumed_elsewhere {
    foreign_thread& thread;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) const { thread.take(waiting); }
    void await_resume() const noexcept {}
};

weft::task<int> hop_to(foreign_thread& thread) {
    co_await resumed_elsewhere{thread};
    co_return 1;
}

}  // namespace

TEST_CASE("a foreign thread hands in the last job of a runtime that ends at once", "[runtime][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "a foreign thread resumes the last task"};
    foreign_thread elsewhere;
    int sum = 0;
    for (int round = 0; round < runtimes; ++round) {
        weft::options settings;
        settings.workers = 1 + static_cast<unsigned>(round % 3);
        sum += weft::run(hop_to(elsewhere), settings);
    }
    CHECK(sum == runtimes);
}

namespace {

weft::task<int> await_across(weft::join_handle<int>& other) { co_return co_await other; }

}  // namespace

TEST_CASE("a task of one runtime awaits a task of another, and either ends", "[runtime][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "handles across runtimes"};
    int wrong = 0;
    for (int round = 0; round < runtimes; ++round) {
        weft::runtime patient({.workers = 1 + static_cast<unsigned>(round % 2)});
        weft::join_handle<int> handle;
        std::future<int> answer;
        {
            weft::runtime busy({.workers = 1 + static_cast<unsigned>(round % 3)});
            std::promise<void> spawned;
            static_cast<void>(busy.submit([&]() -> weft::task<> {
                handle = weft::spawn([]() -> weft::task<int> {
                    co_await weft::sleep(30us);
                    co_return 3;
                });
                spawned.set_value();
                co_return;
            }));
            spawned.get_future().get();
            answer = patient.submit(await_across(handle));
        }
        wrong += answer.get() != 3;
    }
    CHECK(wrong == 0);
}
