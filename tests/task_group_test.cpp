// SPDX-License-Identifier: MIT
// with_task_group and wait: who is awaited, who is cancelled, and which exceptions come. On a paused clock.
#include "support/catch.hpp"
#include "support/endings.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::task;
using weft::task_group;
using weft::test::run_paused;
using weft::test::watchdog;

namespace {

task<int> after(std::chrono::nanoseconds duration, int value) {
    co_await weft::sleep(duration);
    co_return value;
}

task<> fail_after(std::chrono::nanoseconds duration, std::string what) {
    co_await weft::sleep(duration);
    throw std::runtime_error(what);
}

// Until it is cancelled; then a minute to put things in order.
task<> endless(std::atomic<int>& ended) {
    bool asked = false;
    try {
        co_await weft::sleep(24h);
    } catch (weft::cancelled const&) {
        asked = true;
    }
    if (asked) co_await weft::sleep(1min);
    ++ended;
}

using texts = std::vector<std::string>;

texts texts_of(weft::exception_group const& group) {
    texts all;
    for (std::exception_ptr const& each : group) try {
            std::rethrow_exception(each);
        } catch (std::exception const& error) {
            all.emplace_back(error.what());
        }
    return all;
}

// What the group throws.
template <class Body>
task<texts> failures_of(Body body) {
    try {
        co_await weft::with_task_group(body);
    } catch (weft::exception_group const& group) {
        co_return texts_of(group);
    } catch (weft::cancelled const&) {
        co_return texts{"cancelled"};
    }
    co_return texts{};
}

}  // namespace

TEST_CASE("a group is over when its body and all its tasks are", "[task_group]") {
    watchdog const guard(30s, "a group");
    unsigned const workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> ended = 0;
    std::chrono::nanoseconds elapsed{};
    int const value = run_paused(workers, [&]() -> task<int> {
        auto const body = [&](task_group& group) -> task<int> {
            auto handle = group.spawn(after(1min, 3));
            group.spawn([&]() -> task<> {
                co_await weft::sleep(1h);
                // Tasks may add to their group, also when the body has ended.
                group.spawn([&]() -> task<> {
                    co_await weft::sleep(1h);
                    ++ended;
                });
                ++ended;
            });
            co_return co_await handle;
        };
        int const got = co_await weft::with_task_group(body);
        co_return ended == 2 ? got : -1;
    }, &elapsed);
    CHECK(value == 3);
    CHECK(elapsed == 2h);
}

TEST_CASE("the first failure in a group cancels its other tasks and the body", "[task_group][exception]") {
    watchdog const guard(30s, "a failing group");
    unsigned const workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> ended = 0;
    std::chrono::nanoseconds elapsed{};
    auto const body = [&](task_group& group) -> task<> {
        for (int number = 0; number < 10; ++number) group.spawn(endless(ended));
        group.spawn(fail_after(1h, "one"));
        co_await endless(ended);
    };
    auto const got = run_paused(workers, [&]() -> task<texts> { co_return co_await failures_of(body); }, &elapsed);
    CHECK(got == texts{"one"});
    CHECK(ended == 11);
    CHECK(elapsed == 1h + 1min);
}

TEST_CASE("all failures of a group come together", "[task_group][exception]") {
    watchdog const guard(30s, "several failures");
    auto const body = [](task_group& group) -> task<> {
        group.spawn([]() -> task<> {
            try {
                co_await weft::sleep(2h);
            } catch (weft::cancelled const&) {
                throw std::runtime_error("two");
            }
        });
        group.spawn(fail_after(1h, "one"));
        try {
            co_await weft::sleep(3h);
        } catch (weft::cancelled const&) {
        }
        co_await weft::sleep(1s);  // the other one's failure comes before
        throw std::runtime_error("three");
    };
    CHECK(run_paused(2, [&]() -> task<texts> { co_return co_await failures_of(body); }) == texts{"one", "two", "three"});
}

TEST_CASE("a body that fails cancels the group's tasks", "[task_group][exception]") {
    watchdog const guard(30s, "a failing body");
    std::atomic<int> ended = 0;
    auto const body = [&](task_group& group) -> task<> {
        group.spawn(endless(ended));
        co_await weft::sleep(1s);
        throw std::runtime_error("body");
    };
    CHECK(run_paused(2, [&]() -> task<texts> { co_return co_await failures_of(body); }) == texts{"body"});
    CHECK(ended == 1);
}

