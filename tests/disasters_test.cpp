// SPDX-License-Identifier: MIT
// The disasters of this field, each by name: what has gone wrong in schedulers before must not go wrong here. Most of them show as
// a hang, which the watchdog reports, or as an error that a sanitizer sees.
#include "support/catch.hpp"
#include "support/foreign.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

using namespace std::chrono_literals;

namespace {

namespace config = weft::detail::config;

// So many in release, fewer where a sanitizer makes each one slow.
int scaled(int rounds) { return weft::test::scaled(config::tsan ? rounds / 4 : config::asan ? rounds / 2 : rounds); }

weft::options workers(unsigned count) {
    weft::options settings;
    settings.workers = count;
    return settings;
}

void spin_for(std::chrono::microseconds duration) {
    auto const until = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < until) {
    }
}

// Until somebody else has done it; lets others have the processor, for there may be more threads than processors.
template <class Condition>
void wait_until(Condition condition) {
    for (int spins = 0; !condition(); ++spins)
        if (spins > 100) std::this_thread::yield();
}

weft::task<> nothing() { co_return; }

weft::task<int> give(int number) { co_return number; }

}  // namespace

// ---- Lost wake-ups

TEST_CASE("no wake-up is lost between the last look and the park: one job at a time from outside", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "jobs from outside into an idle pool"};
    std::mt19937 engine(static_cast<unsigned>(weft::test::seed()));
    for (const unsigned count : {1u, 2u, weft::test::many_workers(8)}) {
        weft::runtime idle(workers(count));
        int wrong = 0;
        for (int round = 0; round < scaled(10'000); ++round) {
            // The workers search for some 10 to 30 us and then park: arrive before, after, and in between.
            if (round % 2 == 0) spin_for(std::chrono::microseconds(engine() % 60));
            wrong += idle.submit(give(round)).get() != round;
        }
        CAPTURE(count);
        CHECK(wrong == 0);
    }
}

