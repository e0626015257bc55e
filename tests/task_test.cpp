// SPDX-License-Identifier: MIT
// task<T>: when it runs, what it gives, how it fails, what it frees, and where it goes on after awaiting something foreign.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <map>
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
using weft::test::counted;
using weft::test::counted_move_only;
using weft::test::this_thread_id;
using weft::test::watchdog;

static_assert(std::is_nothrow_move_constructible_v<weft::task<int>> && std::is_nothrow_move_assignable_v<weft::task<int>>);
static_assert(!std::is_copy_constructible_v<weft::task<int>> && !std::is_copy_assignable_v<weft::task<int>>);
static_assert(std::is_nothrow_default_constructible_v<weft::task<>>);
static_assert(weft::awaitable<weft::task<int>> && !weft::awaitable<weft::task<int>&> && !weft::awaitable<int>);
static_assert(std::is_same_v<weft::await_result_t<weft::task<>>, void>);
static_assert(std::is_same_v<weft::await_result_t<weft::task<std::string>>, std::string>);
static_assert(std::is_same_v<weft::await_result_t<weft::task<int&>>, int&>);
static_assert(std::is_same_v<weft::await_result_t<weft::task<const int&>>, const int&>);

namespace {

weft::task<> append(std::vector<std::string>& log, std::string entry) {
    log.push_back(std::move(entry));
    co_return;
}

template <class Value>
weft::task<Value> give(Value value) {
    co_return std::move(value);
}

template <class Value>
weft::task<Value> give_later(Value value) {
    co_await weft::yield();
    co_return std::move(value);
}

}  // namespace

// ---- When it runs

TEST_CASE("a task does nothing until it is awaited", "[task]") {
    const watchdog guard{10s, "lazy task"};
    std::vector<std::string> log;
    const bool untouched = weft::run([&]() -> weft::task<bool> {
        auto task = append(log, "ran");
        const bool nothing_yet = log.empty();
        co_await std::move(task);
        co_return nothing_yet;
    });
    CHECK(untouched);
    CHECK(log == std::vector<std::string>{"ran"});
}

TEST_CASE("an awaited task runs at once, before what is ready already", "[task]") {
    const watchdog guard{10s, "awaiting is not scheduling"};
    std::vector<std::string> log;
    weft::run(
        [&]() -> weft::task<> {
            auto handle = weft::spawn(append(log, "spawned"));
            co_await append(log, "awaited");
            log.push_back("awaiter");
            co_await handle;
        },
        {.workers = 1});
    CHECK(log == std::vector<std::string>{"awaited", "awaiter", "spawned"});
}

