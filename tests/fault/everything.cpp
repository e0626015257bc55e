// SPDX-License-Identifier: MIT
#include "everything.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/endings.hpp"
#include "support/foreign.hpp"

namespace weft::test {

namespace {

using nanoseconds = std::chrono::nanoseconds;

void must(bool right, char const* what) {
    if (!right) throw wrong_outcome(what);
}

// What a run of the program has in common.
struct program {
    census& objects;
    pieces& done;
    nanoseconds moment;
    weft::runtime& runtime;
    std::atomic<bool>& detached_ended;

    [[nodiscard]] counted object(int number = 0) const { return counted(objects, number); }
};

weft::task<int> number_of(program const& of, counted held) {
    co_await weft::yield();
    ++of.done.ended;
    co_return held.number();
}

weft::task<> detached(program const& of, counted) {
    co_await weft::yield();
    ++of.done.ended;
    of.detached_ended = true;
}

weft::task<counted> give(program const& of, counted held) {
    ++of.done.ended;
    co_return std::move(held);
}

weft::task<int> number_later(program const& of, counted held, int moments) {
    co_await weft::sleep(moments * of.moment);
    ++of.done.ended;
    co_return held.number();
}

weft::task<int> fail_now(program const& of, counted held) {
    co_await weft::yield();
    ++of.done.ended;
    throw failure("number " + std::to_string(held.number()));
}

// Ends only by being cancelled, and has something to put in order then. No piece: it may be cancelled before it begins.
weft::task<int> until_cancelled(counted held) {
    bool told = false;
    try {
        co_await weft::sleep(std::chrono::hours(1));
    } catch (weft::cancelled const&) {
        told = true;
    }
    if (told) {
        co_await weft::yield();
        throw weft::cancelled();
    }
    co_return held.number();
}

// Of a failed await: it is what was to be expected, or something is wrong that is more than that: it is thrown.
template <class Expected>
void expect(std::exception_ptr const& came) {
    must(came != nullptr, "it did not fail");
    try {
        std::rethrow_exception(came);
    } catch (Expected const&) {
    }
}

template <class Awaitable>
weft::task<std::exception_ptr> failure_of(Awaitable awaited) {
    try {
        static_cast<void>(co_await std::move(awaited));
        co_return nullptr;
    } catch (...) {
        co_return std::current_exception();
    }
}

weft::task<> spawns(program const& of) {
    auto plain = weft::spawn(number_of(of, of.object(1)));
    auto named = weft::spawn(number_of(of, of.object(2)), {.name = "a name that is longer than a string keeps in itself"});
    auto called = weft::spawn([&of](counted held) { return number_of(of, std::move(held)); }, of.object(3));
    auto given = weft::spawn(give(of, of.object(4)));
    auto failing = weft::spawn(fail_now(of, of.object(5)));
    must(co_await plain == 1 && co_await plain == 1, "an lvalue handle");
    must(named.name().starts_with("a name") && co_await std::move(named) == 2, "a named task");
    plain.set_name("another name that is longer than a string keeps in itself");
    must(plain.name().starts_with("another") && plain.id() != 0, "a name that was set");
    must(co_await std::move(called) == 3, "a callable");
    must((co_await std::move(given)).number() == 4, "an object");
    expect<failure>(co_await failure_of(std::move(failing)));
    weft::spawn(detached(of, of.object(6)));
    auto cancelled = weft::spawn(until_cancelled(of.object(7)));
    co_await weft::yield();
    static_cast<void>(cancelled.cancel());
    expect<weft::cancelled>(co_await failure_of(std::move(cancelled)));
    while (!of.detached_ended) co_await weft::yield();  // else the end of the run may come before
}

std::vector<weft::task<int>> numbers(program const& of, int count) {
    std::vector<weft::task<int>> made;
    for (int each = 0; each < count; ++each) made.push_back(number_of(of, of.object(each)));
    return made;
}

weft::task<int> tree(program const& of, int depth) {
    if (depth == 0) co_return 1;
    auto const [left, right] = co_await weft::gather(tree(of, depth - 1), tree(of, depth - 1));
    co_return left + right;
}

weft::task<> gathers(program const& of) {
    auto const [one, two, three] =
        co_await weft::gather(number_of(of, of.object(1)), give(of, of.object(2)), weft::spawn(number_later(of, of.object(3), 1)));
    must(one == 1 && two.number() == 2 && three == 3, "a tuple");
    auto const few = co_await weft::gather(numbers(of, 5));
    must(few == std::vector{0, 1, 2, 3, 4}, "a vector");
    auto const wide = co_await weft::gather(numbers(of, 200));
    must(std::ranges::equal(wide, std::views::iota(0, 200)), "a wide vector");
    auto mixed = numbers(of, 2);
    mixed.push_back(fail_now(of, of.object(9)));
    auto ends = co_await weft::gather(weft::return_exceptions, std::move(mixed));
    must(ends.size() == 3 && ends[0].value() == 0 && ends[1].value() == 1, "return_exceptions");
    expect<failure>(ends[2].error());
    auto [value, error] = co_await weft::gather(weft::return_exceptions, give(of, of.object(4)), fail_now(of, of.object(5)));
    must(value.value().number() == 4, "return_exceptions, a tuple");
    expect<failure>(error.error());
    auto made = std::views::iota(0, 20) | std::views::transform([&of](int each) { return number_of(of, of.object(each)); });
    auto const limited = co_await weft::gather(made, {.limit = 3});
    must(std::ranges::equal(limited, std::views::iota(0, 20)), "a limit");
    auto failing = numbers(of, 2);
    failing.push_back(fail_now(of, of.object(8)));
    expect<failure>(co_await failure_of(weft::gather(std::move(failing))));
    must(co_await tree(of, 6) == 64, "a tree");
}

weft::task<> times(program const& of) {
    co_await weft::sleep(of.moment);
    co_await weft::sleep_until(weft::now() + of.moment);
    weft::interval every(of.moment);
    for (int tick = 0; tick < 3; ++tick) co_await every.tick();
    {
        auto const limit = co_await weft::timeout(std::chrono::hours(1));
        must(co_await number_later(of, of.object(1), 1) == 1 && !limit.expired(), "a limit that does not pass");
    }
    bool passed = false;
    try {
        auto const limit = co_await weft::timeout_at(weft::now() + of.moment);
        co_await until_cancelled(of.object(2));
    } catch (weft::timeout_error const&) {
        passed = true;
    }
    must(passed, "a limit that passes");
    {
        auto limit = co_await weft::timeout(std::nullopt);
        limit.reschedule(weft::now() + std::chrono::hours(1));
        co_await weft::sleep(of.moment);
    }
    must(co_await weft::wait_for(number_of(of, of.object(3)), std::chrono::hours(1)) == 3, "wait_for");
    expect<weft::timeout_error>(co_await failure_of(weft::wait_for(until_cancelled(of.object(4)), of.moment)));
    auto handle = weft::spawn(until_cancelled(of.object(5)));
    expect<weft::timeout_error>(co_await failure_of(weft::wait_for(weft::shield(handle), of.moment)));
    must(!handle.done() && handle.cancel(), "a shielded task");
    expect<weft::cancelled>(co_await failure_of(std::move(handle)));
    must(co_await weft::shield(number_later(of, of.object(6), 1)) == 6, "shield of a task");
}

std::vector<weft::join_handle<int>> handles(program const& of, int count) {
    std::vector<weft::join_handle<int>> made;
    for (int each = 0; each < count; ++each) made.push_back(weft::spawn(number_later(of, of.object(each), 1 + each)));
    return made;
}

weft::task<> sets(program const& of) {
    auto const which = co_await weft::first(number_later(of, of.object(1), 1), until_cancelled(of.object(2)));
    must(which.index() == 0 && std::get<0>(which) == 1, "first");
    std::vector<weft::task<int>> racing;
    for (int each = 0; each < 3; ++each) racing.push_back(number_later(of, of.object(each), 1 + 1'000'000 * each));
    auto const [index, number] = co_await weft::first(std::move(racing));
    must(index == 0 && number == 0, "first of a vector");
    auto some = co_await weft::wait(handles(of, 3), weft::first_completed);
    must(some.done.size() + some.pending.size() == 3 && !some.done.empty(), "wait for the first");
    if (!some.pending.empty()) {
        auto rest = co_await weft::wait(std::move(some.pending), weft::all_completed);
        must(rest.pending.empty(), "wait for the rest");
        for (auto const& each : rest.done) static_cast<void>(each.result());
    }
    for (auto const& each : some.done) static_cast<void>(each.result());
    auto failing = handles(of, 1);
    failing.push_back(weft::spawn(fail_now(of, of.object(7))));
    auto first_failure = co_await weft::wait(std::move(failing), weft::first_exception, std::chrono::hours(1));
    must(!first_failure.done.empty(), "wait for the first failure");
    for (auto& ended : first_failure.done)
        if (ended.exception()) expect<failure>(ended.exception());
    for (auto& pending : first_failure.pending) static_cast<void>(co_await std::move(pending));
    int sum = 0;
    {
        auto ends = weft::as_completed(handles(of, 4));
        while (auto ended = co_await ends.next()) sum += ended->result();
    }
    {
        auto ends = weft::as_completed(numbers(of, 4), std::chrono::hours(1));
        while (auto ended = co_await ends.next()) sum += ended->result();
    }
    must(sum == 12, "as_completed");
}

weft::task<> groups(program const& of) {
    std::atomic<int> sum{0};
    const auto body = [&](weft::task_group& group) -> weft::task<int> {
        std::vector<weft::join_handle<int>> children;
        for (int each = 0; each < 20; ++each) children.push_back(group.spawn(number_later(of, of.object(each), each % 3)));
        group.spawn([&of](counted held) { return number_of(of, std::move(held)); }, of.object(1));
        for (auto& each : children) sum += co_await std::move(each);
        co_return 7;
    };
    must(co_await weft::with_task_group(body) == 7 && sum == 190, "a group");
    const auto failing = [&](weft::task_group& group) -> weft::task<> {
        group.spawn(until_cancelled(of.object(1)), {.name = "one that is told"});
        co_await weft::yield();  // else it is cancelled before it begins
        group.spawn(fail_now(of, of.object(2)));
        co_await weft::sleep(std::chrono::hours(1));
    };
    std::exception_ptr const came = co_await failure_of(weft::with_task_group(failing));
    must(came != nullptr, "a group that fails");
    try {
        std::rethrow_exception(came);
    } catch (weft::exception_group const& all) {
        for (std::exception_ptr const& each : all) expect<failure>(each);
    }
}

int blocking_number(counted const& held) { return held.number(); }
int blocking_failure(counted const& held) { throw failure("number " + std::to_string(held.number())); }

weft::task<> threads(program const& of) {
    must(co_await weft::to_thread(blocking_number, of.object(3)) == 3, "to_thread");
    expect<failure>(co_await failure_of(weft::to_thread(blocking_failure, of.object(4))));
    auto const [one, two] =
        co_await weft::gather(weft::to_thread(blocking_number, of.object(5)), weft::to_thread(blocking_number, of.object(6)));
    must(one == 5 && two == 6, "two functions");
    // A task that is submitted from inside, by a thread that is outside.
    int const submitted = co_await weft::to_thread([&of] { return of.runtime.submit(number_of(of, of.object(8))).get(); });
    must(submitted == 8, "submit from a thread");
}

weft::context_var<std::string> const text("text", "nothing");
weft::context_var<int> const scoped_number("number");

weft::task<std::string> text_here() {
    co_await weft::yield();
    co_return text.get();
}

weft::task<> contexts(program const& of) {
    auto token = text.set("a text that is longer than a string keeps in itself");
    auto inherited = weft::spawn(text_here(), {.name = "who inherits"});
    must((co_await std::move(inherited)).starts_with("a text"), "an inherited value");
    text.reset(std::move(token));
    must(text.get() == "nothing", "a value that was reset");
    auto const here = scoped_number.scoped(7);
    int const in_thread = co_await weft::to_thread([] { return scoped_number.get(); });
    must(in_thread == 7 && co_await weft::spawn([&of]() -> weft::task<int> {
             ++of.done.ended;
             co_return scoped_number.get();
         }) == 7,
         "a scoped value");
    must(weft::current_task().id() == weft::current_task().id(), "the current task");
    must(std::ranges::count(weft::all_tasks(), weft::current_task()) == 1, "all tasks");
}

weft::task<> randoms(program const& of) {
    auto drawn = weft::random::sample(std::views::iota(0, 100), 10);
    weft::random::shuffle(drawn);
    must(drawn.size() == 10 && weft::random::choices(drawn, 5).size() == 5, "random numbers");
    static_cast<void>(weft::random::choice(drawn));
    ++of.done.ended;
    co_return;
}

weft::task<> foreign(program const& of) {
    gate opened;
    auto waiting = weft::spawn([&opened, &of](counted) -> weft::task<> {
        co_await opened;
        ++of.done.ended;
    }, of.object(1));
    co_await weft::yield();
    std::exception_ptr failed;
    try {
        co_await weft::to_thread([&opened] { opened.open(); });
    } catch (...) {
        failed = std::current_exception();
    }
    if (failed) opened.open();  // else the one that waits would for ever
    co_await std::move(waiting);
    co_await declining{};
    if (failed) std::rethrow_exception(failed);
}

weft::task<> everything(program const& of) {
    co_await spawns(of);
    co_await gathers(of);
    co_await times(of);
    co_await sets(of);
    co_await groups(of);
    co_await threads(of);
    co_await contexts(of);
    co_await randoms(of);
    co_await foreign(of);
    ++of.done.ended;
}

}  // namespace

void do_everything(weft::runtime& runtime, census& objects, pieces& done, std::chrono::nanoseconds moment) {
    std::atomic<bool> detached_ended{false};
    program const of{objects, done, moment, runtime, detached_ended};
    runtime.run(everything(of));
    auto one = runtime.submit(number_of(of, of.object(1)));
    std::future<int> other;
    try {
        other = runtime.submit([&of](counted held) { return number_of(of, std::move(held)); }, of.object(2));
    } catch (...) {
        one.wait();  // it refers to what is here
        throw;
    }
    one.wait();
    must(other.get() == 2 && one.get() == 1, "submit");
}

}  // namespace weft::test
