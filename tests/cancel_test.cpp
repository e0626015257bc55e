// SPDX-License-Identifier: MIT
// cancel, cancelled, cancelling, uncancel; every awaitable as a cancellation point; tasks that await each other when one of them is
// cancelled; how run() and the runtime end what is left. The clock is paused where time matters: an hour not cut short shows.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/scale.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::cancelled;
using weft::join_handle;
using weft::task;
using weft::test::census;
using weft::test::counted;
using weft::test::counted_move_only;
using weft::test::watchdog;
using weft::testing::paused_clock;

namespace {

using texts = std::vector<std::string>;

constexpr bool sanitized = weft::detail::config::asan || weft::detail::config::tsan;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What the body gives, on so many workers and a paused clock, and how much time has passed by that.
template <class Body>
auto run_paused(unsigned workers, Body body, std::chrono::nanoseconds& elapsed) {
    paused_clock clock;
    auto result = weft::run(std::move(body), {.workers = workers, .clock = &clock});
    elapsed = clock.elapsed();
    return result;
}
template <class Body>
auto run_paused(unsigned workers, Body body) {
    std::chrono::nanoseconds elapsed;
    return run_paused(workers, std::move(body), elapsed);
}

// How what is awaited ends.
template <class Awaitable>
task<std::string> ending_of(Awaitable& awaited) {
    try {
        co_await awaited;
        co_return "value";
    } catch (cancelled const&) {
        co_return "cancelled";
    } catch (failure const& thrown) {
        co_return thrown.what();
    } catch (weft::timeout_error const&) {
        co_return "timeout";
    } catch (weft::invalid_state const&) {
        co_return "invalid_state";
    }
}

std::string kind_of(std::exception_ptr const& exception) {
    if (!exception) return "none";
    try {
        std::rethrow_exception(exception);
    } catch (cancelled const&) {
        return "cancelled";
    } catch (failure const& thrown) {
        return thrown.what();
    } catch (...) {
        return "other";
    }
}

task<> sleep_for(std::chrono::nanoseconds duration) { co_await weft::sleep(duration); }

task<int> sleep_and_give(std::chrono::nanoseconds duration, int value) {
    co_await weft::sleep(duration);
    co_return value;
}

// Sleeps, and if it is cancelled answers as it is told.
enum class answer { value, error, rethrow, clean_up };
task<int> answering(answer how) {
    bool asked = false;
    try {
        co_await weft::sleep(1h);
    } catch (cancelled const&) {
        if (how == answer::rethrow) throw;
        asked = true;
    }
    if (asked && how == answer::error) throw failure("error");
    if (asked && how == answer::clean_up) {
        co_await weft::sleep(5s);
        throw cancelled();
    }
    co_return asked ? 1 : 0;
}

// A task that knows its own handle. One worker only: it begins after the handle is there.
template <class Value = void>
struct with_handle {
    join_handle<Value> self;
};

// ---- Points

enum class point {
    sleep,
    sleep_until,
    sleep_nothing,
    yield,
    named_handle,
    moved_handle,
    tuple,
    tuple_of_three,
    tuple_of_values,
    vector,
    wide_vector,
    returning_exceptions,
    wide_returning_exceptions,
    awaitables,
    tick,
    due_tick,
    inline_task,
    limited,
    limited_gather,
    gather_of_limited,
};

template <class Task>
std::vector<Task> many(std::size_t count, auto make) {
    std::vector<Task> all;
    for (std::size_t index = 0; index < count; ++index) all.push_back(make());
    return all;
}

task<> nested_sleep(int depth) {
    if (depth == 0)
        co_await weft::sleep(1h);
    else
        co_await nested_sleep(depth - 1);
}

task<> wait_at(point where) {
    auto const hour = [] { return sleep_for(1h); };
    auto const hour_and_value = [] { return sleep_and_give(1h, 1); };
    switch (where) {
        case point::sleep: co_await weft::sleep(1h); break;
        case point::sleep_until: co_await weft::sleep_until(weft::now() + 1h); break;
        case point::sleep_nothing:
            for (;;) co_await weft::sleep(0s);
        case point::yield:
            for (;;) co_await weft::yield();
        case point::named_handle: {
            auto const handle = weft::spawn(sleep_for(1h));
            co_await handle;
            break;
        }
        case point::moved_handle: co_await weft::spawn(sleep_for(1h)); break;
        case point::tuple: co_await weft::gather(sleep_for(1h), sleep_for(2h)); break;
        case point::tuple_of_three: co_await weft::gather(sleep_for(1h), sleep_for(2h), sleep_for(3h)); break;
        case point::tuple_of_values: co_await weft::gather(sleep_and_give(1h, 1), sleep_for(2h)); break;
        case point::vector: co_await weft::gather(many<task<>>(5, hour)); break;
        case point::wide_vector: co_await weft::gather(many<task<int>>(500, hour_and_value)); break;
        case point::returning_exceptions:
            co_await weft::gather(weft::return_exceptions, sleep_for(1h), sleep_and_give(1h, 1));
            break;
        case point::wide_returning_exceptions:
            co_await weft::gather(weft::return_exceptions, many<task<int>>(500, hour_and_value));
            break;
        case point::awaitables:
            co_await weft::gather(weft::sleep(1h), weft::spawn(sleep_for(1h)), weft::gather(weft::sleep(1h)));
            break;
        case point::tick: {
            weft::interval every(weft::now() + 1h, 1h);
            co_await every.tick();
            break;
        }
        case point::due_tick: {
            weft::interval every(weft::now() - 1h, 1ms);
            for (;;) co_await every.tick();
        }
        case point::inline_task: co_await nested_sleep(50); break;
        case point::limited: co_await weft::wait_for(weft::sleep(1h), 2h); break;
        case point::limited_gather: co_await weft::wait_for(weft::gather(sleep_for(1h), sleep_for(1h)), 2h); break;
        case point::gather_of_limited:
            co_await weft::gather(weft::wait_for(sleep_for(1h), 2h), weft::wait_for(sleep_for(1h), 3h));
            break;
    }
}

struct at_point {
    std::string ending;
    bool asked, done, was_cancelled;
    int count;
};

}  // namespace

// ---- The handle

TEST_CASE("cancelled is no std::exception, and says what it is", "[cancel]") {
    STATIC_REQUIRE(!std::is_base_of_v<std::exception, cancelled>);
    CHECK(std::string(cancelled().what()).find("cancel") != std::string::npos);
}

TEST_CASE("a task that sleeps ends by cancelled when it is asked, at once", "[cancel]") {
    watchdog const guard(10s, "asked");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<texts> {
        texts seen;
        auto const note = [&seen](bool value) { seen.push_back(value ? "yes" : "no"); };
        auto handle = weft::spawn(sleep_and_give(1h, 7));
        co_await weft::sleep(1s);
        note(handle.done());
        note(handle.cancelled());
        seen.push_back(std::to_string(handle.cancelling()));
        note(handle.cancel());
        seen.push_back(std::to_string(handle.cancelling()));
        seen.push_back(co_await ending_of(handle));
        note(handle.done());
        note(handle.cancelled());
        note(handle.cancel());
        seen.push_back(std::to_string(handle.cancelling()));
        seen.push_back(kind_of(handle.exception()));
        try {
            static_cast<void>(handle.result());
        } catch (cancelled const&) {
            seen.push_back("result throws");
        }
        seen.push_back(co_await ending_of(handle));  // it may be awaited again
        co_return seen;
    };
    CHECK(run_paused(workers, body, elapsed) ==
          texts{"no", "no", "0", "yes", "1", "cancelled", "yes", "yes", "no", "1", "cancelled", "result throws", "cancelled"});
    CHECK(elapsed == 1s);
}

