// SPDX-License-Identifier: MIT
// spawn and join_handle: order of start, what is kept alive and how long, who may await and look, and misuse.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
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
using weft::test::counted;
using weft::test::counted_move_only;
using weft::test::watchdog;
using weft::testing::paused_clock;

namespace {

weft::task<> nothing() { co_return; }

template <class Value>
weft::task<Value> give_after(int yields, Value value) {
    for (int i = 0; i < yields; ++i) co_await weft::yield();
    co_return std::move(value);
}

weft::task<int&> reference_after(int yields, int& number) {
    for (int i = 0; i < yields; ++i) co_await weft::yield();
    co_return number;
}

weft::task<int> fail_after(int yields) {
    for (int i = 0; i < yields; ++i) co_await weft::yield();
    throw std::runtime_error("failed");
}

std::string what_of(std::exception_ptr failure) {
    if (!failure) return "none";
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "something";
    }
}

using handle = weft::join_handle<std::string>;
static_assert(std::is_nothrow_move_constructible_v<handle> && std::is_nothrow_move_assignable_v<handle>);
static_assert(!std::is_copy_constructible_v<handle> && std::is_nothrow_default_constructible_v<handle>);
static_assert(std::is_same_v<weft::await_result_t<handle&>, const std::string&>);
static_assert(std::is_same_v<weft::await_result_t<const handle&>, const std::string&>);
static_assert(std::is_same_v<weft::await_result_t<handle>, std::string>);
static_assert(std::is_same_v<weft::await_result_t<weft::join_handle<>&>, void>);
static_assert(std::is_same_v<weft::await_result_t<weft::join_handle<>>, void>);
static_assert(std::is_same_v<weft::await_result_t<weft::join_handle<int&>&>, int&>);
static_assert(std::is_same_v<weft::await_result_t<weft::join_handle<int&>>, int&>);
static_assert(std::is_same_v<decltype(weft::spawn(nothing())), weft::join_handle<>>);
static_assert(std::is_same_v<decltype(weft::spawn(give_after<int>, 1, 2)), weft::join_handle<int>>);

}  // namespace

// ---- When they start

TEST_CASE("spawned tasks start in the order in which they were spawned, behind the spawner", "[spawn]") {
    const watchdog guard{10s, "FIFO start"};
    std::vector<int> order;
    weft::run(
        [&]() -> weft::task<> {
            auto note = [&](int n) -> weft::task<> {
                order.push_back(n);
                co_await weft::yield();
                order.push_back(n + 1000);
            };
            std::vector<weft::join_handle<>> handles;
            for (int i = 0; i < 500; ++i) handles.push_back(weft::spawn(note(i)));
            order.push_back(-1);
            for (auto& each : handles) co_await each;
        },
        {.workers = 1});
    std::vector<int> expected{-1};
    for (int i = 0; i < 500; ++i) expected.push_back(i);
    for (int i = 0; i < 500; ++i) expected.push_back(i + 1000);
    CHECK(order == expected);
}

TEST_CASE("a spawned task runs while its spawner does not wait for it", "[spawn]") {
    const watchdog guard{10s, "runs at once elsewhere"};
    const auto workers = GENERATE(2u, 8u);
    // The spawner holds its worker until the task has run: another worker must have taken it.
    const bool ran = weft::run(
        []() -> weft::task<bool> {
            std::atomic<bool> started{false};
            auto other = weft::spawn([&]() -> weft::task<> {
                started = true;
                co_return;
            });
            while (!started) std::this_thread::yield();
            co_await other;
            co_return started;
        },
        {.workers = workers});
    CHECK(ran);
}

