// SPDX-License-Identifier: MIT
// Shapes of gather that are rare by chance: children that suspend in each way, in gathers inside each other.
#include "support/catch.hpp"
#include "support/scale.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <array>
#include <chrono>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

namespace config = weft::detail::config;

enum class suspension { none, yield, sleep };

weft::task<int> leaf_of_two(suspension how) {
    if (how == suspension::yield) co_await weft::yield();
    if (how == suspension::sleep) co_await weft::sleep(5us);
    co_return 1;
}

weft::task<int> two(suspension first, suspension second) {
    auto const [a, b] = co_await weft::gather(leaf_of_two(first), leaf_of_two(second));
    co_return a + b;
}

weft::task<int> two_levels(suspension first, suspension second, suspension third) {
    auto const [a, b] = co_await weft::gather(two(first, second), leaf_of_two(third));
    co_return a + b;
}

weft::task<int> three_levels(suspension first, suspension second, suspension third) {
    auto const [a, b, c] =
        co_await weft::gather(two_levels(first, second, third), two(third, first), two_levels(third, second, first));
    co_return a + b + c;
}

}  // namespace

namespace {

weft::task<int> one_after(std::chrono::microseconds pause) {
    co_await weft::sleep(pause);
    co_return 1;
}

// The two children of an inner gather end late and in the wrong order, by the turn that ready tasks get among many forks of the
// outer gather.
weft::task<int> late_among_forks(int siblings) {
    std::vector<weft::task<int>> all;
    all.push_back([]() -> weft::task<int> {
        auto const [a, b] = co_await weft::gather(one_after(20us), leaf_of_two(suspension::yield));
        co_return a + b;
    }());
    for (int number = 0; number < siblings; ++number) all.push_back(one_after(300us));
    std::vector<int> const each = co_await weft::gather(std::move(all));
    int sum = 0;
    for (int const one : each) sum += one;
    co_return sum;
}

}  // namespace

TEST_CASE("an inner gather ends late, while forks of the outer one wait", "[gather][stress]") {
    const weft::test::watchdog guard{60s, "an inner gather ends among forks of the outer one"};
    for (const unsigned workers : {1u, 2u, 8u}) {
        weft::runtime kept({.workers = workers});
        int wrong = 0;
        for (int round = 0; round < 20; ++round) wrong += kept.run(late_among_forks(4'000)) != 4'002;
        CAPTURE(workers);
        CHECK(wrong == 0);
    }
}

TEST_CASE("gather(gather(3, 4), 2) where 3 and 4 suspend", "[gather][stress]") {
    const weft::test::watchdog guard{60s, "children that suspend"};
    int const rounds = weft::test::scaled(config::tsan ? 100 : 1'000);
    constexpr std::array all{suspension::none, suspension::yield, suspension::sleep};
    for (const unsigned workers : {1u, 2u, 8u}) {
        weft::runtime kept({.workers = workers});
        int wrong = 0;
        for (int round = 0; round < rounds; ++round) {
            for (const auto third : all) {
                wrong += kept.run(two_levels(suspension::yield, suspension::yield, third)) != 3;
                wrong += kept.run(two_levels(suspension::none, suspension::yield, third)) != 3;
            }
        }
        CAPTURE(workers);
        CHECK(wrong == 0);
    }
}

TEST_CASE("every way to suspend in three levels of gather", "[gather][stress]") {
    const weft::test::watchdog guard{60s, "three levels of gather"};
    int const rounds = weft::test::scaled(config::tsan ? 5 : 50);
    constexpr std::array all{suspension::none, suspension::yield, suspension::sleep};
    for (const unsigned workers : {1u, 2u, 8u}) {
        weft::runtime kept({.workers = workers});
        int wrong = 0;
        for (int round = 0; round < rounds; ++round)
            for (const auto first : all)
                for (const auto second : all)
                    for (const auto third : all) wrong += kept.run(three_levels(first, second, third)) != 8;
        CAPTURE(workers);
        CHECK(wrong == 0);
    }
}
