// SPDX-License-Identifier: MIT
// wait_for, timeout, timeout_at, timeout_scope, deadline: asyncio's behaviour line by line. The clock is paused where it can be.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/watchdog.hpp"

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::cancelled;
using weft::join_handle;
using weft::task;
using weft::timeout_error;
using weft::test::census;
using weft::test::counted;
using weft::test::watchdog;
using weft::testing::paused_clock;

namespace {

using texts = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

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

template <class Awaitable>
task<std::string> ending_of(Awaitable awaited) {
    try {
        co_await std::move(awaited);
        co_return "value";
    } catch (cancelled const&) {
        co_return "cancelled";
    } catch (timeout_error const&) {
        co_return "timeout";
    } catch (failure const& thrown) {
        co_return thrown.what();
    }
}
template <class Value>
task<std::string> ending_of_named(join_handle<Value> const& awaited) {
    try {
        co_await awaited;
        co_return "value";
    } catch (cancelled const&) {
        co_return "cancelled";
    } catch (timeout_error const&) {
        co_return "timeout";
    } catch (failure const& thrown) {
        co_return thrown.what();
    }
}

task<> sleep_for(std::chrono::nanoseconds duration) { co_await weft::sleep(duration); }

task<int> sleep_and_give(std::chrono::nanoseconds duration, int value) {
    co_await weft::sleep(duration);
    co_return value;
}

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

// Milliseconds from `start`; -1: none.
int since(std::chrono::steady_clock::time_point start, std::optional<std::chrono::steady_clock::time_point> moment) {
    return moment ? static_cast<int>((*moment - start) / 1ms) : -1;
}

}  // namespace

// ---- wait_for

TEST_CASE("timeout_error is an error of weft's, as no cancellation is", "[timeout]") {
    STATIC_REQUIRE(std::is_base_of_v<weft::error, timeout_error>);
    STATIC_REQUIRE(!std::is_base_of_v<timeout_error, cancelled>);
}

TEST_CASE("wait_for gives the value of what ends in time", "[timeout][wait_for]") {
    watchdog const guard(10s, "in time");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        bool right = co_await weft::wait_for(sleep_and_give(1s, 1), 2s) == 1;
        auto handle = weft::spawn(sleep_and_give(1s, 2));
        right = right && co_await weft::wait_for(handle, 2s) == 2 && handle.cancelling() == 0;
        right = right && co_await weft::wait_for(weft::spawn(sleep_and_give(1s, 3)), 2s) == 3;
        auto const [one, two] = co_await weft::wait_for(weft::gather(sleep_and_give(1s, 4), sleep_and_give(1s, 5)), 2s);
        right = right && one == 4 && two == 5;
        co_await weft::wait_for(weft::sleep(1s), 2s);
        co_await weft::wait_for(weft::yield(), 2s);
        weft::interval every(weft::now() + 1s, 1s);
        right = right && co_await weft::wait_for(every.tick(), 2s) == weft::now();
        static int somewhere = 0;
        auto const reference = []() -> task<int&> {
            co_await weft::sleep(1s);
            co_return somewhere;
        };
        right = right && &(co_await weft::wait_for(reference(), 2s)) == &somewhere;
        auto const move_only = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(6); };
        right = right && *co_await weft::wait_for(move_only(), 2s) == 6;
        co_return right;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 7s);
}

TEST_CASE("wait_for throws timeout_error at its moment, and what was awaited has ended then", "[timeout][wait_for]") {
    watchdog const guard(10s, "too late");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    census objects;
    auto const body = [&objects]() -> task<texts> {
        texts seen;
        auto const keeps = [](counted, std::chrono::nanoseconds duration) -> task<> { co_await weft::sleep(duration); };
        seen.push_back(co_await ending_of(weft::wait_for(keeps(counted(objects), 1h), 1s)));
        auto both = weft::gather(keeps(counted(objects), 1h), keeps(counted(objects), 2h));
        seen.push_back(co_await ending_of(weft::wait_for(std::move(both), 1s)));
        std::vector<task<>> many;
        for (int index = 0; index < 300; ++index) many.push_back(keeps(counted(objects), 1h));
        seen.push_back(co_await ending_of(weft::wait_for(weft::gather(weft::return_exceptions, std::move(many)), 1s)));
        seen.push_back(std::to_string(objects.alive));
        auto handle = weft::spawn(sleep_for(1h));
        seen.push_back(co_await ending_of(weft::wait_for(handle, 1s)));
        seen.push_back(handle.cancelled() ? "its task is cancelled" : "its task goes on");
        seen.push_back(co_await ending_of(weft::wait_for(weft::spawn(sleep_for(1h)), 1s)));
        seen.push_back(co_await ending_of(weft::wait_for(weft::sleep(1h), 1s)));
        co_return seen;
    };
    CHECK(run_paused(workers, body, elapsed) == texts{"timeout", "timeout", "timeout", "0", "timeout", "its task is cancelled",
                                                      "timeout", "timeout"});
    CHECK(elapsed == 6s);
}

