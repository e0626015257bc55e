// SPDX-License-Identifier: MIT
// fork(): what the child of a process with a runtime may and may not do.
#include "support/catch.hpp"
#include "support/foreign.hpp"
#include "support/subprocess.hpp"
#include "support/threads.hpp"

#include <weft/weft.hpp>

#include "frame_cache.hpp"

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using weft::test::run_case;

namespace {

weft::task<> nothing() { co_return; }

weft::task<int> add(int a, int b) {
    co_await weft::yield();
    co_return a + b;
}

weft::task<> meet(std::latch& both) {
    both.arrive_and_wait();
    co_return;
}

// What another thread has locked at the moment of a fork stays locked in the child: that of an allocator (g++ 12's address
// sanitizer does not unlock its own) would hang it. A thread that starts allocates; one that has worked and found nothing more to
// do does not. For the same reason no watchdog's thread runs here: run_case() watches.
void let_both_workers_start(weft::runtime& runtime) {
    std::latch both{2};
    runtime.run([&]() -> weft::task<> { co_await weft::gather(meet(both), meet(both)); });
}

// ThreadSanitizer allows no new threads in the child of a process with threads.
constexpr bool child_may_start_threads = !weft::detail::config::tsan;

// What the child found, as its exit code: a bit for each thing that is right.
constexpr int run_refused = 1;
constexpr int submit_refused = 2;
constexpr int message_helps = 4;
constexpr int outside = 8;
constexpr int new_runtime_works = 16;
constexpr int all_right = 31;

template <class Call>
bool refused(Call call, std::string& message) {
    try {
        call();
    } catch (const weft::runtime_closed& error) {
        message = error.what();
        return true;
    }
    return false;
}

// A new runtime is used after the old one is gone, or while it is still there; the new threads may stand where the parent's stood.
int look_around_in_child(std::unique_ptr<weft::runtime> from_parent, bool old_goes_first) {
    int right = 0;
    std::string message;
    if (refused([&] { from_parent->run(nothing()); }, message)) right |= run_refused;
    if (message.find("fork") != std::string::npos && message.find("new runtime") != std::string::npos) right |= message_helps;
    if (refused([&] { from_parent->submit(nothing()); }, message)) right |= submit_refused;
    if (!weft::on_worker()) right |= outside;
    if (!child_may_start_threads) {
        from_parent.reset();
        return right | new_runtime_works;
    }
    if (old_goes_first) from_parent.reset();
    weft::runtime runtime({.workers = 2});
    const int before = runtime.run(add(20, 22));
    from_parent.reset();
    if (before == 42 && runtime.run(add(20, 22)) == 42) right |= new_runtime_works;
    return right;
}

int code_of(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("fork with a runtime", "[.]") {
    auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = 2});
    int sum = runtime->run(add(1, 2));
    let_both_workers_start(*runtime);
    std::vector<int> codes;
    for (const bool old_goes_first : {true, false}) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(10);  // never a hang
            _exit(look_around_in_child(std::move(runtime), old_goes_first));
        }
        codes.push_back(code_of(child));
        sum += runtime->run(add(2, 3));  // nothing changed for the parent
    }
    CHECK(codes == std::vector<int>{all_right, all_right});
    CHECK(sum == 13);
}

TEST_CASE("fork with a runtime whose task sleeps", "[.]") {
    auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = 2});
    weft::test::gate go;
    auto waiting = runtime->submit([&]() -> weft::task<int> {
        co_await go;
        co_await weft::sleep(1ms);
        co_return 7;
    });
    let_both_workers_start(*runtime);
    const pid_t child = fork();
    if (child == 0) {
        alarm(10);
        _exit(look_around_in_child(std::move(runtime), true));
    }
    CHECK(code_of(child) == all_right);
    go.open();
    CHECK(waiting.get() == 7);
}

// A thread for blocking functions is idle at the fork, and does not exist in the child either.
TEST_CASE("fork with a runtime that has called a function", "[.]") {
    auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = 2});
    let_both_workers_start(*runtime);
    int sum = runtime->run(weft::to_thread([] { return 1; }));
    const pid_t child = fork();
    if (child == 0) {
        alarm(10);
        _exit(look_around_in_child(std::move(runtime), true));
    }
    CHECK(code_of(child) == all_right);
    sum += runtime->run(weft::to_thread([] { return 2; }));
    CHECK(sum == 3);
}