TEST_CASE("ten thousand tasks spawned from tasks all run", "[spawn]") {
    const watchdog guard{20s, "spawning from tasks"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> ran{0};
    auto leaf = [&]() -> weft::task<> {
        ++ran;
        co_await weft::yield();
        ++ran;
    };
    auto branch = [&]() -> weft::task<> {
        for (int i = 0; i < 100; ++i) weft::spawn(leaf());
        co_return;
    };
    weft::run(
        [&]() -> weft::task<> {
            for (int i = 0; i < 50; ++i) weft::spawn(branch());
            // Nobody has a handle of theirs. One too few is a hang.
            while (ran < 10'000) co_await weft::yield();
        },
        {.workers = workers});
    CHECK(ran == 10'000);
}

// ---- What is kept alive

TEST_CASE("dropping the handle detaches the task, which goes on as long as its run does", "[spawn][detach]") {
    const watchdog guard{10s, "detach"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    std::atomic<int> ended{0};
    std::atomic<int> cancelled{0};
    paused_clock clock;
    auto work = [&](counted) -> weft::task<> {
        try {
            co_await weft::yield();
            co_await weft::sleep(1h);
            co_await weft::gather(nothing(), nothing());
            ++ended;
        } catch (const weft::cancelled&) {
            ++cancelled;
        }
    };
    weft::run(
        [&]() -> weft::task<> {
            for (int i = 0; i < 20; ++i) weft::spawn(work(counted{in}));
            {
                auto dropped = weft::spawn(work(counted{in}));
            }
            auto replaced = weft::spawn(work(counted{in}));
            replaced = weft::spawn(work(counted{in}));
            co_await weft::sleep(1h);
            while (ended + cancelled < 23) co_await weft::yield();
        },
        {.workers = workers, .clock = &clock});
    CHECK(ended == 23);
    CHECK(cancelled == 0);
    CHECK(in.alive == 0);
    CHECK(clock.elapsed() == 1h);
}

TEST_CASE("spawn keeps the callable's captures and its arguments until the task has ended", "[spawn][lifetime]") {
    const watchdog guard{10s, "captures and arguments"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    std::atomic<int> wrong{0};
    paused_clock clock;
    const int sum = weft::run(
        [&]() -> weft::task<int> {
            std::vector<weft::join_handle<int>> handles;
            for (int i = 0; i < 20; ++i) {
                // Captures and arguments, which it takes by reference, are used after suspensions.
                handles.push_back(weft::spawn(
                    [text = std::string(100, 'x'), kept = counted_move_only{in, i}, &wrong](const std::unique_ptr<int>& argument,
                                                                                          std::string&& other) -> weft::task<int> {
                        for (int k = 0; k < 5; ++k) {
                            co_await weft::yield();
                            wrong += text != std::string(100, 'x') || *argument != kept.number() || other != std::string(50, 'y');
                        }
                        co_await weft::sleep(1h);
                        co_return *argument;
                    },
                    std::make_unique<int>(i), std::string(50, 'y')));
            }
            int total = 0;
            for (auto& each : handles) total += co_await each;
            co_return total;
        },
        {.workers = workers, .clock = &clock});
    CHECK(sum == 190);
    CHECK(wrong == 0);
    CHECK(in.alive == 0);
    CHECK(clock.elapsed() == 1h);
}

namespace {

struct object {
    int base;
    weft::task<int> member(int more) const {
        co_await weft::yield();
        co_return base + more;
    }
};

}  // namespace

TEST_CASE("spawn takes functions, member functions, lambdas and std::reference_wrapper arguments", "[spawn]") {
    const watchdog guard{10s, "callables"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [sum, text] = weft::run(
        []() -> weft::task<std::pair<int, std::string>> {
            auto a = weft::spawn(give_after<int>, 1, 1);
            auto b = weft::spawn(&object::member, object{10}, 10);
            std::function<weft::task<int>(int)> function = [](int n) -> weft::task<int> { co_return n; };
            auto c = weft::spawn(function, 300);
            auto d = weft::spawn(std::move(function), 4000);
            std::string referred;
            auto append = [](std::string& to, const char* more) -> weft::task<> {
                co_await weft::yield();
                to += more;
            };
            auto e = weft::spawn(append, std::ref(referred), "appended");
            co_await e;
            const int first = co_await a;
            const int second = co_await b;
            const int third = co_await c;
            const int fourth = co_await d;
            co_return {first + second + third + fourth, referred};
        },
        {.workers = workers});
    CHECK(sum == 4321);
    CHECK(text == "appended");
}

TEST_CASE("a spawned task's frame is freed once, whoever lets go last", "[spawn][lifetime]") {
    const watchdog guard{20s, "who frees the frame"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    weft::test::other_thread thread;
    auto work = [&](counted_move_only argument, int yields) -> weft::task<counted> {
        for (int i = 0; i < yields; ++i) co_await weft::yield();
        if (argument.number() % 2 == 0) throw std::runtime_error("even");
        co_return counted{in};
    };
    weft::run(
        [&]() -> weft::task<> {
            for (int i = 0; i < 200; ++i) {
                auto each = weft::spawn(work(counted_move_only{in, i}, i % 4));
                switch (i % 5) {
                    case 0: break;  // dropped at once
                    case 1:
                        try {
                            co_await each;
                        } catch (const std::runtime_error&) {
                        }
                        break;
                    case 2:
                        try {
                            co_await std::move(each);
                        } catch (const std::runtime_error&) {
                        }
                        break;
                    case 3: thread.post([dropped = std::make_shared<weft::join_handle<counted>>(std::move(each))] {}); break;
                    default: weft::spawn([kept = std::move(each)]() -> weft::task<> { co_await weft::yield(); }); break;
                }
            }
        },
        {.workers = workers, .on_unhandled_exception = [](const weft::unhandled_exception&) {}});
    std::atomic<bool> emptied{false};
    thread.post([&] { emptied = true; });
    while (!emptied) std::this_thread::yield();
    CHECK(in.alive == 0);
}

TEST_CASE("a destructor of an argument may spawn", "[spawn][lifetime]") {
    const watchdog guard{10s, "spawn from a destructor"};
    const auto workers = GENERATE(1u, 2u, 8u);
    struct spawner {
        spawner(std::atomic<int>& counter, census& of) : count(&counter), in(&of) {}
        spawner(spawner&& other) noexcept : count(std::exchange(other.count, nullptr)), in(other.in) {}
        ~spawner() {
            if (count)
                weft::spawn([counter = count, kept = counted_move_only{*in}]() -> weft::task<> {
                    co_await weft::yield();
                    ++*counter;
                });
        }
        std::atomic<int>* count;
        census* in;
    };
    auto keep = [](spawner) -> weft::task<> { co_await weft::yield(); };
    census in;
    std::atomic<int> ran{0};
    weft::run(
        [&]() -> weft::task<> {
            for (int i = 0; i < 10; ++i) weft::spawn(keep(spawner{ran, in}));      // destroyed when the task ends
            for (int i = 0; i < 10; ++i) co_await keep(spawner{ran, in});          // when the await does
            for (int i = 0; i < 10; ++i) auto never = keep(spawner{ran, in});      // never started
            for (int i = 0; i < 10; ++i) weft::spawn(keep, spawner{ran, in});
            {
                auto held = weft::spawn(keep(spawner{ran, in}));
                co_await held;
            }
            // One too few is a hang.
            while (ran < 41) co_await weft::yield();
        },
        {.workers = workers});
    CHECK(ran == 41);
    CHECK(in.alive == 0);

    // Of tasks that the end of the run cancels, most of them before they begin, and of the main task's own handle.
    std::atomic<int> ran_late{0};
    weft::run(
        [&]() -> weft::task<> {
            for (int i = 0; i < 20; ++i) weft::spawn(keep(spawner{ran_late, in}));
            auto held = weft::spawn(keep(spawner{ran_late, in}));
            co_await held;
            for (int i = 0; i < 20; ++i) weft::spawn(keep, spawner{ran_late, in});
        },
        {.workers = workers});
    CHECK(ran_late <= 41);
    CHECK(in.alive == 0);
}

// ---- Awaiting a handle

TEST_CASE("a handle can be awaited by many tasks at once, and again later", "[spawn][handle]") {
    const watchdog guard{10s, "many awaiters"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto yields = GENERATE(0, 1, 50);
    const auto [right, runs] = weft::run(
        [&]() -> weft::task<std::pair<int, int>> {
            std::atomic<int> started{0};
            const auto shared = weft::spawn([&]() -> weft::task<std::string> {
                ++started;
                for (int i = 0; i < yields; ++i) co_await weft::yield();
                co_return "the value";
            });
            auto wait = [&](int before) -> weft::task<const std::string*> {
                for (int i = 0; i < before; ++i) co_await weft::yield();
                co_return &co_await shared;
            };
            std::vector<weft::join_handle<const std::string*>> waiters;
            for (int i = 0; i < 100; ++i) waiters.push_back(weft::spawn(wait(i % 60)));
            int same = 0;
            for (auto& each : waiters) {
                const std::string* const there = co_await each;
                same += there == &shared.result() && *there == "the value";
            }
            const std::string& again = co_await shared;
            const std::string& and_again = co_await shared;
            co_return {same + (&again == &and_again), started};
        },
        {.workers = workers});
    CHECK(right == 101);
    CHECK(runs == 1);
}

TEST_CASE("those who await one handle go on in the order in which they came", "[spawn][handle]") {
    const watchdog guard{10s, "order of awaiters"};
    std::vector<int> order;
    weft::run(
        [&]() -> weft::task<> {
            const auto shared = weft::spawn(give_after(3, 1));
            auto wait = [&](int n) -> weft::task<> {
                co_await shared;
                order.push_back(n);
            };
            std::vector<weft::join_handle<>> waiters;
            for (int i = 0; i < 20; ++i) waiters.push_back(weft::spawn(wait(i)));
            for (auto& each : waiters) co_await each;
        },
        {.workers = 1});
    std::vector<int> expected(20);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(order == expected);
}

TEST_CASE("an rvalue handle gives the value away", "[spawn][handle]") {
    const watchdog guard{10s, "value moved out"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    const auto [first, second, third] = weft::run(
        [&]() -> weft::task<std::tuple<int, int, int>> {
            auto moved = weft::spawn(give_after(1, std::make_unique<int>(1)));
            const std::unique_ptr<int> one = co_await std::move(moved);
            const auto two = co_await weft::spawn(give_after(0, std::make_unique<int>(2)));
            auto ended = weft::spawn([&]() -> weft::task<counted> { co_return counted{in, 3}; });
            while (!ended.done()) co_await weft::yield();
            const auto three = co_await std::move(ended);
            co_return {*one, *two, three.number()};
        },
        {.workers = workers});
    CHECK(first == 1);
    CHECK(second == 2);
    CHECK(third == 3);
    CHECK(in.copied == 0);
    CHECK(in.alive == 0);
}

TEST_CASE("a handle of a task of a reference gives the very object", "[spawn][handle]") {
    const watchdog guard{10s, "handle of a reference"};
    const auto workers = GENERATE(1u, 2u, 8u);
    int number = 0;
    const bool same = weft::run(
        [&]() -> weft::task<bool> {
            auto handle = weft::spawn(reference_after(2, number));
            int& first = co_await handle;
            int& second = handle.result();
            int& third = co_await std::move(handle);
            co_return &first == &number && &second == &number && &third == &number;
        },
        {.workers = workers});
    CHECK(same);
}

TEST_CASE("a handle rethrows its task's exception to everybody who awaits, each time", "[spawn][handle][exception]") {
    const watchdog guard{10s, "exception to every awaiter"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto yields = GENERATE(0, 10);
    const int caught = weft::run(
        [&]() -> weft::task<int> {
            auto failing = weft::spawn(fail_after(yields));
            auto wait = [&]() -> weft::task<int> {
                try {
                    co_await failing;
                } catch (const std::runtime_error&) {
                    co_return 1;
                }
                co_return 0;
            };
            std::vector<weft::join_handle<int>> waiters;
            for (int i = 0; i < 20; ++i) waiters.push_back(weft::spawn(wait()));
            int sum = 0;
            for (auto& each : waiters) sum += co_await each;
            sum += co_await wait();
            try {
                co_await std::move(failing);
            } catch (const std::runtime_error&) {
                ++sum;
            }
            co_return sum;
        },
        {.workers = workers});
    CHECK(caught == 22);
}

// ---- Looking at a handle

TEST_CASE("done, result and exception tell how a task ended", "[spawn][handle]") {
    const watchdog guard{10s, "done, result, exception"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto faults = weft::run(
        []() -> weft::task<std::string> {
            std::string wrong;
            std::atomic<bool> go{false};
            auto value = weft::spawn([&]() -> weft::task<int> {
                while (!go) co_await weft::yield();
                co_return 5;
            });
            auto failure = weft::spawn([&]() -> weft::task<> {
                while (!go) co_await weft::yield();
                throw std::runtime_error("no");
            });
            auto refused = [](auto call) {
                try {
                    call();
                } catch (const weft::invalid_state& error) {
                    return std::string(error.what()).find("not ended") != std::string::npos;
                }
                return false;
            };
            if (value.done() || failure.done()) wrong += "done too early; ";
            if (!refused([&] { static_cast<void>(value.result()); })) wrong += "result too early; ";
            if (!refused([&] { failure.result(); })) wrong += "void result too early; ";
            if (!refused([&] { static_cast<void>(value.exception()); })) wrong += "exception too early; ";
            go = true;
            co_await value;
            while (!failure.done()) co_await weft::yield();
            if (!value.done() || value.result() != 5 || value.exception()) wrong += "value; ";
            if (what_of(failure.exception()) != "no") wrong += "exception; ";
            try {
                failure.result();
                wrong += "result does not throw; ";
            } catch (const std::runtime_error& error) {
                if (std::string(error.what()) != "no") wrong += "result throws something else; ";
            }
            if (std::move(value).result() != 5) wrong += "rvalue result; ";
            co_return wrong;
        },
        {.workers = workers});
    CHECK(faults.empty());
}

TEST_CASE("any thread may ask a handle while the task runs", "[spawn][handle]") {
    const watchdog guard{20s, "asking from other threads"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> right{0};
    std::atomic<int> asking{0};
    weft::run(
        [&]() -> weft::task<> {
            auto value = weft::spawn([&]() -> weft::task<std::string> {
                while (asking < 3) co_await weft::yield();
                co_return std::string(200, 'v');
            });
            auto failure = weft::spawn([&]() -> weft::task<> {
                while (asking < 3) co_await weft::yield();
                throw std::runtime_error("failed");
            });
            auto ask = [&] {
                ++asking;
                while (!value.done() || !failure.done()) std::this_thread::yield();
                right += value.result() == std::string(200, 'v') && !value.exception() && what_of(failure.exception()) == "failed";
            };
            std::vector<std::unique_ptr<weft::test::other_thread>> threads;
            for (int i = 0; i < 3; ++i) threads.push_back(std::make_unique<weft::test::other_thread>());
            for (auto& thread : threads) thread->post(ask);
            for (auto& thread : threads) co_await thread->hop();
        },
        {.workers = workers});
    CHECK(right == 3);
}

TEST_CASE("a handle outlives its runtime", "[spawn][handle]") {
    const watchdog guard{10s, "handles after the runtime"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    {
        weft::join_handle<std::string> value;
        weft::join_handle<std::unique_ptr<int>> pointer;
        weft::join_handle<int> failure;
        weft::join_handle<> kept;
        weft::join_handle<std::string> cut_off;
        weft::run(
            [&]() -> weft::task<> {
                value = weft::spawn(give_after(3, std::string("later")));
                pointer = weft::spawn(give_after(0, std::make_unique<int>(4)));
                failure = weft::spawn(fail_after(2));
                kept = weft::spawn([argument = counted_move_only{in}]() -> weft::task<> { co_await weft::yield(); });
                cut_off = weft::spawn([argument = counted_move_only{in}]() -> weft::task<std::string> {
                    co_await weft::sleep(1h);
                    co_return "too late";
                });
                while (!value.done() || !pointer.done() || !failure.done() || !kept.done()) co_await weft::yield();
            },
            {.workers = workers, .on_unhandled_exception = [](const weft::unhandled_exception&) {}});
        CHECK(value.done());
        CHECK(value.result() == "later");
        CHECK(*std::move(pointer).result() == 4);
        CHECK(what_of(failure.exception()) == "failed");
        CHECK_THROWS_AS(failure.result(), std::runtime_error);
        CHECK(kept.done());
        CHECK(cut_off.done());
        CHECK(cut_off.cancelled());
        CHECK_THROWS_AS(cut_off.result(), weft::cancelled);
        CHECK(in.alive == 2);
        // In another runtime it can be awaited, too.
        const auto again = weft::run([&]() -> weft::task<std::string> { co_return co_await value; });
        CHECK(again == "later");
    }
    CHECK(in.alive == 0);
}

TEST_CASE("a handle that is dropped by another thread at any moment frees its task once", "[spawn][handle]") {
    const watchdog guard{20s, "dropped by another thread"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    {
        weft::test::other_thread thread;
        weft::run(
            [&]() -> weft::task<> {
                auto work = [](counted, int yields) -> weft::task<> {
                    for (int i = 0; i < yields; ++i) co_await weft::yield();
                };
                for (int i = 0; i < 500; ++i) {
                    auto shared = std::make_shared<weft::join_handle<>>(weft::spawn(work(counted{in}, i % 3)));
                    thread.post([dropped = std::move(shared)]() mutable { dropped.reset(); });
                    if (i % 10 == 0) co_await weft::yield();
                }
            },
            {.workers = workers});
    }
    CHECK(in.alive == 0);
}

// ---- Misuse

TEST_CASE("every call on an empty handle throws invalid_state", "[spawn][handle][misuse]") {
    const watchdog guard{10s, "empty handle"};
    weft::join_handle<int> empty;
    CHECK_FALSE(empty.valid());
    CHECK_THROWS_AS(empty.done(), weft::invalid_state);
    CHECK_THROWS_AS(empty.result(), weft::invalid_state);
    CHECK_THROWS_AS(empty.exception(), weft::invalid_state);
    const auto messages = weft::run([]() -> weft::task<std::vector<std::string>> {
        std::vector<std::string> caught;
        auto handle = weft::spawn(give_after(1, 1));
        auto taken = std::move(handle);
        try {
            co_await handle;
        } catch (const weft::invalid_state& error) {
            caught.emplace_back(error.what());
        }
        try {
            co_await weft::join_handle<>{};
        } catch (const weft::invalid_state& error) {
            caught.emplace_back(error.what());
        }
        co_await taken;
        co_return caught;
    });
    REQUIRE(messages.size() == 2);
    for (const auto& message : messages) CHECK_THAT(message, ContainsSubstring("join_handle") && ContainsSubstring("empty"));
}

TEST_CASE("a task that awaits its own handle throws invalid_state instead of waiting for ever", "[spawn][handle][misuse]") {
    const watchdog guard{10s, "self-await"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [direct, nested, gathered] = weft::run(
        []() -> weft::task<std::tuple<std::string, std::string, std::string>> {
            std::vector<std::string> caught;
            for (int way = 0; way < 3; ++way) {
                weft::join_handle<std::string> own;
                std::atomic<bool> ready{false};
                auto wait = [&]() -> weft::task<std::string> { co_return co_await own; };
                own = weft::spawn([&]() -> weft::task<std::string> {
                    while (!ready) co_await weft::yield();
                    try {
                        if (way == 0) co_await own;
                        if (way == 1) co_await wait();
                        if (way == 2) co_await weft::gather(nothing(), wait());
                    } catch (const weft::invalid_state& error) {
                        co_return error.what();
                    }
                    co_return "";
                });
                ready = true;
                caught.push_back(co_await own);
            }
            co_return {caught[0], caught[1], caught[2]};
        },
        {.workers = workers});
    CHECK_THAT(direct, ContainsSubstring("itself") || ContainsSubstring("its own"));
    CHECK(nested == direct);
    CHECK(gathered == direct);
}

TEST_CASE("spawn outside every worker throws no_current_runtime, says what to do, and frees the task", "[spawn][misuse]") {
    census in;
    auto work = [](counted) -> weft::task<> { co_return; };
    std::string message;
    try {
        weft::spawn(work(counted{in}));
    } catch (const weft::no_current_runtime& error) {
        message = error.what();
    }
    CHECK_THAT(message, ContainsSubstring("weft::spawn") && ContainsSubstring("inside a task") && ContainsSubstring("submit"));
    CHECK(in.alive == 0);
    CHECK_THROWS_AS(weft::spawn(work, counted{in}), weft::no_current_runtime);
    CHECK(in.alive == 0);
    weft::runtime idle({.workers = 1});
    CHECK_THROWS_AS(weft::spawn(nothing()), weft::no_current_runtime);
}
