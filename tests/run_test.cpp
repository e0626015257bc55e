// SPDX-License-Identifier: MIT
// run: from main() into tasks and back; what it returns, rethrows and waits for.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
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
using weft::test::watchdog;
using weft::testing::paused_clock;

namespace {

weft::task<> nothing() { co_return; }

weft::task<int> add(int a, int b) {
    co_await weft::yield();
    co_return a + b;
}

weft::task<std::string> join(std::string a, const std::string& b) {
    co_await weft::yield();
    co_return a + b;
}

weft::task<> failing() {
    co_await weft::yield();
    throw std::runtime_error("main failed");
}

static_assert(std::is_same_v<decltype(weft::run(nothing())), void>);
static_assert(std::is_same_v<decltype(weft::run(add(1, 2))), int>);
static_assert(std::is_same_v<decltype(weft::run(add, 1, 2)), int>);

}  // namespace

TEST_CASE("run returns the main task's value", "[run]") {
    const watchdog guard{10s, "run's value"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::run(nothing(), {.workers = workers});
    CHECK(weft::run(add(1, 2), {.workers = workers}) == 3);
    const auto pointer = weft::run([]() -> weft::task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); },
                                   {.workers = workers});
    CHECK(*pointer == 4);
    int number = 0;
    auto refer = [&]() -> weft::task<int&> { co_return number; };
    static_assert(std::is_same_v<decltype(weft::run(refer())), int&>);
    CHECK(&weft::run(refer(), {.workers = workers}) == &number);
}

TEST_CASE("run rethrows the main task's exception", "[run][exception]") {
    const watchdog guard{10s, "run's exception"};
    const auto workers = GENERATE(1u, 2u, 8u);
    int reported = 0;
    std::string message;
    try {
        weft::run(failing(), {.workers = workers, .on_unhandled_exception = [&](const weft::unhandled_exception&) { ++reported; }});
    } catch (const std::runtime_error& error) {
        message = error.what();
    }
    CHECK(message == "main failed");
    CHECK(reported == 0);  // somebody has seen it: the caller
}

TEST_CASE("run takes a callable with arguments, or with options", "[run]") {
    const watchdog guard{10s, "run's callables"};
    CHECK(weft::run(add, 3, 4) == 7);
    CHECK(weft::run(join, "text ", std::string("and more")) == "text and more");
    CHECK(weft::run([](std::unique_ptr<int> number) -> weft::task<int> { co_return *number; }, std::make_unique<int>(5)) == 5);
    CHECK(weft::run([]() -> weft::task<unsigned> { co_return weft::worker_count(); }, {.workers = 3}) == 3);
    CHECK(weft::run([]() -> weft::task<unsigned> { co_return weft::worker_count(); }, weft::options{.workers = 2}) == 2);
    const weft::options settings{.workers = 3};
    CHECK(weft::run([]() -> weft::task<unsigned> { co_return weft::worker_count(); }, settings) == 3);
    const std::function<weft::task<int>()> function = [] { return add(1, 1); };
    CHECK(weft::run(function) == 2);
    int changed = 0;
    weft::run([](int& number) -> weft::task<> {
        co_await weft::yield();
        number = 1;
    }, std::ref(changed));
    CHECK(changed == 1);
}

TEST_CASE("run keeps its callable and arguments until the task has ended, and frees them before it returns", "[run][lifetime]") {
    const watchdog guard{10s, "run's captures and arguments"};
    census in;
    const auto alive = weft::run(
        [captured = counted_move_only{in, 1}, &in](const counted_move_only& argument) -> weft::task<int> {
            co_await weft::sleep(100us);
            co_return captured.number() + argument.number() == 3 ? in.alive.load() : -1;
        },
        counted_move_only{in, 2});
    CHECK(alive >= 2);
    CHECK(in.alive == 0);
}

TEST_CASE("the main task runs on a worker, and the caller is none", "[run]") {
    const watchdog guard{10s, "run's thread"};
    const auto caller = weft::test::this_thread_id();
    CHECK_FALSE(weft::on_worker());
    const auto [on_worker, thread] = weft::run([]() -> weft::task<std::pair<bool, std::thread::id>> {
        co_return {weft::on_worker(), weft::test::this_thread_id()};
    });
    CHECK(on_worker);
    CHECK(thread != caller);
    CHECK_FALSE(weft::on_worker());
}