TEST_CASE("a task that has ended cannot be cancelled", "[cancel]") {
    watchdog const guard(10s, "ended");
    auto const workers = GENERATE(1u, 2u);
    auto const body = []() -> task<bool> {
        auto good = weft::spawn(sleep_and_give(0s, 7));
        auto bad = weft::spawn([]() -> task<> {
            co_await weft::yield();
            throw failure("error");
        });
        bool right = co_await good == 7 && co_await ending_of(bad) == "error";
        right = right && !good.cancel() && !good.cancelled() && good.cancelling() == 0;
        right = right && good.uncancel() == 0 && good.result() == 7;
        co_return right && !bad.cancel() && !bad.cancelled() && bad.cancelling() == 0 && kind_of(bad.exception()) == "error";
    };
    CHECK(run_paused(workers, body));
}

TEST_CASE("an empty handle says so", "[cancel][misuse]") {
    join_handle<> empty;
    CHECK_THROWS_AS(empty.cancel(), weft::invalid_state);
    CHECK_THROWS_AS(static_cast<void>(empty.cancelled()), weft::invalid_state);
    CHECK_THROWS_AS(static_cast<void>(empty.cancelling()), weft::invalid_state);
    CHECK_THROWS_AS(empty.uncancel(), weft::invalid_state);
}

TEST_CASE("cancel resumes nobody there and then", "[cancel]") {
    watchdog const guard(10s, "not inline");
    auto const body = []() -> task<texts> {
        texts seen;
        auto handle = weft::spawn([&seen]() -> task<> {
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                seen.push_back("task");
                throw;
            }
        });
        co_await weft::yield();
        handle.cancel();
        seen.push_back("after cancel");
        seen.push_back(co_await ending_of(handle));
        co_return seen;
    };
    CHECK(run_paused(1, body) == texts{"after cancel", "task", "cancelled"});
}

TEST_CASE("a task that throws cancelled itself is cancelled, and nobody asked", "[cancel]") {
    watchdog const guard(10s, "throws cancelled");
    auto const body = []() -> task<bool> {
        auto handle = weft::spawn([]() -> task<> {
            co_await weft::yield();
            throw cancelled();
        });
        co_return co_await ending_of(handle) == "cancelled" && handle.cancelled() && handle.cancelling() == 0;
    };
    CHECK(run_paused(1, body));
}

TEST_CASE("requests are counted, and taken back", "[cancel][uncancel]") {
    watchdog const guard(10s, "counts");
    auto const body = []() -> task<std::vector<int>> {
        std::vector<int> seen;
        auto handle = weft::spawn([]() -> task<> {
            for (int round = 0; round < 3; ++round) {
                try {
                    co_await weft::sleep(1h);
                } catch (cancelled const&) {
                }
            }
        });
        co_await weft::yield();
        for (int round = 0; round < 3; ++round) {
            handle.cancel();
            seen.push_back(handle.cancelling());
            co_await weft::sleep(1s);
        }
        seen.push_back(handle.done());
        for (int round = 0; round < 4; ++round) seen.push_back(handle.uncancel());
        seen.push_back(handle.cancelling());
        seen.push_back(handle.cancelled());
        co_return seen;
    };
    CHECK(run_paused(1, body) == std::vector<int>{1, 2, 3, 1, 2, 1, 0, 0, 0, 0});
}

TEST_CASE("a request that the task takes back before it came does not come", "[cancel][uncancel]") {
    watchdog const guard(10s, "taken back");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        with_handle<int> own;
        own.self = weft::spawn([&own]() -> task<int> {
            own.self.cancel();
            own.self.cancel();
            if (own.self.uncancel() != 1 || own.self.uncancel() != 0) co_return 0;
            co_await weft::sleep(1s);
            own.self.cancel();
            own.self.uncancel();
            co_return 2;  // with a request that was taken back this is no cancelled task either
        });
        co_return co_await own.self == 2 && !own.self.cancelled() && own.self.cancelling() == 0;
    };
    CHECK(run_paused(1, body, elapsed));
    CHECK(elapsed == 1s);
}

TEST_CASE("of two requests one is taken back: the other comes", "[cancel][uncancel]") {
    watchdog const guard(10s, "one of two");
    auto const body = []() -> task<bool> {
        with_handle<> own;
        own.self = weft::spawn([&own]() -> task<> {
            own.self.cancel();
            own.self.cancel();
            own.self.uncancel();
            co_await weft::sleep(1h);
        });
        co_return co_await ending_of(own.self) == "cancelled" && own.self.cancelling() == 1;
    };
    std::chrono::nanoseconds elapsed;
    CHECK(run_paused(1, body, elapsed));
    CHECK(elapsed == 0s);
}

// ---- Before it begins, in its last step

TEST_CASE("a task that is cancelled before it begins never does, and what it was given is destroyed", "[cancel]") {
    watchdog const guard(10s, "before it begins");
    auto const body = []() -> task<bool> {
        census objects;
        bool begun = false;
        auto const never = [](bool& ran, counted) -> task<int> {
            ran = true;
            co_return 1;
        };
        auto handle = weft::spawn(never(begun, counted(objects)));
        bool const asked = handle.cancel();
        bool const early = handle.cancelled();
        bool right = co_await ending_of(handle) == "cancelled" && asked && !early && handle.cancelled() && handle.cancelling() == 1;
        auto called = weft::spawn(never, std::ref(begun), counted(objects));
        called.cancel();
        called.cancel();
        right = right && co_await ending_of(called) == "cancelled";
        handle = {};
        called = {};
        co_return right && !begun && objects.alive == 0;
    };
    CHECK(run_paused(1, body));
}

TEST_CASE("on many workers a task that is cancelled at once has run whole, in part or not at all, and ends once", "[cancel]") {
    watchdog const guard(30s, "cancelled at once");
    auto const workers = GENERATE(2u, 8u);
    census objects;
    auto const body = [&objects]() -> task<bool> {
        bool right = true;
        for (int round = 0; round < (sanitized ? 300 : 2000); ++round) {
            std::atomic<int> began = 0, ended = 0;
            auto handle = weft::spawn([](std::atomic<int>& first, std::atomic<int>& last, counted) -> task<> {
                ++first;
                co_await weft::sleep(1h);
                ++last;
            }, std::ref(began), std::ref(ended), counted(objects));
            handle.cancel();
            right = right && co_await ending_of(handle) == "cancelled" && began <= 1 && ended == 0;
        }
        co_return right;
    };
    CHECK(run_paused(workers, body));
    CHECK(objects.alive == 0);
}

TEST_CASE("the value of a task that is cancelled in its last step is destroyed", "[cancel]") {
    watchdog const guard(10s, "dropped value");
    census objects;
    auto const body = [&objects]() -> task<bool> {
        with_handle<counted_move_only> own;
        own.self = weft::spawn([&]() -> task<counted_move_only> {
            own.self.cancel();
            co_return counted_move_only(objects, 1);
        });
        co_return co_await ending_of(own.self) == "cancelled" && objects.alive == 0;
    };
    CHECK(run_paused(1, body));
    CHECK(objects.alive == 0);
}

