// SPDX-License-Identifier: MIT
// The tests' own tools.
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <chrono>
#include <cstdlib>
#include <thread>

using namespace std::chrono_literals;

TEST_CASE("a test has one seed", "[support]") {
    const auto first = weft::test::seed();
    CHECK(weft::test::seed() == first);
    CHECK(weft::test::seed_if_used() == first);
    if (const char* given = std::getenv("WEFT_TEST_SEED")) CHECK(first == std::strtoull(given, nullptr, 0));
}

// The names of these cases are the test: ctest must find and run each of them.
TEST_CASE("a name may have a half-open interval [0, 1), commas, and\\or \"quotes\"; too", "[support]") { SUCCEED(); }
TEST_CASE("a name may have ](both)[", "[support]") { SUCCEED(); }

TEST_CASE("a watchdog is silent when the test ends in time", "[support]") {
    const auto start = std::chrono::steady_clock::now();
    {
        const weft::test::watchdog guard{60s, "ends at once"};
    }
    CHECK(std::chrono::steady_clock::now() - start < 30s);
}

// Run by name only, by a test of CMakeLists.txt that expects the watchdog to bite.
TEST_CASE("hang", "[.]") {
    const weft::test::watchdog guard{100ms, "a test that hangs"};
    std::this_thread::sleep_for(600s);
}

TEST_CASE("Catch2's moved names work in both versions", "[support]") {
    CHECK(1.0 == weft::test::Approx(1.0));
    CHECK_THAT("abc", weft::test::ContainsSubstring("b"));
}