TEST_CASE("wait_for waits for what it cancels: it may overrun, and a value or another error wins", "[timeout][wait_for]") {
    watchdog const guard(10s, "overrun");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const by_handle = GENERATE(false, true);
    CAPTURE(workers, by_handle);
    std::chrono::nanoseconds elapsed;
    auto const body = [by_handle]() -> task<texts> {
        texts seen;
        for (auto const how : {answer::value, answer::error, answer::rethrow, answer::clean_up}) {
            if (by_handle)
                seen.push_back(co_await ending_of(weft::wait_for(weft::spawn(answering(how)), 1s)));
            else
                seen.push_back(co_await ending_of(weft::wait_for(answering(how), 1s)));
        }
        co_return seen;
    };
    CHECK(run_paused(workers, body, elapsed) == texts{"value", "error", "timeout", "timeout"});
    CHECK(elapsed == 4s + 5s);
}

TEST_CASE("a limit of zero or less: what is ready comes, what would wait does not", "[timeout][wait_for]") {
    watchdog const guard(10s, "zero");
    auto const workers = GENERATE(1u, 2u);
    auto const limit = GENERATE(0ns, -1ns, -1'000'000'000ns, std::chrono::nanoseconds::min());
    std::chrono::nanoseconds elapsed;
    auto const body = [limit]() -> task<texts> {
        texts seen;
        auto const ready = weft::spawn(sleep_and_give(0s, 1));
        co_await ready;
        auto const at_once = []() -> task<int> { co_return 1; };
        seen.push_back(co_await ending_of(weft::wait_for(ready, limit)));
        seen.push_back(co_await ending_of(weft::wait_for(at_once(), limit)));
        seen.push_back(co_await ending_of(weft::wait_for(weft::gather(), limit)));
        seen.push_back(co_await ending_of(weft::wait_for(weft::sleep(1h), limit)));
        seen.push_back(co_await ending_of(weft::wait_for(weft::yield(), limit)));
        seen.push_back(co_await ending_of(weft::wait_for(weft::gather(sleep_for(1h), sleep_for(1h)), limit)));
        seen.push_back(co_await ending_of(weft::wait_for(weft::spawn(sleep_for(1us)), limit)));
        co_return seen;
    };
    CHECK(run_paused(workers, body, elapsed) == texts{"value", "value", "value", "timeout", "timeout", "timeout", "timeout"});
    CHECK(elapsed <= 1us);
}

TEST_CASE("wait_for with an end that never comes, and with none at all", "[timeout][wait_for]") {
    watchdog const guard(10s, "huge");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        bool right = co_await weft::wait_for(sleep_and_give(1h, 1), std::chrono::hours::max()) == 1;
        right = right && co_await weft::wait_for(sleep_and_give(1h, 2), std::chrono::nanoseconds::max()) == 2;
        right = right && co_await weft::wait_for(sleep_and_give(1h, 3), std::chrono::duration<double>(1e300)) == 3;
        std::chrono::duration<double> const endless(std::numeric_limits<double>::infinity());
        right = right && co_await weft::wait_for(sleep_and_give(1h, 4), endless) == 4;
        {
            auto const limit = co_await weft::timeout(std::chrono::hours::max());
            right = right && !limit.when() && !weft::deadline();
            co_await weft::sleep(1h);
        }
        {
            auto const limit = co_await weft::timeout_at(std::chrono::steady_clock::time_point::max());
            right = right && !limit.when() && !weft::deadline();
            co_await weft::sleep(1h);
        }
        co_return right;
    };
    CHECK(run_paused(2, body, elapsed));
    CHECK(elapsed == 6h);
    double const no_number = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(weft::timeout(std::chrono::duration<double>(no_number)), std::invalid_argument);
    CHECK_THROWS_AS(weft::wait_for(sleep_for(1h), std::chrono::duration<double>(no_number)), std::invalid_argument);
}

TEST_CASE("the time is measured from the await on, not from the call", "[timeout][wait_for]") {
    watchdog const guard(10s, "from the await");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto waiting = weft::wait_for(sleep_and_give(2s, 1), 3s);
        auto later = weft::timeout(3s);
        co_await weft::sleep(10s);
        bool const right = co_await std::move(waiting) == 1;
        auto const start = weft::now();
        auto const limit = co_await later;
        co_return right && limit.when() == start + 3s;
    };
    CHECK(run_paused(1, body, elapsed));
    CHECK(elapsed == 12s);
}

TEST_CASE("wait_for an empty task or handle says so", "[timeout][wait_for][misuse]") {
    watchdog const guard(10s, "empty");
    auto const body = []() -> task<int> {
        int thrown = 0;
        try {
            co_await weft::wait_for(task<>{}, 1s);
        } catch (weft::invalid_state const&) {
            ++thrown;
        }
        try {
            co_await weft::wait_for(join_handle<>{}, 1s);
        } catch (weft::invalid_state const&) {
            ++thrown;
        }
        co_return thrown;
    };
    CHECK(run_paused(1, body) == 2);
}

// ---- timeout_scope

TEST_CASE("a scope turns its own cancellation into timeout_error, and the task's counts are as before", "[timeout][scope]") {
    watchdog const guard(10s, "scope");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto handle = weft::spawn([]() -> task<bool> {
            bool right = true;
            for (int round = 0; round < 10; ++round) {
                bool thrown = false, alive_after = false;
                try {
                    auto const limit = co_await weft::timeout(1s);
                    right = right && !limit.expired();
                    co_await weft::sleep(1h);
                    alive_after = true;
                } catch (timeout_error const&) {
                    thrown = true;
                }
                right = right && thrown && !alive_after;
                co_await weft::sleep(1s);  // the limit has gone
            }
            co_return right;
        });
        co_return co_await handle && handle.cancelling() == 0 && !handle.cancelled();
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 20s);
}

