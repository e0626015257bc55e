// SPDX-License-Identifier: MIT
// A worker's thread stands still for a while, wherever it happens to be, as when a debugger or the system stops it. What is not on
// its own stack goes on, as long as another worker is awake; when it goes on, too, everything ends well.
#include "everything.hpp"
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <future>
#include <random>
#include <thread>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

// The handler and whoever stops a worker have these in common. One worker at a time stands still.
constinit std::atomic<int> stops{0};
constinit std::atomic<bool> standing{false};
constinit std::atomic<bool> may_go_on{false};
constinit std::atomic<bool> waited_long_enough{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

constexpr std::int64_t longest = 1'000'000'000;

std::int64_t monotonic_now() noexcept {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * std::int64_t{1'000'000'000} + at.tv_nsec;
}

// On the worker, between any two of its steps. It does nothing that a handler may not. The worker may have any lock just then, that
// of the allocator or of standard output among them, and whoever is to let it go on may need that first: so in the end it goes on
// by itself.
void stand_still(int) noexcept {
    int const its_errno = errno;
    standing = true;
    ++stops;
    std::int64_t const limit = monotonic_now() + longest;
    while (!may_go_on && !waited_long_enough) {
        timespec const moment{0, 100'000};
        nanosleep(&moment, nullptr);
        if (monotonic_now() >= limit) waited_long_enough = true;
    }
    standing = false;
    errno = its_errno;
}

class handled_signal {
public:
    handled_signal() {
        struct sigaction action {};
        action.sa_handler = stand_still;
        action.sa_flags = SA_RESTART;
        sigaction(SIGUSR1, &action, &before_);
    }
    handled_signal(handled_signal const&) = delete;
    handled_signal& operator=(handled_signal const&) = delete;
    ~handled_signal() { sigaction(SIGUSR1, &before_, nullptr); }

private:
    struct sigaction before_ {};
};

// Neither of the two needs memory or a lock.
void freeze(pid_t worker) noexcept {
    int const before = stops;
    may_go_on = waited_long_enough = false;
    syscall(SYS_tgkill, getpid(), worker, SIGUSR1);
    while (stops == before) std::this_thread::yield();
}
// False: it has gone on by itself.
bool let_go_on() noexcept {
    may_go_on = true;
    while (standing) std::this_thread::yield();
    return !waited_long_enough;
}

struct roll_call {
    explicit roll_call(unsigned count) : threads(count) {}

    std::vector<pid_t> threads;
    std::atomic<unsigned> named{0};
};

// Holds its worker until each of them has such a task.
weft::task<> name_worker(roll_call& all) {
    all.threads[all.named++] = static_cast<pid_t>(syscall(SYS_gettid));
    while (all.named != all.threads.size()) std::this_thread::yield();
    co_return;
}

std::vector<pid_t> workers_of(weft::runtime& runtime, unsigned count) {
    roll_call all(count);
    std::vector<std::future<void>> ends;
    for (unsigned each = 0; each < count; ++each) ends.push_back(runtime.submit(name_worker(all)));
    for (auto& each : ends) each.get();
    return all.threads;
}

weft::task<> stay_awake(std::atomic<bool>& over) {
    while (!over) co_await weft::yield();
}

weft::task<int> tree(int depth) {
    if (depth == 0) co_return 1;
    auto const [left, right] = co_await weft::gather(tree(depth - 1), tree(depth - 1));
    co_return left + right;
}

// Ends only if its queue, its timers and its waiters are served.
weft::task<int> some_of_all() {
    auto child = weft::spawn(tree(5));
    co_await weft::sleep(200us);
    auto sleeper = weft::spawn([]() -> weft::task<> { co_await weft::sleep(1h); });
    co_await weft::yield();
    static_cast<void>(sleeper.cancel());
    bool cancelled = false;
    try {
        co_await sleeper;
    } catch (weft::cancelled const&) {
        cancelled = true;
    }
    co_return cancelled ? co_await child : 0;
}

}  // namespace

TEST_CASE("while a worker stands still and another one is awake, what comes meanwhile is done", "[frozen]") {
    const weft::test::watchdog guard{100s, "a worker that stands still"};
    const handled_signal handled;
    constexpr unsigned workers = 3;
    constexpr int rounds = 40;
    std::mt19937_64 numbers(weft::test::seed());
    std::atomic<bool> over{false};
    int waited_for_it = 0;
    {
        weft::runtime runtime({.workers = workers, .name = "frozen"});
        const auto threads = workers_of(runtime, workers);
        std::vector<std::future<void>> awake;
        for (unsigned each = 0; each < 2 * workers; ++each) awake.push_back(runtime.submit(stay_awake(over)));
        for (int round = 0; round < rounds; ++round) {
            std::this_thread::sleep_for(std::chrono::microseconds(numbers() % 500));
            // Some that it may be in the middle of, and others that come while it stands still.
            std::vector<std::future<int>> ends;
            for (int each = 0; each < 5; ++each) ends.push_back(runtime.submit(some_of_all()));
            freeze(threads[numbers() % workers]);
            std::vector<std::future<int>> meanwhile;
            for (int each = 0; each < 20; ++each) meanwhile.push_back(runtime.submit(some_of_all()));
            for (auto& each : meanwhile) each.wait();
            waited_for_it += !let_go_on();
            for (auto* const those : {&ends, &meanwhile})
                for (auto& each : *those) CHECK(each.get() == 32);
        }
        over = true;
        for (auto& each : awake) each.get();
    }
    // It may have a lock just then: the allocator's, that of a stripe of timers or a list of waiters, or its turn in the injector's
    // queue.
    std::printf("%d of %d times others had to wait for the worker that stood still\n", waited_for_it, rounds);
    CHECK(waited_for_it < rounds / 2);
}

TEST_CASE("everything ends well where workers stand still now and then", "[frozen]") {
    const weft::test::watchdog guard{100s, "workers that stand still now and then"};
    const handled_signal handled;
    for (const unsigned workers : {1u, 2u, 4u}) {
        weft::runtime runtime({.workers = workers, .name = "frozen"});
        const auto threads = workers_of(runtime, workers);
        std::atomic<bool> over{false};
        int const enough_stops = stops + 20;
        // Needs nothing that a worker may have, so that none stands still for long.
        std::thread freezes([&, seed = weft::test::seed() + workers] {
            std::mt19937_64 numbers(seed);
            while (!over) {
                std::this_thread::sleep_for(std::chrono::microseconds(numbers() % 3000));
                freeze(threads[numbers() % workers]);
                std::this_thread::sleep_for(std::chrono::microseconds(numbers() % 5000));
                let_go_on();
            }
        });
        for (int time = 0; time < 8 || stops < enough_stops; ++time) {
            weft::test::census objects;
            weft::test::pieces done;
            weft::test::do_everything(runtime, objects, done, 50us);
            CHECK(done.ended > 100);
        }
        over = true;
        freezes.join();
    }
}
