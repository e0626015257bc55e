// SPDX-License-Identifier: MIT
// Completion, cancellation and time limits raced on every awaitable: exactly one outcome each, nothing lost, nothing left.
// WEFT_TEST_SCALE=250 races ten million times in the first test case, =2500 under the thread sanitizer; the default takes seconds.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <random>
#include <ranges>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::cancelled;
using weft::join_handle;
using weft::task;
using weft::timeout_error;
using weft::test::census;
using weft::test::counted;
using weft::test::watchdog;

namespace {

namespace config = weft::detail::config;

long races() {
    return weft::test::scaled(config::tsan ? 4'000 : config::asan ? 10'000 : 40'000);
}

enum class op {
    sleep,
    sleep_until,
    yield,
    tick,
    inline_task,
    named_handle,
    moved_handle,
    shared_handle,
    pair,
    values,
    vector,
    wide_vector,
    returning_exceptions,
    handles,
    nested,
    limited_children,
    computing,
    shielded,
    first,
    waiting,
    group,
    completed,
    limited_gather,
};
constexpr std::array ops{op::sleep,        op::sleep_until,   op::yield,         op::tick,   op::inline_task, op::named_handle,
                         op::moved_handle, op::shared_handle, op::pair,          op::values, op::vector,      op::wide_vector,
                         op::returning_exceptions, op::handles, op::nested, op::limited_children, op::computing,
                         op::shielded, op::first, op::waiting, op::group, op::completed, op::limited_gather};

// What awaits tasks hands the request on, and a value that is returned meanwhile wins.
constexpr bool hands_on(op what) {
    return what == op::named_handle || what == op::moved_handle || what == op::shared_handle;
}

enum class ending { value, cancelled, timeout, other };
constexpr std::size_t endings = 4;

struct race {
    op what{};
    int limits = 0;                            // how many stand around it
    std::chrono::nanoseconds length{}, limit{};  // how long it takes unhindered, and the innermost limit
    int delay = 0;                             // of who cancels
    int requests = 0;
    bool outside = false;
    bool reschedules = false;

    join_handle<int> victim;
    std::atomic<int> accepted{0};
    std::atomic<int> caught{0};  // by its leaves
    std::atomic<bool> over{false};
};

void spin(int turns) {
    for (int turn = 0; turn < turns; ++turn) asm volatile("");
}

task<> leaf(race& of, std::chrono::nanoseconds length, census& in) {
    counted const local(in);
    try {
        co_await weft::sleep(length);
    } catch (cancelled const&) {
        of.caught.fetch_add(1, std::memory_order_relaxed);
        throw;
    }
}
task<int> leaf_with_value(race& of, std::chrono::nanoseconds length, census& in) {
    co_await leaf(of, length, in);
    co_return 1;
}
task<> owned_leaf(std::chrono::nanoseconds length, counted) { co_await weft::sleep(length); }

std::vector<join_handle<>> some_leaves(std::chrono::nanoseconds length, census& in) {
    std::vector<join_handle<>> all;
    for (int child = 1; child <= 3; ++child) all.push_back(weft::spawn(owned_leaf(length * child / 3, counted(in))));
    return all;
}

task<> operate(race& of, join_handle<> const& shared, census& in) {
    counted const local(in);
    auto const length = of.length;
    switch (of.what) {
        case op::sleep: co_await weft::sleep(length); break;
        case op::sleep_until: co_await weft::sleep_until(weft::now() + length); break;
        case op::yield: {
            auto const end = weft::now() + length;
            do {
                co_await weft::yield();
            } while (weft::now() < end);
            break;
        }
        case op::tick: {
            weft::interval every(weft::now() + length / 2, length / 2 + 1ns);
            co_await every.tick();
            co_await every.tick();
            break;
        }
        case op::inline_task: co_await leaf(of, length, in); break;
        case op::named_handle: {
            auto const handle = weft::spawn(owned_leaf(length, counted(in)));
            co_await handle;
            break;
        }
        case op::moved_handle: co_await weft::spawn(owned_leaf(length, counted(in))); break;
        case op::shared_handle: co_await shared; break;
        case op::pair: co_await weft::gather(leaf(of, length, in), leaf(of, length / 2, in)); break;
        case op::values:
            co_await weft::gather(leaf_with_value(of, length, in), leaf(of, length, in), leaf_with_value(of, 0s, in));
            break;
        case op::vector: {
            std::vector<task<int>> all;
            for (int child = 0; child < 6; ++child) all.push_back(leaf_with_value(of, length * child / 5, in));
            co_await weft::gather(std::move(all));
            break;
        }
        case op::wide_vector: {
            std::vector<task<>> all;
            for (int child = 0; child < 120; ++child) all.push_back(leaf(of, length * (child % 7) / 7, in));
            co_await weft::gather(std::move(all));
            break;
        }
        case op::returning_exceptions:
            co_await weft::gather(weft::return_exceptions, leaf(of, length, in), leaf_with_value(of, length / 3, in));
            break;
        case op::handles:
            co_await weft::gather(weft::spawn(owned_leaf(length, counted(in))), weft::spawn(owned_leaf(length / 2, counted(in))));
            break;
        case op::nested:
            co_await weft::gather(weft::gather(leaf(of, length, in), leaf(of, length / 2, in)),
                                  weft::gather(leaf(of, length, in), leaf(of, 0s, in)));
            break;
        case op::limited_children:
            co_await weft::gather(weft::return_exceptions, weft::wait_for(leaf(of, length, in), length),
                                  weft::wait_for(leaf(of, length * 2, in), length));
            break;
        case op::computing:
            for (int round = 0; round < 5; ++round) {
                spin(static_cast<int>(length.count() / 5));
                co_await weft::yield();
            }
            break;
        case op::shielded: {
            auto const handle = weft::spawn(owned_leaf(length, counted(in)));
            co_await weft::shield(handle);
            break;
        }
        case op::first: co_await weft::first(owned_leaf(length, counted(in)), owned_leaf(length + 1us, counted(in))); break;
        case op::waiting: {
            auto [done, pending] = co_await weft::wait(some_leaves(length, in), weft::first_completed);
            break;
        }
        case op::group: {
            auto const body = [&](weft::task_group& group) -> task<> {
                group.spawn(owned_leaf(length, counted(in)));
                group.spawn(owned_leaf(length / 2, counted(in)));
                co_await weft::sleep(length / 3);
            };
            co_await weft::with_task_group(body);
            break;
        }
        case op::completed: {
            auto ends = weft::as_completed(some_leaves(length, in));
            while (auto next = co_await ends.next()) next->result();
            break;
        }
        case op::limited_gather:
            co_await weft::gather(std::views::iota(0, 5) | std::views::transform([&](int child) { return leaf(of, length * child / 5, in); }),
                                  {.limit = 2});
            break;
    }
}

task<int> limited(race& of, join_handle<> const& shared, int limits, census& in) {
    counted const local(in);
    if (limits == 0) {
        co_await operate(of, shared, in);
    } else if (of.reschedules && limits == 1) {
        auto limit = co_await weft::timeout(of.limit);
        for (int round = 0; round < 4; ++round) {
            co_await weft::sleep(of.length / 8);
            try {
                limit.reschedule(weft::now() + of.limit);
            } catch (weft::invalid_state const&) {
                // It passes this very moment.
            }
        }
        co_await operate(of, shared, in);
    } else {
        co_await weft::wait_for(limited(of, shared, limits - 1, in), of.limit * limits);
    }
    co_return 1;
}

task<ending> ending_of(join_handle<int> const& handle) {
    try {
        co_await handle;
        co_return ending::value;
    } catch (cancelled const&) {
        co_return ending::cancelled;
    } catch (timeout_error const&) {
        co_return ending::timeout;
    } catch (...) {
        co_return ending::other;
    }
}

void ask(race& of) {
    for (int request = 0; request < of.requests; ++request) {
        spin(of.delay);
        if (of.victim.cancel()) of.accepted.fetch_add(1, std::memory_order_relaxed);
    }
    of.over.store(true, std::memory_order_release);
}

struct tally {
    std::array<std::array<long, endings>, ops.size()> seen{};
    std::string wrong;
};

std::string describe(race const& of, ending how) {
    return "operation " + std::to_string(static_cast<int>(of.what)) + ", limits " + std::to_string(of.limits) + ", ending " +
        std::to_string(static_cast<int>(how)) + ", accepted " + std::to_string(of.accepted) + ", cancelling " +
        std::to_string(of.victim.cancelling()) + ", caught " + std::to_string(of.caught) + ", length " +
        std::to_string(of.length.count()) + ", limit " + std::to_string(of.limit.count()) + "\n";
}

bool right(race const& of, ending how, bool other_accepted) {
    int const accepted = of.accepted;
    if (of.victim.cancelling() != accepted || of.victim.cancelled() != (how == ending::cancelled)) return false;
    if (of.what != op::limited_children && of.caught > 120 * (accepted + of.limits)) return false;
    switch (how) {
        case ending::value: return accepted == 0 || hands_on(of.what);
        case ending::cancelled: return accepted > 0 || other_accepted;
        case ending::timeout: return of.limits > 0;
        case ending::other: return false;
    }
    return false;
}

constexpr int batch = 20;

// One batch at once, each with somebody who cancels it.
task<> race_all(std::mt19937_64& engine, weft::test::other_thread& thread, tally& all, census& in) {
    std::vector<std::unique_ptr<race>> each;
    for (int number = 0; number < batch; ++number) {
        auto next = std::make_unique<race>();
        next->what = ops[engine() % ops.size()];
        next->limits = static_cast<int>(engine() % 4) - 1;
        if (next->limits < 0) next->limits = 0;
        next->length = std::chrono::nanoseconds(engine() % 40'000);
        // Often close together: that is where they race.
        next->limit = engine() % 2 ? next->length + std::chrono::nanoseconds(static_cast<std::int64_t>(engine() % 2'000) - 1'000)
                                   : std::chrono::nanoseconds(engine() % 60'000);
        next->delay = static_cast<int>(engine() % 8 == 0 ? engine() % 100'000 : engine() % 3'000);
        next->requests = static_cast<int>(engine() % 5) % 3;
        next->outside = engine() % 3 == 0;
        next->reschedules = engine() % 4 == 0;
        each.push_back(std::move(next));
    }
    auto const shared = weft::spawn(owned_leaf(std::chrono::nanoseconds(engine() % 40'000), counted(in)));
    for (auto const& one : each) one->victim = weft::spawn(limited(*one, shared, one->limits, in));
    std::vector<join_handle<>> asking;
    for (auto const& one : each) {
        if (one->outside)
            thread.post([&of = *one] { ask(of); });
        else
            asking.push_back(weft::spawn([](race& of) -> task<> {
                ask(of);
                co_return;
            }, std::ref(*one)));
    }
    std::vector<ending> how;
    for (auto const& one : each) how.push_back(co_await ending_of(one->victim));
    for (auto const& one : asking) co_await one;
    for (auto const& one : each)
        while (!one->over.load(std::memory_order_acquire)) co_await weft::yield();
    bool shared_asked = false;
    for (auto const& one : each)
        shared_asked = shared_asked || (one->what == op::shared_handle && (one->accepted > 0 || one->limits > 0));
    for (std::size_t number = 0; number < each.size(); ++number) {
        race const& one = *each[number];
        ++all.seen[static_cast<std::size_t>(one.what)][static_cast<std::size_t>(how[number])];
        if (!right(one, how[number], one.what == op::shared_handle && shared_asked) && all.wrong.size() < 2'000)
            all.wrong += describe(one, how[number]);
    }
    try {
        co_await shared;
    } catch (cancelled const&) {
    }
}

}  // namespace

TEST_CASE("completion, cancellation and time limits: one outcome each", "[cancel][race][random]") {
    long const rounds = races() / 4;
    auto const workers = GENERATE(2u, 4u, 8u, weft::test::many_workers(16));
    watchdog const guard(100s, "one outcome each");
    CAPTURE(weft::test::seed(), workers);
    std::mt19937_64 engine(weft::test::seed() + workers);
    census objects;
    tally all;
    {
        weft::test::other_thread thread;
        weft::runtime runtime({.workers = workers});
        for (long round = 0; round < rounds && all.wrong.empty(); round += batch)
            runtime.run([&]() -> task<> { co_await race_all(engine, thread, all, objects); });
    }
    CHECK(all.wrong == "");
    CHECK(objects.alive == 0);
    if (rounds >= 5'000) {
        for (std::size_t what = 0; what < ops.size(); ++what) {
            CAPTURE(what);
            for (auto const how : {ending::value, ending::cancelled, ending::timeout}) {
                CAPTURE(static_cast<int>(how));
                CHECK(all.seen[what][static_cast<std::size_t>(how)] > 0);  // else nothing was raced
            }
        }
    }
}

TEST_CASE("a cancel and an end at one moment: true means cancelled", "[cancel][race]") {
    long const rounds = races() / 40;
    auto const workers = GENERATE(2u, 4u);
    watchdog const guard(100s, "true means cancelled");
    weft::runtime runtime({.workers = workers});
    struct counts {
        long wrong = 0, values = 0, ends = 0;
    };
    auto const result = runtime.run([rounds]() -> task<counts> {
        counts seen;
        for (long round = 0; round < rounds; ++round) {
            std::atomic<int> stage = 0;
            auto handle = weft::spawn([round, &stage]() -> task<int> {
                stage = 1;
                while (stage != 2) std::this_thread::yield();
                spin(static_cast<int>(round % 97));
                co_return 1;
            });
            while (stage != 1) co_await weft::yield();
            stage = 2;
            spin(static_cast<int>(round % 89));
            bool const asked = handle.cancel();
            bool const value = co_await ending_of(handle) == ending::value;
            seen.wrong += asked == value;
            ++(value ? seen.values : seen.ends);
        }
        co_return seen;
    });
    CHECK(result.wrong == 0);
    CHECK(result.values + result.ends == rounds);
}

TEST_CASE("tasks are cancelled while they begin", "[cancel][race]") {
    long const rounds = races() / 5;
    auto const workers = GENERATE(2u, 8u);
    watchdog const guard(100s, "while they begin");
    census objects;
    weft::runtime runtime({.workers = workers});
    auto const wrong = runtime.run([&objects, rounds]() -> task<long> {
        long bad = 0;
        for (long round = 0; round < rounds; ++round) {
            std::atomic<int> reached = 0;
            auto const body = [](std::atomic<int>& stage, counted) -> task<int> {
                stage = 1;
                co_await weft::sleep(1h);
                stage = 2;
                co_return 1;
            };
            auto handle = weft::spawn(body(reached, counted(objects)));
            spin(static_cast<int>(round % 3'000));
            bool const asked = handle.cancel();
            if (!asked || co_await ending_of(handle) != ending::cancelled || reached == 2 || !handle.cancelled()) ++bad;
        }
        co_return bad;
    });
    CHECK(wrong == 0);
    CHECK(objects.alive == 0);
}

TEST_CASE("runs end while their tasks spawn, sleep, await, time out and cancel each other", "[cancel][race][random]") {
    long const rounds = races() / 100;
    auto const workers = GENERATE(1u, 2u, 4u, 8u, 16u);
    watchdog const guard(100s, "runs end");
    CAPTURE(weft::test::seed(), workers);
    std::mt19937_64 engine(weft::test::seed() + workers);
    census objects;
    struct life {
        static task<> live(std::uint64_t seed, int generations, census& in, counted) {
            std::mt19937_64 own(seed);
            for (int step = 0; step < 6; ++step) {
                auto const nap = std::chrono::nanoseconds(own() % 30'000);
                switch (own() % 7) {
                    case 0: co_await weft::yield(); break;
                    case 1: co_await weft::sleep(nap); break;
                    case 2:
                        if (generations > 0) weft::spawn(live(own(), generations - 1, in, counted(in)));
                        break;
                    case 3:
                        if (generations > 0) co_await weft::spawn(live(own(), generations - 1, in, counted(in)));
                        break;
                    case 4:
                        if (generations > 0) {
                            auto other = weft::spawn(live(own(), generations - 1, in, counted(in)));
                            if (own() % 2) co_await weft::yield();
                            other.cancel();
                        }
                        break;
                    case 5:
                        if (generations > 0)
                            co_await weft::gather(live(own(), generations - 1, in, counted(in)),
                                                  live(own(), generations - 1, in, counted(in)));
                        break;
                    case 6: {
                        try {
                            co_await weft::wait_for(weft::sleep(nap), nap / 2);
                        } catch (timeout_error const&) {
                        }
                        break;
                    }
                }
            }
            if (own() % 4 == 0) co_await weft::sleep(1h);
        }
    };
    long wrong = 0;
    {
        weft::runtime runtime({.workers = workers});
        std::vector<std::future<void>> submitted;
        for (long round = 0; round < rounds; ++round) {
            auto const seed = engine();
            auto const length = std::chrono::nanoseconds(engine() % 50'000);
            runtime.run([&]() -> task<> {
                for (std::uint64_t number = 0; number < 8; ++number)
                    weft::spawn(life::live(seed + number, 3, objects, counted(objects)));
                co_await weft::sleep(length);
            });
            if (objects.alive != 0 && submitted.empty()) ++wrong;
        }
        for (int number = 0; number < 50; ++number)
            submitted.push_back(runtime.submit(life::live(engine(), 3, objects, counted(objects))));
    }
    CHECK(wrong == 0);
    CHECK(objects.alive == 0);
}

TEST_CASE("a limit that passes as the awaited task ends leaves nothing behind", "[cancel][race][timeout]") {
    long const rounds = races() / 10;
    auto const limit = GENERATE(0ns, 300ns);
    watchdog const guard(100s, "nothing behind");
    weft::runtime runtime({.workers = 2});
    auto const phantoms = runtime.run([rounds, limit]() -> task<long> {
        long thrown = 0;
        for (long round = 0; round < rounds; ++round) {
            std::atomic<int> stage = 0;
            auto handle = weft::spawn([round, &stage]() -> task<int> {
                stage = 1;
                while (stage != 2) spin(1);
                spin(static_cast<int>(round % 61));
                co_return 1;
            });
            while (stage != 1) co_await weft::yield();
            stage = 2;
            try {
                co_await weft::wait_for(handle, limit);
            } catch (timeout_error const&) {
            }
            try {
                co_await weft::yield();
            } catch (cancelled const&) {
                ++thrown;
            }
        }
        co_return thrown;
    });
    CHECK(phantoms == 0);
}