TEST_CASE("below the coroutine that made the limit the exception is cancelled", "[timeout][scope]") {
    watchdog const guard(10s, "below");
    auto const workers = GENERATE(1u, 2u);
    auto const body = []() -> task<texts> {
        texts seen;
        auto const below = [](texts& notes) -> task<> {
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                notes.push_back("cancelled");
                throw;
            } catch (timeout_error const&) {
                notes.push_back("timeout");
                throw;
            }
        };
        auto const between = [&below](texts& notes) -> task<> {
            try {
                co_await below(notes);
            } catch (cancelled const&) {
                notes.push_back("cancelled");
                throw;
            }
        };
        try {
            auto const limit = co_await weft::timeout(1s);
            co_await between(seen);
        } catch (timeout_error const&) {
            seen.push_back("timeout");
        }
        co_return seen;
    };
    CHECK(run_paused(workers, body) == texts{"cancelled", "cancelled", "timeout"});
}

TEST_CASE("no await inside: no timeout, and nothing is left of it", "[timeout][scope]") {
    watchdog const guard(10s, "no await");
    auto const body = []() -> task<bool> {
        {
            auto const limit = co_await weft::timeout(0s);
        }
        {
            auto const limit = co_await weft::timeout(1ms);
            std::this_thread::sleep_for(3ms);
        }
        {
            auto const limit = co_await weft::timeout_at(weft::now() - 1h);
            co_await []() -> task<> { co_return; }();
        }
        co_await weft::yield();
        co_await weft::sleep(1ms);
        co_return true;
    };
    CHECK(weft::run(body, {.workers = 1}));
    CHECK(weft::run(body, {.workers = 2}));
}

TEST_CASE("who catches inside the limit goes on: it passes once", "[timeout][scope]") {
    watchdog const guard(10s, "inside");
    auto const workers = GENERATE(1u, 2u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        int caught = 0;
        auto const swallows = []() -> task<int> {
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                co_return 1;
            }
            co_return 0;
        };
        {
            auto const limit = co_await weft::timeout(1s);
            caught += co_await swallows();
            bool const late = limit.expired();
            co_await weft::sleep(10s);
            co_await weft::gather(sleep_for(1s), sleep_for(1s));
            if (!late || !limit.expired()) co_return false;
        }
        co_await weft::sleep(1s);
        co_return caught == 1;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 13s);
}

TEST_CASE("another exception passes a limit that has passed", "[timeout][scope]") {
    watchdog const guard(10s, "another");
    auto const body = []() -> task<std::string> {
        try {
            auto const limit = co_await weft::timeout(1s);
            try {
                co_await weft::sleep(1h);
            } catch (timeout_error const&) {
                throw failure("error");
            }
        } catch (failure const& thrown) {
            co_return thrown.what();
        }
        co_return "nothing";
    };
    CHECK(run_paused(1, body) == "error");
}

TEST_CASE("cancelled from within, not by the limit, is no timeout_error", "[timeout][scope]") {
    watchdog const guard(10s, "from within");
    auto const body = []() -> task<std::string> {
        auto inner = weft::spawn(sleep_for(1h));
        auto outer = weft::spawn([](join_handle<>& awaited) -> task<> {
            auto const limit = co_await weft::timeout(10s);
            co_await awaited;
        }, std::ref(inner));
        co_await weft::sleep(1s);
        inner.cancel();
        co_return co_await ending_of_named(outer);
    };
    CHECK(run_paused(2, body) == "cancelled");
}

TEST_CASE("a limit holds for gathered children, and is over when they have ended", "[timeout][scope][gather]") {
    watchdog const guard(20s, "children");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const count = GENERATE(1, 2, 300);
    std::chrono::nanoseconds elapsed;
    auto const body = [count]() -> task<bool> {
        std::atomic<int> asked = 0;
        auto const child = [](std::atomic<int>& caught) -> task<> {
            bool was_asked = false;
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
                was_asked = true;
            }
            caught += was_asked;
            co_await weft::sleep(2s);
        };
        try {
            auto const limit = co_await weft::timeout(1s);
            std::vector<task<>> children;
            for (int index = 0; index < count; ++index) children.push_back(child(asked));
            co_await weft::gather(std::move(children));
        } catch (timeout_error const&) {
            co_return asked == count;
        }
        co_return false;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 3s);
}

TEST_CASE("a limit in one child of a gather does not touch the others", "[timeout][scope][gather]") {
    watchdog const guard(20s, "siblings");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const count = GENERATE(2, 300);
    std::chrono::nanoseconds elapsed;
    auto const body = [count]() -> task<bool> {
        std::vector<task<std::string>> children;
        for (int index = 0; index < count; ++index) {
            if (index % 2 == 0)
                children.push_back(ending_of(weft::wait_for(sleep_for(1h), std::chrono::milliseconds(1 + index))));
            else
                children.push_back(ending_of(sleep_for(std::chrono::milliseconds(500 + index))));
        }
        auto const endings = co_await weft::gather(std::move(children));
        bool right = true;
        for (int index = 0; index < count; ++index)
            right = right && endings[static_cast<std::size_t>(index)] == (index % 2 == 0 ? "timeout" : "value");
        co_return right;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 500ms + (count - 1) * 1ms);
}