namespace {

// Spawns the next one and keeps its worker until that has begun, so another worker must be awake for it.
weft::task<> hand_on(std::atomic<int>& begun, weft::test::gate& last_begun, int left, std::uint32_t random) {
    int const mine = begun.fetch_add(1) + 1;
    if (left == 0) {
        last_begun.open();
        co_return;
    }
    if (random % 4 == 0) spin_for(std::chrono::microseconds(random / 4 % 50));
    weft::spawn(hand_on(begun, last_begun, left - 1, random * 1'664'525u + 1'013'904'223u));
    wait_until([&] { return begun.load() > mine; });
}

// The main task only waits: awake, it would keep a worker awake.
weft::task<> hand_on_to_the_last(std::atomic<int>& begun, int count, std::uint32_t random) {
    weft::test::gate last_begun;
    weft::spawn(hand_on(begun, last_begun, count, random));
    co_await last_begun;
}

}  // namespace

TEST_CASE("no wake-up is lost when a worker spawns for a sleeping one: one job to and fro", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "a job spawned to and fro"};
    for (const unsigned count : {2u, 3u, weft::test::many_workers(8)}) {
        std::atomic<int> begun{0};
        weft::run(hand_on_to_the_last(begun, scaled(10'000), static_cast<std::uint32_t>(weft::test::seed())), workers(count));
        CAPTURE(count);
        CHECK(begun == scaled(10'000) + 1);
    }
}

namespace {

weft::task<> arrive_at(std::atomic<int>& arrived, int expected) {
    arrived.fetch_add(1);
    wait_until([&] { return arrived.load() >= expected; });
    co_return;
}

// The children of each gather wait for each other: a fork that nobody steals is a hang.
weft::task<> gather_that_must_be_stolen(int rounds, std::uint32_t random) {
    for (int round = 0; round < rounds; ++round) {
        std::atomic<int> arrived{0};
        random = random * 1'664'525u + 1'013'904'223u;
        if (random >> 30 == 0) spin_for(std::chrono::microseconds(random >> 8 & 63));
        co_await weft::gather(arrive_at(arrived, 2), arrive_at(arrived, 2));
    }
}

}  // namespace

TEST_CASE("no wake-up is lost when a gather forks for a sleeping worker", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "gathers whose children wait for each other"};
    for (const unsigned count : {2u, 3u, weft::test::many_workers(8)})
        weft::run(gather_that_must_be_stolen(scaled(4'000), static_cast<std::uint32_t>(weft::test::seed())), workers(count));
    SUCCEED("all were stolen");
}

TEST_CASE("no wake-up is lost when all workers must take part", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "as many jobs as workers, each waits for all"};
    for (const unsigned count : {2u, 4u, weft::test::many_workers(8)}) {
        weft::runtime pool(workers(count));
        for (int round = 0; round < scaled(500); ++round) {
            std::atomic<int> arrived{0};
            pool.run([&]() -> weft::task<> {
                std::vector<weft::join_handle<>> handles;
                for (unsigned index = 0; index < count; ++index)
                    handles.push_back(weft::spawn(arrive_at(arrived, static_cast<int>(count))));
                co_await weft::gather(handles);
            });
        }
    }
    SUCCEED("all took part");
}

// ---- Half-initialised tasks, freed arrays, freed frames

namespace {

struct payload {
    std::vector<int> numbers;
    std::string text;
    bool whole() const {
        return numbers.size() == 20 && std::accumulate(numbers.begin(), numbers.end(), 0) == 20 * numbers.front() &&
               text == std::string(40, static_cast<char>('a' + numbers.front() % 26));
    }
};

payload filled(int number) { return {std::vector<int>(20, number), std::string(40, static_cast<char>('a' + number % 26))}; }

weft::task<> expect_whole(payload given, std::atomic<int>& wrong, std::atomic<int>& looked) {
    if (!given.whole()) wrong.fetch_add(1);
    // The thief needs the task's run, too.
    co_await weft::spawn(nothing());
    looked.fetch_add(1);
}

}  // namespace

TEST_CASE("no half-initialised task is stolen", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "tasks stolen as soon as they are visible"};
    std::atomic<int> wrong{0};
    weft::runtime pool(workers(8));
    for (int round = 0; round < scaled(4'000); ++round) {
        std::atomic<int> looked{0};
        pool.run([&]() -> weft::task<> {
            std::vector<weft::task<>> forked;
            for (int number = 0; number < 50; ++number) {
                weft::spawn(expect_whole(filled(number), wrong, looked));
                forked.push_back(expect_whole(filled(number), wrong, looked));
            }
            co_await weft::gather(std::move(forked));
            // Those that are spawned have no handles.
            while (looked.load() < 100) co_await weft::yield();
        });
        REQUIRE(looked == 100);
    }
    CHECK(wrong == 0);
}

namespace {

weft::task<> count_one(std::atomic<int>& counter) {
    counter.fetch_add(1, std::memory_order_relaxed);
    co_return;
}

weft::task<> spawn_many(std::atomic<int>& counter, int count) {
    for (int number = 0; number < count; ++number) weft::spawn(count_one(counter));
    std::vector<weft::task<>> forked;
    for (int number = 0; number < count; ++number) forked.push_back(count_one(counter));
    co_await weft::gather(std::move(forked));
    while (counter.load() < 2 * count) co_await weft::yield();
}

}  // namespace

TEST_CASE("thieves may still read an array that has been outgrown", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "queues that grow while they are stolen from"};
    constexpr int count = 20'000;
    for (int round = 0; round < scaled(200); ++round) {
        std::atomic<int> counter{0};
        // A new runtime each time: its arrays are small again.
        weft::run(spawn_many(counter, count), workers(4));
        REQUIRE(counter == 2 * count);
    }
}

namespace {

weft::task<std::string> short_lived(int number, bool yields) {
    if (yields) co_await weft::yield();
    co_return std::string(30, static_cast<char>('a' + number % 26));
}

weft::task<int> await_and_drop(int first, int rounds) {
    int wrong = 0;
    for (int number = first; number < first + rounds; ++number) {
        std::string const expected(30, static_cast<char>('a' + number % 26));
        // The handle goes as soon as this resumes, while the worker on which the task has ended is still letting go of the frame.
        wrong += co_await weft::spawn(short_lived(number, number % 2 == 0)) != expected;
        auto dropped = weft::spawn(short_lived(number, number % 3 == 0));
        if (number % 5 == 0) co_await weft::yield();
        auto looked_at = weft::spawn(short_lived(number, true));
        while (!looked_at.done()) co_await weft::yield();
        wrong += looked_at.result() != expected;
    }
    co_return wrong;
}

}  // namespace

TEST_CASE("no frame is freed while its awaiter resumes, nor leaked by both", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "handles dropped while their task ends"};
    for (const unsigned count : {2u, weft::test::many_workers(8)}) {
        weft::runtime pool(workers(count));
        int const wrong = pool.run([]() -> weft::task<int> {
            std::vector<weft::task<int>> all;
            for (int index = 0; index < 8; ++index) all.push_back(await_and_drop(index, scaled(30'000)));
            std::vector<int> const each = co_await weft::gather(std::move(all));
            co_return std::accumulate(each.begin(), each.end(), 0);
        });
        CAPTURE(count);
        CHECK(wrong == 0);
    }
}

TEST_CASE("an outside thread drops handles of tasks that are ending", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "handles dropped outside"};
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<weft::join_handle<std::string>> passed;
    bool over = false;
    int wrong = 0;
    std::atomic<bool> main_ended{false};
    std::thread outside([&] {
        for (;;) {
            std::vector<weft::join_handle<std::string>> mine;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return over || !passed.empty(); });
                if (passed.empty()) return;
                mine.swap(passed);
            }
            for (auto& each : mine) {
                if (!each.done()) continue;
                // The end of the main task cancels those that it finds, and only that does.
                if (each.cancelled())
                    wrong += !main_ended.load();
                else
                    wrong += each.result().size() != 30;
            }
        }
    });
    weft::run(
        [&]() -> weft::task<> {
            for (int number = 0; number < scaled(200'000); ++number) {
                auto handle = weft::spawn(short_lived(number, number % 2 == 0));
                {
                    std::lock_guard const lock(mutex);
                    passed.push_back(std::move(handle));
                }
                changed.notify_one();
                if (number % 16 == 0) co_await weft::yield();
            }
            main_ended.store(true);
        },
        workers(4));
    {
        std::lock_guard const lock(mutex);
        over = true;
    }
    changed.notify_one();
    outside.join();
    CHECK(wrong == 0);
}

// ---- Identity

namespace {

// The thread's own number, which no suspension can change under it.
WEFT_NOIPA int own_thread_number() {
    static std::atomic<int> next{0};
    thread_local int const number = next.fetch_add(1);
    WEFT_COMPILER_BARRIER();
    return number;
}

struct identities {
    explicit identities(unsigned count) : thread_of_worker(count) {
        for (auto& each : thread_of_worker) each.store(-1);
    }

    // Whether this worker's number still belongs to this thread.
    bool agree() {
        int unknown = -1;
        int const mine = own_thread_number();
        return thread_of_worker[weft::worker_index()].compare_exchange_strong(unknown, mine) || unknown == mine;
    }

    std::vector<std::atomic<int>> thread_of_worker;
    std::atomic<int> wrong{0};
    std::atomic<int> steps{0};
    std::atomic<int> hops{0};
};

weft::task<> nested_yield() { co_await weft::yield(); }

weft::task<> open_when_all_wait(std::atomic<int>& waiting, int expected) {
    while (waiting.load() < expected) co_await weft::yield();
}

// Everybody who waits at the gate becomes ready on one worker, and the others come and steal half of them.
weft::task<> pass_the_gate(identities& all, std::atomic<int>& waiting, weft::join_handle<> const& gate) {
    int wrong = !all.agree();
    unsigned const before = weft::worker_index();
    waiting.fetch_add(1);
    co_await gate;
    wrong += !all.agree();
    unsigned const after = weft::worker_index();
    spin_for(1us);
    co_await nested_yield();
    wrong += !all.agree();
    if (wrong != 0) all.wrong.fetch_add(wrong);
    all.steps.fetch_add(1, std::memory_order_relaxed);
    if (before != after) all.hops.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

TEST_CASE("a task knows its worker after a million suspensions", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "tasks that hop"};
    constexpr unsigned count = 4;
    int const rounds = scaled(1'000);
    constexpr int tasks = 500;
    identities all(count);
    weft::run(
        [&]() -> weft::task<> {
            for (int round = 0; round < rounds; ++round) {
                std::atomic<int> waiting{0};
                auto const gate = weft::spawn(open_when_all_wait(waiting, tasks));
                std::vector<weft::join_handle<>> passing;
                for (int index = 0; index < tasks; ++index) passing.push_back(weft::spawn(pass_the_gate(all, waiting, gate)));
                co_await weft::gather(passing);
            }
        },
        workers(count));
    CHECK(all.wrong == 0);
    CHECK(all.steps == rounds * tasks);
    CHECK(all.hops > rounds);
}

namespace {

// Its awaits give the worker from coroutine to coroutine so often that the scheduler takes it away now and then; whoever steals it
// then must know on whose behalf it runs.
weft::task<int> long_chain(int rounds) {
    int sum = 0;
    for (int round = 0; round < rounds; ++round) {
        for (int link = 0; link < 500; ++link) sum += co_await give(1);
        auto const [a, b] = co_await weft::gather(give(1), give(1));
        sum += a + b + co_await weft::spawn(give(1));
    }
    co_return sum;
}

weft::task<> sleep_until_over(std::atomic<bool>& over) {
    while (!over.load()) co_await weft::sleep(100us);
}

}  // namespace

TEST_CASE("a coroutine that has spent its turn is stolen whole", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "chains that are interrupted and stolen"};
    for (const unsigned count : {2u, weft::test::many_workers(8)}) {
        int const sum = weft::run(
            []() -> weft::task<int> {
                std::atomic<bool> over{false};
                auto const ticking = weft::spawn(sleep_until_over(over));
                std::vector<weft::task<int>> chains;
                for (int index = 0; index < 4; ++index) chains.push_back(long_chain(scaled(8'000)));
                std::vector<int> const each = co_await weft::gather(std::move(chains));
                over.store(true);
                co_await ticking;
                co_return std::accumulate(each.begin(), each.end(), 0);
            },
            workers(count));
        CAPTURE(count);
        CHECK(sum == 4 * 503 * scaled(8'000));
    }
}

// ---- Starvation

namespace {

weft::task<> load_by_yield(std::atomic<bool>& over) {
    while (!over.load()) {
        spin_for(50us);
        co_await weft::yield();
    }
}

weft::task<> fork_join(int depth) {
    if (depth == 0) {
        spin_for(1us);
        co_return;
    }
    co_await weft::gather(fork_join(depth - 1), fork_join(depth - 1));
}

weft::task<> load_by_gather(std::atomic<bool>& over) {
    while (!over.load()) co_await fork_join(6);
}

// As many as before, always, but never the same.
weft::task<> load_by_spawn(std::atomic<bool>& over) {
    if (!over.load()) weft::spawn(load_by_spawn(over));
    co_return;
}

weft::task<> sleep_often(std::atomic<bool>& over, int times) {
    while (times-- > 0) co_await weft::sleep(500us);
    over.store(true);
}

weft::task<> yield_often(std::atomic<bool>& over, int times) {
    while (times-- > 0) co_await weft::yield();
    over.store(true);
}

using load = weft::task<> (*)(std::atomic<bool>&);
constexpr std::array loads{load_by_yield, load_by_gather, load_by_spawn};

weft::task<> under_load(load kind, int copies, weft::task<> (*tested)(std::atomic<bool>&, int), int times) {
    std::atomic<bool> over{false};
    std::vector<weft::join_handle<>> all;
    for (int copy = 0; copy < copies; ++copy) all.push_back(weft::spawn(kind(over)));
    all.push_back(weft::spawn(tested(over, times)));
    co_await weft::gather(all);
}

}  // namespace

TEST_CASE("timers are not starved by tasks that compute", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "timers under load"};
    for (const unsigned count : {1u, 2u, 8u})
        for (const load kind : {loads[0], loads[1]})
            weft::run(under_load(kind, static_cast<int>(2 * count), sleep_often, 40), workers(count));
    SUCCEED("all woke up");
}

TEST_CASE("ready tasks are not starved by endless fork-join on their worker", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "ready tasks under load"};
    for (const unsigned count : {1u, 2u})
        for (const load kind : {loads[0], loads[1]})
            weft::run(under_load(kind, static_cast<int>(2 * count), yield_often, 40), workers(count));
    SUCCEED("all had their turns");
}

TEST_CASE("timers fire while all workers but one are blocked", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "timers beside blocked workers"};
    for (const unsigned count : {2u, 3u, 8u}) {
        for (int round = 0; round < scaled(40); ++round) {
            std::atomic<bool> over{false};
            weft::runtime pool(workers(count));
            auto slept = pool.submit(sleep_often(over, 5));
            std::vector<std::future<void>> blocked;
            for (unsigned index = 1; index < count; ++index)
                blocked.push_back(pool.submit([&]() -> weft::task<> {
                    wait_until([&] { return over.load(); });
                    co_return;
                }));
            slept.get();
            for (auto& each : blocked) each.get();
        }
    }
    SUCCEED("all woke up");
}

namespace {

weft::task<> block_until(std::atomic<bool>& over) {
    wait_until([&] { return over.load(); });
    co_return;
}

// One worker arms, then blocks in its next job until the timer has fired; all others but one block as well, and find that to do
// while they are searching, or asleep, or on the way from one to the other.
weft::task<> arm_and_block(unsigned count, int short_jobs) {
    std::atomic<bool> over{false};
    for (int number = 0; number < short_jobs; ++number) weft::spawn(nothing());
    if (short_jobs % 3 == 0) co_await weft::yield();
    std::vector<weft::join_handle<>> blocked;
    for (unsigned index = 2; index < count; ++index) blocked.push_back(weft::spawn(block_until(over)));
    co_await weft::gather(sleep_often(over, 1), block_until(over));
    co_await weft::gather(blocked);
}

}  // namespace

TEST_CASE("whoever arms the timer may be busy for ever after, and so may all others but one", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "timers armed by workers that are blocked then"};
    for (const unsigned count : {2u, 3u, 8u}) {
        weft::runtime pool(workers(count));
        for (int round = 0; round < scaled(400); ++round) pool.run(arm_and_block(count, round % 10));
    }
    SUCCEED("all woke up");
}

namespace {

weft::task<> ping_pong(std::atomic<bool>& over) {
    while (!over.load()) co_await weft::spawn(nothing());
}

}  // namespace

TEST_CASE("a ping-pong pair does not starve a third task", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "a third task beside a ping-pong pair"};
    for (const unsigned count : {1u, 2u}) {
        weft::run(under_load(ping_pong, 2, yield_often, 2'000), workers(count));
        weft::run(under_load(ping_pong, 2, sleep_often, 10), workers(count));
    }
    SUCCEED("it had its turns");
}

TEST_CASE("jobs from outside are not starved by a load that keeps every worker busy", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "jobs from outside under load"};
    for (const unsigned count : {1u, 2u}) {
        for (const load kind : loads) {
            std::atomic<bool> over{false};
            weft::options settings = workers(count);
            settings.on_unhandled_exception = [](auto const&) {};  // the last of load_by_spawn cannot spawn any more
            weft::runtime pool(settings);
            std::vector<std::future<void>> running;
            for (unsigned copy = 0; copy < 4 * count; ++copy) running.push_back(pool.submit(kind(over)));
            int wrong = 0;
            for (int round = 0; round < 50; ++round) wrong += pool.submit(give(round)).get() != round;
            over.store(true);
            for (auto& each : running) each.get();
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("ready tasks are not starved by jobs from outside together with endless fork-join", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "ready tasks between the injector and the forks"};
    std::atomic<bool> over{false};
    std::atomic<int> waiting_outside{0};
    weft::runtime pool(workers(1));
    auto forking = pool.submit(load_by_gather(over));
    auto turns = pool.submit(yield_often(over, 20));
    // The injector is never empty until the tested task has had its turns.
    while (!over.load()) {
        if (waiting_outside.load() < 1'000) {
            waiting_outside.fetch_add(1);
            static_cast<void>(pool.submit([&]() -> weft::task<> {
                waiting_outside.fetch_sub(1);
                co_return;
            }));
        } else {
            std::this_thread::yield();
        }
    }
    turns.get();
    forking.get();
    SUCCEED("it had its turns");
}

// ---- Crowds

TEST_CASE("one post wakes one worker, not the herd", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "single posts into a large idle pool"};
    int const posts = scaled(1'000);
    weft::runtime pool(workers(16));
    auto const switches = [] {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_nvcsw;
    };
    int wrong = 0;
    for (int round = 0; round < 50; ++round) wrong += pool.submit(give(round)).get() != round;
    auto const before = switches();
    for (int round = 0; round < posts; ++round) {
        wrong += pool.submit(give(round)).get() != round;
        // Long enough for everybody to have parked again.
        spin_for(100us);
    }
    auto const per_post = static_cast<double>(switches() - before) / posts;
    CHECK(wrong == 0);
    // This thread waits once and the woken worker parks once; a lock may cost another. A herd would be sixteen.
    CHECK(per_post < 6);
}

namespace {

weft::task<int> fibonacci(int n) {
    if (n < 2) co_return n;
    auto const [a, b] = co_await weft::gather(fibonacci(n - 1), fibonacci(n - 2));
    co_return a + b;
}

weft::task<int> nap_and_count(int number) {
    co_await weft::sleep(std::chrono::microseconds(number % 300));
    co_return 1;
}

}  // namespace

TEST_CASE("many more workers than processors still get everything done", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "oversubscribed"};
    for (const unsigned count : {16u, 32u, 64u}) {
        weft::runtime pool(workers(count));
        CAPTURE(count);
        for (int round = 0; round < scaled(40); ++round) {
            CHECK(pool.run(fibonacci(config::tsan ? 14 : 18)) == (config::tsan ? 377 : 2584));
            int const napped = pool.run([]() -> weft::task<int> {
                std::vector<weft::task<int>> all;
                for (int number = 0; number < 500; ++number) all.push_back(nap_and_count(number));
                std::vector<int> const each = co_await weft::gather(std::move(all));
                co_return std::accumulate(each.begin(), each.end(), 0);
            });
            CHECK(napped == 500);
        }
    }
}

// ---- Blocking on a worker

TEST_CASE("waiting for a run on a worker throws and never hangs", "[disaster][stress]") {
    const weft::test::watchdog guard{60s, "run on a worker"};
    weft::runtime other(workers(1));
    bool const threw = weft::run(
        [&]() -> weft::task<bool> {
            bool both = true;
            try {
                weft::run(nothing());
                both = false;
            } catch (weft::nested_run const&) {
            }
            try {
                other.run(nothing());
                both = false;
            } catch (weft::nested_run const&) {
            }
            co_return both;
        },
        workers(1));
    CHECK(threw);
}
