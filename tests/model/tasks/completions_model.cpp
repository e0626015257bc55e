// SPDX-License-Identifier: MIT
// Who hears of several ends, one by one (lib/completions.cpp), and first, which stands on gather and on a scope: no end is missed,
// none is told twice, and who is told has not gone.
#include "support/catch.hpp"

#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <weft/as_completed.hpp>
#include <weft/error.hpp>
#include <weft/first.hpp>
#include <weft/yield.hpp>

#include "hands.hpp"
#include "small_tasks.hpp"

namespace {

namespace model = weft::model;
using model::bounded;
using model::gives;
using model::sleeps_for_ever;
using model::told_at_the_next_await;
using model::verify_tasks;
using model::yields;
using weft::join_handle;
using weft::task;

task<int> sum_of_all(std::vector<join_handle<int>> handles) {
    auto ends = weft::as_completed(std::move(handles));
    int sum = 0;
    while (auto ended = co_await ends.next()) sum += ended->result();
    co_return sum;
}
// Yields before the stream goes.
task<int> first_of_them(std::vector<join_handle<int>> handles) {
    auto ends = weft::as_completed(std::move(handles));
    int const value = (*co_await ends.next()).result();
    co_await weft::yield();
    co_return value;
}
// Who is cancelled puts things in order, and goes on: counts how often it is told.
task<int> first_of_one_or_told(task<int> only) {
    int told = 0;
    try {
        static_cast<void>(co_await weft::first(std::move(only)));
    } catch (weft::cancelled const&) {
        ++told;
    }
    told += co_await told_at_the_next_await();
    co_return told;
}
task<int> awaits(join_handle<int> other) { co_return co_await other; }
task<> first_of_one(task<int> only, bool& gave_value) {
    static_cast<void>(co_await weft::first(std::move(only)));
    gave_value = true;
}
task<int> first_of_two(task<int> one, task<int> other) {
    auto const value = co_await weft::first(std::move(one), std::move(other));
    co_return value.index() == 0 ? std::get<0>(value) : std::get<1>(value);
}

std::vector<join_handle<int>> list(join_handle<int> only) {
    std::vector<join_handle<int>> handles;
    handles.push_back(std::move(only));
    return handles;
}
std::vector<join_handle<int>> list(join_handle<int> one, join_handle<int> other) {
    auto handles = list(std::move(one));
    handles.push_back(std::move(other));
    return handles;
}

}  // namespace

TEST_CASE("completions: each end is told once", "[model][completions]") {
    verify_tasks(bounded("begins to wait || end", 2), [] {
        model::house house(2);
        join_handle<int> ended = house.start(1, gives(1));
        join_handle<int> asking = house.start(0, sum_of_all(list(std::move(ended))));
        std::thread other([&] { house.run_oldest(1); });
        house.run_oldest(0);
        other.join();
        house.finish();
        model::check(asking.result() == 1 && house.empty(), "its value");
    });
    verify_tasks(bounded("waits || end || end", 2), [] {
        model::house house(3);
        join_handle<int> one = house.start(1, gives(1));
        join_handle<int> another = house.start(2, gives(2));
        join_handle<int> asking = house.start(0, sum_of_all(list(std::move(one), std::move(another))));
        house.run_oldest(0);
        std::thread other([&] {
            house.run_oldest(1);
            house.run_oldest(1);
        });
        house.run_oldest(2);
        other.join();
        house.finish();
        model::check(asking.result() == 3 && house.empty(), "both values");
    });
}

TEST_CASE("completions: the stream goes before the last end", "[model][completions]") {
    verify_tasks(bounded("the stream goes || end", 2), [] {
        model::house house(2);
        join_handle<int> one = house.start(0, gives(1));
        join_handle<int> another = house.start(1, gives(1));
        house.run_oldest(0);
        join_handle<int> asking = house.start(0, first_of_them(list(std::move(one), std::move(another))));
        house.run_oldest(0);
        std::thread other([&] { house.run_oldest(1); });
        house.run_oldest(0);
        other.join();
        house.finish();
        model::check(asking.result() == 1 && house.empty(), "a value");
    });
}

TEST_CASE("completions: who asks is cancelled", "[model][completions]") {
    verify_tasks(bounded("end || cancel of who asks", 2), [] {
        model::house house(2);
        join_handle<int> ended = house.start(1, gives(1));
        join_handle<int> asking = house.start(0, sum_of_all(list(std::move(ended))));
        house.run_oldest(0);
        bool told = false;
        std::thread canceller([&] { told = house.as_worker(0, [&] { return asking.cancel(); }); });
        house.run_oldest(1);
        canceller.join();
        house.finish();
        model::check(told && asking.cancelled() && house.empty(), "who was told that it is cancelled was told the truth");
    });
}

TEST_CASE("first: one has ended, the other is cancelled", "[model][completions]") {
    verify_tasks(bounded("first of two that end", 2), [] {
        model::house house(2);
        join_handle<int> root = house.start(0, first_of_two(gives(1), gives(2)));
        std::thread thief([&] { house.steal_fork(1, 0); });
        house.run_oldest(0);
        thief.join();
        house.finish();
        model::check((root.result() == 1 || root.result() == 2) && house.empty(), "one of them");
    });
    verify_tasks(bounded("first of one that ends", 2), [] {
        model::house house(2);
        join_handle<int> root = house.start(0, first_of_two(gives(1), sleeps_for_ever()));
        std::thread thief([&] { house.steal_fork(1, 0); });
        house.run_oldest(0);
        thief.join();
        house.finish();
        model::check(root.result() == 1 && house.empty(), "the one that ends");
    });
}

TEST_CASE("first: who asks is cancelled", "[model][completions]") {
    verify_tasks(bounded("first of the only one || cancel of who catches that", 2), [] {
        model::house house(2);
        join_handle<int> root = house.start(0, first_of_one_or_told(yields(1)));
        house.run_oldest(0);
        bool asked = false;
        std::thread canceller([&] { asked = house.as_worker(1, [&] { return root.cancel(); }); });
        house.run_oldest(0);
        canceller.join();
        house.finish();
        if (!root.cancelled()) model::check(root.result() == (asked ? 1 : 0), "it is told once");
        model::check(house.empty(), "all tasks have ended");
    });
}

TEST_CASE("first: a request to cancel is taken back", "[model][completions][first_taken_back]") {
    verify_tasks(bounded("first of the only one: is told || uncancel", 2), [] {
        model::house house(2);
        join_handle<int> root = house.start(0, first_of_one_or_told(sleeps_for_ever()));
        house.run_oldest(0);
        model::check(house.as_worker(1, [&] { return root.cancel(); }), "it waits");
        std::thread takes_back([&] { root.uncancel(); });
        house.run_oldest(1);
        house.run_oldest(1);
        takes_back.join();
        house.finish();
        model::check(root.result() == 1 && house.empty(), "it is told once");
    });
}

TEST_CASE("first: who asks is cancelled, and does not suspend", "[model][completions][first_not_told]") {
    verify_tasks(bounded("first of the only one, which awaits a task that was cancelled || cancel", 2), [] {
        model::house house(2);
        join_handle<int> ended = house.start(1, gives(1));
        ended.cancel();
        house.run_oldest(1);
        bool gave_value = false;
        join_handle<> root = house.start(0, first_of_one(awaits(std::move(ended)), gave_value));
        std::thread canceller([&] { static_cast<void>(house.as_worker(1, [&] { return root.cancel(); })); });
        house.run_oldest(0);
        canceller.join();
        house.finish();
        model::check(!gave_value && root.cancelled() && house.empty(), "it ends cancelled");
    });
}