TEST_CASE("a value returned with a request on its way is dropped, an error is not", "[cancel]") {
    watchdog const guard(10s, "last step");
    auto const body = []() -> task<texts> {
        texts seen;
        with_handle<int> own;
        own.self = weft::spawn([&]() -> task<int> {
            own.self.cancel();
            co_return 1;
        });
        seen.push_back(co_await ending_of(own.self));
        with_handle<> none;
        none.self = weft::spawn([&]() -> task<> {
            none.self.cancel();
            co_return;
        });
        seen.push_back(co_await ending_of(none.self));
        with_handle<int&> reference;
        static int somewhere = 0;
        reference.self = weft::spawn([&]() -> task<int&> {
            reference.self.cancel();
            co_return somewhere;
        });
        seen.push_back(co_await ending_of(reference.self));
        with_handle<> bad;
        bad.self = weft::spawn([&]() -> task<> {
            co_await weft::yield();
            bad.self.cancel();
            throw failure("error");
        });
        seen.push_back(co_await ending_of(bad.self));
        seen.push_back(bad.self.cancelled() ? "cancelled" : "not cancelled");
        co_return seen;
    };
    CHECK(run_paused(1, body) == texts{"cancelled", "cancelled", "cancelled", "error", "not cancelled"});
}

// ---- Cancellation points

TEST_CASE("each awaitable is a cancellation point", "[cancel]") {
    watchdog const guard(20s, "points");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const where = GENERATE(point::sleep, point::sleep_until, point::sleep_nothing, point::yield, point::named_handle,
                                point::moved_handle, point::tuple, point::tuple_of_three, point::tuple_of_values, point::vector,
                                point::wide_vector, point::returning_exceptions, point::wide_returning_exceptions,
                                point::awaitables, point::tick, point::due_tick, point::inline_task, point::limited,
                                point::limited_gather, point::gather_of_limited);
    CAPTURE(workers, static_cast<int>(where));
    std::chrono::nanoseconds elapsed;
    auto const body = [where]() -> task<at_point> {
        std::atomic<bool> begun = false;
        auto handle = weft::spawn([where, &begun]() -> task<> {
            begun = true;
            co_await wait_at(where);
        });
        // Those that yield never let the clock move.
        while (!begun) co_await weft::yield();
        for (int turn = 0; turn < 20; ++turn) co_await weft::yield();
        at_point result{};
        result.asked = handle.cancel();
        result.ending = co_await ending_of(handle);
        result.done = handle.done();
        result.was_cancelled = handle.cancelled();
        result.count = handle.cancelling();
        co_return result;
    };
    auto const result = run_paused(workers, body, elapsed);
    CHECK(result.asked);
    CHECK(result.ending == "cancelled");
    CHECK(result.done);
    CHECK(result.was_cancelled);
    CHECK(result.count == 1);
    CHECK(elapsed == 0s);
}

TEST_CASE("a request that came while the task computed comes at its next await", "[cancel]") {
    watchdog const guard(20s, "next await");
    auto const workers = GENERATE(1u, 8u);
    auto const where = GENERATE(point::sleep, point::sleep_until, point::sleep_nothing, point::yield, point::tuple,
                                point::tuple_of_values, point::vector, point::wide_vector, point::returning_exceptions, point::tick,
                                point::due_tick, point::inline_task, point::limited, point::gather_of_limited);
    CAPTURE(workers, static_cast<int>(where));
    std::chrono::nanoseconds elapsed;
    auto const body = [where]() -> task<bool> {
        std::atomic<bool> have_handle = false;
        with_handle<> own;
        own.self = weft::spawn([where, &own, &have_handle]() -> task<> {
            while (!have_handle) co_await weft::yield();
            own.self.cancel();
            co_await wait_at(where);
        });
        have_handle = true;
        co_return co_await ending_of(own.self) == "cancelled" && own.self.cancelled();
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 0s);
}

TEST_CASE("what does not suspend is no cancellation point", "[cancel]") {
    watchdog const guard(10s, "no suspension");
    auto const body = []() -> task<bool> {
        auto const ready = weft::spawn(sleep_and_give(0s, 3));
        co_await ready;
        int passed = 0;
        with_handle<> own;
        own.self = weft::spawn([&]() -> task<> {
            own.self.cancel();
            co_await ready;
            ++passed;
            co_await weft::gather();
            ++passed;
            co_await weft::gather(std::vector<task<int>>{});
            ++passed;
            co_await []() -> task<> { co_return; }();
            ++passed;
            co_await weft::test::declining{};
            ++passed;
            co_await weft::yield();
            ++passed;
        });
        co_return co_await ending_of(own.self) == "cancelled" && passed == 5;
    };
    CHECK(run_paused(1, body));
}

TEST_CASE("a foreign awaitable is no cancellation point: what it brings is kept, and the next one throws", "[cancel][foreign]") {
    watchdog const guard(10s, "foreign");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const body = []() -> task<bool> {
        weft::test::gate gate;
        std::atomic<int> stage = 0;
        auto handle = weft::spawn([&]() -> task<> {
            stage = 1;
            co_await gate;
            stage = 2;
            co_await weft::sleep(1h);
            stage = 3;
        });
        while (stage != 1) co_await weft::yield();
        for (int turn = 0; turn < 10; ++turn) co_await weft::yield();
        bool right = handle.cancel();
        for (int turn = 0; turn < 10; ++turn) co_await weft::yield();
        right = right && !handle.done();
        gate.open();
        co_return right && co_await ending_of(handle) == "cancelled" && stage == 2;
    };
    CHECK(weft::run(body, {.workers = workers}));
}

// ---- Swallowed, and once only

TEST_CASE("a task may swallow its cancellation and go on: then it is not cancelled, and is not asked again", "[cancel]") {
    watchdog const guard(10s, "swallowed");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto handle = weft::spawn([]() -> task<int> {
            int caught = 0;
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                ++caught;
            }
            co_await weft::sleep(1s);
            co_await weft::yield();
            co_await weft::gather(sleep_for(1s), sleep_for(2s));
            co_await weft::spawn(sleep_for(1s));
            co_await weft::wait_for(sleep_for(1s), 2s);
            co_return caught;
        });
        co_await weft::sleep(1s);
        handle.cancel();
        co_return co_await handle == 1 && !handle.cancelled() && handle.cancelling() == 1;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 1s + 1s + 2s + 1s + 1s);
}

TEST_CASE("who cleans up may await; a second request interrupts that, too", "[cancel]") {
    watchdog const guard(10s, "clean up");
    auto const workers = GENERATE(1u, 2u);
    auto const asked_twice = GENERATE(false, true);
    std::chrono::nanoseconds elapsed;
    auto const body = [asked_twice]() -> task<texts> {
        texts seen;
        auto handle = weft::spawn([&seen]() -> task<> {
            bool asked = false;
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                asked = true;
            }
            if (!asked) co_return;
            try {
                co_await weft::sleep(10s);
                seen.push_back("cleaned up");
            } catch (cancelled const&) {
                seen.push_back("interrupted");
            }
            throw cancelled();
        });
        co_await weft::sleep(1s);
        handle.cancel();
        co_await weft::sleep(1s);
        if (asked_twice) handle.cancel();
        seen.push_back(co_await ending_of(handle));
        co_return seen;
    };
    CHECK(run_paused(workers, body, elapsed) == texts{asked_twice ? "interrupted" : "cleaned up", "cancelled"});
    CHECK(elapsed == (asked_twice ? 2s : 11s));
}

