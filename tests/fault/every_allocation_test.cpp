// SPDX-License-Identifier: MIT
// The n-th allocation of a program fails, for every n, whatever it is for: an operator new, a coroutine's frame, a queue. It is
// seen as std::bad_alloc by who asked for the thing, or does no harm; nothing that was begun is lost, and the runtime goes on.
#include "everything.hpp"
#include "failing_memory.hpp"
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/endings.hpp"
#include "support/subprocess.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using weft::test::census;
using weft::test::do_everything;
using weft::test::failing_memory;
using weft::test::pieces;

namespace {

// Whether it is the failure itself, alone or as all that a group has come to.
bool is_bad_alloc(std::exception_ptr const& came) {
    try {
        std::rethrow_exception(came);
    } catch (std::bad_alloc const&) {
        return true;
    } catch (weft::exception_group const& group) {
        return std::ranges::all_of(group, is_bad_alloc);
    } catch (...) {
        return false;
    }
}

std::string words_for(std::exception_ptr const& came) { return came ? weft::detail::describe(came) : "nothing"; }

// One of the program's own failures, which somebody would have awaited if that had not been cut short.
bool is_planned(std::exception_ptr const& came) {
    try {
        std::rethrow_exception(came);
    } catch (weft::test::failure const&) {
        return true;
    } catch (...) {
        return false;
    }
}

// What nobody awaited.
struct unseen {
    std::atomic<int> bad_allocs{0};
    std::atomic<int> others{0};
};

weft::options settings_for(unsigned workers, unseen& heard) {
    return {.workers = workers, .blocking_threads = 2, .on_unhandled_exception = [&heard](weft::unhandled_exception const& what) {
                if (is_bad_alloc(what.exception))
                    ++heard.bad_allocs;
                else if (!is_planned(what.exception))
                    ++heard.others;
            }};
}

struct ending {
    std::exception_ptr thrown;
    long failed = 0;
};

// As long as it took for all failures to come, or to the end.
template <class Program>
ending with_failures(long first, long how_many, Program program) {
    ending seen;
    failing_memory memory(first, how_many);
    try {
        program();
    } catch (...) {
        seen.thrown = std::current_exception();
    }
    seen.failed = memory.stop();
    return seen;
}

// Runs the program with the n-th allocation failing, from the first on, until it has no n-th one any more. Returns how many there
// were.
template <class Check>
long for_every_allocation(long how_many, Check check) {
    // Threads draw from one count: the program may have a few more or less in another run.
    int untouched = 0;
    long n = 1;
    for (; untouched < 5; ++n) {
        long const failed = check(n, how_many);
        untouched = failed == 0 ? untouched + 1 : 0;
    }
    return n;
}

int in_a_sound_run(weft::runtime& runtime, std::chrono::nanoseconds moment) {
    census objects;
    pieces done;
    do_everything(runtime, objects, done, moment);
    return done.ended;
}

void fails_anywhere(unsigned workers, long how_many, bool paused, std::chrono::nanoseconds moment) {
    unseen heard;
    weft::testing::paused_clock clock(0s);
    weft::options settings = settings_for(workers, heard);
    if (paused) settings.clock = &clock;
    auto runtime = std::make_unique<weft::runtime>(std::move(settings));
    int const all_pieces = in_a_sound_run(*runtime, moment);
    long with_exception = 0;
    long const allocations = for_every_allocation(how_many, [&](long n, long failures) {
        CAPTURE(workers, n, failures);
        census objects;
        pieces done;
        heard.bad_allocs = 0;
        const ending seen = with_failures(n, failures, [&] { do_everything(*runtime, objects, done, moment); });
        if (seen.thrown) {
            ++with_exception;
            INFO(words_for(seen.thrown));
            CHECK(seen.failed > 0);
            CHECK(is_bad_alloc(seen.thrown));
        } else if (heard.bad_allocs == 0) {
            CHECK(done.ended == all_pieces);
        }
        // A submitted task may be on its way still, if the second could not be submitted: the next run comes after it.
        CHECK(in_a_sound_run(*runtime, moment) == all_pieces);
        CHECK(objects.alive == 0);
        CHECK(heard.others == 0);
        return seen.failed;
    });
    runtime.reset();
    // All of it was gone through, and most of it is for something that then is not there.
    CAPTURE(allocations, with_exception);
    CHECK(allocations > 500);
    CHECK(with_exception > allocations / 2);
    char const* const which = paused ? "paused" : "steady";
    std::printf("%u workers, %s clock: %ld allocations, %ld seen as exceptions\n", workers, which, allocations, with_exception);
}

}  // namespace