TEST_CASE("a gather in which a child times out goes on with the others, and throws timeout_error", "[timeout][gather]") {
    watchdog const guard(10s, "child times out");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<std::string> {
        co_return co_await ending_of(weft::gather(weft::wait_for(sleep_for(1h), 1s), sleep_for(3s)));
    };
    CHECK(run_paused(GENERATE(1u, 2u), body, elapsed) == "timeout");
    CHECK(elapsed == 3s);
}

// ---- Limits inside each other, and requests from outside

TEST_CASE("of two limits the one that passes is told: the inner to its coroutine, the outer through it", "[timeout][nested]") {
    watchdog const guard(10s, "nested");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<texts> {
        texts seen;
        auto const inner = [](texts& notes, std::chrono::nanoseconds duration) -> task<> {
            try {
                auto const limit = co_await weft::timeout(duration);
                co_await weft::sleep(1h);
            } catch (timeout_error const&) {
                notes.push_back("inner timeout");
            } catch (cancelled const&) {
                notes.push_back("inner cancelled");
                throw;
            }
        };
        for (auto const& [outside, inside] : {std::pair{2s, 1s}, std::pair{1s, 2s}, std::pair{0s, 1s}}) {
            try {
                auto const limit = co_await weft::timeout(outside);
                co_await inner(seen, inside);
                seen.push_back(limit.expired() ? "expired" : "in time");
            } catch (timeout_error const&) {
                seen.push_back("outer timeout");
            }
        }
        co_return seen;
    };
    CHECK(run_paused(workers, body, elapsed) ==
          texts{"inner timeout", "in time", "inner cancelled", "outer timeout", "inner cancelled", "outer timeout"});
    CHECK(elapsed == 2s);
}

TEST_CASE("two limits that pass at one moment: the outer one wins, and nothing is left", "[timeout][nested]") {
    watchdog const guard(10s, "one moment");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        std::string outer = "none", inside = "none";
        auto const moment = weft::now() + 1s;
        auto const inner = [](std::string& note, auto at) -> task<> {
            try {
                auto const limit = co_await weft::timeout_at(at);
                co_await weft::sleep(1h);
            } catch (timeout_error const&) {
                note = "timeout";
                throw;
            } catch (cancelled const&) {
                note = "cancelled";
                throw;
            }
        };
        try {
            auto const limit = co_await weft::timeout_at(moment);
            co_await inner(inside, moment);
        } catch (timeout_error const&) {
            outer = "timeout";
        }
        co_await weft::sleep(1s);
        // The two timers may pass one after the other, with the coroutine in between.
        co_return outer == "timeout" && inside != "none";
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 2s);
}

TEST_CASE("three limits inside each other, the middle one passes", "[timeout][nested]") {
    watchdog const guard(10s, "middle");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<texts> {
        texts seen;
        seen.push_back(co_await ending_of(weft::wait_for(ending_of(weft::wait_for(weft::wait_for(sleep_for(1h), 3s), 1s)), 2s)));
        seen.push_back(co_await weft::wait_for(ending_of(weft::wait_for(weft::wait_for(sleep_for(1h), 3s), 1s)), 2s));
        seen.push_back(co_await ending_of(weft::wait_for(weft::wait_for(weft::wait_for(sleep_for(1h), 3s), 2s), 1s)));
        co_return seen;
    };
    CHECK(run_paused(GENERATE(1u, 2u), body, elapsed) == texts{"value", "timeout", "timeout"});
    CHECK(elapsed == 3s);
}

TEST_CASE("a request from outside is told as such, whatever limits there are", "[timeout][cancel]") {
    watchdog const guard(10s, "outside");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto handle = weft::spawn([]() -> task<> { co_await weft::wait_for(weft::wait_for(sleep_for(1h), 10s), 20s); });
        co_await weft::sleep(1s);
        handle.cancel();
        co_return co_await ending_of_named(handle) == "cancelled" && handle.cancelling() == 1;
    };
    CHECK(run_paused(workers, body, elapsed));
    CHECK(elapsed == 1s);
}

TEST_CASE("a limit passes and the task is cancelled before it has gone on: it is told that it was cancelled", "[timeout][cancel]") {
    watchdog const guard(10s, "both");
    std::chrono::nanoseconds elapsed;
    // Both wake at one moment, the limit's timer first: on one worker the task has not run when it is cancelled.
    auto const limit_first = GENERATE(false, true);
    auto const body = [limit_first]() -> task<texts> {
        texts seen;
        auto const moment = weft::now() + 1s;
        auto const limited = [](auto at) -> task<> {
            auto const limit = co_await weft::timeout_at(at);
            co_await weft::sleep(1h);
        };
        auto const cancels = [](join_handle<>& other, auto at) -> task<> {
            co_await weft::sleep_until(at);
            other.cancel();
        };
        join_handle<> handle, canceller;
        if (limit_first) handle = weft::spawn(limited(moment));
        if (!limit_first) canceller = weft::spawn(cancels(handle, moment));
        if (!limit_first) handle = weft::spawn(limited(moment));
        if (limit_first) canceller = weft::spawn(cancels(handle, moment));
        co_await canceller;
        seen.push_back(co_await ending_of_named(handle));
        seen.push_back(std::to_string(handle.cancelling()));
        co_return seen;
    };
    CHECK(run_paused(1, body, elapsed) == texts{"cancelled", "1"});
    CHECK(elapsed == 1s);
}

