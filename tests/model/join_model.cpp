// SPDX-License-Identifier: MIT
// The join under gather (lib/join.cpp, include/weft/detail/{join,slot}.hpp): the parent goes on exactly once, after all of its children
// have ended, and sees what they came to; who has counted a child's end touches neither child nor join any more.
#include "support/catch.hpp"

#include <string>
#include <thread>
#include <utility>

#include <weft/gather.hpp>
#include <weft/yield.hpp>

#include "hands.hpp"

namespace {

namespace model = weft::model;
using weft::gather;
using weft::join_handle;
using weft::task;

struct failure {
    int number;
};

task<int> gives(int number) {
    co_return number;
}
task<int> yields(int number) {
    co_await weft::yield();
    co_return number;
}
task<int> fails(int number) {
    throw failure{number};
    co_return 0;
}
task<int> yields_and_fails(int number) {
    co_await weft::yield();
    throw failure{number};
    co_return 0;
}
task<int> awaits(join_handle<int> const& handle) {
    co_return co_await handle;
}

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

model::options bounded(std::string name, int preemptions) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}
model::options all(std::string name) {
    return bounded(std::move(name), model::unbounded);
}

// Worker 0 has the task, runs that and what becomes ready until it has ended. Each other worker looks `looks` times for something to
// steal.
int run(task<int> work, int thieves, int looks) {
    model::house house(static_cast<unsigned>(thieves) + 1);
    join_handle<int> root = house.start(0, std::move(work));
    std::thread one([&] { house.work_a_bit(1, looks); });
    std::thread other;
    if (thieves == 2) other = std::thread([&] { house.work_a_bit(2, looks); });
    house.work(0, [&] { return root.done(); });
    one.join();
    if (thieves == 2) other.join();
    return std::move(root).result();
}

}  // namespace

TEST_CASE("join: two children that return at once", "[model]") {
    model::verify_tasks(all("two children, 1 thief"), [] {
        int gone_on = 0;
        model::check(run(sum(gives(1), gives(2), gone_on), 1, 1) == 3, "both results");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

TEST_CASE("join: two children and two thieves", "[model]") {
    model::verify_tasks(all("two children, 2 thieves"), [] {
        int gone_on = 0;
        model::check(run(sum(gives(1), gives(2), gone_on), 2, 1) == 3, "both results");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

TEST_CASE("join: three children", "[model]") {
    model::verify_tasks(all("three children, 1 thief"), [] {
        int gone_on = 0;
        model::check(run(sum_of_three(gives(1), gives(2), gives(4), gone_on), 1, 2) == 7, "all results");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

TEST_CASE("join: a child suspends on its fork's stack, or where it was stolen", "[model]") {
    model::verify_tasks(all("the first child yields"), [] {
        int gone_on = 0;
        model::check(run(sum(yields(1), gives(2), gone_on), 1, 2) == 3, "both results");
        model::check(gone_on == 1, "the parent goes on once");
    });
    model::verify_tasks(all("the second child yields"), [] {
        int gone_on = 0;
        model::check(run(sum(gives(1), yields(2), gone_on), 1, 2) == 3, "both results");
        model::check(gone_on == 1, "the parent goes on once");
    });
    model::verify_tasks(all("both children yield"), [] {
        int gone_on = 0;
        model::check(run(sum(yields(1), yields(2), gone_on), 1, 1) == 3, "both results");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

TEST_CASE("join: children fail", "[model]") {
    model::verify_tasks(all("both children fail"), [] {
        int gone_on = 0;
        int const first = run(failed_sum(fails(1), fails(2), gone_on), 1, 1);
        model::check(first == 1 || first == 2, "one of their exceptions");
        model::check(gone_on == 1, "the parent goes on once");
    });
    model::verify_tasks(all("one child fails after it has suspended"), [] {
        int gone_on = 0;
        model::check(run(failed_sum(yields_and_fails(1), gives(2), gone_on), 1, 2) == 1, "its exception");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

TEST_CASE("join: a gather in a gather", "[model]") {
    model::verify_tasks(all("nested, 1 thief"), [] {
        int inner = 0;
        int outer = 0;
        model::check(run(sum(sum(gives(1), gives(2), inner), gives(4), outer), 1, 2) == 7, "all results");
        model::check(inner == 1 && outer == 1, "each parent goes on once");
    });
}

TEST_CASE("join: a fork that gives way", "[model]") {
    model::verify_tasks(all("another task waits, 1 thief"), [] {
        int gone_on = 0;
        model::house house(2);
        join_handle<int> root = house.start(0, sum(gives(1), gives(2), gone_on));
        join_handle<int> other = house.start(0, gives(4));
        std::thread thief([&] { house.work_a_bit(1, 1); });
        house.work(0, [&] { return root.done() && other.done(); });
        thief.join();
        model::check(root.result() == 3 && other.result() == 4 && gone_on == 1, "all results, once");
    });
}

TEST_CASE("join: a child awaits a task", "[model]") {
    model::verify_tasks(bounded("a child awaits a handle, 1 thief", 3), [] {
        int gone_on = 0;
        model::house house(2);
        join_handle<int> awaited = house.start(1, gives(1));
        join_handle<int> root = house.start(0, sum(awaits(awaited), gives(2), gone_on));
        std::thread other([&] { house.work_a_bit(1, 2); });
        house.work(0, [&] { return root.done(); });
        other.join();
        model::check(root.result() == 3 && gone_on == 1, "both results, once");
    });
}
