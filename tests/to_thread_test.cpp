// SPDX-License-Identifier: MIT
// to_thread: what it gives, where functions run and how many at once, and what becomes of them when nobody waits any more. The pool
// alone is in thread_pool_test.cpp, races in to_thread_race_test.cpp.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/no_more_threads.hpp"
#include "support/subprocess.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include "first_line.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using weft::cancelled;
using weft::task;
using weft::to_thread;
using weft::test::census;
using weft::test::ContainsSubstring;
using weft::test::counted;
using weft::test::counted_move_only;
using weft::test::this_thread_id;
using weft::test::watchdog;
using weft::testing::paused_clock;

namespace {

int add(int a, int b) { return a + b; }

template <class Awaitable>
task<bool> is_cancelled(Awaitable awaitable) {
    try {
        co_await std::move(awaitable);
    } catch (cancelled const&) {
        co_return true;
    }
    co_return false;
}

// Something that a function waits for: not the end of a task, which would be a deadlock if it did not come.
class door {
public:
    void open() noexcept {
        open_.store(true);
        open_.notify_all();
    }
    void pass() const noexcept { open_.wait(false); }
    [[nodiscard]] bool is_open() const noexcept { return open_.load(); }

private:
    std::atomic<bool> open_{false};
};

task<> until(std::atomic<int> const& count, int value) {
    while (count.load() != value) co_await weft::sleep(100us);
}

}  // namespace

// ---- What it gives

TEST_CASE("to_thread gives the function's value", "[to_thread]") {
    watchdog const guard(10s, "values");
    auto const workers = GENERATE(1u, 2u);
    auto const body = []() -> task<bool> {
        int const sum = co_await to_thread(add, 20, 22);
        auto const join = [](std::string const& a, char const* b) { return a + b; };
        std::string const text = co_await to_thread(join, "a string ", "of two");
        std::vector<int> const numbers = co_await to_thread([] { return std::vector<int>(1000, 7); });
        auto const made = co_await to_thread([] { return std::make_unique<int>(5); });
        co_return sum == 42 && text == "a string of two" && numbers == std::vector<int>(1000, 7) && *made == 5;
    };
    CHECK(weft::run(body, {.workers = workers}));
}

TEST_CASE("to_thread of a function that returns nothing, a reference, something const", "[to_thread]") {
    watchdog const guard(10s, "references");
    static_assert(std::is_same_v<decltype(to_thread(std::declval<void (&)()>())), task<void>>);
    static_assert(std::is_same_v<decltype(to_thread(std::declval<int& (&)()>())), task<int&>>);
    static_assert(std::is_same_v<decltype(to_thread(std::declval<int const& (&)()>())), task<int const&>>);
    static_assert(std::is_same_v<decltype(to_thread(std::declval<std::string && (&)()>())), task<std::string>>);
    static_assert(std::is_same_v<decltype(to_thread(std::declval<std::string const (&)()>())), task<std::string>>);
    int number = 1;
    auto const body = [&number]() -> task<bool> {
        co_await to_thread([&number] { number = 2; });
        int& same = co_await to_thread([](int& given) -> int& { return given; }, std::ref(number));
        co_return &same == &number && number == 2;
    };
    CHECK(weft::run(body));
}

TEST_CASE("arguments are kept as std::thread keeps them", "[to_thread]") {
    watchdog const guard(10s, "arguments");
    census objects;
    struct member {
        int number = 7;
        int twice() { return 2 * number; }
    };
    auto const body = [&objects]() -> task<std::vector<int>> {
        std::vector<int> wrong;
        counted const kept(objects, 3);
        // A named one is copied once; a temporary, or one that is moved in, never. The function may move them out.
        wrong.push_back(co_await to_thread([](counted given) { return given.number() - 3; }, kept));
        wrong.push_back(objects.copied - 1);
        counted_move_only only(objects, 4);
        wrong.push_back(co_await to_thread([](counted_move_only given) { return given.number() - 4; }, std::move(only)));
        auto owned = std::make_unique<int>(5);
        wrong.push_back(co_await to_thread([](std::unique_ptr<int> given) { return *given - 5; }, std::move(owned)));
        auto only_callable = [inside = std::make_unique<int>(6)] { return *inside - 6; };
        wrong.push_back(co_await to_thread(std::move(only_callable)));
        member const seven;
        wrong.push_back(co_await to_thread(&member::twice, seven) - 14);
        wrong.push_back(objects.copied - 1);
        // All that it has got is gone when the await has ended: `kept` and `only` are left.
        wrong.push_back(objects.alive - 2);
        co_return wrong;
    };
    CHECK(weft::run(body) == std::vector<int>(8, 0));
    CHECK(objects.alive == 0);
}