TEST_CASE("cancelled while it cleans up after a timeout: the limit does not swallow it", "[timeout][cancel]") {
    watchdog const guard(10s, "clean up");
    auto const workers = GENERATE(1u, 2u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<std::string> {
        auto handle = weft::spawn([]() -> task<> { co_await weft::wait_for(answering(answer::clean_up), 1s); });
        co_await weft::sleep(2s);
        handle.cancel();
        co_return co_await ending_of_named(handle);
    };
    CHECK(run_paused(workers, body, elapsed) == "cancelled");
    CHECK(elapsed == 2s);
}

TEST_CASE("a request that was dealt with before the limit began does not count against it", "[timeout][cancel]") {
    watchdog const guard(10s, "dealt with");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        auto handle = weft::spawn([]() -> task<std::string> {
            try {
                co_await weft::sleep(1h);
            } catch (cancelled const&) {
            }
            co_return co_await ending_of(weft::wait_for(sleep_for(1h), 1s));
        });
        co_await weft::sleep(1s);
        handle.cancel();
        co_return co_await handle == "timeout" && handle.cancelling() == 1;
    };
    CHECK(run_paused(GENERATE(1u, 2u), body, elapsed));
    CHECK(elapsed == 2s);
}

TEST_CASE("a request on its way when a limit is entered comes at the first await", "[timeout][cancel]") {
    watchdog const guard(10s, "on its way");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<std::string> {
        join_handle<> handle;
        handle = weft::spawn([](join_handle<>& self) -> task<> {
            self.cancel();
            co_await weft::wait_for(sleep_for(1h), 1s);
        }, std::ref(handle));
        co_return co_await ending_of_named(handle);
    };
    CHECK(run_paused(1, body, elapsed) == "cancelled");
    CHECK(elapsed == 0s);
}

TEST_CASE("a request that came inside a limit in which nothing is awaited comes after it", "[timeout][cancel]") {
    watchdog const guard(10s, "after it");
    auto const passed = GENERATE(false, true);
    std::chrono::nanoseconds elapsed;
    auto const body = [passed]() -> task<std::string> {
        join_handle<> handle;
        handle = weft::spawn([](join_handle<>& self, bool at_once) -> task<> {
            {
                auto const outer = co_await weft::timeout(10s);
                auto const limit = co_await weft::timeout(at_once ? 0s : 1s);
                self.cancel();
            }
            co_await weft::sleep(1h);
        }, std::ref(handle), passed);
        co_return co_await ending_of_named(handle);
    };
    CHECK(run_paused(1, body, elapsed) == "cancelled");
    CHECK(elapsed == 0s);
}

TEST_CASE("uncancel inside a limit that another time has passed: the counts of the task are its own", "[timeout][uncancel]") {
    watchdog const guard(10s, "uncancel inside");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<bool> {
        join_handle<std::string> handle;
        handle = weft::spawn([](join_handle<std::string>& self) -> task<std::string> {
            auto const takes_back = [](join_handle<std::string>& own) -> task<> {
                own.cancel();
                own.uncancel();
                co_await weft::sleep(1h);
            };
            co_return co_await ending_of(weft::wait_for(takes_back(self), 1s));
        }, std::ref(handle));
        co_return co_await handle == "timeout" && handle.cancelling() == 0;
    };
    CHECK(run_paused(1, body, elapsed));
    CHECK(elapsed == 1s);
}

TEST_CASE("a run that ends cancels through limits, and its tasks' limits are gone", "[timeout][run]") {
    watchdog const guard(20s, "run ends");
    auto const workers = GENERATE(1u, 2u, 8u);
    census objects;
    std::atomic<int> asked = 0, late = 0;
    paused_clock clock;
    weft::run([&]() -> task<> {
        for (int index = 0; index < 50; ++index)
            weft::spawn([](std::atomic<int>& cancelled_, std::atomic<int>& timeouts, counted) -> task<> {
                auto both = weft::gather(sleep_for(1h), weft::wait_for(sleep_for(1h), 2h));
                std::string const ending = co_await ending_of(weft::wait_for(std::move(both), 3h));
                ++(ending == "cancelled" ? cancelled_ : timeouts);
            }, std::ref(asked), std::ref(late), counted(objects));
        co_await weft::sleep(1s);
    }, {.workers = workers, .clock = &clock});
    CHECK(asked == 50);
    CHECK(late == 0);
    CHECK(objects.alive == 0);
    CHECK(clock.elapsed() == 1s);
}

// ---- when, reschedule, expired

