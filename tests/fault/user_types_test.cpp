// SPDX-License-Identifier: MIT
// A user's type throws from its n-th copy, move, assignment or call, for every n, wherever weft touches one: the exception reaches
// who asked for the value, nothing leaks, and the runtime goes on.
#include "support/catch.hpp"
#include "support/foreign.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct refusal : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Touches until the one that throws; and those that are alive.
std::atomic<long> touches_left{-1};
std::atomic<long> thrown{0};
std::atomic<long> alive{0};

void touch() {
    if (touches_left.load() < 0 || touches_left.fetch_sub(1) != 0) return;
    ++thrown;
    throw refusal("touched");
}

// Whatever is done with it may throw, but for its destruction.
class touchy {
public:
    explicit touchy(int number) : number_(number) { ++alive; }
    touchy(touchy const& other) : number_(other.number_) { begin(); }
    touchy(touchy&& other) : number_(std::exchange(other.number_, -1)) { begin(); }
    touchy& operator=(touchy const& other) {
        touch();
        number_ = other.number_;
        return *this;
    }
    touchy& operator=(touchy&& other) {
        touch();
        number_ = std::exchange(other.number_, -1);
        return *this;
    }
    ~touchy() { --alive; }

    [[nodiscard]] int number() const noexcept { return number_; }
    bool operator==(touchy const& other) const {
        touch();
        return number_ == other.number_;
    }

private:
    void begin() {
        touch();
        ++alive;
    }

    int number_;
};

// An exception that is itself touchy.
struct touchy_error {
    touchy held;
};

// A function object; calling it is a touch, too.
struct adder {
    touchy held;
    weft::task<touchy> operator()(touchy other) {
        touch();
        return add(held, std::move(other));
    }
    static weft::task<touchy> add(touchy one, touchy other) {
        co_await weft::yield();
        co_return touchy(one.number() + other.number());
    }
};

weft::task<touchy> give(int number) { co_return touchy(number); }
weft::task<touchy> give_local(int number) {
    touchy local(number);
    co_await weft::yield();
    co_return local;
}
weft::task<> fail_touchy() {
    co_await weft::yield();
    throw touchy_error{touchy(1)};
}

void must(bool right, char const* what) {
    if (!right) throw std::logic_error(what);
}

weft::task<> awaits() {
    must((co_await give(1)).number() == 1, "a task");
    touchy const kept = co_await give_local(2);
    auto handle = weft::spawn(give(3));
    must((co_await handle).number() == 3 && handle.result().number() == 3, "an lvalue handle");
    touchy const taken = co_await std::move(handle);
    auto called = weft::spawn(adder{touchy(4)}, touchy(5));
    must((co_await std::move(called)).number() == 9, "a callable");
    touchy captured(6);
    auto captures = weft::spawn([captured]() -> weft::task<touchy> { return give(captured.number()); });
    must((co_await std::move(captures)).number() == 6, "captures");
}

weft::task<> gathers() {
    auto const [one, two] = co_await weft::gather(give(1), give_local(2));
    must(one.number() == 1 && two.number() == 2, "a tuple");
    std::vector<weft::task<touchy>> few;
    for (int each = 0; each < 3; ++each) few.push_back(give_local(each));
    must((co_await weft::gather(std::move(few))).size() == 3, "a vector");
    std::vector<weft::task<touchy>> many;
    for (int each = 0; each < 100; ++each) many.push_back(give(each));
    must((co_await weft::gather(std::move(many))).size() == 100, "a wide vector");
    auto const limited = co_await weft::gather(std::views::iota(0, 5) | std::views::transform([](int each) {
                                                   touch();
                                                   return give_local(each);
                                               }),
                                               {.limit = 2});
    must(limited.size() == 5, "a limit");
    auto handle = weft::spawn(give(7));
    auto const [copy] = co_await weft::gather(handle);
    must(copy.number() == 7, "a handle");
}

