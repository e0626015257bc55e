// SPDX-License-Identifier: MIT
// gather: the order of results, their types, failures, who outlives whom, and children that suspend or are stolen.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using weft::test::ContainsSubstring;
using weft::test::census;
using weft::test::counted;
using weft::test::watchdog;
using weft::testing::paused_clock;

namespace {

template <class Value>
weft::task<Value> give(Value value) {
    co_return std::move(value);
}

template <class Value>
weft::task<Value> give_after(int yields, Value value) {
    for (int i = 0; i < yields; ++i) co_await weft::yield();
    co_return std::move(value);
}

weft::task<> nothing() { co_return; }

weft::task<int&> reference(int& number) { co_return number; }

struct numbered_error : std::runtime_error {
    explicit numbered_error(int n) : std::runtime_error("error " + std::to_string(n)), number(n) {}
    int number;
};

weft::task<int> fail_after(int yields, int number) {
    for (int i = 0; i < yields; ++i) co_await weft::yield();
    throw numbered_error(number);
}

template <class... Awaitables>
using gathered = weft::await_result_t<decltype(weft::gather(std::declval<Awaitables>()...))>;
template <class... Awaitables>
using gathered_results =
    weft::await_result_t<decltype(weft::gather(weft::return_exceptions, std::declval<Awaitables>()...))>;

}  // namespace

// ---- Types

static_assert(std::is_same_v<gathered<weft::task<int>, weft::task<std::string>>, std::tuple<int, std::string>>);
static_assert(std::is_same_v<gathered<weft::task<int>, weft::task<>>, std::tuple<int, std::monostate>>);
static_assert(std::is_same_v<gathered<weft::task<>, weft::task<>>, void>);
static_assert(std::is_same_v<gathered<weft::task<>>, void>);
static_assert(std::is_same_v<gathered<>, std::tuple<>>);
static_assert(std::is_same_v<gathered<weft::task<int&>, weft::task<int>>, std::tuple<int&, int>>);
static_assert(std::is_same_v<gathered<weft::join_handle<int>&, weft::join_handle<bool>, weft::task<>>,
                             std::tuple<int, bool, std::monostate>>);
static_assert(std::is_same_v<gathered<weft::task<int>, decltype(weft::sleep(1s))>, std::tuple<int, std::monostate>>);
static_assert(std::is_same_v<gathered<std::vector<weft::task<int>>>, std::vector<int>>);
static_assert(std::is_same_v<gathered<std::vector<weft::task<bool>>>, std::vector<bool>>);
static_assert(std::is_same_v<gathered<std::vector<weft::task<>>>, void>);
static_assert(std::is_same_v<gathered<std::vector<weft::task<int&>>>, std::vector<std::reference_wrapper<int>>>);
static_assert(std::is_same_v<gathered<std::vector<weft::join_handle<int>>>, std::vector<int>>);
static_assert(std::is_same_v<gathered_results<weft::task<int>, weft::task<>>, std::tuple<weft::result<int>, weft::result<void>>>);
static_assert(std::is_same_v<gathered_results<weft::task<>>, std::tuple<weft::result<void>>>);
static_assert(std::is_same_v<gathered_results<>, std::tuple<>>);
static_assert(std::is_same_v<gathered_results<std::vector<weft::task<int>>>, std::vector<weft::result<int>>>);
static_assert(std::is_same_v<gathered_results<std::vector<weft::task<>>>, std::vector<weft::result<void>>>);
static_assert(std::is_same_v<gathered_results<weft::task<int&>>, std::tuple<weft::result<int&>>>);

// ---- Results