TEST_CASE("several requests at once are one exception", "[cancel]") {
    watchdog const guard(10s, "several");
    auto const workers = GENERATE(1u, 2u);
    auto const body = []() -> task<bool> {
        auto handle = weft::spawn([]() -> task<int> {
            int caught = 0;
            for (int round = 0; round < 3; ++round) {
                try {
                    co_await weft::sleep(1s);
                } catch (cancelled const&) {
                    ++caught;
                }
            }
            co_return caught;
        });
        co_await weft::sleep(500ms);
        if (weft::worker_count() == 1)
            for (int request = 0; request < 5; ++request) handle.cancel();
        else
            handle.cancel();
        co_return co_await handle == 1 && handle.cancelling() == (weft::worker_count() == 1 ? 5 : 1);
    };
    CHECK(run_paused(workers, body));
}

TEST_CASE("destructors run when cancelled passes", "[cancel]") {
    watchdog const guard(10s, "destructors");
    census objects;
    auto const body = [&objects]() -> task<bool> {
        auto handle = weft::spawn([](census& in) -> task<> {
            counted const outer(in);
            auto const inner = [](census& of) -> task<> {
                counted const local(of);
                co_await weft::sleep(1h);
            };
            co_await weft::gather(inner(in), inner(in));
        }, std::ref(objects));
        co_await weft::sleep(1s);
        bool right = objects.alive == 3;
        handle.cancel();
        co_return co_await ending_of(handle) == "cancelled" && right && objects.alive == 0;
    };
    CHECK(run_paused(2, body));
}

// ---- Tasks that await tasks

TEST_CASE("who awaits a task passes the request on, and goes on when that has ended", "[cancel][forward]") {
    watchdog const guard(10s, "forwarded");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const moved = GENERATE(false, true);
    std::chrono::nanoseconds elapsed;
    auto const body = [moved]() -> task<texts> {
        texts seen;
        for (auto const how : {answer::value, answer::error, answer::rethrow, answer::clean_up}) {
            auto inner = weft::spawn(answering(how));
            auto outer = weft::spawn([](join_handle<int>& awaited, bool moves) -> task<int> {
                if (moves) co_return co_await std::move(awaited);
                co_return co_await awaited;
            }, std::ref(inner), moved);
            co_await weft::sleep(1s);
            outer.cancel();
            seen.push_back(co_await ending_of(outer));
            seen.push_back(outer.cancelled() ? "outer" : "-");
            seen.push_back(inner.cancelled() ? "inner" : "-");
            seen.push_back(std::to_string(outer.cancelling()) + std::to_string(inner.cancelling()));
        }
        co_return seen;
    };
    CHECK(run_paused(workers, body, elapsed) == texts{"value", "-", "-", "11", "error", "-", "-", "11",
                                                      "cancelled", "outer", "inner", "11", "cancelled", "outer", "inner", "11"});
    CHECK(elapsed == 4s + 5s);
}

TEST_CASE("a request that was answered by the awaited task with a value does not come again", "[cancel][forward]") {
    watchdog const guard(10s, "answered");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto outer = weft::spawn([]() -> task<int> {
            int const value = co_await weft::spawn(answering(answer::value));
            co_await weft::sleep(10s);
            co_await weft::gather(sleep_for(1s), sleep_for(1s));
            co_return value;
        });
        co_await weft::sleep(1s);
        outer.cancel();
        co_return co_await outer == 1;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 12s);
}

TEST_CASE("a second request goes to the awaited task, too", "[cancel][forward]") {
    watchdog const guard(10s, "twice forwarded");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto inner = weft::spawn(answering(answer::clean_up));
        auto outer = weft::spawn([](join_handle<int>& awaited) -> task<> { co_await awaited; }, std::ref(inner));
        co_await weft::sleep(1s);
        outer.cancel();
        co_await weft::sleep(1s);
        bool const going_on = !outer.done();
        outer.cancel();
        co_return co_await ending_of(outer) == "cancelled" && going_on && inner.cancelled() && inner.cancelling() == 2 &&
            outer.cancelling() == 2;
    };
    CHECK(run_paused(GENERATE(1u, 2u), body, elapsed));
    CHECK(elapsed == 2s);
}

TEST_CASE("a chain of tasks is cancelled from its far end", "[cancel][forward]") {
    watchdog const guard(20s, "chain");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const length = GENERATE(3, 1000);
    std::chrono::nanoseconds elapsed;
    auto const body = [length]() -> task<bool> {
        std::vector<join_handle<>> chain;
        chain.reserve(static_cast<std::size_t>(length));
        std::atomic<int> order = 0;
        bool in_order = true;
        chain.push_back(weft::spawn(sleep_for(1h)));
        for (int link = 1; link < length; ++link)
            chain.push_back(weft::spawn([](join_handle<>& before, int number, std::atomic<int>& next, bool& right) -> task<> {
                try {
                    co_await before;
                } catch (cancelled const&) {
                    right = right && ++next == number;
                    throw;
                }
            }, std::ref(chain.back()), link, std::ref(order), std::ref(in_order)));
        co_await weft::sleep(1s);
        chain.back().cancel();
        bool right = co_await ending_of(chain.back()) == "cancelled";
        for (auto const& each : chain) right = right && each.cancelled() && each.cancelling() == 1;
        co_return right && in_order && order == length - 1;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 1s);
}

TEST_CASE("of two who await a task one is cancelled: both hear of its end, one was asked", "[cancel][forward]") {
    watchdog const guard(10s, "two awaiters");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const body = []() -> task<texts> {
        texts seen;
        auto const awaits = [](join_handle<int> const& awaited) -> task<int> { co_return co_await awaited; };
        for (auto const how : {answer::rethrow, answer::value}) {
            auto shared = weft::spawn(answering(how));
            auto one = weft::spawn(awaits, std::cref(shared));
            auto other = weft::spawn(awaits, std::cref(shared));
            co_await weft::sleep(1s);
            one.cancel();
            seen.push_back(co_await ending_of(one));
            seen.push_back(co_await ending_of(other));
            for (auto const* const each : {&one, &other, &shared}) seen.push_back(std::to_string(each->cancelling()));
        }
        co_return seen;
    };
    CHECK(run_paused(workers, body) == texts{"cancelled", "cancelled", "1", "0", "1", "value", "value", "1", "0", "1"});
}

TEST_CASE("a task that is cancelled while its awaiter waits is an exception to that, which is not cancelled", "[cancel][forward]") {
    watchdog const guard(10s, "awaited is cancelled");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto inner = weft::spawn(sleep_for(1h));
        auto outer = weft::spawn([](join_handle<>& awaited) -> task<int> {
            try {
                co_await awaited;
            } catch (cancelled const&) {
            }
            co_await weft::sleep(1s);
            co_return 1;
        }, std::ref(inner));
        co_await weft::sleep(1s);
        inner.cancel();
        co_return co_await outer == 1 && outer.cancelling() == 0 && inner.cancelled();
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 2s);
}

TEST_CASE("a gather of handles passes the request on to all of them", "[cancel][forward][gather]") {
    watchdog const guard(20s, "gather of handles");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const count = GENERATE(2, 300);
    std::chrono::nanoseconds elapsed;
    auto const body = [count]() -> task<bool> {
        std::vector<join_handle<>> handles;
        for (int index = 0; index < count; ++index) handles.push_back(weft::spawn(sleep_for(1h)));
        auto outer = weft::spawn([](std::vector<join_handle<>>& all) -> task<> { co_await weft::gather(all); }, std::ref(handles));
        co_await weft::sleep(1s);
        outer.cancel();
        bool right = co_await ending_of(outer) == "cancelled";
        for (auto const& each : handles) right = right && each.cancelled() && each.cancelling() == 1;
        co_return right;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 1s);
}