// What the child throws is in its place; what is thrown where the results are put together comes from the await.
weft::task<> returned_exceptions() {
    auto const whole = [](weft::result<touchy> const& each) {
        try {
            return each.value().number() >= 0;
        } catch (refusal const&) {
            return true;
        }
    };
    auto const [one, two] = co_await weft::gather(weft::return_exceptions, give(1), give_local(2));
    must(whole(one) && whole(two), "a tuple");
    std::vector<weft::task<touchy>> some;
    for (int each = 0; each < 3; ++each) some.push_back(give_local(each));
    auto const results = co_await weft::gather(weft::return_exceptions, std::move(some));
    must(std::ranges::all_of(results, whole), "a vector");
    auto const limited = co_await weft::gather(
        weft::return_exceptions, std::views::iota(0, 4) | std::views::transform(give_local), {.limit = 2});
    must(std::ranges::all_of(limited, whole), "a limit");
}

weft::task<> results() {
    weft::result<touchy> one(touchy(1));
    weft::result<touchy> const two = one;
    weft::result<touchy> three = std::make_exception_ptr(refusal("kept"));
    three = two;
    must(three.value().number() == 1 && two.value() == one.value(), "copies");
    touchy const out = std::move(three).value();
    must(out.number() == 1, "moved out");
    co_return;
}

weft::task<> sets() {
    auto const winner = co_await weft::first(give(1), give_local(2));
    must(winner.index() < 2, "first");
    std::vector<weft::task<touchy>> racing;
    for (int each = 0; each < 3; ++each) racing.push_back(give_local(each));
    auto const won = co_await weft::first(std::move(racing));
    must(won.first < 3, "first of a vector");
    std::vector<weft::join_handle<touchy>> handles;
    for (int each = 0; each < 3; ++each) handles.push_back(weft::spawn(give_local(each)));
    auto ended = co_await weft::wait(std::move(handles));
    int sum = 0;
    for (auto& each : ended.done) sum += std::move(each).result().number();
    auto ends = weft::as_completed([] {
        std::vector<weft::task<touchy>> made;
        for (int each = 0; each < 3; ++each) made.push_back(give(each));
        return made;
    }());
    while (auto end = co_await ends.next()) sum += (co_await std::move(*end)).number();
    must(sum == 6, "wait and as_completed");
}

weft::task<> limits() {
    must((co_await weft::wait_for(give(1), 1h)).number() == 1, "wait_for");
    must((co_await weft::shield(give_local(2))).number() == 2, "shield");
    auto handle = weft::spawn(give(3));
    auto const [shielded] = co_await weft::gather(weft::shield(handle));
    must(shielded.number() == 3, "shield in a gather");
}

weft::task<> groups() {
    touchy captured(3);
    auto const body = [captured](weft::task_group& group) -> weft::task<touchy> {
        auto child = group.spawn(adder{captured}, touchy(4));
        co_return co_await std::move(child);
    };
    must((co_await weft::with_task_group(body)).number() == 7, "a group");
}

touchy call(touchy given) { return given; }

weft::task<> threads() {
    touchy const kept(1);
    must((co_await weft::to_thread(call, kept)).number() == 1, "a copy");
    auto sum = [held = touchy(2)](touchy const& given) { return touchy(held.number() + given.number()); };
    must((co_await weft::to_thread(std::move(sum), touchy(3))).number() == 5, "a callable");
}

weft::context_var<touchy> const variable("variable");

weft::task<> contexts() {
    auto token = variable.set(touchy(1));
    must((co_await weft::spawn([]() -> weft::task<int> { co_return variable.get().number(); })) == 1, "inherited");
    {
        auto const here = variable.scoped(touchy(2));
        must(variable.get().number() == 2, "scoped");
        int const there = co_await weft::to_thread([] { return variable.get().number(); });
        must(there == 2, "in a thread");
    }
    variable.reset(std::move(token));
    must(variable.get(touchy(3)).number() == 3, "none");
}