TEST_CASE("gather gives its results in argument order, whichever ends first", "[gather]") {
    const watchdog guard{10s, "gather in argument order"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [a, b, c, d] = weft::run(
        []() -> weft::task<std::tuple<int, std::string, std::monostate, int>> {
            co_return co_await weft::gather(give_after(30, 1), give(std::string("two")), nothing(), give_after(3, 4));
        },
        {.workers = workers});
    CHECK(a == 1);
    CHECK(b == "two");
    CHECK(c == std::monostate{});
    CHECK(d == 4);
}

TEST_CASE("gather of a vector gives a vector in the same order", "[gather]") {
    const watchdog guard{10s, "gather of a vector"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto size = GENERATE(1, 2, 3, 100, 1000);
    const auto values = weft::run(
        [&]() -> weft::task<std::vector<int>> {
            std::vector<weft::task<int>> children;
            for (int i = 0; i < size; ++i) children.push_back(give_after(i * 7 % 11, i));
            co_return co_await weft::gather(std::move(children));
        },
        {.workers = workers});
    std::vector<int> expected(static_cast<std::size_t>(size));
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(values == expected);
}

TEST_CASE("gather of only void gives nothing, and of nothing an empty result", "[gather]") {
    const watchdog guard{10s, "void and empty gathers"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [ran, sizes] = weft::run(
        []() -> weft::task<std::pair<int, std::size_t>> {
            std::atomic<int> count{0};
            auto tick = [&](int yields) -> weft::task<> {
                for (int i = 0; i < yields; ++i) co_await weft::yield();
                ++count;
            };
            co_await weft::gather(tick(2), tick(0), tick(1));
            std::vector<weft::task<>> several;
            for (int i = 0; i < 10; ++i) several.push_back(tick(i));
            co_await weft::gather(std::move(several));
            co_await weft::gather(std::vector<weft::task<>>{});
            const std::tuple<> empty = co_await weft::gather();
            static_cast<void>(empty);
            const auto none = co_await weft::gather(std::vector<weft::task<int>>{});
            const auto none_either = co_await weft::gather(weft::return_exceptions, std::vector<weft::task<>>{});
            co_return {count, none.size() + none_either.size()};
        },
        {.workers = workers});
    CHECK(ran == 13);
    CHECK(sizes == 0);
}

TEST_CASE("an empty gather does not suspend", "[gather]") {
    const watchdog guard{10s, "empty gather"};
    std::vector<int> order;
    weft::run(
        [&]() -> weft::task<> {
            auto other = weft::spawn([&]() -> weft::task<> {
                order.push_back(2);
                co_return;
            });
            co_await weft::gather();
            co_await weft::gather(std::vector<weft::task<int>>{});
            order.push_back(1);
            co_await other;
        },
        {.workers = 1});
    CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("gather starts its children in argument order on one worker", "[gather]") {
    const watchdog guard{10s, "gather's order of start"};
    std::vector<int> order;
    weft::run(
        [&]() -> weft::task<> {
            auto note = [&](int n) -> weft::task<> {
                order.push_back(n);
                co_return;
            };
            co_await weft::gather(note(0), note(1), note(2));
            std::vector<weft::task<>> children;
            for (int i = 3; i < 10; ++i) children.push_back(note(i));
            co_await weft::gather(std::move(children));
        },
        {.workers = 1});
    std::vector<int> expected(10);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(order == expected);
}

TEST_CASE("gather gives move-only values and references", "[gather][value]") {
    const watchdog guard{10s, "move-only values and references"};
    const auto workers = GENERATE(1u, 2u, 8u);
    int number = 1;
    std::vector<int> numbers(20);
    const auto [pointer, sum, same] = weft::run(
        [&]() -> weft::task<std::tuple<std::unique_ptr<int>, int, bool>> {
            auto [first, there] = co_await weft::gather(give_after(2, std::make_unique<int>(5)), reference(number));
            bool all_same = &there == &number;
            std::vector<weft::task<std::unique_ptr<int>>> pointers;
            for (int i = 0; i < 20; ++i) pointers.push_back(give_after(i % 3, std::make_unique<int>(i)));
            int total = 0;
            for (const auto& each : co_await weft::gather(std::move(pointers))) total += *each;
            std::vector<weft::task<int&>> references;
            for (int& each : numbers) references.push_back(reference(each));
            const auto got = co_await weft::gather(std::move(references));
            for (std::size_t i = 0; i < got.size(); ++i) all_same = all_same && &got[i].get() == &numbers[i];
            co_return {std::move(first), total, all_same};
        },
        {.workers = workers});
    CHECK(*pointer == 5);
    CHECK(sum == 190);
    CHECK(same);
}

TEST_CASE("gather of tasks of bool gives a vector<bool>", "[gather][value]") {
    const watchdog guard{10s, "vector<bool>"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto bits = weft::run(
        []() -> weft::task<std::vector<bool>> {
            std::vector<weft::task<bool>> children;
            for (int i = 0; i < 200; ++i) children.push_back(give_after(i % 2, i % 3 == 0));
            co_return co_await weft::gather(std::move(children));
        },
        {.workers = workers});
    REQUIRE(bits.size() == 200);
    for (std::size_t i = 0; i < bits.size(); ++i) CHECK(bits[i] == (i % 3 == 0));
}

TEST_CASE("values are moved out of a gather, not copied", "[gather][value]") {
    const watchdog guard{10s, "no copies out of a gather"};
    census in;
    weft::run([&]() -> weft::task<> {
        auto make = [&]() -> weft::task<counted> { co_return counted{in}; };
        auto pair = co_await weft::gather(make(), make());
        std::vector<weft::task<counted>> children;
        for (int i = 0; i < 10; ++i) children.push_back(make());
        auto values = co_await weft::gather(std::move(children));
        auto results = co_await weft::gather(weft::return_exceptions, make(), make());
    });
    CHECK(in.copied == 0);
    CHECK(in.alive == 0);
}

TEST_CASE("gather of a hundred thousand tasks", "[gather]") {
    const watchdog guard{30s, "gather of 100,000"};
    const auto workers = GENERATE(1u, 2u, 8u);
    constexpr int size = 100'000;
    const bool right = weft::run(
        []() -> weft::task<bool> {
            std::vector<weft::task<int>> children;
            children.reserve(size);
            for (int i = 0; i < size; ++i) children.push_back(give_after(i % 1000 == 0 ? 1 : 0, i));
            const auto values = co_await weft::gather(std::move(children));
            bool ordered = values.size() == size;
            for (int i = 0; i < size && ordered; ++i) ordered = values[static_cast<std::size_t>(i)] == i;
            co_return ordered;
        },
        {.workers = workers});
    CHECK(right);
}

// ---- What it takes

TEST_CASE("gather takes named handles, unnamed handles and tasks, mixed", "[gather][handle]") {
    const watchdog guard{10s, "handles in a gather"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [sum, later, pointer, usable] = weft::run(
        []() -> weft::task<std::tuple<int, std::string, int, bool>> {
            auto named = weft::spawn(give_after(5, std::string("named")));
            const auto constant = weft::spawn(give_after(1, 10));
            auto moved = weft::spawn(give_after(3, std::make_unique<int>(4)));
            auto ended = weft::spawn(give(20));
            while (!ended.done()) co_await weft::yield();
            auto [text, ten, four, twenty, thirty] =
                co_await weft::gather(named, constant, std::move(moved), ended, give_after(2, 30));
            const auto again = co_await named;
            co_return {ten + twenty + thirty, text + again, *four, named.valid() && !moved.valid()};
        },
        {.workers = workers});
    CHECK(sum == 60);
    CHECK(later == "namednamed");
    CHECK(pointer == 4);
    CHECK(usable);
}

TEST_CASE("gather of the same named handle twice gives its value twice", "[gather][handle]") {
    const watchdog guard{10s, "one handle twice"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [first, second, runs] = weft::run(
        []() -> weft::task<std::tuple<int, int, int>> {
            int started = 0;
            auto handle = weft::spawn([&]() -> weft::task<int> {
                ++started;
                co_await weft::yield();
                co_return 6;
            });
            const auto [a, b] = co_await weft::gather(handle, handle);
            co_return {a, b, started};
        },
        {.workers = workers});
    CHECK(first == 6);
    CHECK(second == 6);
    CHECK(runs == 1);
}

TEST_CASE("gather takes a vector of handles, moved in or named", "[gather][handle]") {
    const watchdog guard{10s, "vectors of handles"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [copied, moved, kept] = weft::run(
        []() -> weft::task<std::tuple<std::vector<int>, std::vector<int>, bool>> {
            std::vector<weft::join_handle<int>> handles;
            for (int i = 0; i < 20; ++i) handles.push_back(weft::spawn(give_after(i % 4, i)));
            auto first = co_await weft::gather(handles);
            const bool all_valid =
                std::all_of(handles.begin(), handles.end(), [](const auto& handle) { return handle.valid() && handle.done(); });
            auto results = co_await weft::gather(weft::return_exceptions, handles);
            for (std::size_t i = 0; i < results.size(); ++i) first[i] += results[i].value();
            auto second = co_await weft::gather(std::move(handles));
            co_return {std::move(first), std::move(second), all_valid};
        },
        {.workers = workers});
    REQUIRE(copied.size() == 20);
    REQUIRE(moved.size() == 20);
    for (int i = 0; i < 20; ++i) {
        CHECK(copied[static_cast<std::size_t>(i)] == 2 * i);
        CHECK(moved[static_cast<std::size_t>(i)] == i);
    }
    CHECK(kept);
}

TEST_CASE("sleep, yield, another gather and foreign awaitables can be gathered", "[gather]") {
    const watchdog guard{10s, "any awaitable in a gather"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::test::other_thread thread;
    weft::test::gate opened;
    thread.post([&] { opened.open(); });
    paused_clock clock;
    const auto [values, slept_for, foreign] = weft::run(
        [&]() -> weft::task<std::tuple<std::vector<int>, std::chrono::nanoseconds, bool>> {
            const auto start = weft::now();
            auto [five, slept, yielded, inner, numbers] = co_await weft::gather(
                give(5), weft::sleep(1h), weft::yield(), weft::gather(give_after(1, 6), weft::gather(give(7), nothing())),
                weft::gather([] {
                    std::vector<weft::task<int>> children;
                    children.push_back(give(8));
                    children.push_back(give(9));
                    return children;
                }()));
            static_assert(std::is_same_v<decltype(slept), std::monostate> && std::is_same_v<decltype(yielded), std::monostate>);
            const auto passed = weft::now() - start;
            const auto [six, innermost] = inner;
            const auto [was_on, through] = co_await weft::gather(thread.hop(), opened);
            static_assert(std::is_same_v<decltype(through), const std::monostate>);
            std::vector<int> all{five, six, std::get<0>(innermost), numbers[0], numbers[1]};
            co_return {std::move(all), passed, weft::on_worker() && was_on != std::thread::id{}};
        },
        {.workers = workers, .clock = &clock});
    CHECK(values == std::vector<int>{5, 6, 7, 8, 9});
    CHECK(slept_for == 1h);
    CHECK(foreign);
}

TEST_CASE("a named awaitable in a gather is awaited where it is", "[gather]") {
    const watchdog guard{10s, "named awaitables in a gather"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::test::other_thread thread;
    weft::test::gate opened;  // can be neither copied nor moved
    static_assert(std::is_same_v<gathered<weft::test::gate&, weft::task<int>>, std::tuple<std::monostate, int>>);
    struct gives_rvalue {
        std::unique_ptr<int> pointer;
        bool await_ready() const noexcept { return true; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        std::unique_ptr<int>&& await_resume() noexcept { return std::move(pointer); }
    };
    paused_clock clock;
    const auto [sum, source_left] = weft::run(
        [&]() -> weft::task<std::pair<int, bool>> {
            gives_rvalue source{std::make_unique<int>(40)};
            auto inner = weft::gather(give_after(1, 300), give(5000));
            auto nap = weft::sleep(1h);
            thread.post([&] { opened.open(); });
            auto [through, taken, both, slept, two] = co_await weft::gather(opened, source, inner, nap, give(2));
            co_return {*taken + std::get<0>(both) + std::get<1>(both) + two, source.pointer != nullptr};
        },
        {.workers = workers, .clock = &clock});
    CHECK(sum == 5342);
    CHECK_FALSE(source_left);
    CHECK(clock.elapsed() == 1h);
}

TEST_CASE("a gather that is never awaited starts nothing and frees its tasks", "[gather][frame]") {
    const watchdog guard{10s, "unawaited gather"};
    census in;
    int started = 0;
    weft::run([&]() -> weft::task<> {
        auto child = [&](counted) -> weft::task<> {
            ++started;
            co_return;
        };
        {
            auto never = weft::gather(child(counted{in}), child(counted{in}));
            auto moved = std::move(never);
            std::vector<weft::task<>> children;
            children.push_back(child(counted{in}));
            auto not_this_either = weft::gather(std::move(children));
        }
        co_await weft::yield();
    });
    CHECK(started == 0);
    CHECK(in.alive == 0);
}

TEST_CASE("gather of an empty task throws invalid_state with nothing started or leaked", "[gather][misuse]") {
    const watchdog guard{10s, "empty task in a gather"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    std::atomic<int> started{0};
    const auto messages = weft::run(
        [&]() -> weft::task<std::vector<std::string>> {
            std::vector<std::string> caught;
            auto child = [&](counted) -> weft::task<> {
                ++started;
                co_return;
            };
            try {
                co_await weft::gather(child(counted{in}), weft::task<>{}, child(counted{in}));
            } catch (const weft::invalid_state& error) {
                caught.emplace_back(error.what());
            }
            try {
                std::vector<weft::task<>> children;
                children.push_back(child(counted{in}));
                children.emplace_back();
                co_await weft::gather(std::move(children));
            } catch (const weft::invalid_state& error) {
                caught.emplace_back(error.what());
            }
            co_await weft::yield();
            co_return caught;
        },
        {.workers = workers});
    REQUIRE(messages.size() == 2);
    for (const auto& message : messages) CHECK_THAT(message, ContainsSubstring("empty"));
    CHECK(started == 0);
    CHECK(in.alive == 0);
}

TEST_CASE("gather of an empty handle or of a task that was awaited throws invalid_state", "[gather][misuse]") {
    const watchdog guard{10s, "empty handle in a gather"};
    const int caught = weft::run([]() -> weft::task<int> {
        int errors = 0;
        try {
            co_await weft::gather(give(1), weft::join_handle<int>{});
        } catch (const weft::invalid_state&) {
            ++errors;
        }
        try {
            weft::join_handle<int> empty;
            co_await weft::gather(empty, give(1));
        } catch (const weft::invalid_state&) {
            ++errors;
        }
        try {
            auto used = give(1);
            co_await std::move(used);
            co_await weft::gather(std::move(used), give(1));
        } catch (const weft::invalid_state&) {
            ++errors;
        }
        co_return errors;
    });
    CHECK(caught == 3);
}

TEST_CASE("awaiting a gather twice throws invalid_state", "[gather][misuse]") {
    const watchdog guard{10s, "gather awaited twice"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [runs, threw, of_vector] = weft::run(
        []() -> weft::task<std::tuple<int, bool, bool>> {
            std::atomic<int> started{0};
            auto child = [&]() -> weft::task<> {
                ++started;
                co_await weft::yield();
            };
            auto twice = weft::gather(child(), child());
            co_await twice;
            bool refused = false;
            try {
                co_await twice;
            } catch (const weft::invalid_state&) {
                refused = true;
            }
            std::vector<weft::task<>> children;
            for (int i = 0; i < 3; ++i) children.push_back(child());
            auto vector_twice = weft::gather(std::move(children));
            co_await vector_twice;
            bool vector_refused = false;
            try {
                co_await vector_twice;
            } catch (const weft::invalid_state&) {
                vector_refused = true;
            }
            co_return {started, refused, vector_refused};
        },
        {.workers = workers});
    CHECK(runs == 5);
    CHECK(threw);
    CHECK(of_vector);
}

// ---- Failures

TEST_CASE("gather rethrows the first exception after every child has finished", "[gather][exception]") {
    const watchdog guard{10s, "gather after a failure"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto failing = GENERATE(0, 1, 2, 3);
    const auto yields = GENERATE(0, 2);
    paused_clock clock;
    const auto [number, ended] = weft::run(
        [&]() -> weft::task<std::pair<int, int>> {
            std::atomic<int> finished{0};
            auto child = [&](int n) -> weft::task<> {
                for (int i = 0; i < yields; ++i) co_await weft::yield();
                if (n == failing) throw numbered_error(n);
                co_await weft::sleep(1h);  // the siblings go on after the failure
                for (int i = 0; i < 10; ++i) co_await weft::yield();
                ++finished;
            };
            try {
                co_await weft::gather(child(0), child(1), child(2), child(3));
            } catch (const numbered_error& error) {
                co_return {error.number, finished};
            }
            co_return {-1, finished};
        },
        {.workers = workers, .clock = &clock});
    CHECK(number == failing);
    CHECK(ended == 3);
    CHECK(clock.elapsed() == 1h);
}

TEST_CASE("the exception that gather rethrows is the first in time, not in argument order", "[gather][exception]") {
    const watchdog guard{10s, "first in time"};
    // One worker runs them in turn, so time is the number of yields.
    const auto [tuple, vector, backwards] = weft::run(
        []() -> weft::task<std::tuple<int, int, int>> {
            std::vector<int> first;
            for (int round = 0; round < 3; ++round) {
                try {
                    if (round == 0) co_await weft::gather(fail_after(9, 0), fail_after(5, 1), fail_after(2, 2), fail_after(4, 3));
                    std::vector<weft::task<int>> children;
                    for (int i = 0; i < 50; ++i)
                        children.push_back(fail_after(round == 1 ? (i == 31 ? 1 : 3) : 50 - i, i));
                    co_await weft::gather(std::move(children));
                } catch (const numbered_error& error) {
                    first.push_back(error.number);
                }
            }
            co_return {first.at(0), first.at(1), first.at(2)};
        },
        {.workers = 1});
    CHECK(tuple == 2);
    CHECK(vector == 31);
    CHECK(backwards == 49);
}

namespace {

// As a parameter it opens the gate when its child is gone, and so the child's exception recorded.
class opener {
public:
    explicit opener(weft::test::gate& what) noexcept : what_(&what) {}
    opener(opener&& other) noexcept : what_(std::exchange(other.what_, nullptr)) {}
    opener& operator=(opener&&) = delete;
    ~opener() {
        if (what_) what_->open();
    }

private:
    weft::test::gate* what_;
};

weft::task<> fail_first(int number, opener) {
    co_await weft::yield();
    throw numbered_error(number);
}

weft::task<> fail_later(int number, weft::test::gate& first_is_gone) {
    co_await first_is_gone;
    throw numbered_error(number);
}

}  // namespace

TEST_CASE("the first exception in time wins on many workers too", "[gather][exception]") {
    const watchdog guard{10s, "first in time on many workers"};
    const auto workers = GENERATE(2u, 8u);
    int right = 0;
    weft::runtime runtime({.workers = workers});
    for (int round = 0; round < 100; ++round) {
        weft::test::gate first_is_gone;
        right += runtime.run([&]() -> weft::task<bool> {
            auto before = fail_later(0, first_is_gone);
            auto first = fail_first(1, opener(first_is_gone));
            auto after = fail_later(2, first_is_gone);
            try {
                co_await weft::gather(std::move(before), std::move(first), std::move(after));
            } catch (const numbered_error& error) {
                co_return error.number == 1;
            }
            co_return false;
        });
    }
    CHECK(right == 100);
}

TEST_CASE("children that all throw, at once, leave one exception and no leak", "[gather][exception]") {
    const watchdog guard{20s, "all children throw"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [rounds, wrong] = weft::run(
        []() -> weft::task<std::pair<int, int>> {
            int thrown = 0;
            int strange = 0;
            for (int round = 0; round < 100; ++round) {
                std::vector<weft::task<int>> children;
                for (int i = 0; i < 20; ++i) children.push_back(fail_after(i % 3, i));
                try {
                    co_await weft::gather(std::move(children));
                } catch (const numbered_error& error) {
                    ++thrown;
                    strange += error.number < 0 || error.number >= 20;
                }
            }
            co_return {thrown, strange};
        },
        {.workers = workers});
    CHECK(rounds == 100);
    CHECK(wrong == 0);
}

TEST_CASE("a failing handle in a gather fails the gather, and is not reported besides", "[gather][exception][handle]") {
    const watchdog guard{10s, "failing handle in a gather"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> reported{0};
    const int number = weft::run(
        []() -> weft::task<int> {
            auto failing = weft::spawn(fail_after(2, 7));
            auto other = weft::spawn(fail_after(2, 7));
            int sum = 0;
            try {
                co_await weft::gather(failing, give(1));
            } catch (const numbered_error& error) {
                sum += error.number;
            }
            try {
                co_await weft::gather(give(1), std::move(other));
            } catch (const numbered_error& error) {
                sum += error.number;
            }
            co_return sum;
        },
        {.workers = workers, .on_unhandled_exception = [&](const weft::unhandled_exception&) { ++reported; }});
    CHECK(number == 14);
    CHECK(reported == 0);
}

TEST_CASE("return_exceptions gives every child's value or exception", "[gather][exception]") {
    const watchdog guard{10s, "return_exceptions"};
    const auto workers = GENERATE(1u, 2u, 8u);
    int number = 3;
    const auto [wrong, of_vector] = weft::run(
        [&]() -> weft::task<std::pair<std::string, int>> {
            std::string faults;
            auto fail_void = []() -> weft::task<> {
                co_await weft::yield();
                throw numbered_error(8);
            };
            auto [value, failure, nothing_at_all, void_failure, there, pointer] =
                co_await weft::gather(weft::return_exceptions, give_after(3, 1), fail_after(1, 2), nothing(), fail_void(),
                                      reference(number), give(std::make_unique<int>(9)));
            if (!value.has_value() || value.value() != 1) faults += "value ";
            if (failure.has_value() || !failure.error()) faults += "failure ";
            if (!nothing_at_all.has_value()) faults += "void ";
            if (void_failure.has_value()) faults += "void failure ";
            if (!there || &there.value() != &number) faults += "reference ";
            const auto nine = std::move(pointer).value();
            if (*nine != 9) faults += "pointer ";
            try {
                failure.value();
                faults += "no throw ";
            } catch (const numbered_error& error) {
                if (error.number != 2) faults += "number ";
            }
            std::vector<weft::task<int>> children;
            for (int i = 0; i < 60; ++i) children.push_back(i % 3 == 0 ? fail_after(i % 4, i) : give_after(i % 4, i));
            const auto results = co_await weft::gather(weft::return_exceptions, std::move(children));
            int right = 0;
            for (int i = 0; i < 60; ++i) {
                const auto& result = results[static_cast<std::size_t>(i)];
                try {
                    right += result.value() == i && i % 3 != 0;
                } catch (const numbered_error& error) {
                    right += error.number == i && i % 3 == 0;
                }
            }
            co_return {faults, right};
        },
        {.workers = workers});
    CHECK(wrong.empty());
    CHECK(of_vector == 60);
}

TEST_CASE("return_exceptions keeps an exception_ptr that is a value apart from a failure", "[gather][exception]") {
    const watchdog guard{10s, "exception_ptr as a value"};
    const auto [null_is_value, some_is_value] = weft::run([]() -> weft::task<std::pair<bool, bool>> {
        const auto null = co_await weft::gather(weft::return_exceptions, give(std::exception_ptr{}));
        const auto some = co_await weft::gather(weft::return_exceptions, give(std::make_exception_ptr(numbered_error(1))));
        co_return {std::get<0>(null).has_value(), std::get<0>(some).has_value()};
    });
    CHECK(null_is_value);
    CHECK(some_is_value);
}

TEST_CASE("a value that throws when it is taken out of a gather is the gather's failure", "[gather][exception]") {
    const watchdog guard{10s, "throwing move out of a gather"};
    struct touchy {
        explicit touchy(census& in) : kept(in) {}
        touchy(touchy&& other) : kept(other.kept), moves(other.moves + 1) {
            if (moves == 2) throw numbered_error(5);
        }
        counted kept;
        int moves = 0;
    };
    census in;
    const int number = weft::run([&]() -> weft::task<int> {
        auto make = [&]() -> weft::task<touchy> {
            touchy local{in};
            co_await weft::yield();
            co_return std::move(local);
        };
        try {
            co_await weft::gather(make(), make());
        } catch (const numbered_error& error) {
            co_return error.number;
        }
        co_return 0;
    });
    CHECK(number == 5);
    CHECK(in.alive == 0);
}

// ---- Who outlives whom

TEST_CASE("no child outlives what it refers to, whoever throws", "[gather][frame]") {
    const watchdog guard{20s, "children and the parent's locals"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    const int sum = weft::run(
        [&]() -> weft::task<int> {
            auto parent = [&](int round) -> weft::task<int> {
                std::vector<int> local(100, 1);
                counted kept{in};
                auto child = [&local, &in](std::size_t at, bool throws, counted) -> weft::task<> {
                    counted own{in};
                    for (std::size_t i = 0; i < at % 5; ++i) {
                        co_await weft::yield();
                        local[at] += 1;
                    }
                    if (throws) throw numbered_error(static_cast<int>(at));
                    co_await weft::yield();
                    local[at] = 1;
                };
                std::vector<weft::task<>> children;
                for (std::size_t i = 0; i < local.size(); ++i)
                    children.push_back(child(i, static_cast<int>(i) == round || i == 99, counted{in}));
                co_await weft::gather(std::move(children));
                co_return 0;
            };
            int failures = 0;
            for (int round = 0; round < 50; ++round) {
                try {
                    co_await parent(round);
                } catch (const numbered_error&) {
                    ++failures;
                }
            }
            co_return failures;
        },
        {.workers = workers});
    CHECK(sum == 50);
    CHECK(in.alive == 0);
}

TEST_CASE("the children's frames are freed when the gather is", "[gather][frame]") {
    const watchdog guard{10s, "frames of a gather"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    const auto left = weft::run(
        [&]() -> weft::task<int> {
            auto child = [&](counted argument, int yields) -> weft::task<int> {
                for (int i = 0; i < yields; ++i) co_await weft::yield();
                co_return argument.number();
            };
            for (int i = 0; i < 50; ++i) {
                co_await weft::gather(child(counted{in}, 0), child(counted{in}, 3));
                std::vector<weft::task<int>> children;
                for (int k = 0; k < 10; ++k) children.push_back(child(counted{in}, k % 3));
                const auto values = co_await weft::gather(std::move(children));
            }
            co_return in.alive.load();
        },
        {.workers = workers});
    CHECK(left == 0);
    CHECK(in.alive == 0);
}

// ---- Shapes

TEST_CASE("a child whose own gather suspends leaves its siblings to the right join", "[gather][join]") {
    // root gathers 1 and 2; 1 gathers 3 and 4, which suspend. On one worker, 3 ends without its sibling on top of the forks: 2 lies
    // there, which is of another gather.
    const watchdog guard{20s, "root{1, 2}, 1{3, 4}"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto wrong = weft::run(
        []() -> weft::task<int> {
            int bad = 0;
            for (int first = 0; first < 4; ++first) {
                for (int second = 0; second < 4; ++second) {
                    for (int third = 0; third < 4; ++third) {
                        auto one = [&]() -> weft::task<int> {
                            const auto [three, four] = co_await weft::gather(give_after(first, 3), give_after(second, 4));
                            co_return three * 10 + four;
                        };
                        const auto [left, right] = co_await weft::gather(one(), give_after(third, 2));
                        bad += left != 34 || right != 2;
                        const auto [right_first, left_last] = co_await weft::gather(give_after(third, 2), one());
                        bad += left_last != 34 || right_first != 2;
                    }
                }
            }
            co_return bad;
        },
        {.workers = workers});
    CHECK(wrong == 0);
}

namespace {

// A tree in which every node is gathered with its brothers, and some of them suspend in one way or another.
weft::task<int> tree(int depth, unsigned shape) {
    if (depth == 0) {
        switch (shape % 5) {
            case 0: co_await weft::yield(); break;
            case 1: co_await weft::sleep(std::chrono::microseconds(shape % 50)); break;
            default: break;
        }
        co_return 1;
    }
    if (shape % 7 == 3) co_await weft::yield();
    std::vector<weft::task<int>> children;
    for (unsigned i = 0; i < 2 + shape % 3; ++i) children.push_back(tree(depth - 1, shape * 31 + i));
    int sum = 1;
    for (const int each : co_await weft::gather(std::move(children))) sum += each;
    co_return sum;
}

int nodes(int depth, unsigned shape) {
    if (depth == 0) return 1;
    int sum = 1;
    for (unsigned i = 0; i < 2 + shape % 3; ++i) sum += nodes(depth - 1, shape * 31 + i);
    return sum;
}

weft::task<int> fibonacci(int n) {
    if (n < 2) co_return n;
    const auto [a, b] = co_await weft::gather(fibonacci(n - 1), fibonacci(n - 2));
    co_return a + b;
}

}  // namespace

TEST_CASE("trees of gathers whose leaves suspend at random are all counted", "[gather][join]") {
    const watchdog guard{30s, "trees of gathers"};
    const auto workers = GENERATE(1u, 2u, 8u);
    for (unsigned shape = 0; shape < 12; ++shape) {
        CAPTURE(shape, workers);
        CHECK(weft::run(tree(6, shape), {.workers = workers}) == nodes(6, shape));
    }
}

TEST_CASE("fork and join all the way down", "[gather][join]") {
    const watchdog guard{30s, "fibonacci by gather"};
    const auto workers = GENERATE(1u, 2u, 8u);
    CHECK(weft::run(fibonacci(20), {.workers = workers}) == 6765);
}

TEST_CASE("children are stolen: a gather uses every worker", "[gather][steal]") {
    const watchdog guard{20s, "stolen children"};
    const auto workers = GENERATE(2u, 8u);
    // Each child holds its worker until all of them are held, so it ends only if they run on as many workers.
    const auto used = weft::run(
        [&]() -> weft::task<std::size_t> {
            std::atomic<unsigned> arrived{0};
            auto meet = [&]() -> weft::task<unsigned> {
                ++arrived;
                while (arrived < workers) std::this_thread::yield();
                co_return weft::worker_index();
            };
            std::vector<weft::task<unsigned>> children;
            for (unsigned i = 0; i < workers; ++i) children.push_back(meet());
            const auto where = co_await weft::gather(std::move(children));
            co_return std::set<unsigned>(where.begin(), where.end()).size();
        },
        {.workers = workers});
    CHECK(used == workers);
}

TEST_CASE("the same task given twice to a gather throws invalid_state and starts nothing", "[gather][error]") {
    const watchdog guard{20s, "a task twice in a gather"};
    std::atomic<int> started = 0;
    const bool refused = weft::run([&]() -> weft::task<bool> {
        auto once = [](std::atomic<int>& count) -> weft::task<> {
            ++count;
            co_return;
        }(started);
        try {
            auto both = weft::gather(std::move(once), std::move(once));
            co_await both;
        } catch (const weft::invalid_state&) {
            co_return true;
        }
        co_return false;
    });
    CHECK(refused);
    CHECK(started == 0);
}

TEST_CASE("a gather that was moved from throws invalid_state, the one it was moved to runs", "[gather][error]") {
    const watchdog guard{20s, "a gather moved from"};
    const auto [refused, sum] = weft::run([]() -> weft::task<std::pair<bool, int>> {
        auto value = [](int n) -> weft::task<int> { co_return n; };
        auto first = weft::gather(value(1), value(2));
        auto second = std::move(first);
        bool was_refused = false;
        try {
            co_await first;
        } catch (const weft::invalid_state&) {
            was_refused = true;
        }
        auto results = co_await second;
        co_return std::pair{was_refused, std::get<0>(results) + std::get<1>(results)};
    });
    CHECK(refused);
    CHECK(sum == 3);
}

TEST_CASE("a gather of a vector that was moved from or awaited throws invalid_state, an empty one does not", "[gather][error]") {
    const watchdog guard{20s, "a gather of a vector moved from"};
    const auto [refused, sum] = weft::run([]() -> weft::task<std::pair<int, int>> {
        auto value = [](int n) -> weft::task<int> { co_return n; };
        std::vector<weft::task<int>> children;
        for (int n = 1; n <= 3; ++n) children.push_back(value(n));
        auto first = weft::gather(std::move(children));
        auto second = std::move(first);
        const auto results = co_await second;
        int count = 0;
        for (auto* const spent : {&first, &second}) {
            try {
                co_await *spent;
            } catch (const weft::invalid_state&) {
                ++count;
            }
        }
        auto empty = weft::gather(std::vector<weft::task<int>>{});
        for (int times = 0; times < 2; ++times) count += static_cast<int>((co_await empty).size());
        co_return std::pair{count, std::accumulate(results.begin(), results.end(), 0)};
    });
    CHECK(refused == 2);
    CHECK(sum == 6);
}