TEST_CASE("tasks that await each other in a circle end when one of them is cancelled", "[cancel][forward]") {
    watchdog const guard(30s, "circle");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const length = GENERATE(2u, 3u, 100u);
    CAPTURE(workers, length);
    auto const body = [length]() -> task<bool> {
        std::vector<join_handle<>> circle(length);
        std::atomic<bool> closed = false;
        for (std::size_t index = 0; index < length; ++index)
            circle[index] = weft::spawn([](join_handle<>& next, std::atomic<bool>& go) -> task<> {
                while (!go) co_await weft::yield();
                co_await next;
            }, std::ref(circle[(index + 1) % length]), std::ref(closed));
        closed = true;
        auto const stay = weft::spawn(sleep_for(1h));  // else the paused clock calls it a deadlock
        co_await weft::sleep(1s);
        bool right = circle[length / 2].cancel();
        for (auto const& each : circle) right = right && co_await ending_of(each) == "cancelled" && each.cancelled();
        co_return right;
    };
    CHECK(run_paused(workers, body));
}

TEST_CASE("who awaits a task of a circle can be cancelled, and the circle ends", "[cancel][forward]") {
    watchdog const guard(10s, "before a circle");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const body = []() -> task<bool> {
        join_handle<> one, other;
        std::atomic<bool> closed = false;
        auto const awaits = [](join_handle<>& next, std::atomic<bool>& go) -> task<> {
            while (!go) co_await weft::yield();
            co_await next;
        };
        one = weft::spawn(awaits, std::ref(other), std::ref(closed));
        other = weft::spawn(awaits, std::ref(one), std::ref(closed));
        closed = true;
        auto outside = weft::spawn([](join_handle<>& next) -> task<> { co_await next; }, std::ref(one));
        auto const stay = weft::spawn(sleep_for(1h));  // else the paused clock calls it a deadlock
        co_await weft::sleep(1s);
        outside.cancel();
        co_return co_await ending_of(outside) == "cancelled" && co_await ending_of(one) == "cancelled" && other.cancelled();
    };
    CHECK(run_paused(workers, body));
}

TEST_CASE("a circle that nobody cancels ends with its run", "[cancel][forward]") {
    watchdog const guard(30s, "circle at the end");
    auto const workers = GENERATE(1u, 2u, 8u);
    struct pair {
        join_handle<> one, other;
        std::atomic<bool> closed{false};
    };
    auto circle = std::make_shared<pair>();
    auto const awaits = [](std::shared_ptr<pair> of, bool first) -> task<> {
        while (!of->closed) std::this_thread::yield();
        co_await (first ? of->one : of->other);
    };
    weft::run([&]() -> task<> {
        circle->one = weft::spawn(awaits, circle, false);
        circle->other = weft::spawn(awaits, circle, true);
        circle->closed = true;
        co_await weft::sleep(200us);
    }, {.workers = workers});
    CHECK(circle->one.cancelled());
    CHECK(circle->other.cancelled());
    circle->one = {};
    circle->other = {};
    CHECK(circle.use_count() == 1);
}

TEST_CASE("tasks each of which gathers the other twice end when one is cancelled", "[cancel][forward][gather]") {
    watchdog const guard(30s, "branching circle");
    auto const body = []() -> task<bool> {
        join_handle<> one, other;
        auto const twice = [](join_handle<>& awaited) -> task<> { co_await weft::gather(awaited, awaited); };
        one = weft::spawn(twice, std::ref(other));
        other = weft::spawn(twice, std::ref(one));
        auto const stay = weft::spawn(sleep_for(1h));
        co_await weft::sleep(1s);
        one.cancel();
        co_return co_await ending_of(one) == "cancelled" && co_await ending_of(other) == "cancelled";
    };
    CHECK(run_paused(1, body));
}

// ---- From where

TEST_CASE("any thread may cancel: outside, and the worker of another runtime", "[cancel][threads]") {
    watchdog const guard(20s, "from where");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const where = GENERATE(point::sleep, point::yield, point::named_handle, point::tuple, point::wide_vector, point::limited,
                                point::gather_of_limited, point::sleep_nothing);
    auto const outside = GENERATE(false, true);
    CAPTURE(workers, static_cast<int>(where), outside);
    weft::runtime runtime({.workers = workers});
    std::atomic<join_handle<>*> published = nullptr;
    std::atomic<bool> asked = false;
    auto future = runtime.submit([&]() -> task<bool> {
        auto handle = weft::spawn([where]() -> task<> {
            for (;;) co_await wait_at(where);
        });
        published = &handle;
        bool const right = co_await ending_of(handle) == "cancelled" && handle.cancelled();
        while (!asked) co_await weft::yield();
        co_return right;
    });
    while (!published) std::this_thread::yield();
    std::this_thread::sleep_for(200us);
    bool accepted = false;
    if (outside) {
        accepted = published.load()->cancel();
    } else {
        weft::runtime other({.workers = 2});
        accepted = other.run([&]() -> task<bool> { co_return published.load()->cancel(); });
    }
    asked = true;
    CHECK(accepted);
    CHECK(future.get());
}

TEST_CASE("a request is passed on to the task of another runtime", "[cancel][forward][threads]") {
    watchdog const guard(20s, "other runtime's task");
    auto const workers = GENERATE(1u, 2u);
    auto const how = GENERATE(answer::rethrow, answer::value, answer::error);
    weft::runtime other({.workers = workers});
    std::promise<join_handle<int>> started;
    std::atomic<bool> begun = false;
    auto const keeper = other.submit([&]() -> task<> {
        started.set_value(weft::spawn([how](std::atomic<bool>& begins) -> task<int> {
            begins = true;
            co_return co_await answering(how);
        }, std::ref(begun)));
        co_return;
    });
    auto inner = started.get_future().get();
    // One that is cancelled before it begins never answers.
    while (!begun) std::this_thread::yield();
    auto const ending = weft::run([&]() -> task<std::string> {
        auto outer = weft::spawn([](join_handle<int>& awaited) -> task<> { co_await awaited; }, std::ref(inner));
        co_await weft::yield();  // on one worker: until it awaits
        outer.cancel();
        co_return co_await ending_of(outer);
    }, {.workers = 1});
    CHECK(ending == (how == answer::rethrow ? "cancelled" : how == answer::value ? "value" : "error"));
    CHECK(inner.done());
    CHECK(inner.cancelled() == (how == answer::rethrow));
    CHECK(inner.cancelling() == 1);
}

TEST_CASE("a handle may outlive its runtime, and be asked everything", "[cancel][threads]") {
    watchdog const guard(10s, "outlives");
    join_handle<int> good;
    join_handle<> ended;
    join_handle<> unbegun;
    weft::run([&]() -> task<> {
        good = weft::spawn(sleep_and_give(0s, 5));
        co_await good;
        ended = weft::spawn(sleep_for(1h));
        co_await weft::yield();
        unbegun = weft::spawn(sleep_for(1h));
    }, {.workers = 1});
    CHECK(good.result() == 5);
    CHECK_FALSE(good.cancel());
    CHECK(good.cancelling() == 0);
    CHECK(good.uncancel() == 0);
    CHECK_FALSE(good.cancelled());
    for (auto* const each : {&ended, &unbegun}) {
        CHECK(each->done());
        CHECK(each->cancelled());
        CHECK_FALSE(each->cancel());
        CHECK(each->cancelling() == 1);
        CHECK(each->uncancel() == 0);
        CHECK(each->cancelled());
        CHECK(kind_of(each->exception()) == "cancelled");
        CHECK_THROWS_AS(each->result(), cancelled);
    }
}