TEST_CASE("fork with a runtime whose timers are armed", "[.]") {
    auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = 2});
    let_both_workers_start(*runtime);
    std::atomic<bool> asleep{false};
    auto waiting = runtime->submit([&]() -> weft::task<> {
        auto sleeper = weft::spawn([]() -> weft::task<> { co_await weft::sleep(1h); });
        co_await weft::yield();
        asleep = true;
        co_await weft::wait_for(std::move(sleeper), 2h);
    });
    while (!asleep) std::this_thread::yield();
    weft::test::wait_until_others_sleep();  // see let_both_workers_start
    const pid_t child = fork();
    if (child == 0) {
        alarm(10);
        _exit(look_around_in_child(std::move(runtime), true));
    }
    CHECK(code_of(child) == all_right);
    CHECK(runtime->run(add(2, 3)) == 5);
    runtime.reset();
    CHECK_THROWS_AS(waiting.get(), weft::cancelled);
}

// What the workers, or threads for functions, do at the fork allocates nothing.
TEST_CASE("fork with a runtime that is busy", "[.]") {
    auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = 2});
    let_both_workers_start(*runtime);
    std::atomic<int> busy{0};
    std::atomic<bool> over{false};
    const auto work = [&]() -> weft::task<> {
        for (++busy; !over;) std::this_thread::yield();
        co_return;
    };
    auto one = runtime->submit(work);
    auto other = runtime->submit(work);
    while (busy != 2) std::this_thread::yield();
    const pid_t child = fork();
    if (child == 0) {
        alarm(10);
        _exit(look_around_in_child(std::move(runtime), true));
    }
    CHECK(code_of(child) == all_right);
    over = true;
    one.get();
    other.get();
    CHECK(runtime->run(add(2, 3)) == 5);
}

TEST_CASE("fork with a runtime that is calling functions", "[.]") {
    auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = 2, .blocking_threads = 1});
    let_both_workers_start(*runtime);
    std::atomic<bool> called{false};
    std::atomic<bool> over{false};
    auto calling = runtime->submit([&]() -> weft::task<int> {
        const auto function = [&] {
            called = true;
            over.wait(false);
            return 1;
        };
        // The second one stands in line.
        auto const [one, two] = co_await weft::gather(weft::to_thread(function), weft::to_thread(function));
        co_return one + two;
    });
    while (!called) std::this_thread::yield();
    weft::test::wait_until_others_sleep();
    const pid_t child = fork();
    if (child == 0) {
        alarm(10);
        _exit(look_around_in_child(std::move(runtime), true));
    }
    CHECK(code_of(child) == all_right);
    over = true;
    over.notify_all();
    CHECK(calling.get() == 2);
}

// In a function that to_thread calls: the thread that goes on is one of the parent's runtime.
TEST_CASE("fork in a function", "[.]") {
    auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = 2});
    let_both_workers_start(*runtime);
    static_cast<void>(runtime->run(weft::to_thread([] { return 1; })));
    const int code = runtime->run(weft::to_thread([&] {
        weft::test::wait_until_others_sleep();
        const pid_t child = fork();
        if (child == 0) {
            alarm(10);
            _exit(look_around_in_child(std::move(runtime), true));
        }
        return code_of(child);
    }));
    CHECK(code == all_right);
    CHECK(runtime->run(add(2, 3)) == 5);
}

// Reads a thread_local: in a function of its own.
WEFT_NOINLINE bool has_no_worker_frames() { return weft::detail::this_frame_cache == &weft::detail::no_frame_cache(); }

// The thread that goes on was a worker, and is none any more.
TEST_CASE("fork in a task", "[.]") {
    auto runtime = std::make_unique<weft::runtime>(weft::options{.workers = 2});
    let_both_workers_start(*runtime);
    const int code = runtime->run([&]() -> weft::task<int> {
        const pid_t child = fork();
        if (child == 0) {
            alarm(10);
            _exit(has_no_worker_frames() ? look_around_in_child(std::move(runtime), false) : 0);
        }
        co_return code_of(child);
    });
    CHECK(code == all_right);
    CHECK(runtime->run(add(2, 3)) == 5);
}

TEST_CASE("in the child of a fork, the parent's runtime is closed, ends without a hang, and a new one works", "[runtime][fork]") {
    for (const char* name : {"fork with a runtime", "fork with a runtime whose task sleeps",
                             "fork with a runtime that has called a function", "fork with a runtime whose timers are armed",
                             "fork with a runtime that is busy", "fork with a runtime that is calling functions",
                             "fork in a function", "fork in a task"}) {
        const auto ended = run_case(name, 20s);
        CAPTURE(name, ended.errors);
        CHECK(ended.in_time);
        CHECK(ended.exit_code == 0);
    }
}
