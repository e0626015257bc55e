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
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

constinit std::atomic<bool> frozen{false};
constinit std::atomic<bool> thaw{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// On the worker, between any two of its steps. It does nothing that a handler may not.
void stand_still(int) noexcept {
    int const its_errno = errno;
    frozen = true;
    while (!thaw) {
        timespec const moment{0, 100'000};
        nanosleep(&moment, nullptr);
    }
    frozen = false;
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

// The threads of the workers of the runtime of that name.
std::vector<pid_t> workers_of(std::string const& runtime, unsigned count) {
    std::vector<pid_t> found;
    while (found.size() != count) {
        found.clear();
        for (auto const& each : std::filesystem::directory_iterator("/proc/self/task")) {
            std::string name;
            std::getline(std::ifstream(each.path() / "comm"), name);
            if (name.starts_with(runtime + '-') && name.find("thread") == std::string::npos)
                found.push_back(std::stoi(each.path().filename().string()));
        }
    }
    return found;
}

void freeze(pid_t worker) {
    thaw = false;
    syscall(SYS_tgkill, getpid(), worker, SIGUSR1);
    while (!frozen) std::this_thread::yield();
}
void let_go_on() {
    thaw = true;
    while (frozen) std::this_thread::yield();
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
    constexpr int rounds = 60;
    std::mt19937_64 numbers(weft::test::seed());
    std::atomic<bool> over{false};
    int waited_for_it = 0;
    {
        weft::runtime runtime({.workers = workers, .name = "frozen"});
        const auto threads = workers_of("frozen", workers);
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
            const auto limit = std::chrono::steady_clock::now() + 1s;
            bool all = true;
            for (auto const& each : meanwhile) all = all && each.wait_until(limit) == std::future_status::ready;
            waited_for_it += !all;
            let_go_on();
            for (auto* const those : {&ends, &meanwhile})
                for (auto& each : *those) CHECK(each.get() == 32);
        }
        over = true;
        for (auto& each : awake) each.get();
    }
    // It may hold a lock just then: that of a stripe of timers or a list of waiters, or its turn in the injector's queue.
    std::printf("%d of %d times others had to wait for the worker that stood still\n", waited_for_it, rounds);
    CHECK(waited_for_it < rounds / 2);
}

TEST_CASE("everything ends well where workers stand still now and then", "[frozen]") {
    const weft::test::watchdog guard{100s, "workers that stand still now and then"};
    const handled_signal handled;
    for (const unsigned workers : {1u, 2u, 4u}) {
        weft::runtime runtime({.workers = workers, .name = "frozen"});
        const auto threads = workers_of("frozen", workers);
        std::atomic<bool> over{false};
        std::thread freezes([&, seed = weft::test::seed() + workers] {
            std::mt19937_64 numbers(seed);
            while (!over) {
                std::this_thread::sleep_for(std::chrono::microseconds(numbers() % 3000));
                freeze(threads[numbers() % workers]);
                std::this_thread::sleep_for(std::chrono::microseconds(numbers() % 5000));
                let_go_on();
            }
        });
        for (int time = 0; time < 8; ++time) {
            weft::test::census objects;
            weft::test::pieces done;
            weft::test::do_everything(runtime, objects, done, 50us);
            CHECK(done.ended > 100);
        }
        over = true;
        freezes.join();
    }
}
