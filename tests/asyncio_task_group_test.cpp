// SPDX-License-Identifier: MIT
// Cases of CPython's test_taskgroups.py that no other test here shows; asyncio_cases.md has all of them.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/endings.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using weft::cancelled;
using weft::join_handle;
using weft::task;
using weft::task_group;
using weft::test::census;
using weft::test::counted;
using weft::test::ending_of;
using weft::test::fail_after;
using weft::test::failure;
using weft::test::run_paused;
using weft::test::sleep_for;
using weft::test::texts;
using weft::test::watchdog;

namespace {

// Fails when it is cancelled.
task<> sore(std::string what) {
    try {
        co_await weft::sleep(1h);
    } catch (cancelled const&) {
        throw failure(what);
    }
}

// True when it is cancelled, before it has ended.
task<bool> interrupted(std::chrono::nanoseconds duration) {
    try {
        co_await weft::sleep(duration);
    } catch (cancelled const&) {
        co_return true;
    }
    co_return false;
}

// Spawns `work`, and after a second cancels it.
template <class Work>
task<std::string> ending_when_cancelled(Work work) {
    auto handle = weft::spawn(work);
    co_await weft::sleep(1s);
    handle.cancel();
    co_return co_await ending_of(handle);
}

// Each of them adds two to the group, all but without end.
task<> grow(task_group& group, int& heads) {
    if (++heads == 1'000'000) co_return;
    co_await weft::sleep(10ms);
    group.spawn(grow(group, heads));
    group.spawn(grow(group, heads));
}

}  // namespace

TEST_CASE("tasks of a group whose body fails at once never begin", "[asyncio][task_group]") {
    watchdog const guard(10s, "body fails at once");
    auto const body = []() -> task<texts> {
        texts seen;
        join_handle<> one, two;
        int begun = 0;
        auto const begins = [](int& count) -> task<> {
            ++count;
            co_await weft::sleep(1h);
        };
        auto const group = [&](task_group& in) -> task<> {
            one = in.spawn(begins(begun));
            two = in.spawn(begins(begun));
            throw failure("body");
            co_return;
        };
        seen.push_back(co_await ending_of(weft::with_task_group(group)));
        seen.push_back(one.cancelled() && two.cancelled() ? "both cancelled" : "not cancelled");
        seen.push_back(std::to_string(begun));
        co_return seen;
    };
    CHECK(run_paused(1, body) == texts{"[body]", "both cancelled", "0"});
}

TEST_CASE("what a group inside a group throws is one failure of the outer one", "[asyncio][task_group][nested]") {
    watchdog const guard(10s, "groups in groups");
    auto const workers = GENERATE(1u, 2u, 8u);
    enum class how { cancelled, cancelled_beside, inner_fails, outer_fails };
    struct scene {
        how what;
        std::string ending;
    };
    auto const with = GENERATE(scene{how::cancelled, "[[sore, sore, sore]]"}, scene{how::cancelled_beside, "[[sore, sore, sore]]"},
                               scene{how::inner_fails, "[[inner]]"}, scene{how::outer_fails, "[outer]"});
    CAPTURE(workers, static_cast<int>(with.what));
    std::chrono::nanoseconds elapsed{};
    auto const body = [what = with.what]() -> task<std::string> {
        auto const inner = [what](task_group& in) -> task<> {
            if (what == how::cancelled || what == how::cancelled_beside) {
                for (int number = 0; number < 3; ++number) in.spawn(sore("sore"));
                co_await weft::sleep(1h);
            }
            in.spawn(fail_after(what == how::inner_fails ? 1s : 1h, "inner"));
        };
        auto const outer = [what, &inner](task_group& in) -> task<> {
            if (what == how::cancelled_beside) in.spawn(sleep_for(1h));
            if (what == how::inner_fails || what == how::outer_fails)
                in.spawn(fail_after(what == how::outer_fails ? 1s : 1h, "outer"));
            co_await weft::with_task_group(inner);
        };
        auto const work = [&outer]() -> task<> { co_await weft::with_task_group(outer); };
        if (what == how::inner_fails || what == how::outer_fails) co_return co_await ending_of(work());
        co_return co_await ending_when_cancelled(work);
    };
    CHECK(run_paused(workers, body, &elapsed) == with.ending);
    CHECK(elapsed == 1s);
}