// ---- Gathers

TEST_CASE("cancelling a gather cancels every child once, and the gather ends after the last of them", "[cancel][gather]") {
    watchdog const guard(30s, "children");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const count = GENERATE(1u, 2u, 5u, 95u, 96u, 97u, 1000u, 5000u);
    CAPTURE(workers, count);
    std::chrono::nanoseconds elapsed;
    auto const body = [count]() -> task<bool> {
        std::atomic<unsigned> begun = 0, caught = 0, ended = 0;
        auto handle = weft::spawn([&, count]() -> task<> {
            using count_of = std::atomic<unsigned>;
            auto const child = [](count_of& first, count_of& asked, count_of& last) -> task<int> {
                ++first;
                bool was_asked = false;
                try {
                    co_await weft::sleep(1h);
                } catch (cancelled const&) {
                    was_asked = true;
                }
                if (was_asked) {
                    ++asked;
                    co_await weft::sleep(3s);
                    ++last;
                    throw cancelled();
                }
                co_return 1;
            };
            std::vector<task<int>> children;
            for (unsigned index = 0; index < count; ++index) children.push_back(child(begun, caught, ended));
            try {
                co_await weft::gather(std::move(children));
            } catch (cancelled const&) {
                if (ended == count) throw;
            }
        });
        co_await weft::sleep(1s);
        handle.cancel();
        co_return co_await ending_of(handle) == "cancelled" && begun == count && caught == count && ended == count &&
            handle.cancelling() == 1;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 4s);
}

TEST_CASE("gathers inside gathers are cancelled to their leaves", "[cancel][gather]") {
    watchdog const guard(30s, "nested");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    struct tree {
        static task<> grow(int depth, std::atomic<int>& leaves, std::atomic<int>& inner) {
            try {
                if (depth == 0)
                    co_await weft::sleep(1h);
                else
                    co_await weft::gather(grow(depth - 1, leaves, inner), grow(depth - 1, leaves, inner));
            } catch (cancelled const&) {
                ++(depth == 0 ? leaves : inner);
                throw;
            }
        }
    };
    auto const body = []() -> task<bool> {
        std::atomic<int> leaves = 0, inner = 0;
        auto handle = weft::spawn(tree::grow(10, leaves, inner));
        co_await weft::sleep(1s);
        handle.cancel();
        co_return co_await ending_of(handle) == "cancelled" && leaves == 1024 && inner == 1023;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 1s);
}

TEST_CASE("a gather that was cancelled throws though all children swallowed it; their values are destroyed", "[cancel][gather]") {
    watchdog const guard(20s, "children swallow");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const returning = GENERATE(false, true);
    auto const count = GENERATE(2u, 200u);
    census objects;
    auto const body = [&objects, returning, count]() -> task<bool> {
        auto handle = weft::spawn([&]() -> task<> {
            auto const child = [](census& in) -> task<counted_move_only> {
                try {
                    co_await weft::sleep(1h);
                } catch (cancelled const&) {
                }
                co_return counted_move_only(in);
            };
            std::vector<task<counted_move_only>> children;
            for (unsigned index = 0; index < count; ++index) children.push_back(child(objects));
            if (returning)
                co_await weft::gather(weft::return_exceptions, std::move(children));
            else
                co_await weft::gather(std::move(children));
        });
        co_await weft::sleep(1s);
        handle.cancel();
        bool const right = co_await ending_of(handle) == "cancelled";
        co_return right && objects.alive == 0;
    };
    CHECK(run_paused(workers, body));
    CHECK(objects.alive == 0);
}

TEST_CASE("gather(return_exceptions) gives a child that was cancelled by itself as a value", "[cancel][gather]") {
    watchdog const guard(10s, "child by itself");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto lost = weft::spawn(sleep_and_give(1h, 1));
        auto outer = weft::spawn([](join_handle<int>& child) -> task<bool> {
            auto const [first, second] = co_await weft::gather(weft::return_exceptions, child, sleep_and_give(2s, 2));
            co_return kind_of(first.error()) == "cancelled" && second.value() == 2;
        }, std::ref(lost));
        co_await weft::sleep(1s);
        lost.cancel();
        co_return co_await outer && outer.cancelling() == 0;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 2s);
}

TEST_CASE("a child of a gather that is cancelled by itself is an exception: its siblings go on", "[cancel][gather]") {
    watchdog const guard(10s, "siblings go on");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto lost = weft::spawn(sleep_for(1h));
        bool sibling = false;
        auto outer = weft::spawn([&]() -> task<bool> {
            auto const other = [](bool& done) -> task<> {
                co_await weft::sleep(3s);
                done = true;
            };
            try {
                co_await weft::gather(lost, other(sibling));
            } catch (cancelled const&) {
                co_return sibling;
            }
            co_return false;
        });
        co_await weft::sleep(1s);
        lost.cancel();
        co_return co_await outer && outer.cancelling() == 0 && !outer.cancelled();
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 3s);
}

TEST_CASE("a child that begins after the request is interrupted at its first await", "[cancel][gather]") {
    watchdog const guard(10s, "begins later");
    auto const wide = GENERATE(false, true);
    std::chrono::nanoseconds elapsed;
    auto const body = [wide]() -> task<bool> {
        with_handle<> own;
        int caught = 0, began = 0;
        own.self = weft::spawn([&]() -> task<> {
            auto const asks = [](with_handle<>& of) -> task<> {
                of.self.cancel();
                co_return;
            };
            auto const later = [](int& count, int& begun) -> task<> {
                ++begun;
                try {
                    co_await weft::sleep(1h);
                } catch (cancelled const&) {
                    ++count;
                    throw;
                }
            };
            std::vector<task<>> children;
            children.push_back(asks(own));
            for (int index = 0; index < (wide ? 300 : 3); ++index) children.push_back(later(caught, began));
            co_await weft::gather(std::move(children));
        });
        co_return co_await ending_of(own.self) == "cancelled" && began == (wide ? 300 : 3) && caught == began;
    };
    CHECK(run_paused(1, body, elapsed));
    CHECK(elapsed == 0s);
}

TEST_CASE("a tick that was cancelled is the next one", "[cancel][interval]") {
    watchdog const guard(10s, "tick");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto handle = weft::spawn([]() -> task<bool> {
            auto const start = weft::now();
            weft::interval every(start + 10s, 10s);
            try {
                co_await every.tick();
            } catch (cancelled const&) {
            }
            co_return co_await every.tick() == start + 10s && weft::now() == start + 10s;
        });
        co_await weft::sleep(1s);
        handle.cancel();
        co_return co_await handle;
    };
    CHECK(run_paused(1, body, elapsed));
    CHECK(elapsed == 10s);
}

// ---- The end of a run, and of a runtime

