// SPDX-License-Identifier: MIT
// The end of a function raced with the cancellation of who awaits it: one outcome each, every function that begins ends, nothing is
// left. WEFT_TEST_SCALE=250 races ten million times in each test case; the default takes seconds.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::cancelled;
using weft::task;
using weft::to_thread;
using weft::test::census;
using weft::test::counted;
using weft::test::watchdog;

namespace {

namespace config = weft::detail::config;

long races() {
    return weft::test::scaled(config::tsan ? 4'000 : config::asan ? 10'000 : 40'000);
}

void spin(int turns) {
    for (int turn = 0; turn < turns; ++turn) asm volatile("");
}

enum class ending { value, failure, cancelled, timeout };
constexpr std::size_t endings = 4;

template <class Awaitable>
task<ending> ending_of(Awaitable awaitable) {
    try {
        static_cast<void>(co_await std::move(awaitable));
        co_return ending::value;
    } catch (cancelled const&) {
        co_return ending::cancelled;
    } catch (weft::timeout_error const&) {
        co_return ending::timeout;
    } catch (std::runtime_error const&) {
        co_return ending::failure;
    }
}

// What all functions of a test have done.
struct tally {
    census objects;
    std::atomic<long> begun{0};
    std::atomic<long> ended{0};
    std::atomic<long> let_go{0};
    long seen[endings] = {};
    long wrong = 0;
    std::atomic<int> reported{0};

    void count(ending how) { ++seen[static_cast<std::size_t>(how)]; }
};

// Spins, and gives back what it was given, or throws it away.
counted function(tally& all, int turns, bool fails, counted given) {
    all.begun.fetch_add(1, std::memory_order_relaxed);
    spin(turns);
    all.ended.fetch_add(1, std::memory_order_relaxed);
    if (fails) throw std::runtime_error("it failed");
    return given;
}

// Runs until that many are let go.
counted held_function(tally& all, long number, counted given) {
    ++all.begun;
    while (all.let_go < number) std::this_thread::yield();
    ++all.ended;
    return given;
}

}  // namespace

TEST_CASE("a function that ends as its task is cancelled: true means cancelled", "[to_thread][cancel][race][random]") {
    long const rounds = races() / 4;
    auto const workers = GENERATE(1u, 2u, 4u);
    auto const threads = GENERATE(1u, 3u);
    bool const outside = GENERATE(false, true);
    watchdog const guard(100s, "true means cancelled");
    CAPTURE(weft::test::seed(), workers, threads, outside);
    std::mt19937_64 engine(weft::test::seed());
    tally all;
    weft::test::other_thread thread;
    {
        weft::runtime runtime({.workers = workers, .blocking_threads = threads, .on_unhandled_exception = [&](auto const&) {
                                   ++all.reported;
                               }});
        runtime.run([&]() -> task<> {
            for (long round = 0; round < rounds; ++round) {
                // Some have ended for certain when they are asked, some run: on a busy machine few others do.
                bool const has_ended = round % 200 == 0;
                bool const runs = round % 200 == 1;
                bool const fails = has_ended ? round % 400 == 0 : engine() % 4 == 0;
                // A round trip takes some 10 us, in which one turn of the loop takes a nanosecond.
                int const length = static_cast<int>(engine() % 2 ? engine() % 500 : engine() % 20'000);
                long const begun = all.begun;
                auto victim = weft::spawn(runs ? to_thread(held_function, std::ref(all), round, counted(all.objects))
                                               : to_thread(function, std::ref(all), length, fails, counted(all.objects)));
                if (engine() % 8) co_await weft::yield();
                while ((has_ended && !victim.done()) || (runs && all.begun == begun)) co_await weft::sleep(20us);
                int const delay = static_cast<int>(engine() % 2 ? engine() % 40'000 : engine() % 5'000);
                std::atomic<int> asked = -1;
                if (outside) {
                    thread.post([&] {
                        spin(delay);
                        asked.store(victim.cancel() ? 1 : 0);
                    });
                } else {
                    spin(delay);
                    asked.store(victim.cancel() ? 1 : 0);
                }
                while (asked.load() < 0) co_await weft::yield();
                if (runs) all.let_go = round;
                ending const how = co_await ending_of(std::move(victim));
                all.count(how);
                // An exception that it ends by meanwhile stays that.
                all.wrong += asked == 1 ? how == ending::value : how == ending::cancelled;
            }
        });
    }
    CHECK(all.wrong == 0);
    CHECK(all.begun == all.ended);
    CHECK(all.objects.alive == 0);
    CHECK(all.reported == 0);
    CHECK(all.seen[static_cast<std::size_t>(ending::timeout)] == 0);
    // With one worker, which cancels, nobody goes on before.
    if (rounds >= 1'000 && (workers > 1 || outside) && !config::tsan) {
        CHECK(all.begun < rounds);  // some were cancelled in line
        CHECK(all.seen[static_cast<std::size_t>(ending::value)] > 0);
        CHECK(all.seen[static_cast<std::size_t>(ending::failure)] > 0);
        CHECK(all.seen[static_cast<std::size_t>(ending::cancelled)] > 0);
        // Some while they ran.
        CHECK(all.begun > all.seen[static_cast<std::size_t>(ending::value)] + all.seen[static_cast<std::size_t>(ending::failure)]);
    }
}

TEST_CASE("functions that end as a time limit passes", "[to_thread][timeout][race][random]") {
    long const rounds = races() / 40;
    auto const workers = GENERATE(1u, 2u, 4u);
    auto const threads = GENERATE(1u, 4u);
    watchdog const guard(100s, "time limits");
    CAPTURE(weft::test::seed(), workers, threads);
    std::mt19937_64 engine(weft::test::seed());
    tally all;
    {
        weft::runtime runtime({.workers = workers, .blocking_threads = threads});
        runtime.run([&]() -> task<> {
            for (long round = 0; round < rounds; ++round) {
                // Several at once, so that some stand in line.
                std::vector<task<ending>> together;
                for (int number = 0; number < 6; ++number) {
                    // On a busy machine none ends within the short ones.
                    auto const limit = engine() % 16 ? std::chrono::nanoseconds(engine() % 40'000) : std::chrono::nanoseconds(1h);
                    int const length = static_cast<int>(engine() % 20'000);
                    auto call = to_thread(function, std::ref(all), length, engine() % 4 == 0, counted(all.objects));
                    together.push_back(ending_of(weft::wait_for(std::move(call), limit)));
                }
                for (ending const how : co_await weft::gather(std::move(together))) all.count(how);
                // The limit has left nothing behind.
                auto call = to_thread(function, std::ref(all), 0, false, counted(all.objects));
                all.wrong += co_await ending_of(std::move(call)) != ending::value;
            }
        });
    }
    CHECK(all.wrong == 0);
    CHECK(all.begun == all.ended);
    CHECK(all.objects.alive == 0);
    CHECK(all.seen[static_cast<std::size_t>(ending::cancelled)] == 0);
    if (rounds >= 100 && !config::tsan) {
        CHECK(all.seen[static_cast<std::size_t>(ending::value)] > 0);
        CHECK(all.seen[static_cast<std::size_t>(ending::timeout)] > 0);
    }
}

TEST_CASE("runs and runtimes that end while functions run, stand in line and end", "[to_thread][shutdown][race][random]") {
    long const rounds = races() / 100;
    watchdog const guard(160s, "runs and runtimes end");
    CAPTURE(weft::test::seed());
    std::mt19937_64 engine(weft::test::seed());
    auto const random_length = [&] { return static_cast<int>(engine() % 20'000); };
    long wrong = 0;
    for (long round = 0; round < rounds; ++round) {
        tally all;
        {
            weft::runtime runtime({.workers = 1 + static_cast<unsigned>(engine() % 4),
                                   .blocking_threads = 1 + static_cast<unsigned>(engine() % 3),
                                   .on_unhandled_exception = [&](auto const&) { ++all.reported; }});
            for (int run = 0; run < 2; ++run) {
                auto const length = std::chrono::nanoseconds(engine() % 50'000);
                runtime.run([&]() -> task<> {
                    for (int number = 0; number < 8; ++number)
                        weft::spawn(to_thread(function, std::ref(all), random_length(), false, counted(all.objects)));
                    co_await weft::sleep(length);
                });
            }
            for (int number = 0; number < 8; ++number)
                static_cast<void>(runtime.submit(to_thread(function, std::ref(all), random_length(), true, counted(all.objects))));
            spin(static_cast<int>(engine() % 50'000));
        }
        wrong += all.begun != all.ended || all.objects.alive != 0 || all.reported != 0;
    }
    CHECK(wrong == 0);
}