TEST_CASE("a task that fails while the cancelled body cleans up interrupts that", "[asyncio][task_group][cancel]") {
    watchdog const guard(10s, "fails meanwhile");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const behind_another = GENERATE(false, true);
    std::chrono::nanoseconds elapsed{};
    auto const body = [behind_another]() -> task<std::string> {
        auto const group = [](task_group& in) -> task<> {
            in.spawn(fail_after(3s, "late"));
            if (co_await interrupted(1h)) co_await weft::sleep(5s);
            throw cancelled();
        };
        auto const work = [&group]() -> task<> { co_await weft::with_task_group(group); };
        auto const another = [&work]() -> task<> { co_await weft::spawn(work); };
        if (behind_another) co_return co_await ending_when_cancelled(another);
        co_return co_await ending_when_cancelled(work);
    };
    CHECK(run_paused(workers, body, &elapsed) == "[late]");
    CHECK(elapsed == 3s);
}

TEST_CASE("a body without tasks is cancelled as any coroutine, and may fail by that", "[asyncio][task_group][cancel]") {
    watchdog const guard(10s, "body alone");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const fails = GENERATE(false, true);
    auto const body = [fails]() -> task<std::string> {
        auto const group = [fails](task_group&) -> task<> {
            if (!co_await interrupted(1h)) co_return;
            if (fails) throw failure("body");
            throw cancelled();
        };
        co_return co_await ending_when_cancelled([&group]() -> task<> { co_await weft::with_task_group(group); });
    };
    CHECK(run_paused(workers, body) == (fails ? "[body]" : "cancelled"));
}

TEST_CASE("a group whose tasks spawn without end is ended by a failure", "[asyncio][task_group]") {
    watchdog const guard(10s, "hydra");
    auto const body = []() -> task<texts> {
        texts seen;
        int heads = 0;
        auto const group = [&heads](task_group& in) -> task<> {
            in.spawn(grow(in, heads));
            in.spawn([&heads]() -> task<> {
                while (heads < 10) co_await weft::sleep(15ms);
                throw failure("enough");
            });
            co_return;
        };
        seen.push_back(co_await ending_of(weft::with_task_group(group)));
        seen.push_back(heads < 10 ? "too few" : heads < 100 ? "some" : "too many");
        co_return seen;
    };
    CHECK(run_paused(1, body) == texts{"[enough]", "some"});
}

TEST_CASE("a task cannot spawn in its group once another has failed, and what it tried is destroyed", "[asyncio][task_group]") {
    watchdog const guard(10s, "refused");
    auto const workers = GENERATE(1u, 2u, 8u);
    census objects;
    auto const body = [&objects]() -> task<texts> {
        texts seen;
        bool begun = false;
        auto const never = [](bool& ran, counted) -> task<> {
            ran = true;
            co_return;
        };
        auto const group = [&](task_group& in) -> task<> {
            in.spawn(fail_after(1s, "one"));
            in.spawn([&]() -> task<> {
                if (!co_await interrupted(1h)) co_return;
                try {
                    in.spawn(never(begun, counted(objects)));
                } catch (weft::invalid_state const&) {
                    seen.push_back("refused");
                }
            });
            co_return;
        };
        seen.push_back(co_await ending_of(weft::with_task_group(group)));
        seen.push_back(begun ? "begun" : "not begun");
        co_return seen;
    };
    CHECK(run_paused(workers, body) == texts{"refused", "[one]", "not begun"});
    CHECK(objects.alive == 0);
}