TEST_CASE("run cancels what is left, waits for it, and reports what fails then, but nobody who was cancelled", "[cancel][run]") {
    watchdog const guard(20s, "what is left");
    auto const workers = GENERATE(1u, 2u, 8u);
    census objects;
    std::atomic<int> caught = 0, cleaned = 0, swallowed = 0;
    std::vector<std::string> reported;
    std::mutex reports;
    paused_clock clock;
    auto const left = [](int kind, std::atomic<int>& asked, std::atomic<int>& done, std::atomic<int>& went_on, counted) -> task<> {
        bool was_asked = false;
        try {
            constexpr std::array points{point::sleep, point::tuple, point::wide_vector, point::limited};
            co_await wait_at(points[static_cast<std::size_t>(kind % 4)]);
        } catch (cancelled const&) {
            was_asked = true;
        }
        if (!was_asked) co_return;
        ++asked;
        co_await weft::sleep(1s);
        ++done;
        if (kind == 7) throw failure("reported");
        if (kind == 8) ++went_on;
        else throw cancelled();
    };
    int const value = weft::run([&]() -> task<int> {
        for (int kind = 0; kind < 20; ++kind)
            weft::spawn(left, kind, std::ref(caught), std::ref(cleaned), std::ref(swallowed), counted(objects));
        co_await weft::sleep(1s);
        co_return 3;
    }, {.workers = workers,
        .on_unhandled_exception =
            [&](weft::unhandled_exception const& report) {
                std::lock_guard const lock(reports);
                reported.push_back(kind_of(report.exception));
            },
        .clock = &clock});
    CHECK(value == 3);
    CHECK(caught == 20);
    CHECK(cleaned == 20);
    CHECK(swallowed == 1);
    CHECK(objects.alive == 0);
    CHECK(reported == std::vector<std::string>{"reported"});
    CHECK(clock.elapsed() == 2s);
}

TEST_CASE("run rethrows what its main task ended by, cancels the others all the same", "[cancel][run]") {
    watchdog const guard(10s, "main fails");
    auto const workers = GENERATE(1u, 2u);
    census objects;
    auto const leaves = [](census& in) -> task<> {
        weft::spawn([](counted) -> task<> { co_await weft::sleep(1h); }, counted(in));
        co_await weft::yield();
        throw failure("main");
    };
    CHECK_THROWS_AS(weft::run([&] { return leaves(objects); }, {.workers = workers}), failure);
    CHECK(objects.alive == 0);
    CHECK_THROWS_AS(weft::run([]() -> task<> { throw cancelled(); co_return; }, {.workers = workers}), cancelled);
}

TEST_CASE("what is spawned while a run ends is cancelled before it begins", "[cancel][run]") {
    watchdog const guard(20s, "spawned at the end");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> begun = 0, ran = 0, not_begun = 0;
    census objects;
    weft::run([&]() -> task<> {
        for (int index = 0; index < 50; ++index)
            weft::spawn([](std::atomic<int>& begins, std::atomic<int>& count, std::atomic<int>& unbegun, census& in) -> task<> {
                bool asked = false;
                ++begins;
                try {
                    co_await weft::sleep(1h);
                } catch (cancelled const&) {
                    asked = true;
                }
                if (!asked) co_return;
                auto late = weft::spawn([](std::atomic<int>& runs, counted) -> task<> {
                    ++runs;
                    co_return;
                }, std::ref(count), counted(in));
                if (co_await ending_of(late) == "cancelled") ++unbegun;
            }, std::ref(begun), std::ref(ran), std::ref(not_begun), std::ref(objects));
        while (begun < 50) co_await weft::yield();
    }, {.workers = workers});
    CHECK(ran == 0);
    CHECK(not_begun == 50);
    CHECK(objects.alive == 0);
}

TEST_CASE("a run that spawns without end is ended", "[cancel][run]") {
    watchdog const guard(20s, "spawns without end");
    auto const workers = GENERATE(1u, 2u, 8u);
    census objects;
    struct breeder {
        static task<> breed(census& in, counted) {
            for (;;) {
                weft::spawn(sleeps(counted(in)));
                weft::spawn(breed_once(in, counted(in)));
                co_await weft::yield();
            }
        }
        static task<> breed_once(census& in, counted) {
            weft::spawn(sleeps(counted(in)));
            co_await weft::sleep(1h);
        }
        static task<> sleeps(counted) { co_await weft::sleep(1h); }
    };
    for (int round = 0; round < (sanitized ? 5 : 20); ++round)
        weft::run([&]() -> task<> {
            for (int index = 0; index < 4; ++index) weft::spawn(breeder::breed(objects, counted(objects)));
            co_await weft::sleep(300us);
        }, {.workers = workers});
    CHECK(objects.alive == 0);
}

TEST_CASE("runs of one runtime do not cancel each other's tasks, nor a later run's", "[cancel][run]") {
    watchdog const guard(20s, "other runs");
    weft::runtime runtime({.workers = 2});
    std::atomic<bool> stop = false;
    std::atomic<int> asked = 0;
    auto future = runtime.submit([&]() -> task<int> {
        int turns = 0;
        try {
            while (!stop || turns == 0) {
                co_await weft::sleep(10us);
                ++turns;
            }
        } catch (cancelled const&) {
            ++asked;
        }
        co_return turns;
    });
    for (int round = 0; round < 100; ++round) {
        auto const value = runtime.run([]() -> task<int> {
            weft::spawn(sleep_for(1h));
            co_await weft::yield();
            auto const mine = weft::spawn(sleep_and_give(1us, 4));
            co_return co_await mine;
        });
        if (value != 4) ++asked;
    }
    stop = true;
    CHECK(future.get() > 0);
    CHECK(asked == 0);
}

TEST_CASE("a runtime that is destroyed cancels what was submitted: each future has its value or cancelled", "[cancel][submit]") {
    watchdog const guard(20s, "submitted");
    auto const workers = GENERATE(1u, 2u, 8u);
    census objects;
    std::vector<std::future<int>> sleeping;
    std::future<int> swallows, fails, unbegun;
    {
        weft::runtime runtime({.workers = workers});
        std::atomic<int> begun = 0;
        for (int index = 0; index < 200; ++index)
            sleeping.push_back(runtime.submit([](std::atomic<int>& count, counted) -> task<int> {
                ++count;
                co_await wait_at(point::tuple);
                co_return 1;
            }, std::ref(begun), counted(objects)));
        swallows = runtime.submit([](std::atomic<int>& count) -> task<int> {
            ++count;
            co_return co_await answering(answer::value);
        }, std::ref(begun));
        fails = runtime.submit([](std::atomic<int>& count) -> task<int> {
            ++count;
            co_return co_await answering(answer::error);
        }, std::ref(begun));
        while (begun != 202) std::this_thread::yield();
        // Behind one that keeps the only worker busy, or not.
        auto const busy = runtime.submit([]() -> task<> {
            std::this_thread::sleep_for(5ms);
            co_return;
        });
        unbegun = runtime.submit([](counted) -> task<int> {
            co_await weft::sleep(1h);
            co_return 1;
        }, counted(objects));
    }
    for (auto& each : sleeping) CHECK_THROWS_AS(each.get(), cancelled);
    CHECK(swallows.get() == 1);
    CHECK_THROWS_AS(fails.get(), failure);
    CHECK_THROWS_AS(unbegun.get(), cancelled);
    CHECK(objects.alive == 0);
}

TEST_CASE("a submitted task that is cancelled while it cleans up cannot spawn: the runtime is closed", "[cancel][submit]") {
    watchdog const guard(20s, "closed");
    std::future<std::string> future;
    {
        weft::runtime runtime({.workers = 2});
        std::atomic<bool> begun = false;
        future = runtime.submit([](std::atomic<bool>& began) -> task<std::string> {
            began = true;
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
            }
            co_await weft::gather(sleep_for(1ms), sleep_for(1ms));
            try {
                weft::spawn(sleep_for(1h));
            } catch (weft::runtime_closed const&) {
                co_return "closed";
            }
            co_return "spawned";
        }, std::ref(begun));
        while (!begun) std::this_thread::yield();
    }
    CHECK(future.get() == "closed");
}