TEST_CASE("what needs more than the usual alignment", "[to_thread]") {
    watchdog const guard(10s, "alignment");
    struct alignas(64) wide {
        int number = 0;
    };
    auto const body = []() -> task<bool> {
        auto const call = [](wide const& given) {
            return wide{reinterpret_cast<std::uintptr_t>(&given) % alignof(wide) == 0 ? given.number + 1 : -1};
        };
        wide const one{1};
        wide const two = co_await to_thread(call, one);
        co_return two.number == 2;
    };
    CHECK(weft::run(body));
}

TEST_CASE("the function's exception comes out of the await", "[to_thread][exception]") {
    watchdog const guard(10s, "exceptions");
    std::atomic<int> reported = 0;
    auto const body = []() -> task<std::vector<std::string>> {
        std::vector<std::string> said;
        try {
            co_await to_thread([] { throw std::out_of_range("from afar"); });
        } catch (std::out_of_range const& error) {
            said.emplace_back(error.what());
        }
        try {
            std::string const never = co_await to_thread([]() -> std::string { throw 5; });
            said.push_back(never);
        } catch (int number) {
            said.push_back(std::to_string(number));
        }
        said.push_back(co_await to_thread([] { return std::string("and on"); }));
        co_return said;
    };
    auto const said = weft::run(body, {.on_unhandled_exception = [&](auto const&) { ++reported; }});
    CHECK(said == std::vector<std::string>{"from afar", "5", "and on"});
    CHECK(reported == 0);
}

TEST_CASE("it is a task: nothing happens before it is awaited, and what takes tasks takes it", "[to_thread]") {
    watchdog const guard(10s, "a task");
    CHECK(weft::run(to_thread(add, 1, 2)) == 3);
    census objects;
    std::atomic<int> calls = 0;
    auto const call = [&calls](counted const&) { return ++calls; };
    static_cast<void>(to_thread(call, counted(objects)));
    CHECK(calls == 0);
    CHECK(objects.alive == 0);
    auto const body = []() -> task<bool> {
        auto const handle = weft::spawn(to_thread(add, 1, 2));
        auto const [a, b] = co_await weft::gather(to_thread(add, 3, 4), to_thread([] {}));
        static_assert(std::is_same_v<decltype(b), std::monostate const>);
        auto const first = co_await weft::first(to_thread(add, 5, 6), weft::sleep(1h));
        int const in_time = co_await weft::wait_for(to_thread(add, 7, 8), 1h);
        auto const whole = co_await weft::gather(weft::return_exceptions, to_thread([]() -> int { throw 1; }));
        co_return co_await handle == 3 && a == 7 && std::get<0>(first) == 11 && in_time == 15 && !std::get<0>(whole).has_value();
    };
    CHECK(weft::run(body));
}

TEST_CASE("a thousand functions are gathered", "[to_thread][gather]") {
    watchdog const guard(30s, "a thousand");
    auto const workers = GENERATE(1u, 2u, 4u);
    auto const body = []() -> task<long> {
        std::vector<task<int>> all;
        for (int number = 0; number < 1000; ++number) all.push_back(to_thread(add, number, number));
        auto const values = co_await weft::gather(std::move(all));
        long wrong = 0;
        for (int number = 0; number < 1000; ++number) wrong += values[static_cast<std::size_t>(number)] != 2 * number;
        co_return wrong;
    };
    CHECK(weft::run(body, {.workers = workers}) == 0);
}

// ---- Where it runs