TEST_CASE("a task of a group that is cancelled is no failure", "[task_group][cancel]") {
    watchdog const guard(30s, "a cancelled child");
    auto const body = [](task_group& group) -> task<> {
        auto handle = group.spawn(after(1h, 1));
        group.spawn(after(2h, 1));
        co_await weft::sleep(1s);
        handle.cancel();
    };
    CHECK(run_paused(2, [&]() -> task<texts> { co_return co_await failures_of(body); }).empty());
}

TEST_CASE("a group that is cancelled cancels its tasks and waits for them", "[task_group][cancel]") {
    watchdog const guard(30s, "a cancelled group");
    unsigned const workers = GENERATE(1u, 2u, 8u);
    bool const body_waits = GENERATE(true, false);
    std::atomic<int> ended = 0;
    bool const right = run_paused(workers, [&]() -> task<bool> {
        auto outer = weft::spawn([&]() -> task<> {
            auto const body = [&](task_group& group) -> task<> {
                for (int number = 0; number < 5; ++number) group.spawn(endless(ended));
                if (body_waits) co_await weft::sleep(24h);
            };
            co_await weft::with_task_group(body);
        });
        co_await weft::sleep(1h);
        outer.cancel();
        try {
            co_await outer;
        } catch (weft::cancelled const&) {
            co_return ended == 5 && outer.cancelled();
        }
        co_return false;
    });
    CHECK(right);
}

TEST_CASE("failures of a cancelled group come first, then the cancellation", "[task_group][cancel]") {
    watchdog const guard(30s, "a cancelled group that fails");
    texts const got = run_paused(2, []() -> task<texts> {
        texts heard;
        auto outer = weft::spawn([&]() -> task<> {
            auto const body = [](task_group& group) -> task<> {
                group.spawn([]() -> task<> {
                    try {
                        co_await weft::sleep(24h);
                    } catch (weft::cancelled const&) {
                        throw std::runtime_error("late");
                    }
                });
                co_return;
            };
            heard = co_await failures_of(body);
            try {
                co_await weft::sleep(1h);
            } catch (weft::cancelled const&) {
                heard.emplace_back("then cancelled");
            }
        });
        co_await weft::sleep(1s);
        outer.cancel();
        co_await outer;
        co_return heard;
    });
    CHECK(got == texts{"late", "then cancelled"});
}

TEST_CASE("a group within a limit", "[task_group][timeout]") {
    watchdog const guard(30s, "a group within a limit");
    std::atomic<int> ended = 0;
    bool const right = run_paused(2, [&]() -> task<bool> {
        auto const body = [&](task_group& group) -> task<> {
            group.spawn(endless(ended));
            co_return;
        };
        bool passed = false;
        try {
            co_await weft::wait_for(weft::with_task_group(body), 1h);
        } catch (weft::timeout_error const&) {
            passed = true;
        }
        co_await weft::sleep(1s);  // nothing is left of it
        co_return passed && ended == 1;
    });
    CHECK(right);
}

TEST_CASE("nothing can be spawned in a group that fails", "[task_group][error]") {
    watchdog const guard(30s, "too late");
    bool const refused = run_paused(2, []() -> task<bool> {
        bool caught = false;
        auto const body = [&](task_group& group) -> task<> {
            group.spawn(fail_after(1s, "one"));
            try {
                co_await weft::sleep(1h);
            } catch (weft::cancelled const&) {
            }
            try {
                group.spawn(after(1s, 1));
            } catch (weft::invalid_state const&) {
                caught = true;
            }
        };
        static_cast<void>(co_await failures_of(body));
        co_return caught;
    });
    CHECK(refused);
}