TEST_CASE("an awaited task that does not suspend stays on the awaiting thread", "[task]") {
    const watchdog guard{10s, "inline await"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const int moved = weft::run(
        [&]() -> weft::task<int> {
            auto where = []() -> weft::task<std::thread::id> { co_return this_thread_id(); };
            int elsewhere = 0;
            for (int i = 0; i < 1000; ++i) {
                const auto before = this_thread_id();
                const auto inside = co_await where();
                const auto after = this_thread_id();
                elsewhere += before != inside || inside != after;
                if (i % 100 == 0) co_await weft::yield();
            }
            co_return elsewhere;
        },
        {.workers = workers});
    CHECK(moved == 0);
}

TEST_CASE("a task knows whether it is empty", "[task]") {
    weft::task<int> task;
    CHECK_FALSE(task.valid());
    task = give(1);
    CHECK(task.valid());
    weft::task<int> other = std::move(task);
    CHECK(other.valid());
    CHECK_FALSE(task.valid());
    auto& same = other;
    other = std::move(same);
    CHECK(other.valid());
    CHECK(weft::run(std::move(other)) == 1);
    CHECK_FALSE(other.valid());
}

// ---- What it gives

namespace {

struct no_default {
    no_default(int first, std::string second) : number(first), text(std::move(second)) {}
    int number;
    std::string text;
};

struct alignas(64) cache_line {
    explicit cache_line(int n) : number(n) {}
    int number;
    bool aligned = reinterpret_cast<std::uintptr_t>(this) % 64 == 0;
};

weft::task<no_default> braces() { co_return {7, "seven"}; }

weft::task<const int&> constant(const int& number) { co_return number; }

weft::task<std::string&> pass(std::string& text) {
    co_await weft::yield();
    co_return text;
}

}  // namespace

TEST_CASE("a task gives void, plain, move-only and non-default-constructible values", "[task][value]") {
    const watchdog guard{10s, "values"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto [number, text, pointer, late, braced] = weft::run(
        []() -> weft::task<std::tuple<int, std::string, std::unique_ptr<int>, std::unique_ptr<int>, no_default>> {
            auto nothing = []() -> weft::task<> { co_return; };
            co_await nothing();
            const int one = co_await give(1);
            auto two = co_await give(std::string(100, '2'));
            auto three = co_await give(std::make_unique<int>(3));
            auto four = co_await give_later(std::make_unique<int>(4));
            auto seven = co_await braces();
            co_return {one, std::move(two), std::move(three), std::move(four), std::move(seven)};
        },
        {.workers = workers});
    CHECK(number == 1);
    CHECK(text == std::string(100, '2'));
    CHECK(*pointer == 3);
    CHECK(*late == 4);
    CHECK(braced.number == 7);
    CHECK(braced.text == "seven");
}

TEST_CASE("a task of a reference gives the very object", "[task][value]") {
    const watchdog guard{10s, "references"};
    std::string text = "text";
    const int number = 5;
    const auto [same_text, same_number] = weft::run([&]() -> weft::task<std::pair<std::string*, const int*>> {
        std::string& got = co_await pass(text);
        got += "!";
        const int& constant_got = co_await constant(number);
        co_return {&got, &constant_got};
    });
    CHECK(same_text == &text);
    CHECK(text == "text!");
    CHECK(same_number == &number);
    CHECK(&weft::run(pass(text)) == &text);
}

TEST_CASE("an over-aligned value stands where it must", "[task][value]") {
    const watchdog guard{10s, "over-aligned values"};
    const auto [aligned, sum] = weft::run([]() -> weft::task<std::pair<bool, int>> {
        auto line = [](int n) -> weft::task<cache_line> { co_return cache_line{n}; };
        bool all_aligned = true;
        int total = 0;
        for (int i = 0; i < 100; ++i) {
            auto handle = weft::spawn(line(i));
            const cache_line& there = co_await handle;
            all_aligned = all_aligned && reinterpret_cast<std::uintptr_t>(&there) % 64 == 0;
            const auto taken = co_await line(i);
            total += there.number + taken.number;
        }
        co_return {all_aligned, total};
    });
    CHECK(aligned);
    CHECK(sum == 9900);
}

TEST_CASE("a task may give another task, or an exception_ptr as a plain value", "[task][value]") {
    const watchdog guard{10s, "strange values"};
    const auto [number, null, message] = weft::run([]() -> weft::task<std::tuple<int, bool, std::string>> {
        auto make = []() -> weft::task<weft::task<int>> { co_return give(8); };
        auto inner = co_await make();
        const int eight = co_await std::move(inner);
        const auto nothing = co_await give(std::exception_ptr{});
        const auto failure = co_await give(std::make_exception_ptr(std::runtime_error("a value")));
        std::string what;
        try {
            std::rethrow_exception(failure);
        } catch (const std::runtime_error& error) {
            what = error.what();
        }
        co_return {eight, nothing == nullptr, what};
    });
    CHECK(number == 8);
    CHECK(null);
    CHECK(message == "a value");
}

TEST_CASE("a value is moved and never copied on its way out", "[task][value]") {
    const watchdog guard{10s, "no copies"};
    census values;
    const int number = weft::run([&]() -> weft::task<int> {
        auto make = [](census& in) -> weft::task<counted> { co_return counted{in, 9}; };
        auto middle = [&](census& in) -> weft::task<counted> { co_return co_await make(in); };
        const auto got = co_await middle(values);
        co_return got.number();
    });
    CHECK(number == 9);
    CHECK(values.copied == 0);
    CHECK(values.alive == 0);
}

TEST_CASE("frames larger than any cache class work", "[task]") {
    const watchdog guard{10s, "large frames"};
    const int sum = weft::run([]() -> weft::task<int> {
        auto large = [](int n) -> weft::task<int> {
            std::array<int, 50'000> kept{};
            kept[static_cast<std::size_t>(n)] = n;
            co_await weft::yield();
            co_return kept[static_cast<std::size_t>(n)];
        };
        int total = 0;
        for (int i = 1; i <= 10; ++i) total += co_await large(i);
        co_return total;
    });
    CHECK(sum == 55);
}

// ---- How it fails

namespace {

struct custom_error : std::runtime_error {
    custom_error(const std::string& what, int n) : std::runtime_error(what), number(n) {}
    int number;
};

weft::task<int> fail(int yields) {
    for (int i = 0; i < yields; ++i) co_await weft::yield();
    throw custom_error("failed", yields);
}

weft::task<int> fail_below(int depth) {
    if (depth == 0) co_return co_await fail(1);
    co_return co_await fail_below(depth - 1) + 1;
}

}  // namespace

TEST_CASE("a task's exception reaches who awaits it", "[task][exception]") {
    const watchdog guard{10s, "exceptions"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto yields = GENERATE(0, 1, 3);
    const int caught = weft::run(
        [&]() -> weft::task<int> {
            try {
                co_await fail(yields);
            } catch (const custom_error& error) {
                co_return error.number;
            }
            co_return -1;
        },
        {.workers = workers});
    CHECK(caught == yields);
}

TEST_CASE("an exception passes through every awaiting task, as the same object", "[task][exception]") {
    const watchdog guard{10s, "exceptions through many frames"};
    CHECK_THROWS_AS(weft::run(fail_below(100)), custom_error);
    const bool same = weft::run([]() -> weft::task<bool> {
        const void* thrown = nullptr;
        auto thrower = [&]() -> weft::task<> {
            try {
                throw custom_error("one", 1);
            } catch (const custom_error& error) {
                thrown = &error;
                throw;
            }
            co_return;
        };
        auto middle = [&]() -> weft::task<> { co_await thrower(); };
        try {
            co_await middle();
        } catch (const custom_error& error) {
            co_return thrown == &error;
        }
        co_return false;
    });
    CHECK(same);
}

TEST_CASE("anything can be thrown", "[task][exception]") {
    const watchdog guard{10s, "an int as exception"};
    auto throws_int = []() -> weft::task<> {
        throw 5;
        co_return;
    };
    int caught = 0;
    try {
        weft::run(throws_int());
    } catch (int number) {
        caught = number;
    }
    CHECK(caught == 5);
}

namespace {

struct touchy {
    explicit touchy(int) { throw custom_error("constructor", 1); }
};

weft::task<touchy> constructor_throws() { co_return touchy{1}; }

// Its destructor throws.
struct exploding {
    explicit exploding(census& in) : kept(in) {}
    exploding(const exploding&) = delete;
    ~exploding() noexcept(false) { throw custom_error("destructor", 3); }
    counted kept;
};

weft::task<counted> destructor_throws(census& in) {
    exploding bomb{in};
    co_await weft::yield();
    co_return counted{in, 1};
}

weft::task<> void_destructor_throws(census& in) {
    exploding bomb{in};
    co_await weft::yield();
}

template <class Make>
std::pair<std::string, int> what_and_left(census& in, Make make) {
    const std::string what = weft::run([&]() -> weft::task<std::string> {
        try {
            co_await make();
        } catch (const custom_error& error) {
            co_return error.what();
        }
        co_return "nothing thrown";
    });
    return {what, in.alive.load()};
}

}  // namespace

TEST_CASE("a value whose constructor throws is the task's failure", "[task][exception]") {
    const watchdog guard{10s, "throwing constructor"};
    census in;
    CHECK(what_and_left(in, [] { return constructor_throws(); }) == std::pair<std::string, int>{"constructor", 0});
}

TEST_CASE("a value whose move throws on the way out is the await's failure, and is freed", "[task][exception]") {
    const watchdog guard{10s, "throwing move"};
    struct throws_when_taken {
        explicit throws_when_taken(census& in) : kept(in) {}
        throws_when_taken(throws_when_taken&& other) : kept(other.kept), moved(other.moved + 1) {
            if (moved == 2) throw custom_error("move", 2);
        }
        counted kept;
        int moved = 0;
    };
    census in;
    auto make = [&]() -> weft::task<throws_when_taken> {
        throws_when_taken local{in};
        co_await weft::yield();
        co_return std::move(local);
    };
    CHECK(what_and_left(in, make) == std::pair<std::string, int>{"move", 0});
}

TEST_CASE("a destructor that throws after co_return turns the value into that failure", "[task][exception]") {
    const watchdog guard{10s, "throwing destructor"};
    census in;
    CHECK(what_and_left(in, [&] { return void_destructor_throws(in); }) == std::pair<std::string, int>{"destructor", 0});
    CHECK(what_and_left(in, [&] { return destructor_throws(in); }) == std::pair<std::string, int>{"destructor", 0});
}

// ---- What it frees

TEST_CASE("a task that never starts destroys its arguments", "[task][frame]") {
    census in;
    auto keep = [](counted argument, std::unique_ptr<int>) -> weft::task<int> { co_return argument.number(); };
    {
        auto task = keep(counted{in, 1}, std::make_unique<int>(1));
        CHECK(in.alive == 1);
    }
    CHECK(in.alive == 0);
    {
        auto task = keep(counted{in, 1}, nullptr);
        task = keep(counted{in, 2}, nullptr);
        CHECK(in.alive == 1);
        auto third = std::move(task);
        CHECK(in.alive == 1);
    }
    CHECK(in.alive == 0);
}

TEST_CASE("arguments live until the task's owner lets go, and are destroyed once", "[task][frame]") {
    const watchdog guard{10s, "arguments"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    const auto [during, after_failure, after] = weft::run(
        [&]() -> weft::task<std::tuple<int, int, int>> {
            auto keep = [](counted_move_only argument, census& all) -> weft::task<int> {
                counted local{all};
                co_await weft::yield();
                co_return all.alive + argument.number();
            };
            auto lose = [](counted, census& all) -> weft::task<> {
                counted local{all};
                co_await weft::yield();
                throw custom_error("lost", 0);
            };
            int most = 0;
            for (int i = 0; i < 100; ++i) most = std::max(most, co_await keep(counted_move_only{in}, in));
            for (int i = 0; i < 100; ++i) {
                try {
                    co_await lose(counted{in}, in);
                } catch (const custom_error&) {
                }
            }
            const int left = in.alive;
            auto named = keep(counted_move_only{in}, in);
            co_await std::move(named);
            co_return {most, left, in.alive.load()};
        },
        {.workers = workers});
    CHECK(during >= 2);
    CHECK(during <= 3);  // a compiler may keep the temporary argument until the end of the statement
    CHECK(after_failure == 0);
    CHECK(after >= 0);  // the named task still owns its frame
    CHECK(after <= 1);
    CHECK(in.alive == 0);
}

// ---- Misuse

TEST_CASE("awaiting an empty task throws invalid_state and says what to do", "[task][misuse]") {
    const watchdog guard{10s, "empty task"};
    const std::string message = weft::run([]() -> weft::task<std::string> {
        try {
            weft::task<int> empty;
            co_await std::move(empty);
        } catch (const weft::invalid_state& error) {
            co_return error.what();
        }
        co_return "";
    });
    CHECK_THAT(message, ContainsSubstring("weft::task") && ContainsSubstring("empty"));
    CHECK_THAT(message, ContainsSubstring("call the coroutine again"));
}

TEST_CASE("awaiting a task twice throws invalid_state and says what to do", "[task][misuse]") {
    const watchdog guard{10s, "reused task"};
    const auto yields = GENERATE(0, 1);
    const auto [runs, message] = weft::run([&]() -> weft::task<std::pair<int, std::string>> {
        int started = 0;
        auto once = [&]() -> weft::task<> {
            ++started;
            for (int i = 0; i < yields; ++i) co_await weft::yield();
        };
        auto task = once();
        co_await std::move(task);
        try {
            co_await std::move(task);
        } catch (const weft::invalid_state& error) {
            co_return {started, error.what()};
        }
        co_return {started, ""};
    });
    CHECK(runs == 1);
    CHECK_THAT(message, ContainsSubstring("awaited already") && ContainsSubstring("call the coroutine again"));
}

TEST_CASE("an empty task cannot be run, spawned or submitted", "[task][misuse]") {
    const watchdog guard{10s, "empty tasks elsewhere"};
    CHECK_THROWS_AS(weft::run(weft::task<>{}), weft::invalid_state);
    weft::runtime runtime({.workers = 1});
    CHECK_THROWS_AS(runtime.run(weft::task<int>{}), weft::invalid_state);
    CHECK_THROWS_AS(runtime.submit(weft::task<int>{}), weft::invalid_state);
    const bool threw = runtime.run([]() -> weft::task<bool> {
        try {
            weft::spawn(weft::task<>{});
        } catch (const weft::invalid_state&) {
            co_return true;
        }
        co_return false;
    });
    CHECK(threw);
}

// ---- Foreign awaitables

namespace {

enum class answer { nothing, yes, no, itself, other };

// A foreign awaitable whose await_suspend answers in each way the language has. Where it suspends, another thread resumes.
template <answer Answer>
struct answering {
    weft::test::other_thread* thread;
    int value;

    bool await_ready() const noexcept { return false; }
    auto await_suspend(std::coroutine_handle<> suspended) const {
        if constexpr (Answer == answer::no) {
            return false;
        } else if constexpr (Answer == answer::itself) {
            return suspended;
        } else {
            thread->post([suspended] { suspended.resume(); });
            if constexpr (Answer == answer::yes) return true;
            if constexpr (Answer == answer::other) return std::coroutine_handle<>{std::noop_coroutine()};
        }
    }
    int await_resume() const noexcept { return value; }
};

// Whether the running task is where a task of a runtime with so many workers must be.
bool at_home(unsigned workers) { return weft::on_worker() && weft::worker_count() == workers && weft::worker_index() < workers; }

template <answer Answer>
std::pair<int, int> await_often(unsigned workers) {
    weft::test::other_thread thread;
    return weft::run(
        [&]() -> weft::task<std::pair<int, int>> {
            int sum = 0;
            int astray = 0;
            for (int i = 1; i <= 100; ++i) {
                answering<Answer> foreign{&thread, i};
                sum += co_await foreign;
                astray += !at_home(workers);
            }
            co_return {sum, astray};
        },
        {.workers = workers});
}

}  // namespace

TEST_CASE("a task goes on at a worker of its runtime, however a foreign await_suspend answers", "[task][foreign]") {
    const watchdog guard{20s, "foreign await_suspend"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const std::pair<int, int> right{5050, 0};
    CHECK(await_often<answer::nothing>(workers) == right);
    CHECK(await_often<answer::yes>(workers) == right);
    CHECK(await_often<answer::no>(workers) == right);
    CHECK(await_often<answer::itself>(workers) == right);
    CHECK(await_often<answer::other>(workers) == right);
}

TEST_CASE("a foreign awaitable may resume the task inside its await_suspend", "[task][foreign]") {
    const watchdog guard{10s, "resumed inside await_suspend"};
    const auto workers = GENERATE(1u, 2u, 8u);
    struct at_once {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> suspended) const { suspended.resume(); }
        void await_resume() const noexcept {}
    };
    const int astray = weft::run(
        [&]() -> weft::task<int> {
            int lost = 0;
            for (int i = 0; i < 100; ++i) {
                co_await at_once{};
                lost += !at_home(workers);
            }
            co_return lost;
        },
        {.workers = workers});
    CHECK(astray == 0);
}

TEST_CASE("a foreign awaitable that is ready does not suspend", "[task][foreign]") {
    const watchdog guard{10s, "ready foreign awaitable"};
    struct ready {
        bool* suspended;
        bool await_ready() const noexcept { return true; }
        void await_suspend(std::coroutine_handle<>) const noexcept { *suspended = true; }
        std::unique_ptr<int> await_resume() const { return std::make_unique<int>(6); }
    };
    bool suspended = false;
    const int six = weft::run([&]() -> weft::task<int> {
        const auto value = co_await ready{&suspended};
        co_return *value;
    });
    CHECK(six == 6);
    CHECK_FALSE(suspended);
}

TEST_CASE("what a foreign awaitable throws is thrown at the await, on a worker", "[task][foreign][exception]") {
    const watchdog guard{10s, "throwing foreign awaitables"};
    const auto workers = GENERATE(1u, 2u, 8u);
    struct throws_in_ready {
        bool await_ready() const { throw custom_error("ready", 0); }
        void await_suspend(std::coroutine_handle<>) const {}
        void await_resume() const {}
    };
    struct throws_in_suspend {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const { throw custom_error("suspend", 1); }
        void await_resume() const {}
    };
    struct throws_in_resume {
        weft::test::other_thread* thread;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> suspended) const {
            thread->post([suspended] { suspended.resume(); });
        }
        void await_resume() const { throw custom_error("resume", 2); }
    };
    weft::test::other_thread thread;
    const std::string all = weft::run(
        [&]() -> weft::task<std::string> {
            std::string caught;
            auto note = [&](const custom_error& error) {
                caught += error.what();
                caught += at_home(workers) ? " here, " : " astray, ";
            };
            try {
                co_await throws_in_ready{};
            } catch (const custom_error& error) {
                note(error);
            }
            try {
                co_await throws_in_suspend{};
            } catch (const custom_error& error) {
                note(error);
            }
            try {
                co_await throws_in_resume{&thread};
            } catch (const custom_error& error) {
                note(error);
            }
            co_await weft::yield();  // and it can still suspend
            co_return caught;
        },
        {.workers = workers});
    CHECK(all == "ready here, suspend here, resume here, ");
}

namespace foreign_library {

struct by_member {
    weft::test::other_thread* thread;
    auto operator co_await() & { return answering<answer::nothing>{thread, 1}; }
    auto operator co_await() && { return answering<answer::nothing>{thread, 2}; }
};

struct by_function {
    weft::test::other_thread* thread;
};
inline auto operator co_await(const by_function& awaitable) { return answering<answer::nothing>{awaitable.thread, 3}; }

struct by_function_rvalue {
    weft::test::other_thread* thread;
};
inline auto operator co_await(by_function_rvalue&& awaitable) { return answering<answer::nothing>{awaitable.thread, 4}; }

}  // namespace foreign_library

static_assert(weft::awaitable<foreign_library::by_member&> && weft::awaitable<foreign_library::by_member>);
static_assert(weft::awaitable<foreign_library::by_function&> && weft::awaitable<foreign_library::by_function_rvalue>);
static_assert(!weft::awaitable<foreign_library::by_function_rvalue&>);

TEST_CASE("operator co_await is found as a member and as a free function, for lvalues and rvalues", "[task][foreign]") {
    const watchdog guard{10s, "operator co_await"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::test::other_thread thread;
    const auto values = weft::run(
        [&]() -> weft::task<std::vector<int>> {
            std::vector<int> got;
            foreign_library::by_member named{&thread};
            got.push_back(co_await named);
            got.push_back(co_await std::move(named));
            const foreign_library::by_function constant{&thread};
            got.push_back(co_await constant);
            got.push_back(co_await foreign_library::by_function_rvalue{&thread});
            got.push_back(at_home(workers) ? 5 : 0);
            co_return got;
        },
        {.workers = workers});
    CHECK(values == std::vector<int>{1, 2, 3, 4, 5});
}

TEST_CASE("a task that another thread resumes never runs there", "[task][foreign]") {
    const watchdog guard{20s, "hops"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::test::other_thread thread;
    weft::test::gate opened_outside;
    thread.post([&] { opened_outside.open(); });
    std::atomic<int> wrong{0};
    auto hopping = [&](int times) -> weft::task<> {
        std::map<unsigned, std::thread::id> identity;
        co_await opened_outside;
        for (int i = 0; i < times; ++i) {
            switch (i % 4) {
                case 0: co_await thread.hop(); break;
                case 1: co_await weft::yield(); break;
                case 2: co_await weft::sleep(1us); break;
                default: co_await give_later(i);
            }
            // One index, one thread, for ever: so a value kept over the suspension shows.
            const auto [known, first] = identity.try_emplace(weft::worker_index(), this_thread_id());
            if (!at_home(workers) || known->second != this_thread_id()) ++wrong;
        }
    };
    weft::run(
        [&]() -> weft::task<> {
            std::vector<weft::task<>> many;
            for (int i = 0; i < 16; ++i) many.push_back(hopping(100));
            co_await weft::gather(std::move(many));
        },
        {.workers = workers});
    CHECK(wrong == 0);
}