TEST_CASE("a limit can be moved earlier, later, away, and set where there was none", "[timeout][reschedule]") {
    watchdog const guard(10s, "moved");
    auto const workers = GENERATE(1u, 2u, 8u);
    enum class how { earlier, later, away, set, twice, past };
    struct scene {
        how what;
        std::string ending;
        std::chrono::seconds at;
    };
    auto const scenes = GENERATE(scene{how::earlier, "timeout", 1s}, scene{how::later, "timeout", 20s},
                                 scene{how::away, "value", 30s}, scene{how::set, "timeout", 4s},
                                 scene{how::twice, "timeout", 6s}, scene{how::past, "timeout", 0s});
    CAPTURE(workers, static_cast<int>(scenes.what));
    std::chrono::nanoseconds elapsed;
    auto const body = [what = scenes.what]() -> task<std::string> {
        auto const limited = [](how change) -> task<> {
            auto const start = weft::now();
            if (change == how::set) {
                auto limit = co_await weft::timeout(std::nullopt);
                if (limit.when() || weft::deadline()) throw failure("when");
                limit.reschedule(start + 4s);
                if (limit.when() != start + 4s) throw failure("when");
                co_await weft::sleep(30s);
                co_return;
            }
            auto limit = co_await weft::timeout(10s);
            if (limit.when() != start + 10s || weft::deadline() != start + 10s) throw failure("when");
            switch (change) {
                case how::earlier: limit.reschedule(start + 1s); break;
                case how::later: limit.reschedule(start + 20s); break;
                case how::away: limit.reschedule(std::nullopt); break;
                case how::twice:
                    limit.reschedule(start + 1s);
                    limit.reschedule(start + 6s);
                    break;
                case how::past: limit.reschedule(start - 1s); break;
                default: break;
            }
            if (change == how::away ? limit.when().has_value() : weft::deadline() != limit.when()) throw failure("when afterwards");
            if (change != how::past && limit.expired()) throw failure("expired");
            co_await weft::sleep(30s);
        };
        co_return co_await ending_of(limited(what));
    };
    CHECK(run_paused(workers, body, elapsed) == scenes.ending);
    CHECK(elapsed == scenes.at);
}