TEST_CASE("functions run on threads that are no workers, where weft is outside", "[to_thread]") {
    watchdog const guard(10s, "no workers");
    auto const body = []() -> task<std::vector<bool>> {
        auto const found = co_await to_thread([] {
            std::vector<bool> seen{!weft::on_worker()};
            task<int> refused = to_thread(add, 1, 1);
            try {
                weft::spawn(std::move(refused));
                seen.push_back(false);
            } catch (weft::no_current_runtime const&) {
                seen.push_back(true);
            }
            // Not even a nested run is forbidden, and one in that.
            seen.push_back(weft::run([]() -> task<int> {
                co_return co_await to_thread([] { return weft::run(to_thread(add, 3, 4), {.workers = 1}); });
            }) == 7);
            return seen;
        });
        auto const thread = co_await to_thread(this_thread_id);
        auto const here = this_thread_id();
        auto all = found;
        all.push_back(thread != here);
        all.push_back(weft::on_worker());
        co_return all;
    };
    CHECK(weft::run(body, {.workers = 1}) == std::vector<bool>(5, true));
}

TEST_CASE("a runtime can be used from a function", "[to_thread][runtime]") {
    watchdog const guard(10s, "from a function");
    weft::runtime runtime({.workers = 1});
    auto const body = [&runtime]() -> task<int> {
        co_return co_await to_thread([&runtime] {
            int const run = runtime.run([]() -> task<int> { co_return 20; });
            return run + runtime.submit([]() -> task<int> { co_return 22; }).get();
        });
    };
    CHECK(runtime.run(body) == 42);
}

namespace {

// Says where the last one is destroyed that has not been moved from.
struct notes_its_end {
    notes_its_end(std::atomic<int>& workers, std::atomic<int>& others) : on_workers(&workers), elsewhere(&others) {}
    notes_its_end(notes_its_end&& other) noexcept
        : on_workers(std::exchange(other.on_workers, nullptr)), elsewhere(other.elsewhere) {}
    ~notes_its_end() {
        if (on_workers) ++*(weft::on_worker() ? on_workers : elsewhere);
    }
    void operator()(notes_its_end const&) const {}

    std::atomic<int>* on_workers;
    std::atomic<int>* elsewhere;
};

}  // namespace

TEST_CASE("a function and its arguments end on its thread, where their destructors may block", "[to_thread]") {
    watchdog const guard(10s, "destructors");
    std::atomic<int> on_workers = 0;
    std::atomic<int> elsewhere = 0;
    auto const body = [&]() -> task<> {
        notes_its_end function(on_workers, elsewhere);
        notes_its_end argument(on_workers, elsewhere);
        co_await to_thread(std::move(function), std::move(argument));
    };
    weft::run(body);
    CHECK(on_workers == 0);
    CHECK(elsewhere == 2);
}

TEST_CASE("the worker goes on while a function blocks", "[to_thread]") {
    watchdog const guard(10s, "the worker goes on");
    door entrance;
    auto const body = [](door& way) -> task<int> {
        auto opens = weft::spawn([](door& of) -> task<> {
            for (int turn = 0; turn < 10; ++turn) co_await weft::yield();
            co_await weft::sleep(1ms);
            of.open();
        }, std::ref(way));
        int const value = co_await to_thread([&way] {
            way.pass();
            return 3;
        });
        co_await opens;
        co_return value;
    };
    CHECK(weft::run(body(entrance), {.workers = 1}) == 3);
}

TEST_CASE("one after the other, all run on one thread", "[to_thread]") {
    watchdog const guard(30s, "one thread");
    auto const body = []() -> task<std::size_t> {
        std::set<std::thread::id> threads;
        for (int round = 0; round < 500; ++round) threads.insert(co_await to_thread(this_thread_id));
        co_return threads.size();
    };
    CHECK(weft::run(body, {.workers = 2}) == 1);
}

TEST_CASE("as many functions run at once as options::blocking_threads says, and not more", "[to_thread]") {
    watchdog const guard(30s, "at once");
    auto const most = GENERATE(1u, 2u, 5u);
    std::atomic<unsigned> now = 0;
    std::atomic<unsigned> at_once = 0;
    std::latch together(most);
    auto const body = [&]() -> task<> {
        auto const call = [&](unsigned number) {
            unsigned const here = ++now;
            for (unsigned seen = at_once; here > seen && !at_once.compare_exchange_weak(seen, here);) {
            }
            // The first ones wait for each other: else one thread might do everything.
            if (number < most) together.arrive_and_wait();
            std::this_thread::sleep_for(200us);
            --now;
        };
        std::vector<task<>> all;
        for (unsigned number = 0; number < 20 * most; ++number) all.push_back(to_thread(call, number));
        co_await weft::gather(std::move(all));
    };
    weft::run(body, {.workers = 2, .blocking_threads = most});
    CHECK(at_once == most);
}