TEST_CASE("a group forgets the tasks that have ended", "[task_group]") {
    watchdog const guard(60s, "many tasks in a group");
    int const total = run_paused(2, []() -> task<int> {
        std::atomic<int> ran = 0;
        auto const body = [&](task_group& group) -> task<> {
            for (int number = 0; number < 20'000; ++number) {
                group.spawn([](std::atomic<int>& count) -> task<> {
                    ++count;
                    co_return;
                }, std::ref(ran));
                if (number % 100 == 0) co_await weft::yield();
            }
        };
        co_await weft::with_task_group(body);
        co_return ran.load();
    });
    CHECK(total == 20'000);
}

TEST_CASE("an exception group tells all of it", "[task_group][error]") {
    std::vector<std::exception_ptr> two{std::make_exception_ptr(std::runtime_error("a")), std::make_exception_ptr(3)};
    weft::exception_group const group("here", two);
    CHECK(group.size() == 2);
    CHECK(std::string(group.what()) == "here: 2 failures: std::runtime_error: a; of type int");
    weft::exception_group const copy = group;
    CHECK(copy.exceptions().size() == 2);
}

// ---- wait

namespace {

std::vector<weft::join_handle<int>> three_tasks() {
    std::vector<weft::join_handle<int>> handles;
    handles.push_back(weft::spawn(after(3h, 3)));
    handles.push_back(weft::spawn(after(1h, 1)));
    handles.push_back(weft::spawn(after(2h, 2)));
    return handles;
}

}  // namespace

TEST_CASE("wait for the first, for some time, and for all", "[wait]") {
    watchdog const guard(30s, "wait");
    unsigned const workers = GENERATE(1u, 2u, 8u);
    std::vector<std::size_t> const counts = run_paused(workers, []() -> task<std::vector<std::size_t>> {
        std::vector<std::size_t> all;
        auto one = co_await weft::wait(three_tasks(), weft::first_completed);
        all.push_back(one.done.size());
        all.push_back(static_cast<std::size_t>(co_await one.done[0]));
        auto none = co_await weft::wait(std::move(one.pending), weft::all_completed, 1min);
        all.push_back(none.done.size());
        auto rest = co_await weft::wait(std::move(none.pending));
        all.push_back(rest.done.size());
        all.push_back(static_cast<std::size_t>(co_await rest.done[0]));
        all.push_back(rest.pending.size());
        co_return all;
    });
    CHECK(counts == std::vector<std::size_t>{1, 1, 0, 2, 3, 0});
}

TEST_CASE("wait for the first failure; being cancelled is none", "[wait][exception]") {
    watchdog const guard(30s, "wait for a failure");
    std::chrono::nanoseconds elapsed{};
    bool const right = run_paused(2, []() -> task<bool> {
        std::vector<weft::join_handle<>> handles;
        auto const nap = []() -> task<> { co_await weft::sleep(3h); };
        handles.push_back(weft::spawn(nap()));
        handles.push_back(weft::spawn(nap()));
        handles.push_back(weft::spawn(fail_after(1h, "x")));
        handles[0].cancel();
        auto const [done, pending] = co_await weft::wait(std::move(handles), weft::first_exception);
        co_return done.size() == 2 && done[0].cancelled() && done[1].exception() && pending.size() == 1;
    }, &elapsed);
    CHECK(right);
    CHECK(elapsed == 1h);
}

TEST_CASE("wait cancels nothing, also when it is cancelled itself", "[wait][cancel]") {
    watchdog const guard(30s, "a wait that is cancelled");
    bool const right = run_paused(2, []() -> task<bool> {
        bool ended = false;
        auto waiting = weft::spawn([&]() -> task<> {
            std::vector<weft::join_handle<>> handles;
            handles.push_back(weft::spawn([&]() -> task<> {
                co_await weft::sleep(2h);
                ended = true;
            }));
            co_await weft::wait(std::move(handles));
        });
        co_await weft::sleep(1h);
        waiting.cancel();
        try {
            co_await waiting;
        } catch (weft::cancelled const&) {
        }
        bool const early = ended;
        co_await weft::sleep(2h);
        co_return !early && ended && waiting.cancelled();
    });
    CHECK(right);
}

TEST_CASE("wait refuses nothing to wait for, and empty handles at once", "[wait][error]") {
    watchdog const guard(30s, "wrong waits");
    auto const wrong = [](std::size_t empty_handles) {
        weft::run([empty_handles]() -> task<> { co_await weft::wait(std::vector<weft::join_handle<>>(empty_handles)); });
    };
    CHECK_THROWS_AS(wrong(0), std::invalid_argument);
    CHECK_THROWS_AS(wrong(2), weft::invalid_state);
}

namespace {

// The limit passes before anything waits, so nobody is told of it; then the group fails.
task<bool> fail_in_a_passed_limit() {
    bool failed = false;
    try {
        auto const body = [](task_group&) -> task<> {
            throw std::runtime_error("at once");
            co_return;
        };
        co_await weft::wait_for(weft::with_task_group(body), 0s);
    } catch (weft::exception_group const&) {
        failed = true;
    }
    co_await weft::yield();
    co_return failed;
}

}  // namespace

TEST_CASE("a group that fails in a passed limit leaves no cancellation behind it", "[task_group][cancel]") {
    const watchdog guard{10s, "a group that fails in a passed limit"};
    CHECK(run_paused(1, fail_in_a_passed_limit));
}

namespace {

// Counts how often the next awaits throw `cancelled`.
task<int> told_in_the_next_awaits() {
    int told = 0;
    for (int await = 0; await < 3; ++await) try {
            co_await weft::yield();
        } catch (weft::cancelled const&) {
            ++told;
        }
    co_return told;
}

task<> fails_when_cancelled() {
    try {
        co_await weft::sleep(24h);
    } catch (weft::cancelled const&) {
        throw std::runtime_error("late");
    }
}
task<> one_that_fails(task_group& group) {
    group.spawn(fails_when_cancelled());
    co_return;
}

}  // namespace

TEST_CASE("a group that fails when a limit passes: an older request is not told again", "[task_group][cancel]") {
    const watchdog guard{30s, "a group, a limit, and an old request"};
    bool const within_another_limit = GENERATE(false, true);
    auto const tidies = [&]() -> task<int> {
        int told = 0;
        try {
            auto const limit = co_await weft::timeout(1s);
            try {
                co_await weft::with_task_group(one_that_fails);
            } catch (weft::exception_group const&) {
            }
            // Inside the limit it is told once more.
            try {
                co_await weft::yield();
            } catch (weft::timeout_error const&) {
                told += 10;
            }
        } catch (weft::timeout_error const&) {
            told += 100;
        }
        co_return told + co_await told_in_the_next_awaits();
    };
    auto const leaves_at_once = [&]() -> task<int> {
        try {
            co_await weft::wait_for(weft::with_task_group(one_that_fails), 1s);
        } catch (weft::exception_group const&) {
        }
        co_return co_await told_in_the_next_awaits();
    };
    auto const told = run_paused(1, [&]() -> task<std::pair<int, int>> {
        auto working = weft::spawn([&]() -> task<std::pair<int, int>> {
            std::pair<int, int> found;
            // That has passed, and has been told, before the group begins.
            auto const outer = co_await weft::timeout(within_another_limit ? 1h : 24h);
            try {
                co_await weft::sleep(12h);
            } catch (weft::timeout_error const&) {
            } catch (weft::cancelled const&) {
            }
            found.first = co_await tidies();
            found.second = co_await leaves_at_once();
            co_return found;
        });
        if (!within_another_limit) {
            co_await weft::sleep(1min);
            working.cancel();
        }
        co_return co_await working;
    });
    CHECK(told.first == 10);
    CHECK(told.second == 0);
}

TEST_CASE("a group that fails when it was cancelled tells so, also where a limit passes then", "[task_group][cancel]") {
    const watchdog guard{30s, "a group, a request, and a limit"};
    int const told = weft::run([]() -> task<int> {
        std::atomic<bool> begun = false;
        auto working = weft::spawn([&]() -> task<int> {
            try {
                auto limit = co_await weft::timeout(std::nullopt);
                auto const body = [&](task_group&) -> task<> {
                    try {
                        begun = true;
                        co_await weft::sleep(24h);
                    } catch (weft::cancelled const&) {
                        limit.reschedule(weft::now());
                        while (!limit.expired()) std::this_thread::yield();  // by the other worker
                        throw std::runtime_error("late");
                    }
                };
                co_await weft::with_task_group(body);
            } catch (weft::exception_group const&) {
            }
            co_return co_await told_in_the_next_awaits();
        });
        while (!begun) co_await weft::yield();
        working.cancel();
        co_return co_await working;
    }, {.workers = 2});
    CHECK(told == 1);
}

TEST_CASE("a group that fails when an inner limit passes: an outer one is not told again", "[task_group][cancel]") {
    const watchdog guard{30s, "a group in two limits"};
    bool const cancelled_between = GENERATE(false, true);
    int const told = run_paused(1, [&]() -> task<int> {
        auto working = weft::spawn([]() -> task<int> {
            auto const outer = co_await weft::timeout(1h);
            {
                auto const inner = co_await weft::timeout(10h);
                for (int await = 0; await < 2; ++await) try {
                        co_await weft::sleep(await == 0 ? 3h : 1h);
                    } catch (weft::timeout_error const&) {
                    } catch (weft::cancelled const&) {
                    }
                try {
                    co_await weft::with_task_group(one_that_fails);
                    co_return -1;
                } catch (weft::exception_group const&) {
                }
            }
            try {
                co_return co_await told_in_the_next_awaits();
            } catch (weft::timeout_error const&) {
                co_return 100;
            }
        });
        co_await weft::sleep(90min);
        if (cancelled_between) working.cancel();
        co_return co_await working;
    });
    CHECK(told == 0);
}