TEST_CASE("a group that has failed leaves no request behind", "[asyncio][task_group][cancel]") {
    watchdog const guard(10s, "nothing left");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        auto handle = weft::spawn([&seen]() -> task<> {
            auto const one_fails = [](task_group& in) -> task<> {
                in.spawn(fail_after(1s, "one"));
                co_return;
            };
            auto const both_fail = [](task_group& in) -> task<> {
                in.spawn(fail_after(1s, "one"));
                if (co_await interrupted(1h)) throw failure("body");
            };
            seen.push_back(co_await ending_of(weft::with_task_group(one_fails)));
            co_await weft::yield();
            seen.push_back(co_await ending_of(weft::with_task_group(both_fail)));
            co_await weft::yield();
            co_await weft::sleep(1s);
        });
        seen.push_back(co_await ending_of(handle));
        seen.push_back(std::to_string(handle.cancelling()));
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"[one]", "[one, body]", "value", "0"});
    CHECK(elapsed == 3s);
}

TEST_CASE("of two groups inside each other both fail: each throws its own", "[asyncio][task_group][nested]") {
    watchdog const guard(10s, "both groups fail");
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        auto handle = weft::spawn([&seen]() -> task<> {
            auto const outer = [&seen](task_group& around) -> task<> {
                auto const inner = [&around](task_group& in) -> task<> {
                    in.spawn(fail_after(0s, "inner"));
                    around.spawn(fail_after(0s, "outer"));
                    co_return;
                };
                seen.push_back(co_await ending_of(weft::with_task_group(inner)));
                seen.push_back(co_await interrupted(1h) ? "then cancelled" : "not cancelled");
            };
            seen.push_back(co_await ending_of(weft::with_task_group(outer)));
            co_await weft::yield();
        });
        seen.push_back(co_await ending_of(handle));
        seen.push_back(std::to_string(handle.cancelling()));
        co_return seen;
    };
    CHECK(run_paused(1, body, &elapsed) == texts{"[inner]", "then cancelled", "[outer]", "value", "0"});
    CHECK(elapsed == 0s);
}

TEST_CASE("a failing group that is cancelled, too, throws its failures, and the next await is cancelled", "[asyncio][task_group]") {
    watchdog const guard(10s, "error and cancel");
    auto const workers = GENERATE(1u, 2u, 8u);
    auto const failure_at = GENERATE(500ms, 1500ms);  // before the request, and after it
    std::chrono::nanoseconds elapsed{};
    auto const body = [failure_at]() -> task<texts> {
        texts seen;
        auto handle = weft::spawn([&seen, failure_at]() -> task<> {
            auto const group = [failure_at](task_group& in) -> task<> {
                in.spawn(fail_after(failure_at, "error"));
                if (co_await interrupted(1h)) co_await weft::sleep(1h);  // until it is interrupted again
            };
            seen.push_back(co_await ending_of(weft::with_task_group(group)));
            co_await weft::sleep(1h);
        });
        co_await weft::sleep(1s);
        seen.push_back(std::to_string(handle.cancelling()));
        handle.cancel();
        seen.push_back(co_await ending_of(handle));
        seen.push_back(std::to_string(handle.cancelling()));
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"0", "[error]", "cancelled", "1"});
    CHECK(elapsed == (failure_at == 500ms ? 1s : 1500ms));
}

TEST_CASE("a task is cancelled by the failure of one that it has spawned in their group", "[asyncio][task_group]") {
    watchdog const guard(10s, "spawned one fails");
    auto const workers = GENERATE(1u, 2u, 8u);
    std::chrono::nanoseconds elapsed{};
    auto const body = []() -> task<texts> {
        texts seen;
        auto const group = [&seen](task_group& in) -> task<> {
            in.spawn([&]() -> task<> {
                in.spawn(fail_after(0s, "third"));
                if (co_await interrupted(1h)) seen.push_back("second cancelled");
            });
            co_return;
        };
        seen.push_back(co_await ending_of(weft::with_task_group(group)));
        co_return seen;
    };
    CHECK(run_paused(workers, body, &elapsed) == texts{"second cancelled", "[third]"});
    CHECK(elapsed == 0s);
}
