// SPDX-License-Identifier: MIT
// Who hears of several ends, one by one (lib/completions.cpp), and first and wait, which stand on gather and on scopes: no end is missed,
// none is told twice, and who is told has not gone.
#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/as_completed.hpp>
#include <weft/error.hpp>
#include <weft/first.hpp>
#include <weft/sleep.hpp>
#include <weft/wait.hpp>
#include <weft/yield.hpp>

#include "hands.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using weft::join_handle;
using weft::task;

task<int> gives(int number) {
    co_return number;
}
task<int> yields(int number) {
    co_await weft::yield();
    co_return number;
}
task<int> sleeps_for_ever() {
    co_await weft::sleep(24h);
    co_return 0;
}

model::options bounded(std::string name, int preemptions) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}

// The sum of the first `wanted` that end; the others are left alone.
task<int> sum_of_first(std::vector<join_handle<int>> handles, int wanted) {
    auto ends = weft::as_completed(std::move(handles));
    int sum = 0;
    for (int given = 0; given < wanted; ++given) sum += (*co_await ends.next()).result();
    co_return sum;
}
task<int> first_of_two(task<int> one, task<int> other) {
    auto const value = co_await weft::first(std::move(one), std::move(other));
    co_return value.index() == 0 ? std::get<0>(value) : std::get<1>(value);
}
task<int> waits_for_first(std::vector<join_handle<int>> handles) {
    auto const [done, pending] = co_await weft::wait(std::move(handles), weft::first_completed);
    model::check(!done.empty(), "one has ended");
    co_return done.front().result();
}

std::vector<join_handle<int>> both(join_handle<int> one, join_handle<int> other) {
    std::vector<join_handle<int>> handles;
    handles.push_back(std::move(one));
    handles.push_back(std::move(other));
    return handles;
}

}  // namespace

TEST_CASE("completions: each end is told once", "[model]") {
    model::verify_tasks(bounded("as_completed || two ends", 2), [] {
        model::house house(2);
        auto handles = both(house.start(1, gives(1)), house.start(1, gives(2)));
        join_handle<int> asking = house.start(0, sum_of_first(std::move(handles), 2));
        std::thread other([&] { house.work_a_bit(1, 2); });
        house.work(0, [&] { return asking.done(); });
        other.join();
        model::check(asking.result() == 3, "both values");
    });
}

TEST_CASE("completions: the stream goes before the last end", "[model]") {
    model::verify_tasks(bounded("as_completed is left || end", 2), [] {
        model::house house(2);
        auto handles = both(house.start(0, gives(1)), house.start(1, gives(1)));
        join_handle<int> asking = house.start(0, sum_of_first(std::move(handles), 1));
        std::thread other([&] { house.work_a_bit(1, 1); });
        house.work(0, [&] { return house.empty(); });
        other.join();
        model::check(asking.result() == 1, "a value");
    });
}

TEST_CASE("completions: who asks is cancelled", "[model]") {
    model::verify_tasks(bounded("as_completed || end || cancel", 2), [] {
        model::house house(2);
        join_handle<int> asking;
        {
            std::vector<join_handle<int>> handles;
            handles.push_back(house.start(0, yields(1)));
            asking = house.start(0, sum_of_first(std::move(handles), 1));
        }
        bool told = false;
        std::thread canceller([&] { told = house.as_worker(1, [&] { return asking.cancel(); }); });
        house.work(0, [&] { return house.empty(); });
        canceller.join();
        model::check(asking.cancelled() == told, "who was told that it is cancelled was told the truth");
    });
}

TEST_CASE("first: one has ended, the other is cancelled", "[model]") {
    model::verify_tasks(bounded("first of two", 2), [] {
        model::house house(2);
        join_handle<int> root = house.start(0, first_of_two(yields(1), yields(2)));
        std::thread thief([&] { house.work_a_bit(1, 2); });
        house.work(0, [&] { return root.done(); });
        thief.join();
        model::check(root.result() == 1 || root.result() == 2, "one of them");
    });
    model::verify_tasks(bounded("first of one that ends", 2), [] {
        model::house house(2);
        join_handle<int> root = house.start(0, first_of_two(sleeps_for_ever(), yields(2)));
        std::thread thief([&] { house.work_a_bit(1, 2); });
        house.work(0, [&] { return root.done(); });
        thief.join();
        model::check(root.result() == 2, "the one that ends");
    });
}

TEST_CASE("wait: for the first of two", "[model]") {
    model::verify_tasks(bounded("wait || end || end", 2), [] {
        model::house house(2);
        auto handles = both(house.start(1, gives(1)), house.start(1, gives(2)));
        join_handle<int> root = house.start(0, waits_for_first(std::move(handles)));
        std::thread other([&] { house.work_a_bit(1, 2); });
        house.work(0, [&] { return house.empty(); });
        other.join();
        model::check(root.result() == 1 || root.result() == 2, "one of them");
    });
}