TEST_CASE("dropping a cancelled handle reports nothing", "[cancel][unhandled]") {
    watchdog const guard(10s, "not reported");
    std::atomic<int> reports = 0;
    weft::run([]() -> task<> {
        for (int index = 0; index < 10; ++index) {
            auto handle = weft::spawn(sleep_for(1h));
            if (index % 2 == 0) co_await weft::yield();
            handle.cancel();
        }
        co_await weft::sleep(1ms);
    }, {.workers = 2, .on_unhandled_exception = [&](weft::unhandled_exception const&) { ++reports; }});
    CHECK(reports == 0);
}

// ---- What was wrong once

TEST_CASE("siblings of a child that took the request without suspending are cancelled, too", "[cancel][gather]") {
    watchdog const guard(20s, "siblings");
    auto const swallows = GENERATE(false, true);
    struct scene {
        bool swallows = false;
        join_handle<> self;
        std::atomic<bool> held{false}, second_began{false}, first_ended{false}, sibling_began{false}, sibling_asked{false};
        weft::test::other_thread thread;

        // Keeps the other worker until the first child of the inner gather comes back there; then another one does, until the
        // sibling has begun.
        task<> hold() {
            held = true;
            while (held) std::this_thread::yield();
            co_return;
        }
        task<> hold_on() {
            while (!sibling_began) std::this_thread::yield();
            co_return;
        }
        task<> first() {
            thread.post([this] {
                while (!second_began) std::this_thread::yield();
            });
            co_await thread.hop();
            self.cancel();
            weft::spawn(hold_on());
            first_ended = true;
        }
        task<> second() {
            second_began = true;
            thread.post([this] { held = false; });
            while (!first_ended) std::this_thread::yield();
            std::this_thread::sleep_for(5ms);
            co_return;
        }
        task<> takes_it() {
            try {
                co_await weft::gather(first(), second());
            } catch (cancelled const&) {
                if (!swallows) throw;
            }
        }
        task<> sibling() {
            sibling_began = true;
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                sibling_asked = true;
                throw;
            }
        }
        task<> both() { co_await weft::gather(takes_it(), sibling()); }
        task<std::string> go() {
            auto const holding = weft::spawn(hold());
            while (!held) std::this_thread::yield();
            self = weft::spawn(both());
            std::string const ending = co_await ending_of(self);
            co_await holding;
            co_return ending;
        }
    } all;
    all.swallows = swallows;
    CHECK(weft::run([&] { return all.go(); }, {.workers = 2}) == "cancelled");
    CHECK(all.sibling_asked);
}

TEST_CASE("a request that comes just before a task awaits another is passed on as one that comes just after", "[cancel][forward]") {
    watchdog const guard(10s, "passed on early");
    std::chrono::nanoseconds elapsed;
    auto const gathered = GENERATE(false, true);
    auto const body = [gathered]() -> task<bool> {
        auto inner = weft::spawn(sleep_for(1h));
        with_handle<> own;
        own.self = weft::spawn([&]() -> task<> {
            own.self.cancel();
            if (gathered)
                co_await weft::gather(inner, inner);
            else
                co_await inner;
        });
        co_return co_await ending_of(own.self) == "cancelled" && inner.cancelled();
    };
    CHECK(run_paused(1, body, elapsed));
    CHECK(elapsed == 0s);
}

TEST_CASE("a wide gather of handles of tasks that await others passes the request on to all of them", "[cancel][forward]") {
    watchdog const guard(20s, "wide forwarding");
    auto const body = []() -> task<std::size_t> {
        constexpr std::size_t count = 12'000;
        std::vector<join_handle<>> inner, middle;
        for (std::size_t index = 0; index < count; ++index) inner.push_back(weft::spawn(sleep_for(1h)));
        for (std::size_t index = 0; index < count; ++index)
            middle.push_back(weft::spawn([](join_handle<>& awaited) -> task<> { co_await awaited; }, std::ref(inner[index])));
        auto outer = weft::spawn([](std::vector<join_handle<>>& all) -> task<> { co_await weft::gather(all); }, std::ref(middle));
        co_await weft::sleep(1s);
        outer.cancel();
        co_await ending_of(outer);
        co_return count - static_cast<std::size_t>(std::ranges::count_if(inner, [](auto const& each) { return each.cancelled(); }));
    };
    CHECK(run_paused(1, body) == 0);
}

TEST_CASE("a task with 70000 coroutines that await one handle can be cancelled", "[cancel][forward]") {
    watchdog const guard(20s, "many awaits of one handle");
    auto const body = []() -> task<bool> {
        auto inner = weft::spawn(sleep_and_give(1h, 1));
        auto outer = weft::spawn([](join_handle<int>& awaited) -> task<> {
            auto const awaits = [](join_handle<int>& handle) -> task<> { co_await handle; };
            std::vector<task<>> all;
            for (int index = 0; index < 70'000; ++index) all.push_back(awaits(awaited));
            co_await weft::gather(std::move(all));
        }, std::ref(inner));
        co_await weft::sleep(1s);
        outer.cancel();
        co_return co_await ending_of(outer) == "cancelled" && inner.cancelled();
    };
    CHECK(run_paused(1, body));
}

TEST_CASE("two tasks each of which gathers the other twenty times end when one is cancelled", "[cancel][forward]") {
    watchdog const guard(20s, "branching circle of twenty");
    auto const body = []() -> task<bool> {
        join_handle<> one, other;
        auto const often = [](join_handle<>& awaited) -> task<> {
            auto const awaits = [](join_handle<>& handle) -> task<> { co_await handle; };
            std::vector<task<>> all;
            for (int index = 0; index < 20; ++index) all.push_back(awaits(awaited));
            co_await weft::gather(std::move(all));
        };
        one = weft::spawn(often, std::ref(other));
        other = weft::spawn(often, std::ref(one));
        auto const stay = weft::spawn(sleep_for(1h));
        co_await weft::sleep(1s);
        one.cancel();
        co_return co_await ending_of(one) == "cancelled" && co_await ending_of(other) == "cancelled";
    };
    CHECK(run_paused(1, body));
}

TEST_CASE("an error that a child of a cancelled gather throws comes before the cancellation", "[cancel][gather]") {
    watchdog const guard(10s, "error of a child");
    auto const body = []() -> task<std::string> {
        auto handle = weft::spawn([]() -> task<> { co_await weft::gather(answering(answer::error)); });
        co_await weft::sleep(1s);
        handle.cancel();
        co_return co_await ending_of(handle);
    };
    CHECK(run_paused(1, body) == "error");
}

// ---- Not yet as promised

TEST_CASE("the end of a run interrupts nobody's cleaning up", "[cancel][run]") {
    watchdog const guard(30s, "interrupts nobody");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> cleaned = 0, interrupted = 0;
    int const rounds = weft::test::scaled(100);
    for (int round = 0; round < rounds; ++round) {
        paused_clock clock;
        weft::run([&]() -> task<> {
            for (int number = 0; number < 10; ++number)
                weft::spawn([](std::atomic<int>& whole, std::atomic<int>& cut) -> task<> {
                    bool asked = false;
                    try {
                        co_await weft::spawn(sleep_for(1h));
                    } catch (cancelled const&) {
                        asked = true;
                    }
                    if (!asked) co_return;
                    try {
                        co_await weft::sleep(1s);
                        ++whole;
                    } catch (cancelled const&) {
                        ++cut;
                    }
                }, std::ref(cleaned), std::ref(interrupted));
            co_await weft::sleep(1s);
        }, {.workers = workers, .clock = &clock});
    }
    CHECK(cleaned == 10 * rounds);
    CHECK(interrupted == 0);
}
