// SPDX-License-Identifier: MIT
// The join under gather (lib/join.cpp, include/weft/detail/{join,slot}.hpp): the parent goes on exactly once, after all of its
// children have ended, and sees what they came to; who has counted a child's end touches neither child nor join any more.
#include "support/catch.hpp"

#include <thread>
#include <utility>

#include <weft/gather.hpp>
#include <weft/yield.hpp>

#include "hands.hpp"
#include "small_tasks.hpp"

namespace {

namespace model = weft::model;
using model::bounded;
using model::failure;
using model::fails;
using model::gives;
using model::run_beside;
using model::steal;
using model::steal_twice;
using model::verify_tasks;
using model::yields;
using weft::gather;
using weft::join_handle;
using weft::task;

task<int> yields_and_fails(int number) {
    co_await weft::yield();
    throw failure{number};
    co_return 0;
}
task<int> awaits(join_handle<int> const& handle) { co_return co_await handle; }

// Counts how often the parent goes on: something plain, so that twice at a time is a race.
task<int> sum(task<int> one, task<int> other, int& gone_on) {
    auto [first, second] = co_await gather(std::move(one), std::move(other));
    ++gone_on;
    co_return first + second;
}
task<int> sum_of_three(task<int> one, task<int> other, task<int> third, int& gone_on) {
    auto [a, b, c] = co_await gather(std::move(one), std::move(other), std::move(third));
    ++gone_on;
    co_return a + b + c;
}
// Its children may have failed.
task<int> failed_sum(task<int> one, task<int> other, int& gone_on) {
    try {
        co_await gather(std::move(one), std::move(other));
    } catch (failure const& first) {
        ++gone_on;
        co_return first.number;
    }
    co_return 0;
}

}  // namespace

TEST_CASE("join: children that return at once", "[model][join]") {
    verify_tasks(bounded("two children, 1 thief"), [] {
        int gone_on = 0;
        model::check(run_beside(sum(gives(1), gives(2), gone_on), 1, steal) == 3, "both results");
        model::check(gone_on == 1, "the parent goes on once");
    });
    verify_tasks(bounded("three children, 1 thief"), [] {
        int gone_on = 0;
        model::check(run_beside(sum_of_three(gives(1), gives(2), gives(4), gone_on), 1, steal_twice) == 7, "all results");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

TEST_CASE("join: a child suspends on its fork's stack, or where it was stolen", "[model][join]") {
    verify_tasks(bounded("the first child yields"), [] {
        int gone_on = 0;
        model::check(run_beside(sum(yields(1), gives(2), gone_on), 2, steal) == 3, "both results");
        model::check(gone_on == 1, "the parent goes on once");
    });
    verify_tasks(bounded("the first child yields, and is taken from the line"), [] {
        int gone_on = 0;
        auto const take = [](model::house& house) { house.steal_ready(1, 0); };
        model::check(run_beside(sum(yields(1), gives(2), gone_on), 1, take) == 3, "both results");
        model::check(gone_on == 1, "the parent goes on once");
    });
    verify_tasks(bounded("the second child yields"), [] {
        int gone_on = 0;
        auto const steal_and_go_on = [](model::house& house) {
            house.steal_fork(1, 0);
            house.run_oldest(1);
        };
        model::check(run_beside(sum(gives(1), yields(2), gone_on), 1, steal_and_go_on) == 3, "both results");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

TEST_CASE("join: children fail", "[model][join]") {
    verify_tasks(bounded("both children fail"), [] {
        int gone_on = 0;
        int const first = run_beside(failed_sum(fails(1), fails(2), gone_on), 1, steal);
        model::check(first == 1 || first == 2, "one of their exceptions");
        model::check(gone_on == 1, "the parent goes on once");
    });
    verify_tasks(bounded("one child fails after it has suspended"), [] {
        int gone_on = 0;
        model::check(run_beside(failed_sum(yields_and_fails(1), gives(2), gone_on), 2, steal) == 1, "its exception");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

TEST_CASE("join: a gather in a gather", "[model][join]") {
    verify_tasks(bounded("nested, 1 thief"), [] {
        int inner = 0;
        int outer = 0;
        model::check(run_beside(sum(sum(gives(1), gives(2), inner), gives(4), outer), 1, steal_twice) == 7, "all results");
        model::check(inner == 1 && outer == 1, "each parent goes on once");
    });
}

TEST_CASE("join: a fork that gives way", "[model][join]") {
    verify_tasks(bounded("another task waits, 1 thief"), [] {
        int gone_on = 0;
        model::house house(2);
        join_handle<int> root = house.start(0, sum(gives(1), gives(2), gone_on));
        join_handle<int> other = house.start(0, gives(4));
        std::thread thief([&] { house.steal_fork(1, 0); });
        house.run_oldest(0);
        house.run_newest_fork(0);
        thief.join();
        house.finish();
        model::check(root.result() == 3 && other.result() == 4 && gone_on == 1, "all results, once");
    });
    verify_tasks(bounded("2 thieves have what it has left"), [] {
        int gone_on = 0;
        model::house house(3);
        join_handle<int> root = house.start(0, sum(gives(1), gives(2), gone_on));
        join_handle<int> other = house.start(0, gives(4));
        house.run_oldest(0);
        std::thread one([&] { house.steal_fork(1, 0); });
        std::thread another([&] { house.steal_fork(2, 0); });
        one.join();
        another.join();
        house.finish();
        model::check(root.result() == 3 && other.result() == 4 && gone_on == 1, "all results, once");
    });
}

TEST_CASE("join: a child awaits a task", "[model][join]") {
    verify_tasks(bounded("a child awaits a handle"), [] {
        int gone_on = 0;
        model::house house(2);
        join_handle<int> awaited = house.start(1, gives(1));
        join_handle<int> root = house.start(0, sum(awaits(awaited), gives(2), gone_on));
        std::thread other([&] {
            house.run_oldest(1);
            house.run_oldest(1);
        });
        house.run_oldest(0);
        other.join();
        house.finish();
        model::check(root.result() == 3 && gone_on == 1, "both results, once");
    });
}