TEST_CASE("whichever allocation fails under a paused clock, it is a std::bad_alloc, and the runtime goes on", "[no_memory]") {
    const weft::test::watchdog guard{120s, "every allocation, paused clock"};
    for (const unsigned workers : {1u, 2u}) fails_anywhere(workers, 1, true, 1ms);
}

TEST_CASE("whichever allocation fails under the steady clock, it is a std::bad_alloc, and the runtime goes on", "[no_memory]") {
    const weft::test::watchdog guard{120s, "every allocation, steady clock"};
    fails_anywhere(2, 1, false, 20us);
}

TEST_CASE("whichever allocations fail in a row, the runtime goes on", "[no_memory]") {
    const weft::test::watchdog guard{120s, "allocations that fail in a row"};
    fails_anywhere(2, 10, true, 1ms);
}

TEST_CASE("whichever allocation fails while a runtime is made and runs for the first time, the next one works", "[no_memory]") {
    const weft::test::watchdog guard{120s, "every allocation of a new runtime"};
    for (const unsigned workers : {1u, 2u})
        for (const bool paused : {false, true}) {
            long not_made = 0;
            for_every_allocation(1, [&](long n, long failures) {
                CAPTURE(workers, paused, n);
                unseen heard;
                const auto make_and_run = [&] {
                    std::optional<weft::testing::paused_clock> clock;
                    weft::options settings = settings_for(workers, heard);
                    if (paused) settings.clock = &clock.emplace();
                    weft::runtime runtime(std::move(settings));
                    const int sum = runtime.run([]() -> weft::task<int> {
                        auto const [one, two] =
                            co_await weft::gather(weft::to_thread([] { return 1; }), weft::to_thread([] { return 2; }));
                        co_await weft::sleep(1us);
                        co_return one + two;
                    });
                    if (sum != 3) throw weft::test::wrong_outcome("the sum");
                };
                const ending seen = with_failures(n, failures, make_and_run);
                INFO(words_for(seen.thrown));
                if (seen.thrown) {
                    ++not_made;
                    CHECK(seen.failed > 0);
                    CHECK(is_bad_alloc(seen.thrown));
                }
                CHECK(heard.others == 0);
                make_and_run();
                return seen.failed;
            });
            CHECK(not_made > 20);
        }
}

namespace {

constexpr char const* variable_with_n = "WEFT_TEST_NTH_ALLOCATION";

}  // namespace

// In a process of its own: nothing that weft makes once is there yet. Exits with 1 where all is right and something has failed,
// with 0 where all is right and nothing has.
TEST_CASE("the first run of a process", "[.]") {
    char const* const n = std::getenv(variable_with_n);
    REQUIRE(n);
    unseen heard;
    const ending seen = with_failures(std::atol(n), 1, [&] {
        weft::runtime runtime(settings_for(1, heard));
        runtime.run([]() -> weft::task<> {
            weft::spawn([]() -> weft::task<> {
                co_await weft::yield();
                throw weft::test::failure("that nobody awaits");
            });
            co_await weft::yield();
            co_await weft::yield();
        });
    });
    const bool right = (!seen.thrown || is_bad_alloc(seen.thrown)) && heard.others == 0;
    std::_Exit(!right ? 2 : seen.failed > 0 ? 1 : 0);
}

TEST_CASE("whichever allocation fails in the first run of a process, it goes on", "[no_memory]") {
    int n = 1;
    for (int code = 1; code == 1; ++n) {
        REQUIRE(setenv(variable_with_n, std::to_string(n).c_str(), 1) == 0);
        const auto ended = weft::test::run_case("the first run of a process", 20s);
        CAPTURE(n, ended.errors, ended.signal);
        REQUIRE(ended.in_time);
        code = ended.exit_code;
        REQUIRE((code == 0 || code == 1));
    }
    CHECK(n > 30);
}
