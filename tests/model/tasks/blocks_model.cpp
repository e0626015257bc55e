// SPDX-License-Identifier: MIT
// The children of a wide gather, in blocks (lib/child_blocks.cpp, run_children in lib/join.cpp): what holds for the join, where one
// of its children runs others. Here a block has two places, and a gather of three is wide.
#include "support/catch.hpp"

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include <weft/gather.hpp>

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
using weft::join_handle;
using weft::task;

using children = std::vector<task<int>>;

template <class... Tasks>
children list(Tasks... each) {
    children all;
    all.reserve(sizeof...(each));
    (all.push_back(std::move(each)), ...);
    return all;
}

// Counts how often the parent goes on: something plain, so that twice at a time is a race.
task<int> sum(children all, int& gone_on) {
    int total = 0;
    for (int const each : co_await weft::gather(std::move(all))) total += each;
    ++gone_on;
    co_return total;
}
// Its children may have failed.
task<int> failed_sum(children all, int& gone_on) {
    int first = 0;
    try {
        co_await weft::gather(std::move(all));
    } catch (failure const& failed) {
        first = failed.number;
    }
    ++gone_on;
    co_return first;
}

void verify_sum(model::options const& with, std::function<children()> const& make, int jobs,
                std::function<void(model::house&)> const& meanwhile, int expected) {
    verify_tasks(with, [&] {
        int gone_on = 0;
        model::check(run_beside(sum(make(), gone_on), jobs, meanwhile) == expected, "all results");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

}  // namespace

TEST_CASE("blocks: children that return at once", "[model][blocks]") {
    verify_sum(bounded("three children, 1 thief"), [] { return list(gives(1), gives(2), gives(4)); }, 1, steal, 7);
    verify_sum(bounded("three children, 1 thief, twice"), [] { return list(gives(1), gives(2), gives(4)); }, 1, steal_twice, 7);
    verify_sum(
        bounded("blocks in blocks"), [] { return list(gives(1), gives(2), gives(4), gives(8), gives(16)); }, 1, steal, 31);
}

TEST_CASE("blocks: a child suspends in its block, or where that was stolen", "[model][blocks]") {
    verify_sum(bounded("the first child yields"), [] { return list(yields(1), gives(2), gives(4)); }, 2, steal, 7);
    // The second block has the second child and the third.
    verify_sum(
        bounded("the second child yields"), [] { return list(gives(1), yields(2), gives(4)); }, 1,
        [](model::house& house) {
            house.steal_fork(1, 0);
            house.run_oldest(1);
        },
        7);
}

TEST_CASE("blocks: children fail", "[model][blocks]") {
    verify_tasks(bounded("one in each block"), [] {
        int gone_on = 0;
        int const first = run_beside(failed_sum(list(fails(1), gives(2), fails(3)), gone_on), 1, steal);
        model::check(first == 1 || first == 3, "one of their exceptions");
        model::check(gone_on == 1, "the parent goes on once");
    });
}

TEST_CASE("blocks: a thief opens a block, and another one takes from it", "[model][blocks]") {
    verify_tasks(bounded("2 thieves"), [] {
        int gone_on = 0;
        model::house house(3);
        join_handle<int> root = house.start(0, sum(list(gives(1), gives(2), gives(4)), gone_on));
        join_handle<int> other = house.start(0, gives(8));
        house.run_oldest(0);  // gives way: the blocks are there for thieves
        std::thread one([&] { house.steal_fork(1, 0); });
        std::thread another([&] { house.steal_fork(2, 1); });
        house.run_newest_fork(0);
        one.join();
        another.join();
        house.finish();
        model::check(root.result() == 7 && other.result() == 8 && gone_on == 1, "all results, once");
    });
}

TEST_CASE("blocks: a block gives way", "[model][blocks][gives_way]") {
    verify_tasks(bounded("its children are stolen"), [] {
        int gone_on = 0;
        model::house house(2);
        join_handle<int> root = house.start(0, sum(list(gives(1), gives(2), gives(4)), gone_on));
        join_handle<int> other = house.start(0, gives(8));
        house.run_oldest(0);
        house.run_newest_fork(0);
        std::thread thief([&] { steal_twice(house); });
        house.run_newest_fork(0);
        house.run_newest_fork(0);
        thief.join();
        house.finish();
        model::check(root.result() == 7 && other.result() == 8 && gone_on == 1, "all results, once");
    });
}
