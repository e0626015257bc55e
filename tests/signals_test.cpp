// SPDX-License-Identifier: MIT
// options::handle_signals: what the first signal does, and the second; what run() then throws or returns; that before and after a
// run, and in children, signals do what they did.
#include "support/catch.hpp"
#include "support/foreign.hpp"
#include "support/scale.hpp"
#include "support/subprocess.hpp"
#include "support/threads.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include "first_line.hpp"
#include "platform.hpp"
#include "worker.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using weft::task;
using weft::test::ContainsSubstring;
using weft::test::living_threads;
using weft::test::other_thread;
using weft::test::run_case;
using weft::test::watchdog;
using weft::testing::paused_clock;

namespace fs = std::filesystem;

namespace {

static_assert(std::is_base_of_v<weft::cancelled, weft::interrupted>);
static_assert(!std::is_base_of_v<std::exception, weft::interrupted>);

using handler = void (*)(int);

// As from another process: the kernel chooses the thread that takes it, and when. What std::raise sends has come when it returns.
void send(int signal) { kill(getpid(), signal); }

// Which signal has ended the run; 0: it has returned.
template <class Run>
int interrupted_by(Run run) {
    try {
        run();
    } catch (const weft::interrupted& thrown) {
        return thrown.signal();
    }
    return 0;
}

task<> nothing() { co_return; }

task<> interrupt_and_sleep(int signal) {
    send(signal);
    co_await weft::sleep(1h);
}

handler handler_of(int signal) {
    struct sigaction now {};
    sigaction(signal, nullptr, &now);
    return now.sa_handler;
}

// What this process does on the two signals, Catch2's handlers or a test's own, is again as before when this is destroyed.
class kept_actions {
public:
    kept_actions() {
        sigaction(SIGINT, nullptr, &interrupt_);
        sigaction(SIGTERM, nullptr, &terminate_);
    }
    kept_actions(const kept_actions&) = delete;
    kept_actions& operator=(const kept_actions&) = delete;
    ~kept_actions() {
        sigaction(SIGINT, &interrupt_, nullptr);
        sigaction(SIGTERM, &terminate_, nullptr);
    }

private:
    struct sigaction interrupt_ {};
    struct sigaction terminate_ {};
};

// A handler of the program's own.
std::atomic<int> own_calls{0};
void own_handler(int) { ++own_calls; }

std::size_t count_threads() { return living_threads().size(); }
void wait_for_threads(std::size_t count) {
    while (count_threads() != count) std::this_thread::sleep_for(100us);
}

std::size_t open_files() {
    const fs::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

// ---- The first signal

TEST_CASE("the first signal cancels the main task, which puts things in order; run throws interrupted", "[signals]") {
    const watchdog guard{20s, "the first signal"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto signal = GENERATE(SIGINT, SIGTERM);
    std::atomic<int> cleaned{0};
    auto sleeping = [&]() -> task<> {
        try {
            co_await weft::sleep(1h);
        } catch (const weft::cancelled&) {
            ++cleaned;
            throw;
        }
    };
    const int by = interrupted_by([&] {
        weft::run(
            [&]() -> task<> {
                bool cancelled = false;
                try {
                    send(signal);
                    co_await weft::gather(sleeping(), sleeping());
                } catch (const weft::cancelled&) {
                    cancelled = true;
                }
                if (!cancelled) co_return;
                co_await weft::sleep(1ms);
                co_await weft::spawn(nothing());
                ++cleaned;
                throw weft::cancelled();
            },
            {.workers = workers, .handle_signals = true});
    });
    CHECK(by == signal);
    CHECK(cleaned == 3);
}

TEST_CASE("the first Ctrl-C cancels a main task that only yields", "[signals][asyncio]") {
    const watchdog guard{20s, "a main task that only yields"};
    const auto workers = GENERATE(1u, 2u);
    const int by = interrupted_by([&] {
        weft::run(
            []() -> task<> {
                send(SIGINT);
                for (;;) co_await weft::yield();
            },
            {.workers = workers, .handle_signals = true});
    });
    CHECK(by == SIGINT);
}

// asyncio's run ends by CancelledError then, which says less.
TEST_CASE("a main task that was cancelled before the Ctrl-C ends interrupted, which is cancelled", "[signals][asyncio]") {
    const watchdog guard{20s, "cancelled before"};
    const int by = interrupted_by([] {
        weft::run(
            []() -> task<> {
                weft::current_task().cancel();
                bool cancelled = false;
                try {
                    co_await weft::sleep(1h);
                } catch (const weft::cancelled&) {
                    cancelled = true;
                }
                if (!cancelled) co_return;
                send(SIGINT);
                co_await weft::sleep(1h);
            },
            {.handle_signals = true});
    });
    CHECK(by == SIGINT);
}

TEST_CASE("interrupted is a cancelled that names the signal", "[signals][error]") {
    const auto message = [](const weft::cancelled& thrown) { return std::string(thrown.what()); };
    CHECK_THAT(message(weft::interrupted(SIGINT)), ContainsSubstring("weft::interrupted") && ContainsSubstring("SIGINT (Ctrl-C)"));
    CHECK_THAT(message(weft::interrupted(SIGTERM)), ContainsSubstring("weft::interrupted") && ContainsSubstring("SIGTERM"));
    CHECK(weft::interrupted(SIGTERM).signal() == SIGTERM);
}

TEST_CASE("a signal is heard whichever thread takes it", "[signals]") {
    // ThreadSanitizer keeps signals from a thread that sleeps in a system call of which it does not know, as workers do.
    if (weft::detail::config::tsan) return;
    const watchdog guard{20s, "a signal to each thread"};
    const other_thread bystander;
    weft::runtime runtime({.workers = 2, .handle_signals = true});
    // A thread that has just been made blocks all signals for a moment, and a sanitizer's own for ever.
    const auto takes_signals = [](pid_t thread) {
        for (int look = 0; look < 5000; ++look) {
            std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
            for (std::string line; std::getline(status, line);)
                if (line.rfind("SigBlk:", 0) == 0 && (std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1) & 1) == 0) return true;
            std::this_thread::sleep_for(1ms);
        }
        return false;
    };
    // This thread, two workers, the bystander, the watchdog, and the one that listens.
    std::size_t heard = 0;
    const auto count = count_threads();
    for (std::size_t number = 0; number <= count; ++number) {
        wait_for_threads(count);
        heard += SIGINT == interrupted_by([&] {
            runtime.run([&]() -> task<> {
                const auto all = living_threads();
                if (number >= all.size() || !takes_signals(all[number])) co_return;
                syscall(SYS_tgkill, getpid(), all[number], SIGINT);
                co_await weft::sleep(1h);
            });
        });
    }
    CHECK(heard >= 6);
}

TEST_CASE("a signal that comes before the main task has begun cancels it before its first step", "[signals]") {
    const watchdog guard{20s, "before main begins"};
    weft::runtime runtime({.workers = 1, .handle_signals = true});
    std::atomic<bool> occupied{false};
    std::atomic<bool> free{false};
    auto busy = runtime.submit([&]() -> task<> {
        occupied = true;
        while (!free) std::this_thread::yield();
        co_return;
    });
    while (!occupied) std::this_thread::yield();
    bool begun = false;
    int by = 0;
    {
        other_thread runner;
        const auto before = count_threads();
        const auto handler_before = handler_of(SIGINT);
        runner.post([&] {
            by = interrupted_by([&] {
                runtime.run([&]() -> task<> {
                    begun = true;
                    co_return;
                });
            });
        });
        while (handler_of(SIGINT) == handler_before) std::this_thread::yield();
        send(SIGINT);
        wait_for_threads(before);  // the one that listens ends when it has told main
        free = true;
    }
    CHECK(by == SIGINT);
    CHECK_FALSE(begun);
}

TEST_CASE("under a paused clock a signal cancels, too", "[signals]") {
    const watchdog guard{20s, "a signal under a paused clock"};
    const auto workers = GENERATE(1u, 2u);
    paused_clock clock;
    const int by = interrupted_by([&] {
        weft::run(
            []() -> task<> {
                send(SIGINT);
                for (;;) co_await weft::sleep(1h);
            },
            {.workers = workers, .handle_signals = true, .clock = &clock});
    });
    CHECK(by == SIGINT);
}

TEST_CASE("under a paused clock a signal is not taken for a deadlock", "[signals]") {
    const watchdog guard{60s, "a signal as all fall asleep"};
    for (int i = 0; i < weft::test::scaled(2'000); ++i) {
        paused_clock clock;
        interrupted_by([&] {
            weft::run(
                []() -> task<> {
                    auto last_awake = []() -> task<> {
                        co_await weft::yield();
                        std::raise(SIGINT);
                    };
                    weft::spawn(last_awake());
                    co_await weft::sleep(1h);
                },
                {.workers = 1, .handle_signals = true, .clock = &clock});
        });
    }
    SUCCEED("else testing::deadlock had come out of one of them");
}

// ---- What comes of it

TEST_CASE("a main task that goes on after the signal returns its value, or throws its error", "[signals]") {
    const watchdog guard{20s, "a signal that is swallowed"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto sleep_through = []() -> task<> {
        try {
            co_await interrupt_and_sleep(SIGINT);
        } catch (const weft::cancelled&) {
        }
        co_await weft::sleep(1ms);
    };
    const auto value = weft::run(
        [&]() -> task<std::unique_ptr<int>> {
            co_await sleep_through();
            co_return std::make_unique<int>(5);
        },
        {.workers = workers, .handle_signals = true});
    CHECK(*value == 5);
    CHECK_THROWS_AS(weft::run(
                        [&]() -> task<> {
                            co_await sleep_through();
                            throw std::logic_error("could not put things in order");
                        },
                        {.workers = workers, .handle_signals = true}),
                    std::logic_error);
}

TEST_CASE("a main task that suspends no more after the signal ends by it all the same", "[signals]") {
    const watchdog guard{20s, "a signal that main does not notice"};
    const auto before = count_threads();
    const int by = interrupted_by([&] {
        weft::run(
            [&]() -> task<int> {
                send(SIGINT);
                wait_for_threads(before + 1);  // the one that listens has told it
                co_return 5;
            },
            {.workers = 1, .handle_signals = true});
    });
    CHECK(by == SIGINT);
}

namespace {

// Of the task that runs here. It has no handle of the main task.
WEFT_NOINLINE int take_back_request() {
    WEFT_COMPILER_BARRIER();
    return weft::detail::uncancel(*weft::detail::this_worker->scope.task());
}

// What comes out of run(): "interrupted", "cancelled", or "".
template <class Run>
std::string cancelled_how(Run run) {
    try {
        run();
    } catch (const weft::interrupted&) {
        return "interrupted";
    } catch (const weft::cancelled&) {
        return "cancelled";
    }
    return "";
}

}  // namespace

TEST_CASE("a main task that is cancelled by no signal, or has taken its request back, is not interrupted", "[signals]") {
    const watchdog guard{20s, "cancelled, but not interrupted"};
    const weft::options with_signals{.workers = 2, .handle_signals = true};
    const auto cancelled = [&](auto main) { return cancelled_how([&] { weft::run(main, with_signals); }); };
    CHECK(cancelled([]() -> task<> {
              auto other = weft::spawn([]() -> task<> { co_await weft::sleep(1h); });
              other.cancel();
              co_await other;
          }) == "cancelled");
    std::atomic<int> left{-1};
    CHECK(cancelled([&]() -> task<> {
              try {
                  co_await interrupt_and_sleep(SIGINT);
              } catch (const weft::cancelled&) {
                  left = take_back_request();
              }
              co_await weft::sleep(1us);
              throw weft::cancelled();
          }) == "cancelled");
    CHECK(left == 0);
    CHECK(cancelled([]() -> task<> { co_await interrupt_and_sleep(SIGINT); }) == "interrupted");
}

TEST_CASE("a signal that comes when the main task has ended is not lost: run throws interrupted, but for an error", "[signals]") {
    const watchdog guard{20s, "a signal while the run drains"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::runtime runtime({.workers = workers, .handle_signals = true});
    std::atomic<int> ended{0};
    // Hears of the end of main, and has things to put in order.
    const auto left_behind = [&](std::atomic<bool>& begun) -> task<> {
        bool cancelled = false;
        try {
            begun = true;
            co_await weft::sleep(1h);
        } catch (const weft::cancelled&) {
            cancelled = true;
        }
        if (!cancelled) co_return;
        std::raise(SIGINT);
        co_await weft::sleep(1ms);
        ++ended;
    };
    const auto leave_behind = [&]() -> task<> {
        std::atomic<bool> begun{false};
        weft::spawn(left_behind(begun));
        while (!begun) co_await weft::yield();
    };
    CHECK(cancelled_how([&] {
              runtime.run([&]() -> task<std::string> {
                  co_await leave_behind();
                  co_return "a value";
              });
          }) == "interrupted");
    CHECK(cancelled_how([&] {
              runtime.run([&]() -> task<> {
                  co_await leave_behind();
                  throw weft::cancelled();
              });
          }) == "interrupted");
    CHECK_THROWS_AS(runtime.run([&]() -> task<> {
        co_await leave_behind();
        throw std::logic_error("main has failed");
    }),
                    std::logic_error);
    CHECK(ended == 3);
}

// ---- The second signal. In processes of their own.

TEST_CASE("SIGINT and SIGTERM to a deaf main task", "[.]") {
    const watchdog guard{60s, "deaf to signals"};
    weft::run(
        []() -> task<> {
            std::raise(SIGINT);
            std::raise(SIGTERM);
            std::_Exit(0);  // the second has not ended the process at once
            co_return;
        },
        {.workers = 1, .handle_signals = true});
}

TEST_CASE("SIGTERM and SIGINT to a main task that goes on", "[.]") {
    const watchdog guard{60s, "goes on after a signal"};
    weft::run(
        []() -> task<> {
            try {
                co_await interrupt_and_sleep(SIGTERM);
            } catch (const weft::cancelled&) {
            }
            send(SIGINT);
            for (;;) std::this_thread::sleep_for(1h);  // the only worker is blocked
        },
        {.workers = 1, .handle_signals = true});
}

TEST_CASE("SIGINT twice to a run that drains", "[.]") {
    const watchdog guard{60s, "drains for ever"};
    weft::run(
        []() -> task<> {
            weft::spawn([]() -> task<> {
                for (;;) {
                    try {
                        co_await weft::sleep(1ms);
                    } catch (const weft::cancelled&) {
                        std::raise(SIGINT);
                        std::raise(SIGINT);
                    }
                }
            });
            co_await weft::sleep(1ms);
        },
        {.workers = 1, .handle_signals = true});
}

TEST_CASE("the second signal ends the process at once, by its default action, whatever the tasks do", "[signals][death]") {
    struct death {
        const char* name;
        int signal;
    };
    for (const auto [name, signal] : {death{"SIGINT and SIGTERM to a deaf main task", SIGTERM},
                                      death{"SIGTERM and SIGINT to a main task that goes on", SIGINT},
                                      death{"SIGINT twice to a run that drains", SIGINT}}) {
        const auto ended = run_case(name, 30s);
        CAPTURE(name, ended.errors, ended.exit_code);
        CHECK(ended.in_time);
        CHECK(ended.signal == signal);
    }
}

// ---- What was there before

TEST_CASE("what the program does on a signal before the run, it does after it", "[signals]") {
    const watchdog guard{20s, "handlers are put back"};
    const kept_actions kept;
    const auto how = GENERATE(0, 1, 2);  // how the run ends
    const bool linux_means = weft::detail::platform::current_processor() >= 0;
    struct sigaction own {};
    own.sa_handler = own_handler;
    own.sa_flags = SA_NODEFER;
    sigemptyset(&own.sa_mask);
    sigaddset(&own.sa_mask, SIGUSR1);
    sigaction(SIGINT, &own, nullptr);
    std::signal(SIGTERM, SIG_DFL);
    own_calls = 0;
    bool replaced = false;
    try {
        weft::run(
            [&]() -> task<> {
                replaced = handler_of(SIGINT) != own_handler && handler_of(SIGTERM) != SIG_DFL;
                if (how == 1) co_await interrupt_and_sleep(SIGINT);
                if (how == 2) throw std::logic_error("main has failed");
            },
            {.workers = 1, .handle_signals = true});
    } catch (const weft::interrupted&) {
    } catch (const std::logic_error&) {
    }
    CHECK(replaced);
    CHECK(own_calls == 0);
    CHECK(handler_of(SIGTERM) == SIG_DFL);
    CHECK(handler_of(SIGINT) == own_handler);
    struct sigaction now {};
    sigaction(SIGINT, nullptr, &now);
    if (linux_means) {
        CHECK((now.sa_flags & SA_NODEFER) != 0);
        CHECK(sigismember(&now.sa_mask, SIGUSR1) == 1);
    }
    std::raise(SIGINT);
    CHECK(own_calls == 1);
}

TEST_CASE("a signal that is ignored stays ignored", "[signals]") {
    const watchdog guard{20s, "an ignored signal"};
    const kept_actions kept;
    std::signal(SIGINT, SIG_IGN);
    const int by = interrupted_by([&] {
        weft::run(
            []() -> task<> {
                std::raise(SIGINT);
                co_await weft::sleep(50ms);  // longer than it takes to hear of one
                co_await interrupt_and_sleep(SIGTERM);
            },
            {.workers = 1, .handle_signals = true});
    });
    CHECK(by == SIGTERM);
    CHECK(handler_of(SIGINT) == SIG_IGN);
}

TEST_CASE("a handler that the program installs during the run stays", "[signals]") {
    const watchdog guard{20s, "a handler installed meanwhile"};
    const kept_actions kept;
    own_calls = 0;
    weft::run(
        []() -> task<> {
            std::signal(SIGINT, own_handler);
            co_return;
        },
        {.workers = 1, .handle_signals = true});
    CHECK(handler_of(SIGINT) == own_handler);
    std::raise(SIGINT);
    CHECK(own_calls == 1);
}

namespace {

handler handler_of_run = nullptr;
void call_handler_of_run(int signal) {
    ++own_calls;
    handler_of_run(signal);
}

}  // namespace

TEST_CASE("a signal that reaches the run's handler after the run goes where it would have gone without it", "[signals]") {
    const watchdog guard{20s, "late signals"};
    const kept_actions kept;
    std::signal(SIGINT, own_handler);
    weft::run(
        [&]() -> task<> {
            handler_of_run = handler_of(SIGINT);
            co_return;
        },
        {.workers = 1, .handle_signals = true});
    own_calls = 0;
    // As where another thread had entered it, but done nothing yet.
    handler_of_run(SIGINT);
    CHECK(own_calls == 1);
    // Saved by the program meanwhile, and put back.
    std::signal(SIGINT, handler_of_run);
    std::raise(SIGINT);
    CHECK(own_calls == 2);
    CHECK(handler_of(SIGINT) == own_handler);
    // Called by one that the program has installed meanwhile: that is where it goes.
    std::signal(SIGINT, call_handler_of_run);
    std::raise(SIGINT);
    CHECK(own_calls == 3);
    CHECK(handler_of(SIGINT) == call_handler_of_run);
}

TEST_CASE("without the option nothing is installed", "[signals]") {
    const watchdog guard{20s, "no signals"};
    weft::runtime runtime({.workers = 1});
    const auto interrupt = handler_of(SIGINT);
    const auto terminate = handler_of(SIGTERM);
    const auto count = count_threads();
    const bool unchanged = runtime.run([&]() -> task<bool> {
        co_await weft::sleep(1ms);
        co_return handler_of(SIGINT) == interrupt && handler_of(SIGTERM) == terminate && count_threads() == count;
    });
    CHECK(unchanged);
}

// ---- Several runs

TEST_CASE("two runs at once cannot both handle signals", "[signals][misuse]") {
    const watchdog guard{20s, "two runs handle signals"};
    weft::runtime first({.workers = 1, .handle_signals = true});
    weft::runtime second({.workers = 1, .handle_signals = true});
    weft::test::gate go;
    std::atomic<bool> under_way{false};
    std::string message;
    const auto refused = [&](weft::runtime& runtime) {
        try {
            runtime.run(nothing());
        } catch (const weft::invalid_state& error) {
            message = error.what();
            return true;
        }
        return false;
    };
    {
        other_thread runner;
        runner.post([&] {
            first.run([&]() -> task<> {
                under_way = true;
                co_await go;
            });
        });
        while (!under_way) std::this_thread::yield();
        CHECK(refused(second));
        CHECK_THAT(message, ContainsSubstring("weft::run") && ContainsSubstring("leave out options::handle_signals"));
        CHECK(refused(first));
        CHECK_NOTHROW(weft::run(nothing(), {.workers = 1}));  // one that does not want to may run
        CHECK(first.submit([]() -> task<int> { co_return 3; }).get() == 3);
        go.open();
    }
    // The refused ones have left nothing behind.
    CHECK_FALSE(refused(first));
    CHECK_FALSE(refused(second));
    CHECK(interrupted_by([&] { second.run(interrupt_and_sleep(SIGINT)); }) == SIGINT);
}

TEST_CASE("many runs, one after the other, leave no thread and no file behind", "[signals]") {
    const watchdog guard{60s, "many runs with signals"};
    const auto handlers = std::pair(handler_of(SIGINT), handler_of(SIGTERM));
    const auto no_runtime = count_threads();
    weft::runtime runtime({.workers = 2, .handle_signals = true});
    const auto count = count_threads();
    const auto files = open_files();
    int interrupted = 0;
    int returned = 0;
    for (int i = 0; i < 200; ++i) {
        const int signal = i % 4 == 0 ? SIGTERM : SIGINT;
        interrupted += interrupted_by([&] { runtime.run(interrupt_and_sleep(signal)); }) == signal;
        returned += interrupted_by([&] { runtime.run(nothing()); }) == 0;
    }
    CHECK(interrupted == 200);
    CHECK(returned == 200);
    wait_for_threads(count);
    const weft::options with_signals{.workers = 1, .handle_signals = true};
    for (int i = 0; i < 20; ++i)
        interrupted += interrupted_by([&] { weft::run(interrupt_and_sleep(SIGINT), with_signals); }) == SIGINT;
    CHECK(interrupted == 220);
    wait_for_threads(count);
    CHECK(count == no_runtime + 2);
    CHECK(open_files() == files);
    CHECK(handlers == std::pair(handler_of(SIGINT), handler_of(SIGTERM)));
}

TEST_CASE("the threads of a run that handles signals bear the runtime's name", "[signals][options]") {
    const watchdog guard{20s, "the names of threads"};
    const auto seen = weft::run(
        []() -> task<std::multiset<std::string>> {
            // Each names itself when it starts, which may be later than this.
            for (;; co_await weft::sleep(1ms)) {
                std::multiset<std::string> names;
                for (const auto thread : living_threads())
                    names.insert(weft::detail::first_line("/proc/self/task/" + std::to_string(thread) + "/comm"));
                if (names.contains("loom-0") && names.contains("loom-signals")) co_return names;
            }
        },
        {.workers = 1, .name = "loom", .handle_signals = true});
    CHECK(seen.count("loom-0") == 1);
    CHECK(seen.count("loom-signals") == 1);
}

// ---- fork

namespace {

int run_in_child() {
    const auto interrupted = [] {
        return interrupted_by([] { weft::run(interrupt_and_sleep(SIGINT), {.workers = 1, .handle_signals = true}); });
    };
    const bool both = interrupted() == SIGINT && interrupted() == SIGINT;
    return both && handler_of(SIGINT) == SIG_DFL ? 0 : 1;
}

}  // namespace

TEST_CASE("fork while a run handles signals", "[.]") {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, own_handler);
    own_calls = 0;
    std::vector<int> statuses;
    const int by = interrupted_by([&] {
        weft::run(
            [&]() -> task<> {
                weft::test::wait_until_others_sleep();  // the thread that listens has no allocator's lock then
                for (int which = 0; which < 3; ++which) {
                    const pid_t child = fork();
                    if (child == 0) {
                        alarm(10);  // never a hang
                        if (which == 0) std::raise(SIGINT);
                        if (which == 1) {
                            std::raise(SIGTERM);
                            std::raise(SIGTERM);
                            _exit(own_calls);
                        }
                        _exit(run_in_child());
                    }
                    int status = 0;
                    waitpid(child, &status, 0);
                    statuses.push_back(status);
                }
                co_await weft::sleep(50ms);
                if (own_calls == 0) co_await interrupt_and_sleep(SIGTERM);
            },
            {.workers = 1, .handle_signals = true});
    });
    CHECK(by == SIGTERM);  // the parent has heard of none of the others
    REQUIRE(statuses.size() == 3);
    CHECK((WIFSIGNALED(statuses[0]) && WTERMSIG(statuses[0]) == SIGINT));
    CHECK((WIFEXITED(statuses[1]) && WEXITSTATUS(statuses[1]) == 2));
    CHECK((WIFEXITED(statuses[2]) && WEXITSTATUS(statuses[2]) == 0));
}

TEST_CASE("in the child of a fork signals do what they did before the run, and its own runs may handle them", "[signals][fork]") {
    // In the child of a process with threads ThreadSanitizer delivers no signals, and allows no new threads.
    if (weft::detail::config::tsan) return;
    const auto ended = run_case("fork while a run handles signals", 30s);
    CAPTURE(ended.errors);
    CHECK(ended.in_time);
    CHECK(ended.exit_code == 0);
}