weft::task<> randoms() {
    std::vector<touchy> all;
    all.reserve(8);
    for (int each = 0; each < 8; ++each) all.emplace_back(each);
    must(weft::random::choice(all).number() < 8, "choice");
    must(weft::random::sample(all, 3).size() == 3 && weft::random::choices(all, 4).size() == 4, "sample and choices");
    weft::random::shuffle(all);
    must(all.size() == 8, "shuffle");
    co_return;
}

// Each of its parts is a touch. No aggregate, nor are the lambdas with captures here temporaries of an await: g++ 12 destroys such
// ones twice, whatever is awaited.
struct touchy_awaitable {
    explicit touchy_awaitable(int number) : held(number) {}
    touchy held;

    struct awaiter {
        touchy const* held;
        bool await_ready() const {
            touch();
            return false;
        }
        bool await_suspend(std::coroutine_handle<>) const {
            touch();
            return false;
        }
        touchy await_resume() const {
            touch();
            return *held;
        }
    };
    awaiter operator co_await() const {
        touch();
        return {&held};
    }
};

weft::task<> foreign() {
    touchy_awaitable named(1);
    must((co_await named).number() == 1, "named");
    must((co_await touchy_awaitable(2)).number() == 2, "a temporary");
    auto const [one, two] = co_await weft::gather(named, touchy_awaitable(3));
    must(one.number() == 1 && two.number() == 3, "in a gather");
}

weft::task<> errors() {
    int caught = 0;
    auto handle = weft::spawn(fail_touchy());
    for (int time = 0; time < 2; ++time) {
        try {
            co_await handle;
        } catch (touchy_error const&) {
            ++caught;
        }
    }
    try {
        co_await weft::gather(fail_touchy(), give(1));
    } catch (touchy_error const&) {
        ++caught;
    }
    try {
        static_cast<void>(co_await weft::first(fail_touchy()));
    } catch (touchy_error const& by_reference) {
        touchy_error const copy = by_reference;
        ++caught;
    }
    must(caught == 4, "touchy errors");
}

weft::task<> unseen() {
    weft::spawn(fail_touchy());
    weft::spawn(fail_touchy(), {.name = "unseen"});
    co_return;
}

// The exception of `refusal`, alone or as all that a group has come to.
bool is_refusal(std::exception_ptr const& came) {
    try {
        std::rethrow_exception(came);
    } catch (refusal const&) {
        return true;
    } catch (weft::exception_group const& group) {
        return std::ranges::all_of(group, is_refusal);
    } catch (...) {
        return false;
    }
}

bool is_touchy_error(std::exception_ptr const& came) {
    try {
        std::rethrow_exception(came);
    } catch (touchy_error const&) {
        return true;
    } catch (...) {
        return false;
    }
}

std::string words_for(std::exception_ptr const& came) { return came ? weft::detail::describe(came) : "nothing"; }

// Runs it with the n-th touch throwing, for every n, and without.
void refuses_anywhere(std::string const& name, std::function<void(weft::runtime&)> const& program) {
    const weft::test::watchdog guard{60s, "types that throw: " + name};
    for (const unsigned workers : {1u, 2u}) {
        std::atomic<int> strange{0};
        const auto hear = [&strange](weft::unhandled_exception const& what) {
            if (!is_refusal(what.exception) && !is_touchy_error(what.exception)) ++strange;
        };
        weft::runtime runtime({.workers = workers, .blocking_threads = 2, .on_unhandled_exception = hear});
        long refusals = 0;
        for (int untouched = 0, n = 0; untouched < 3; ++n) {
            CAPTURE(name, workers, n);
            thrown = 0;
            touches_left = n;
            std::exception_ptr came;
            try {
                program(runtime);
            } catch (...) {
                came = std::current_exception();
            }
            touches_left = -1;
            INFO(words_for(came));
            if (came) {
                ++refusals;
                CHECK(is_refusal(came));
                CHECK(thrown == 1);
            }
            came = nullptr;
            untouched = thrown == 0 ? untouched + 1 : 0;
            // Nothing is left, and all goes on. A future may be there before its task is gone.
            program(runtime);
            for (int wait = 0; alive != 0 && wait < 5000; ++wait) std::this_thread::sleep_for(1ms);
            CHECK(alive == 0);
            CHECK(strange == 0);
            if (alive != 0) return;
        }
        CHECK(refusals > 0);
    }
}

