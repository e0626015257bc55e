// SPDX-License-Identifier: MIT
// Runs and runtimes that end while their tasks are in every state: ready, sleeping, forked, awaiting a handle, still in the
// injector, putting things in order after they were cancelled. Nothing is lost, nothing hangs, nothing leaks, from several threads
// at once.
#include "support/catch.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

namespace config = weft::detail::config;

int const runtimes = weft::test::scaled(config::tsan || config::asan ? 200 : 400);
constexpr int threads_at_once = 3;

// How many objects live in frames: none after the end, or a frame was lost.
struct census {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    std::atomic<int> alive{0};
    std::atomic<int> failed{0};
    std::atomic<int> stubborn_begun{0};
    std::atomic<int> stubborn_ended{0};
    std::atomic<int> began_late{0};
};

class inhabitant {
public:
    explicit inhabitant(census& of) : of_(&of) { of_->alive.fetch_add(1, std::memory_order_relaxed); }
    inhabitant(inhabitant const& other) : inhabitant(*other.of_) {}
    inhabitant& operator=(inhabitant const&) = delete;
    ~inhabitant() { of_->alive.fetch_sub(1, std::memory_order_relaxed); }

    void begin() const { of_->begun.fetch_add(1, std::memory_order_relaxed); }
    void end() const { of_->ended.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] census& of() const { return *of_; }

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
    me.of().failed.fetch_add(1);
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

// The same, and it waits until all of them have ended, those of the other roots of `me`'s census, too: `roots` in all.
weft::task<> wait_for_all_states(inhabitant me, int sleep_microseconds, int roots) {
    co_await spawn_all_states(me, sleep_microseconds);
    while (me.of().ended.load() < roots * tasks_of_all_states) co_await weft::yield();
}

weft::task<> never_begins(inhabitant me) {
    me.of().began_late.fetch_add(1);
    co_return;
}

// Does not end when it is cancelled, but after a while.
weft::task<> stubborn(inhabitant me) {
    me.of().stubborn_begun.fetch_add(1);
    try {
        co_await weft::sleep(1h);
    } catch (weft::cancelled const&) {
    }
    try {
        weft::spawn(never_begins(me));
    } catch (weft::runtime_closed const&) {
    }
    co_await weft::sleep(20us);
    co_await weft::gather(yielding(me, 2), weft::sleep(20us));
    me.of().stubborn_ended.fetch_add(1);
}

// These do not end by themselves.
weft::task<> spawn_endless(inhabitant me) {
    weft::spawn(sleeping(me, 1h));
    weft::spawn(awaiting(me, weft::spawn(sleeping(me, 1h))));
    weft::spawn(awaited_by_two(me, weft::spawn(stubborn(me))));
    weft::spawn([](inhabitant resident) -> weft::task<> {
        resident.begin();
        co_await weft::gather(sleeping(resident, 1h), stubborn(resident), forking(resident, 2));
        resident.end();
    }(me));
    weft::spawn([](inhabitant resident) -> weft::task<> {
        resident.begin();
        for (;;) co_await weft::yield();
    }(me));
    co_return;
}

weft::task<> spawn_all_and_endless(inhabitant me, int sleep_microseconds) {
    co_await spawn_all_states(me, sleep_microseconds);
    co_await spawn_endless(me);
}

struct found {
    int begun = 0;
    int ended = 0;
    int alive = 0;
    int reported = 0;
    int expected = 0;
    int expected_reports = 0;
    int failed = 0;
    int stubborn_begun = 0;
    int stubborn_ended = 0;
    int began_late = 0;