TEST_CASE("run cancels every task that is alive when main has ended, and waits for those that go on", "[run][spawn]") {
    const watchdog guard{10s, "run cancels and waits"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto fails = GENERATE(false, true);
    struct counts {
        census in;
        std::atomic<int> begun{0};
        std::atomic<int> caught{0};
        std::atomic<int> ended{0};
        std::atomic<int> late{0};
    } count;
    paused_clock clock;
    struct descend {
        static weft::task<> late(counts& all, counted_move_only) {
            ++all.late;
            co_return;
        }
        static weft::task<> run(counts& all, int generations, counted_move_only) {
            if (generations > 0) {
                weft::spawn(run(all, generations - 1, counted_move_only{all.in}));
                weft::spawn(run(all, generations - 1, counted_move_only{all.in}));
            }
            ++all.begun;
            try {
                co_await weft::sleep(1000h);
            } catch (const weft::cancelled&) {
                ++all.caught;
            }
            // It was asked once and has dealt with it: it may sleep now, and spawn, but nothing begins any more.
            weft::spawn(late(all, counted_move_only{all.in}));
            co_await weft::sleep(1h);
            ++all.ended;
        }
    };
    bool threw = false;
    try {
        weft::run(
            [&]() -> weft::task<> {
                weft::spawn(descend::run(count, 6, counted_move_only{count.in}));
                while (count.begun < 127) co_await weft::yield();
                if (fails) throw std::runtime_error("main ends early");
            },
            {.workers = workers, .clock = &clock});
    } catch (const std::runtime_error&) {
        threw = true;
    }
    CHECK(count.caught == 127);
    CHECK(count.ended == 127);
    CHECK(count.late == 0);
    CHECK(count.in.alive == 0);
    CHECK(threw == fails);
    CHECK(clock.elapsed() == 1h);
}

TEST_CASE("what has not begun when main ends never does", "[run][spawn]") {
    const watchdog guard{10s, "tasks that never begin"};
    census in;
    std::atomic<int> begun{0};
    weft::runtime runtime({.workers = 1});  // where nobody begins them before main ends
    for (int round = 0; round < 20; ++round) {
        const int result = runtime.run([&]() -> weft::task<int> {
            auto work = [&](counted_move_only) -> weft::task<> {
                ++begun;
                co_return;
            };
            for (int i = 0; i < 300; ++i) weft::spawn(work(counted_move_only{in}));
            co_return 7;
        });
        CHECK(result == 7);
        CHECK(in.alive == 0);
    }
    CHECK(begun == 0);
    // The runtime's next run is not cancelled by that.
    CHECK(runtime.run([&]() -> weft::task<int> {
        auto handle = weft::spawn([&]() -> weft::task<> {
            co_await weft::yield();
            ++begun;
        });
        co_await weft::yield();
        co_await handle;
        co_return begun;
    }) == 1);
}

TEST_CASE("when run returns, nothing of its tasks is left", "[run][lifetime]") {
    const watchdog guard{20s, "nothing left after run"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    for (int round = 0; round < 30; ++round) {
        weft::run(
            [&]() -> weft::task<> {
                auto work = [](counted_move_only, int yields) -> weft::task<> {
                    for (int i = 0; i < yields; ++i) co_await weft::yield();
                };
                for (int i = 0; i < 30; ++i) weft::spawn(work(counted_move_only{in}, i % 5));
                co_await weft::gather(work(counted_move_only{in}, 3), work(counted_move_only{in}, 0));
            },
            {.workers = workers});
        REQUIRE(in.alive == 0);
    }
}

TEST_CASE("run can be called as often as one likes, and by several threads at once", "[run]") {
    const watchdog guard{20s, "many runs"};
    int sum = 0;
    for (int i = 0; i < 30; ++i) sum += weft::run(add(i, 1), {.workers = 2});
    CHECK(sum == 465);
    std::atomic<int> total{0};
    {
        std::vector<std::unique_ptr<weft::test::other_thread>> threads;
        for (int i = 0; i < 4; ++i) {
            threads.push_back(std::make_unique<weft::test::other_thread>());
            threads.back()->post([&total] {
                for (int k = 0; k < 10; ++k) total += weft::run(add(k, 1), {.workers = 2});
            });
        }
    }
    CHECK(total == 220);
}

TEST_CASE("run inside a task throws nested_run and says what to do instead", "[run][misuse]") {
    const watchdog guard{10s, "nested run"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    const auto messages = weft::run(
        [&]() -> weft::task<std::vector<std::string>> {
            auto work = [](counted_move_only) -> weft::task<> { co_return; };
            std::vector<std::string> caught;
            try {
                weft::run(work(counted_move_only{in}));
            } catch (const weft::nested_run& error) {
                caught.emplace_back(error.what());
            }
            try {
                weft::run(work, counted_move_only{in});
            } catch (const weft::nested_run& error) {
                caught.emplace_back(error.what());
            }
            co_await weft::yield();
            co_return caught;
        },
        {.workers = workers});
    REQUIRE(messages.size() == 2);
    for (const auto& message : messages)
        CHECK_THAT(message, ContainsSubstring("weft::run") && ContainsSubstring("co_await") && ContainsSubstring("spawn"));
    CHECK(in.alive == 0);
}

TEST_CASE("impossible options are an invalid_argument", "[run][misuse]") {
    for (const unsigned workers : {65'536u, std::numeric_limits<unsigned>::max()}) {
        std::string message;
        try {
            weft::run(nothing(), {.workers = workers});
        } catch (const std::invalid_argument& error) {
            message = error.what();
        }
        CHECK_THAT(message, ContainsSubstring(std::to_string(workers)) && ContainsSubstring("too many"));
    }
}

TEST_CASE("a run without options has a worker for each processor it may use", "[run]") {
    const watchdog guard{10s, "default workers"};
    const auto [by_default, of_zero] = std::pair{
        weft::run([]() -> weft::task<unsigned> { co_return weft::worker_count(); }),
        weft::run([]() -> weft::task<unsigned> { co_return weft::worker_count(); }, {.workers = 0}),
    };
    CHECK(by_default >= 1);
    CHECK(by_default <= std::thread::hardware_concurrency());
    CHECK(of_zero == by_default);
}