TEST_CASE("functions in line begin in the order in which they were awaited", "[to_thread]") {
    watchdog const guard(30s, "in line");
    std::vector<int> order;
    auto const body = [&order]() -> task<> {
        std::vector<weft::join_handle<>> all;
        for (int number = 0; number < 200; ++number)
            all.push_back(weft::spawn(to_thread([&order, number] { order.push_back(number); })));
        for (auto& each : all) co_await each;
    };
    weft::run(body, {.workers = 1, .blocking_threads = 1});
    std::vector<int> expected(200);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(order == expected);
}

TEST_CASE("blocking_threads has a limit and a default", "[to_thread][options]") {
    watchdog const guard(30s, "a limit");
    CHECK_THROWS_AS(weft::runtime({.blocking_threads = 65'536}), std::invalid_argument);
    unsigned const processors = weft::run([]() -> task<unsigned> { co_return weft::worker_count(); });
    unsigned const most = std::min(32u, processors + 4);
    std::atomic<unsigned> began = 0;
    door entrance;
    auto const body = [&]() -> task<unsigned> {
        auto const call = [&] {
            ++began;
            entrance.pass();
        };
        std::vector<weft::join_handle<>> all;
        for (unsigned number = 0; number < most + 5; ++number) all.push_back(weft::spawn(to_thread(call)));
        while (began < most) co_await weft::sleep(100us);
        co_await weft::sleep(20ms);
        unsigned const at_once = began;
        entrance.open();
        for (auto& each : all) co_await each;
        co_return at_once;
    };
    CHECK(weft::run(body) == most);
    CHECK(began == most + 5);
}

TEST_CASE("threads have names", "[to_thread][platform]") {
    watchdog const guard(10s, "names");
    auto const name = [] { return weft::detail::first_line("/proc/thread-self/comm"); };
    auto const names = [name](weft::options settings) {
        return weft::run([name]() -> task<std::pair<std::string, std::set<std::string>>> {
            std::string const worker = name();
            std::latch both(2);
            auto const call = [&both, name] {
                both.arrive_and_wait();
                return name();
            };
            auto const [a, b] = co_await weft::gather(to_thread(call), to_thread(call));
            co_return {worker, std::set<std::string>{a, b}};
        }, settings);
    };
    auto const [worker, usual] = names({.workers = 1});
    if (worker != "weft-0") return;  // WEFT_PORTABLE cannot name threads
    CHECK(usual == std::set<std::string>{"weft-thread-0", "weft-thread-1"});
    CHECK(names({.workers = 1, .name = "io"}).second == std::set<std::string>{"io-thread-0", "io-thread-1"});
}

// ---- Cancellation

TEST_CASE("who is cancelled goes on at once, and the function goes on, too; what it comes to is dropped", "[to_thread][cancel]") {
    watchdog const guard(10s, "cancelled while it runs");
    bool const fails = GENERATE(false, true);
    census objects;
    std::atomic<int> reported = 0;
    door entrance;
    std::atomic<int> began = 0;
    std::atomic<int> ended = 0;
    bool ended_before = true;
    bool told = false;
    {
        weft::runtime runtime({.workers = 2, .on_unhandled_exception = [&](auto const&) { ++reported; }});
        told = runtime.run([&]() -> task<bool> {
            auto const call = [&, fails](counted given) {
                ++began;
                entrance.pass();
                ++ended;
                if (fails) throw given;
                return given;
            };
            auto waiting = weft::spawn(is_cancelled(to_thread(call, counted(objects, 1))));
            co_await until(began, 1);
            waiting.cancel();
            bool const answer = co_await waiting;
            ended_before = ended != 0;
            entrance.open();
            co_return answer;
        });
    }
    CHECK(told);
    CHECK_FALSE(ended_before);
    CHECK(ended == 1);  // the runtime has waited for it
    CHECK(objects.alive == 0);
    CHECK(reported == 0);
}

TEST_CASE("a function that has not begun when its task is cancelled never begins", "[to_thread][cancel]") {
    watchdog const guard(10s, "cancelled in line");
    census objects;
    door entrance;
    std::atomic<int> calls = 0;
    auto const body = [&]() -> task<std::vector<int>> {
        std::vector<int> wrong;
        std::atomic<int> began = 0;
        auto const blocks = weft::spawn(to_thread([&] {
            ++began;
            entrance.pass();
        }));
        co_await until(began, 1);
        auto const call = [&calls](int number, counted const&) { calls += number; };
        std::vector<weft::join_handle<bool>> all;
        for (int power : {1, 2, 4, 8, 16}) all.push_back(weft::spawn(is_cancelled(to_thread(call, power, counted(objects)))));
        for (int turn = 0; turn < 3; ++turn) co_await weft::yield();
        wrong.push_back(objects.alive - 5);
        for (std::size_t number : {0u, 2u, 4u}) all[number].cancel();
        for (std::size_t number : {0u, 2u, 4u}) wrong.push_back(!co_await all[number]);
        // Their arguments are gone, too, though the thread is still blocked.
        wrong.push_back(objects.alive - 2);
        entrance.open();
        for (std::size_t number : {1u, 3u}) wrong.push_back(co_await all[number]);
        co_await blocks;
        co_return wrong;
    };
    CHECK(weft::run(body, {.workers = 1, .blocking_threads = 1}) == std::vector<int>(7, 0));
    CHECK(calls == 2 + 8);
    CHECK(objects.alive == 0);
}

TEST_CASE("a task that has been cancelled before it comes to to_thread calls nothing", "[to_thread][cancel]") {
    watchdog const guard(10s, "cancelled before");
    std::atomic<int> calls = 0;
    weft::join_handle<bool> own;
    auto const cancels_itself = [&]() -> task<bool> {
        own.cancel();
        auto const call = [&calls] { ++calls; };
        bool const told = co_await is_cancelled(to_thread(call));
        co_await to_thread(call);  // it has been told once
        co_return told;
    };
    auto const body = [&]() -> task<bool> {
        own = weft::spawn(cancels_itself());
        co_return co_await own;
    };
    CHECK(weft::run(body, {.workers = 1}));
    CHECK(calls == 1);
}

TEST_CASE("a time limit ends the wait and not the function", "[to_thread][timeout]") {
    watchdog const guard(10s, "a time limit");
    door entrance;
    std::atomic<bool> begun = false;
    bool ended = false;
    auto const body = [&]() -> task<bool> {
        bool in_time = false;
        // On a busy machine the limit may pass before a thread has begun the function, which is then never called.
        while (!begun && !in_time) {
            auto const begin = std::chrono::steady_clock::now();
            try {
                co_await weft::wait_for(to_thread([&] {
                    begun = true;
                    entrance.pass();
                    ended = true;
                }), 10ms);
                in_time = true;
            } catch (weft::timeout_error const&) {
                in_time = std::chrono::steady_clock::now() - begin < 10ms;
            }
        }
        entrance.open();
        co_return !in_time;
    };
    CHECK(weft::run(body));
    CHECK(ended);
}

TEST_CASE("of a gather whose task is cancelled all children go on", "[to_thread][cancel][gather]") {
    watchdog const guard(10s, "a gather");
    door entrance;
    std::atomic<int> began = 0;
    auto const body = [&]() -> task<bool> {
        auto const call = [&] {
            ++began;
            entrance.pass();
        };
        auto gathering = weft::spawn([](auto const& function) -> task<> {
            std::vector<task<>> all;
            for (int number = 0; number < 8; ++number) all.push_back(to_thread(function));
            co_await weft::gather(std::move(all));
        }, std::ref(call));
        co_await until(began, 3);
        gathering.cancel();
        bool const told = co_await is_cancelled(std::move(gathering));
        bool const in_line_never_began = began == 3;
        entrance.open();
        co_return told && in_line_never_began;
    };
    CHECK(weft::run(body, {.workers = 2, .blocking_threads = 3}));
    CHECK(began == 3);
}

TEST_CASE("first does not wait for a function that has lost", "[to_thread][first]") {
    watchdog const guard(10s, "first");
    door entrance;
    auto const body = [&]() -> task<int> {
        auto const result = co_await weft::first(to_thread([&] {
            entrance.pass();
            return 1;
        }), to_thread(add, 1, 1));
        entrance.open();
        co_return result.index() == 1 ? std::get<1>(result) : 0;
    };
    CHECK(weft::run(body) == 2);
}

TEST_CASE("when a run ends, its tasks do not wait for functions", "[to_thread][run]") {
    watchdog const guard(10s, "a run ends");
    door entrance;
    std::atomic<int> began = 0;
    std::atomic<int> ended = 0;
    {
        weft::runtime runtime({.workers = 2, .blocking_threads = 2});
        runtime.run([&]() -> task<> {
            for (int number = 0; number < 6; ++number)
                weft::spawn(to_thread([&] {
                    ++began;
                    entrance.pass();
                    ++ended;
                }));
            co_await until(began, 2);
        });
        CHECK(ended == 0);  // but run() has returned
        // They occupy their threads all the same.
        CHECK_THROWS_AS(runtime.run(weft::wait_for(to_thread(add, 1, 2), 20ms)), weft::timeout_error);
        entrance.open();
    }
    CHECK(began == 2);
    CHECK(ended == 2);
}

TEST_CASE("run waits for functions that nobody awaits any more", "[to_thread][run]") {
    watchdog const guard(10s, "run waits");
    std::atomic<int> began = 0;
    std::atomic<int> ended = 0;
    auto const body = [&]() -> task<> {
        for (int number = 0; number < 4; ++number)
            weft::spawn(to_thread([&] {
                ++began;
                std::this_thread::sleep_for(20ms);
                ++ended;
            }));
        co_await until(began, 4);
    };
    weft::run(body, {.workers = 2, .blocking_threads = 4});
    CHECK(ended == 4);
}

TEST_CASE("a runtime that is destroyed drops functions in line, and waits for the others", "[to_thread][shutdown]") {
    watchdog const guard(60s, "destroyed");
    for (int round = 0; round < 100; ++round) {
        census objects;
        std::atomic<int> began = 0;
        std::atomic<int> ended = 0;
        std::atomic<int> reported = 0;
        std::vector<std::future<int>> futures;
        {
            weft::runtime runtime({.workers = 1 + static_cast<unsigned>(round % 3), .blocking_threads = 2,
                                   .on_unhandled_exception = [&](auto const&) { ++reported; }});
            for (int number = 0; number < 10; ++number)
                futures.push_back(runtime.submit(to_thread([&, number](counted const&) {
                    ++began;
                    std::this_thread::sleep_for(std::chrono::microseconds(number * 50));
                    ++ended;
                    if (number % 2) throw std::runtime_error("nobody hears this");
                    return number;
                }, counted(objects))));
            std::this_thread::sleep_for(std::chrono::microseconds(round * 5));
        }
        CHECK(began == ended);
        CHECK(objects.alive == 0);
        CHECK(reported == 0);  // submit hands them to the futures
        int heard = 0;
        for (auto& each : futures) {
            try {
                static_cast<void>(each.get());
                ++heard;
            } catch (std::runtime_error const&) {
                ++heard;
            } catch (cancelled const&) {
            }
        }
        CHECK(heard <= ended);
    }
}

// ---- Under a paused clock

TEST_CASE("a paused clock stands still while a function runs that a task awaits", "[to_thread][paused_clock]") {
    watchdog const guard(10s, "stands still");
    auto const workers = GENERATE(1u, 2u);
    auto const patience = GENERATE(0ms, 1000ms);
    paused_clock clock(patience);
    auto const body = [](paused_clock const& c) -> task<bool> {
        auto asleep = weft::spawn([](paused_clock const& of) -> task<bool> {
            co_await weft::sleep(1h);
            co_return of.elapsed() == 1h;
        }, std::cref(c));
        bool still = true;
        for (int round = 0; round < 3; ++round) {
            still = still && co_await to_thread([&c] {
                std::this_thread::sleep_for(20ms);
                return c.elapsed() == 0s;
            });
            still = still && c.elapsed() == 0s;
        }
        // So no limit passes either.
        still = still && co_await weft::wait_for(to_thread([] {
            std::this_thread::sleep_for(20ms);
            return true;
        }), 10ms);
        co_return still && co_await asleep;
    };
    CHECK(weft::run([&] { return body(clock); }, {.workers = workers, .clock = &clock}));
}

TEST_CASE("it does not wait for functions that nobody awaits any more", "[to_thread][paused_clock]") {
    watchdog const guard(10s, "moves on");
    bool const in_line = GENERATE(false, true);
    paused_clock clock(0s);
    door hour_has_passed;
    auto const body = [&]() -> task<bool> {
        door begun;
        auto const call = [&] {
            begun.open();
            hour_has_passed.pass();
        };
        auto first = weft::spawn(to_thread(call));
        while (!begun.is_open()) co_await weft::yield();
        auto second = weft::spawn(to_thread([] {}));
        if (in_line) {
            co_await weft::yield();
            co_await weft::yield();
            second.cancel();
        } else {
            second.cancel();
        }
        first.cancel();
        bool const both = co_await is_cancelled(std::move(first)) && co_await is_cancelled(std::move(second));
        co_await weft::sleep(1h);
        bool const moved = clock.elapsed() == 1h;
        hour_has_passed.open();
        co_return both && moved;
    };
    CHECK(weft::run(body, {.workers = 1, .blocking_threads = 1, .clock = &clock}));
}

TEST_CASE("there is no deadlock while a function runs that a task awaits, and there is one after it", "[to_thread][paused_clock]") {
    watchdog const guard(10s, "a deadlock after it");
    auto const workers = GENERATE(1u, 2u);
    paused_clock clock(0s);
    weft::runtime runtime({.workers = workers, .clock = &clock});
    std::atomic<bool> came = false;
    auto const body = [&came]() -> task<> {
        came = co_await to_thread([] {
            std::this_thread::sleep_for(30ms);
            return true;
        });
        co_await weft::sleep(std::chrono::nanoseconds::max());
    };
    CHECK_THROWS_AS(runtime.run(body), weft::testing::deadlock);
    CHECK(came);
}

// ---- What goes wrong

TEST_CASE("where no thread can be started, the await says so", "[to_thread][exception]") {
    watchdog const guard(10s, "no thread");
    weft::runtime runtime({.workers = 1});
    census objects;
    auto const body = [&objects]() -> task<bool> {
        bool refused = false;
        {
            weft::test::no_more_threads const none;
            try {
                co_await to_thread([](counted const&) {}, counted(objects));
            } catch (std::system_error const&) {
                refused = true;
            }
        }
        // Nothing is left of it, and the next one works.
        bool const nothing_left = objects.alive == 0;
        int const sum = co_await to_thread(add, 1, 2);
        // Where there is a thread, the function waits for that.
        door entrance;
        auto const call = [&entrance] { entrance.pass(); };
        auto busy = weft::spawn(to_thread(call));
        co_await weft::yield();
        weft::join_handle<int> in_line;
        {
            weft::test::no_more_threads const none;
            in_line = weft::spawn(to_thread(add, 3, 4));
            co_await weft::yield();
        }
        entrance.open();
        co_await busy;
        co_return refused && nothing_left && sum == 3 && co_await in_line == 7;
    };
    CHECK(runtime.run(body));
}

namespace {

constexpr int exit_of_terminate = 86;

}  // namespace

TEST_CASE("runtime destroyed by a function of its own", "[.]") {
    std::set_terminate([] { std::_Exit(exit_of_terminate); });
    auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = 1});
    runtime->run([&]() -> task<> { co_await to_thread([&] { runtime.reset(); }); });
}

TEST_CASE("a function that destroys its runtime ends the program with a message", "[to_thread][shutdown]") {
    auto const ended = weft::test::run_case("runtime destroyed by a function of its own", 20s);
    CAPTURE(ended.errors);
    CHECK(ended.in_time);
    CHECK(ended.exit_code == exit_of_terminate);
    CHECK_THAT(ended.errors, ContainsSubstring("weft::runtime: destroyed by a function of to_thread"));
}