    void add(census const& one, std::atomic<int> const& reports, int roots) {
        begun += one.begun.load();
        ended += one.ended.load();
        alive += one.alive.load();
        reported += reports.load();
        expected += roots * tasks_of_all_states;
        expected_reports += roots;
        failed += one.failed.load();
        stubborn_begun += one.stubborn_begun.load();
        stubborn_ended += one.stubborn_ended.load();
        began_late += one.began_late.load();
    }
    void add(found const& other) {
        begun += other.begun;
        ended += other.ended;
        alive += other.alive;
        reported += other.reported;
        expected += other.expected;
        expected_reports += other.expected_reports;
        failed += other.failed;
        stubborn_begun += other.stubborn_begun;
        stubborn_ended += other.stubborn_ended;
        began_late += other.began_late;
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
    for (found const& each : sums) sum.add(each);
    return sum;
}

void check(found const& sum) {
    CHECK(sum.expected > 0);
    CHECK(sum.begun == sum.expected);
    CHECK(sum.ended == sum.expected);
    CHECK(sum.alive == 0);
    CHECK(sum.reported == sum.expected_reports);
}

// Where tasks were cancelled. What is cut off is up to the schedule; that it ends, that no frame is left, that who catches
// `cancelled` is waited for, and that failures are reported and cancelled tasks are not, is not.
void check_cut_off(found const& sum) {
    CHECK(sum.begun > 0);
    CHECK(sum.ended <= sum.begun);
    CHECK(sum.alive == 0);
    CHECK(sum.reported == sum.failed);
    CHECK(sum.stubborn_begun > 0);
    CHECK(sum.stubborn_ended == sum.stubborn_begun);
    CHECK(sum.began_late == 0);
}

weft::options some_workers(std::mt19937& engine, std::atomic<int>& reports) {
    constexpr unsigned choices[] = {1, 2, 3, 8};
    return {.workers = choices[engine() % 4], .on_unhandled_exception = [&reports](auto const&) { reports.fetch_add(1); }};
}

}  // namespace

TEST_CASE("tasks in every state come to their ends while somebody waits for them", "[runtime][run][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "runtimes whose tasks are awaited"};
    check(on_threads([](std::mt19937& engine, found& sum) {
        census all;
        std::atomic<int> reports{0};
        int const runs = 1 + static_cast<int>(engine() % 3);
        int const roots = 1 + static_cast<int>(engine() % 4);
        {
            weft::runtime ending(some_workers(engine, reports));
            for (int count = 0; count < runs; ++count)
                ending.run(wait_for_all_states(inhabitant(all), static_cast<int>(engine() % 500), count + 1));
            std::vector<std::future<void>> waiting;
            for (int root = 0; root < roots; ++root)
                waiting.push_back(
                    ending.submit(wait_for_all_states(inhabitant(all), static_cast<int>(engine() % 500), runs + roots)));
            for (auto& each : waiting) each.get();
            // Their destructors have run, too, where they belong to a run, and will have where they do not.
        }
        sum.add(all, reports, runs + roots);
    }));
}

TEST_CASE("a runtime that ends cancels submitted tasks in every state, and waits for them", "[runtime][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "destroying runtimes with submitted tasks"};
    std::atomic<int> wrong{0};
    check_cut_off(on_threads([&](std::mt19937& engine, found& sum) {
        census all;
        std::atomic<int> reports{0};
        int const roots = 1 + static_cast<int>(engine() % 4);
        int const extra = static_cast<int>(engine() % 20);
        std::vector<std::future<void>> last;
        {
            weft::runtime ending(some_workers(engine, reports));
            std::vector<std::future<void>> spawning;
            for (int root = 0; root < roots; ++root)
                spawning.push_back(ending.submit(spawn_all_and_endless(inhabitant(all), static_cast<int>(engine() % 500))));
            // Once the destructor has begun, spawn throws; so the roots have spawned by then, and what they spawned is anywhere.
            for (auto& each : spawning) each.get();
            if (engine() % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(engine() % 300));
            // These are in the injector, or just out of it. What never begins says so.
            for (int count = 0; count < extra; ++count) static_cast<void>(ending.submit(forking(inhabitant(all), 3)));
            for (int count = 0; count < extra; ++count) last.push_back(ending.submit(sleeping(inhabitant(all), 1h)));
        }
        for (auto& each : last) {
            try {
                each.get();
                wrong.fetch_add(1);
            } catch (weft::cancelled const&) {
            }
        }
        sum.add(all, reports, roots);
    }));
    CHECK(wrong == 0);
}

TEST_CASE("run cancels all that its task has spawned, in every state, and waits for it", "[run][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "run with live tasks"};
    check_cut_off(on_threads([](std::mt19937& engine, found& sum) {
        census all;
        std::atomic<int> reports{0};
        int const runs = 1 + static_cast<int>(engine() % 4);
        weft::runtime kept(some_workers(engine, reports));
        for (int count = 0; count < runs; ++count) {
            int const yields = static_cast<int>(engine() % 4) * 5;
            kept.run([&]() -> weft::task<> {
                co_await spawn_all_and_endless(inhabitant(all), static_cast<int>(engine() % 500));
                for (int yield = 0; yield < yields; ++yield) co_await weft::yield();
            });
        }
        // The runtime still lives; nothing of the runs does.
        sum.add(all, reports, runs);
    }));
}

TEST_CASE("several threads run and submit on one runtime", "[runtime][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "run and submit at once"};
    int const rounds = runtimes / 8;
    for (const unsigned workers : {1u, 2u, weft::test::many_workers(8)}) {
        for (const bool cut_off : {false, true}) {
            std::atomic<int> reports{0};
            // Those of a thread wait for their own.
            std::vector<census> all(threads_at_once);
            {
                weft::runtime shared({.workers = workers, .on_unhandled_exception = [&](auto const&) { reports.fetch_add(1); }});
                std::vector<std::thread> threads;
                for (int index = 0; index < threads_at_once; ++index)
                    threads.emplace_back([&, index] {
                        inhabitant const me(all[static_cast<std::size_t>(index)]);
                        for (int count = 0; count < rounds; ++count) {
                            if (index == 0 && cut_off)
                                static_cast<void>(shared.submit(spawn_all_and_endless(me, 10)));
                            else if (index == 0)
                                shared.submit(wait_for_all_states(me, 10, count + 1)).get();
                            else if (cut_off)
                                shared.run(spawn_all_and_endless(me, 10));
                            else
                                shared.run(wait_for_all_states(me, 10, count + 1));
                        }
                    });
                for (std::thread& each : threads) each.join();
            }
            found sum;
            for (census const& each : all) {
                found one;
                one.add(each, std::atomic<int>{0}, rounds);
                sum.add(one);
            }
            sum.reported = reports.load();
            CAPTURE(workers, cut_off);
            if (cut_off)
                check_cut_off(sum);
            else
                check(sum);
        }
    }
}

namespace {

// What one of those who submit has done. Only it writes, and who reads does so after the runtime's end.
struct submissions {
    std::vector<std::future<void>> accepted;
    std::vector<weft::join_handle<>> spawned;
    int began = 0;
    int submit_refused = 0;
    int spawn_refused = 0;
    int cancelled = 0;
};

struct submitting {
    std::atomic<int> accepted{0};
    std::atomic<int> ran{0};
    std::atomic<int> spawned_ran{0};
};

weft::task<> count_in(std::atomic<int>& counter) {
    counter.fetch_add(1);
    co_return;
}

// Submits to its own runtime and spawns until both are refused, which they are when the destructor has begun. That cancels it, too.
weft::task<> submit_until_refused(weft::runtime& own, submitting& all, submissions& mine) {
    mine.began = 1;
    while (mine.submit_refused == 0 || mine.spawn_refused == 0) {
        if (mine.submit_refused == 0) {
            try {
                mine.accepted.push_back(own.submit(count_in(all.ran)));
                all.accepted.fetch_add(1);
            } catch (weft::runtime_closed const&) {
                ++mine.submit_refused;
            }
        }
        if (mine.spawn_refused == 0) {
            try {
                mine.spawned.push_back(weft::spawn(count_in(all.spawned_ran)));
            } catch (weft::runtime_closed const&) {
                ++mine.spawn_refused;
            }
        }
        try {
            co_await weft::yield();
        } catch (weft::cancelled const&) {
            ++mine.cancelled;
        }
    }
}

}  // namespace

TEST_CASE("submit and spawn race with the destructor: what was accepted runs or is cancelled, the rest is told so",
          "[runtime][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "submit races with the destructor"};
    constexpr int submitters = 3;
    int began = 0;
    int lost = 0;
    int not_refused = 0;
    int cancelled_twice = 0;
    for (int round = 0; round < runtimes / 4; ++round) {
        for (const unsigned workers : {1u, 2u, weft::test::many_workers(8)}) {
            submitting all;
            std::array<submissions, submitters> each;
            std::vector<std::future<void>> futures;
            {
                weft::runtime ending({.workers = workers});
                for (submissions& mine : each) futures.push_back(ending.submit(submit_until_refused(ending, all, mine)));
                // Until all of them are at it, or none.
                if (round % 3 != 0)
                    while (all.accepted.load() < submitters * (round % 3)) std::this_thread::yield();
            }
            int ran = 0;
            int spawned_ran = 0;
            for (std::size_t index = 0; index < each.size(); ++index) {
                submissions& mine = each[index];
                for (auto& future : mine.accepted) {
                    try {
                        future.get();
                        ++ran;
                    } catch (weft::cancelled const&) {
                    }
                }
                for (auto& handle : mine.spawned) {
                    lost += !handle.done();
                    spawned_ran += !handle.cancelled();
                }
                bool cancelled_first = false;
                try {
                    futures[index].get();
                } catch (weft::cancelled const&) {
                    cancelled_first = true;
                }
                began += mine.began;
                lost += (mine.began == 1) == cancelled_first;  // it does not begin, or catches what cancels it
                not_refused += mine.began - mine.submit_refused + mine.began - mine.spawn_refused;
                cancelled_twice += mine.cancelled > 1;
            }
            // A future says exactly what has become of its task. A handle says `cancelled` also where that came while the task ran.
            lost += ran != all.ran.load();
            lost += spawned_ran > all.spawned_ran.load();
        }
    }
    CHECK(began > 0);
    CHECK(lost == 0);
    CHECK(not_refused == 0);
    CHECK(cancelled_twice == 0);
}

TEST_CASE("a handle and a future may outlive their runtime", "[spawn][shutdown][stress]") {
    const weft::test::watchdog guard{60s, "handles that outlive the runtime"};
    int wrong = 0;
    std::atomic<int> reports{0};
    census all;
    for (int round = 0; round < runtimes / 2; ++round) {
        // Else the end of the runtime finds them anywhere, and each tells whether it was cancelled.
        bool const waits = round % 2 == 0;
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
                    while (waits && (!value.done() || !failed.done() || !never_looked_at.done())) co_await weft::yield();
                })
                .get();
            if (waits) future.wait();
        }
        try {
            wrong += future.get() != 7;
        } catch (weft::cancelled const&) {
            wrong += waits;
        }
        wrong += !value.done() || (value.cancelled() ? waits : value.result() != 5);
        wrong += !failed.done() || !failed.exception() || (waits && failed.cancelled());
    }
    CHECK(wrong == 0);
    CHECK(all.alive == 0);
    // The end of a runtime reports what nobody has seen by then: all that failed, and none that was cancelled.
    CHECK(all.failed >= 2 * (runtimes / 4));
    CHECK(reports == all.failed);
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
    enum class first { awaited_task, its_runtime, awaiting_runtime };
    int wrong = 0;
    int cancelled_in_time = 0;
    int gone_on = 0;
    for (int round = 0; round < runtimes; ++round) {
        for (const first ends : {first::awaited_task, first::its_runtime, first::awaiting_runtime}) {
            auto patient = std::make_unique<weft::runtime>(weft::options{.workers = 1 + static_cast<unsigned>(round % 2)});
            auto busy = std::make_unique<weft::runtime>(weft::options{.workers = 1 + static_cast<unsigned>(round % 3)});
            // Where a runtime is to end first, now and then the task is about to end by itself.
            bool const brief = ends == first::awaited_task || round % 4 == 0;
            bool const goes_on = round % 2 == 0;
            weft::join_handle<int> handle;
            std::promise<void> spawned;
            std::atomic<bool> begun{false};
            std::atomic<bool> may_end{false};
            static_cast<void>(busy->submit([&]() -> weft::task<> {
                handle = weft::spawn([&]() -> weft::task<int> {
                    begun = true;
                    try {
                        if (brief)
                            co_await weft::sleep(30us);
                        else
                            while (!may_end) co_await weft::sleep(100us);
                    } catch (weft::cancelled const&) {
                        if (!goes_on) throw;
                    }
                    co_await weft::yield();
                    co_return 3;
                });
                spawned.set_value();
                co_return;
            }));
            spawned.get_future().get();
            while (goes_on && !begun) std::this_thread::yield();
            std::future<int> answer = patient->submit(await_across(handle));
            if (ends == first::its_runtime) busy.reset();
            if (ends == first::awaiting_runtime) patient.reset();
            bool was_cancelled = false;
            try {
                wrong += answer.get() != 3;
            } catch (weft::cancelled const&) {
                was_cancelled = true;
            }
            switch (ends) {
                case first::awaited_task: wrong += was_cancelled; break;
                case first::its_runtime:
                    // Who awaits is told how it ended, and it has ended.
                    wrong += !handle.done() || handle.cancelled() != was_cancelled;
                    cancelled_in_time += was_cancelled;
                    gone_on += !brief && !was_cancelled;
                    break;
                case first::awaiting_runtime:
                    // That is the end of who awaits only.
                    wrong += !brief && !was_cancelled;
                    wrong += !brief && handle.done();
                    may_end = true;
                    while (!handle.done()) std::this_thread::yield();
                    wrong += handle.cancelled() || handle.result() != 3;
                    break;
            }
        }
    }
    CHECK(wrong == 0);
    CHECK(cancelled_in_time > 0);
    CHECK(gone_on > 0);
}