auto run_it(weft::task<> (*program)()) {
    return [program](weft::runtime& runtime) { runtime.run(program()); };
}

}  // namespace

TEST_CASE("types that throw, in tasks and handles", "[throwing]") { refuses_anywhere("awaits", run_it(awaits)); }
TEST_CASE("types that throw, in gathers", "[throwing]") { refuses_anywhere("gathers", run_it(gathers)); }
TEST_CASE("types that throw, where exceptions are returned", "[throwing]") {
    refuses_anywhere("return_exceptions", run_it(returned_exceptions));
}
TEST_CASE("types that throw, in results", "[throwing]") { refuses_anywhere("results", run_it(results)); }
TEST_CASE("types that throw, in first, wait and as_completed", "[throwing]") { refuses_anywhere("sets", run_it(sets)); }
TEST_CASE("types that throw, in time limits and shields", "[throwing]") { refuses_anywhere("limits", run_it(limits)); }
TEST_CASE("types that throw, in task groups", "[throwing]") { refuses_anywhere("groups", run_it(groups)); }
TEST_CASE("types that throw, in functions on threads", "[throwing]") { refuses_anywhere("threads", run_it(threads)); }
TEST_CASE("types that throw, in context variables", "[throwing]") { refuses_anywhere("contexts", run_it(contexts)); }
TEST_CASE("types that throw, in random's functions", "[throwing]") { refuses_anywhere("randoms", run_it(randoms)); }
TEST_CASE("types that throw, in awaitables that are not weft's", "[throwing]") { refuses_anywhere("foreign", run_it(foreign)); }
TEST_CASE("types that throw, as exceptions", "[throwing]") { refuses_anywhere("errors", run_it(errors)); }

TEST_CASE("types that throw, as what run returns", "[throwing]") {
    refuses_anywhere("run", [](weft::runtime& runtime) {
        must(runtime.run(give_local(1)).number() == 1, "a task");
        must(runtime.run(adder{touchy(2)}, touchy(3)).number() == 5, "a callable");
    });
}

// ThreadSanitizer's pthread_once, by which a std::promise is kept, does not survive an exception.
TEST_CASE("types that throw, as what submit takes and gives", "[throwing]") {
    if (weft::detail::config::tsan) return;
    refuses_anywhere("submit", [](weft::runtime& runtime) {
        must(runtime.submit(give_local(1)).get().number() == 1, "a task");
        must(runtime.submit(adder{touchy(2)}, touchy(3)).get().number() == 5, "a callable");
    });
}

TEST_CASE("an on_unhandled_exception that throws, for exceptions that do", "[throwing][unhandled]") {
    const weft::test::watchdog guard{60s, "a handler that throws"};
    for (const unsigned workers : {1u, 2u}) {
        std::atomic<int> heard{0};
        {
            weft::runtime runtime({.workers = workers, .on_unhandled_exception = [&](weft::unhandled_exception const& what) {
                                       ++heard;
                                       std::rethrow_exception(what.exception);
                                   }});
            for (int time = 0; time < 10; ++time) {
                runtime.run(unseen());
                auto kept = runtime.submit(give(1));
                CHECK(kept.get().number() == 1);
            }
        }
        CHECK(heard <= 20);  // some are cancelled before they fail
        CHECK(alive == 0);
    }
}