TEST_CASE("a limit whose timer runs already can be moved in between", "[timeout][reschedule]") {
    watchdog const guard(10s, "in between");
    auto const workers = GENERATE(1u, 2u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<texts> {
        texts seen;
        auto const start = weft::now();
        auto const by_child = [](weft::timeout_scope& limit, std::chrono::steady_clock::time_point when) -> task<> {
            co_await weft::sleep(1s);
            limit.reschedule(when);
            co_await weft::sleep(1h);
        };
        try {
            auto limit = co_await weft::timeout(5s);
            for (int round = 1; round <= 10; ++round) {
                co_await weft::sleep(2s);
                limit.reschedule(weft::now() + 5s);
            }
            seen.push_back(std::to_string(since(start, weft::now())));
            co_await weft::sleep(1h);
        } catch (timeout_error const&) {
            seen.push_back(std::to_string(since(start, weft::now())));
        }
        try {
            auto limit = co_await weft::timeout(5s);
            co_await by_child(limit, weft::now() + 2s);
        } catch (timeout_error const&) {
            seen.push_back(std::to_string(since(start, weft::now())));
        }
        try {
            auto limit = co_await weft::timeout(5s);
            co_await weft::gather(by_child(limit, weft::now() + 3s), sleep_for(1h));
        } catch (timeout_error const&) {
            seen.push_back(std::to_string(since(start, weft::now())));
        }
        co_return seen;
    };
    CHECK(run_paused(workers, body, elapsed) == texts{"20000", "25000", "27000", "30000"});
    CHECK(elapsed == 30s);
}

TEST_CASE("a limit that is moved holds for those who wait already, though nobody awaits after it", "[timeout][reschedule]") {
    watchdog const guard(10s, "who wait already");
    auto const workers = GENERATE(1u, 2u);
    auto const from_none = GENERATE(false, true);
    std::chrono::nanoseconds elapsed;
    auto const body = [from_none]() -> task<std::string> {
        auto const moves = [](weft::timeout_scope& limit) -> task<> {
            co_await weft::sleep(1s);
            limit.reschedule(weft::now() + 2s);
        };
        auto const limited = [&moves](bool none) -> task<> {
            auto limit = co_await (none ? weft::timeout(std::nullopt) : weft::timeout(2h));
            co_await weft::gather(sleep_for(1h), moves(limit));
        };
        co_return co_await ending_of(limited(from_none));
    };
    CHECK(run_paused(workers, body, elapsed) == "timeout");
    CHECK(elapsed == 3s);
}

// The other worker sleeps meanwhile, until tomorrow.
TEST_CASE("a limit that is moved by who goes on computing holds for those who wait", "[timeout][reschedule]") {
    watchdog const guard(30s, "moved by who computes");
    bool const passed = weft::run([]() -> task<bool> {
        std::atomic<int> heard = 0;
        auto const waits = [&]() -> task<> {
            try {
                co_await weft::sleep(24h);
            } catch (weft::cancelled const&) {
                ++heard;
            }
        };
        auto const moves = [&](weft::timeout_scope& limit) -> task<> {
            co_await weft::sleep(10ms);
            std::this_thread::sleep_for(10ms);  // the other worker has nothing to do, and falls asleep
            limit.reschedule(weft::now() + 1ms);
            while (heard == 0) std::this_thread::yield();
        };
        try {
            auto limit = co_await weft::timeout(std::nullopt);
            co_await weft::gather(waits(), moves(limit));
        } catch (weft::timeout_error const&) {
            co_return heard == 1;
        }
        co_return false;
    }, {.workers = 2});
    CHECK(passed);
}

TEST_CASE("a limit that has passed cannot be moved", "[timeout][reschedule][misuse]") {
    watchdog const guard(10s, "passed");
    auto const body = []() -> task<bool> {
        auto limit = co_await weft::timeout(1s);
        auto const start = weft::now();
        bool thrown = false;
        try {
            co_await weft::sleep(1h);
        } catch (timeout_error const&) {
            thrown = limit.expired() && limit.when() == start + 1s;
        }
        bool refused = false;
        try {
            limit.reschedule(weft::now() + 1s);
        } catch (weft::invalid_state const&) {
            refused = true;
        }
        co_await weft::sleep(10s);  // it is as it was
        co_return thrown && refused && limit.when() == start + 1s && weft::deadline() == start + 1s;
    };
    CHECK(run_paused(GENERATE(1u, 2u), body));
}

TEST_CASE("many limits at once, moved and left at random moments, leave no timer behind", "[timeout][reschedule]") {
    watchdog const guard(20s, "many");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<int> {
        auto const one = [](int number) -> task<int> {
            int passed = 0;
            for (int round = 0; round < 20; ++round) {
                try {
                    auto limit = co_await weft::timeout(std::chrono::milliseconds(1 + (number * 7 + round) % 50));
                    co_await weft::sleep(std::chrono::milliseconds(1 + (number + round * 3) % 30));
                    if (round % 3 == 0) limit.reschedule(weft::now() + std::chrono::milliseconds(1 + number % 11));
                    co_await weft::sleep(std::chrono::milliseconds(1 + (number * 5 + round) % 30));
                } catch (timeout_error const&) {
                    ++passed;
                } catch (weft::invalid_state const&) {
                    ++passed;
                }
            }
            co_return passed;
        };
        std::vector<task<int>> all;
        for (int number = 0; number < 200; ++number) all.push_back(one(number));
        int sum = 0;
        for (int const passed : co_await weft::gather(std::move(all))) sum += passed;
        co_return sum;
    };
    int const sum = run_paused(workers, body, elapsed);
    CHECK(sum > 500);
    CHECK(sum < 4000);
    CHECK(elapsed < 2s);  // one that was left in the wheel does not wake anybody, but the clock would go there
}

// ---- deadline

TEST_CASE("deadline is the nearest limit around, gathered children have it, spawned tasks do not", "[timeout][deadline]") {
    watchdog const guard(10s, "deadline");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const body = []() -> task<std::vector<int>> {
        auto const start = weft::now();
        auto const asks = [](auto from, std::chrono::nanoseconds sleeps) -> task<int> {
            co_await weft::sleep(sleeps);
            co_return since(from, weft::deadline());
        };
        auto const narrows = [](auto from) -> task<int> {
            auto const limit = co_await weft::timeout_at(from + 5s);
            co_await weft::sleep(1ms);
            co_return since(from, weft::deadline());
        };
        std::vector<int> seen;
        seen.push_back(since(start, weft::deadline()));
        {
            auto const limit = co_await weft::timeout_at(start + 10s);
            seen.push_back(since(start, weft::deadline()));
            seen.push_back(co_await asks(start, 0s));
            auto const [one, two, three] = co_await weft::gather(asks(start, 1ms), asks(start, 2ms), narrows(start));
            seen.insert(seen.end(), {one, two, three});
            std::vector<task<int>> many;
            for (int index = 0; index < 200; ++index) many.push_back(asks(start, 1ms));
            bool all = true;
            for (int const each : co_await weft::gather(std::move(many))) all = all && each == 10'000;
            seen.push_back(all);
            seen.push_back(co_await weft::spawn(asks(start, 1ms)));
            {
                auto const wider = co_await weft::timeout_at(start + 20s);
                seen.push_back(since(start, weft::deadline()));
                auto const none = co_await weft::timeout(std::nullopt);
                seen.push_back(since(start, weft::deadline()));
                auto const narrower = co_await weft::timeout_at(start + 3s);
                seen.push_back(since(start, weft::deadline()));
            }
            seen.push_back(since(start, weft::deadline()));
            seen.push_back(co_await weft::wait_for(asks(weft::now(), 1ms), 2s));
        }
        seen.push_back(since(start, weft::deadline()));
        co_return seen;
    };
    CHECK(run_paused(workers, body) ==
          std::vector<int>{-1, 10'000, 10'000, 10'000, 10'000, 5'000, 1, -1, 10'000, 10'000, 3'000, 10'000, 2'000, -1});
    CHECK_FALSE(weft::deadline());
}

TEST_CASE("a limit does not hold for what was spawned inside it", "[timeout][deadline]") {
    watchdog const guard(10s, "spawned inside");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<int> {
        join_handle<int> spawned;
        try {
            auto const limit = co_await weft::timeout(1s);
            spawned = weft::spawn(sleep_and_give(10s, 7));
            co_await weft::sleep(1h);
        } catch (timeout_error const&) {
        }
        co_return co_await spawned;
    };
    CHECK(run_paused(GENERATE(1u, 2u), body, elapsed) == 7);
    CHECK(elapsed == 10s);
}

// ---- The steady clock

TEST_CASE("by the steady clock a limit is never early, and not much late", "[timeout]") {
    watchdog const guard(20s, "steady");
    auto const workers = GENERATE(1u, 2u);
    auto const body = []() -> task<bool> {
        bool right = true;
        for (int round = 0; round < 20; ++round) {
            auto const start = std::chrono::steady_clock::now();
            right = right && co_await ending_of(weft::wait_for(sleep_for(1h), 2ms)) == "timeout";
            auto const took = std::chrono::steady_clock::now() - start;
            right = right && took >= 2ms && took < 5s;
        }
        co_return right;
    };
    CHECK(weft::run(body, {.workers = workers}));
}

TEST_CASE("what is awaited from another thread is waited for, and the limit tells afterwards", "[timeout][foreign]") {
    watchdog const guard(20s, "foreign");
    auto const body = []() -> task<std::string> {
        weft::test::other_thread thread;
        auto const hops = [](weft::test::other_thread& other) -> task<> {
            auto const limit = co_await weft::timeout(1ms);
            other.post([] { std::this_thread::sleep_for(10ms); });
            co_await other.hop();
            co_await weft::sleep(1h);
        };
        co_return co_await ending_of(hops(thread));
    };
    CHECK(weft::run(body, {.workers = 2}) == "timeout");
}

// ---- Not yet as promised

TEST_CASE("a coroutine that only yields is interrupted by its limit", "[timeout]") {
    watchdog const guard(20s, "yields");
    auto const how = GENERATE(0, 1, 2);
    auto const body = [how]() -> task<std::string> {
        auto const turns = [](int kind) -> task<> {
            auto const limit = co_await weft::timeout(5ms);
            weft::test::other_thread thread;
            for (;;) {
                if (kind == 0) co_await weft::yield();
                if (kind == 1) co_await weft::sleep(0s);
                if (kind == 2) {
                    co_await thread.hop();
                    co_await weft::yield();
                }
            }
        };
        co_return co_await ending_of(turns(how));
    };
    CHECK(weft::run(body, {.workers = 2}) == "timeout");
}

// In one coroutine with the loop, the total limit would be a timeout_error that the loop takes for an attempt's.
TEST_CASE("a total limit around a coroutine whose attempts have limits of their own ends it", "[timeout][nested]") {
    watchdog const guard(10s, "total");
    auto const by_scope = GENERATE(false, true);
    std::chrono::nanoseconds elapsed;
    auto const body = [by_scope]() -> task<int> {
        int attempts = 0;
        auto const retry = [&]() -> task<> {
            while (attempts < 100) {
                ++attempts;
                try {
                    if (by_scope) {
                        auto const each = co_await weft::timeout(1s);
                        co_await weft::sleep(1h);
                    } else {
                        co_await weft::wait_for(sleep_for(1h), 1s);
                    }
                } catch (timeout_error const&) {
                    // Again.
                }
            }
        };
        try {
            co_await weft::wait_for(retry(), 3500ms);
        } catch (timeout_error const&) {
            co_return attempts;
        }
        co_return -1;
    };
    CHECK(run_paused(1, body, elapsed) == 4);
    CHECK(elapsed == 3500ms);
}

TEST_CASE("wait_for a handle with no time left cancels its task and waits for that", "[timeout][wait_for]") {
    watchdog const guard(10s, "no time left");
    auto const limit = GENERATE(0s, -1s);
    std::chrono::nanoseconds elapsed;
    auto const body = [limit]() -> task<bool> {
        auto handle = weft::spawn(answering(answer::clean_up));
        co_await weft::yield();
        co_return co_await ending_of(weft::wait_for(handle, limit)) == "timeout" && handle.cancelled();
    };
    CHECK(run_paused(1, body, elapsed));
    CHECK(elapsed == 5s);
}

TEST_CASE("a request on its way is not lost in a limit of zero", "[timeout][cancel]") {
    watchdog const guard(10s, "lost in zero");
    std::chrono::nanoseconds elapsed;
    auto const body = []() -> task<std::string> {
        join_handle<> handle;
        handle = weft::spawn([](join_handle<>& self) -> task<> {
            self.cancel();
            try {
                co_await weft::wait_for(sleep_for(1h), 0s);
            } catch (timeout_error const&) {
            }
            co_await weft::sleep(1h);
        }, std::ref(handle));
        co_return co_await ending_of_named(handle);
    };
    CHECK(run_paused(1, body, elapsed) == "cancelled");
    CHECK(elapsed == 0s);
}

TEST_CASE("uncancel inside a limit, of a request from before it, leaves the limit a timeout_error", "[timeout][uncancel]") {
    watchdog const guard(10s, "request from before");
    auto const body = []() -> task<std::string> {
        join_handle<std::string> handle;
        handle = weft::spawn([](join_handle<std::string>& self) -> task<std::string> {
            self.cancel();
            try {
                co_await weft::yield();
            } catch (cancelled const&) {
            }
            auto const limited = [](join_handle<std::string>& own) -> task<> {
                auto const limit = co_await weft::timeout(1s);
                own.uncancel();
                co_await weft::sleep(1h);
            };
            co_return co_await ending_of(limited(self));
        }, std::ref(handle));
        co_return co_await handle;
    };
    CHECK(run_paused(1, body) == "timeout");
}

TEST_CASE("deadline may be asked in the destructor of a task's parameter", "[timeout][deadline]") {
    watchdog const guard(10s, "parameter");
    struct asks {
        std::atomic<int>* answers;
        explicit asks(std::atomic<int>& of) : answers(&of) {}
        asks(asks&& other) noexcept : answers(std::exchange(other.answers, nullptr)) {}
        ~asks() {
            if (answers && !weft::deadline()) ++*answers;
        }
    };
    std::atomic<int> answers = 0;
    auto const owner = [](asks) -> task<> { co_return; };
    weft::run([&]() -> task<> {
        for (int round = 0; round < 100; ++round) co_await weft::spawn(owner(asks(answers)));
    }, {.workers = 2});
    CHECK(answers == 100);
}
