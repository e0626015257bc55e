// SPDX-License-Identifier: MIT
// The checker itself, what it reports: one small wrong program for each kind of failure, and the right one beside it.
#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include <weft/detail/config.hpp>
#include <weft/detail/timer_entry.hpp>

#include "model.hpp"
#include "platform.hpp"

namespace {

namespace model = weft::model;
using weft::test::ContainsSubstring;

model::outcome explored(std::string const& name, std::function<void()> const& body, model::options with = {}) {
    with.name = name;
    model::outcome const seen = model::explore(with, body);
    std::cout << seen;
    return seen;
}

std::string failure_of(std::string const& name, std::function<void()> const& body, model::options const& with = {}) {
    return explored(name, body, with).failure;
}

void is_right(std::string const& name, std::function<void()> const& body, model::options const& with = {}) {
    auto const seen = explored(name, body, with);
    CHECK(seen.failure == "");
    CHECK(seen.exhausted);
}

class spin_lock {
public:
    void lock() {
        while (taken_.exchange(true, std::memory_order_acquire)) WEFT_SPIN_PAUSE();
    }
    void unlock() { taken_.store(false, std::memory_order_release); }

private:
    std::atomic<bool> taken_{false};
};

}  // namespace

TEST_CASE("a data race is found", "[failures]") {
    CHECK_THAT(failure_of("plain counter",
                          [] {
                              int counter = 0;
                              std::thread thread([&] { ++counter; });
                              ++counter;
                              thread.join();
                          }),
               ContainsSubstring("data race"));
    CHECK_THAT(failure_of("plain read of an atomic",
                          [] {
                              std::atomic<int> x{0};
                              int copy = 0;
                              std::thread thread([&] { x.store(1, std::memory_order_release); });
                              __builtin_memcpy(&copy, &x, sizeof copy);
                              model::check(copy < 2, "what was stored");
                              thread.join();
                          }),
               ContainsSubstring("data race"));
    is_right("neighbours in eight bytes", [] {
        struct {
            std::uint16_t one = 0;
            std::uint32_t other = 0;
        } pair;
        std::thread thread([&] { ++pair.one; });
        ++pair.other;
        thread.join();
    });
    is_right("counter under a mutex", [] {
        int counter = 0;
        std::mutex mutex;
        auto const count = [&] {
            std::lock_guard const lock(mutex);
            ++counter;
        };
        std::thread thread(count);
        count();
        thread.join();
        model::check(counter == 2, "both counted");
    });
    is_right("counter under a spin lock", [] {
        int counter = 0;
        spin_lock lock;
        auto const count = [&] {
            lock.lock();
            ++counter;
            lock.unlock();
        };
        std::thread thread(count);
        count();
        thread.join();
        model::check(counter == 2, "both counted");
    });
}

TEST_CASE("misused memory is found", "[failures]") {
    CHECK_THAT(failure_of("use after free",
                          [] {
                              auto* const number = new int(1);
                              std::thread thread([&] { delete number; });
                              thread.join();
                              model::check(*const_cast<int volatile*>(number) == 1, "never comes so far");
                          }),
               ContainsSubstring("use of freed memory"));
    CHECK_THAT(failure_of("free while another reads",
                          [] {
                              auto* const number = new int(1);
                              std::thread thread([&] { model::check(*number == 1, "still there"); });
                              delete number;
                              thread.join();
                          }),
               ContainsSubstring("data race") || ContainsSubstring("use of freed memory"));
    CHECK_THAT(failure_of("double free",
                          [] {
                              auto* const number = new int(1);
                              std::thread thread([&] { delete number; });
                              thread.join();
                              delete number;
                          }),
               ContainsSubstring("double free"));
    CHECK_THAT(failure_of("leak", [] { static_cast<void>(*new int volatile(1)); }), ContainsSubstring("leak"));
    CHECK_THAT(failure_of("beyond the end",
                          [] {
                              auto const numbers = std::make_unique<int volatile[]>(4);
                              auto const more = std::make_unique<int volatile[]>(4);
                              numbers[4] = more[0];
                          }),
               ContainsSubstring("beyond an allocation"));
    CHECK_THAT(failure_of("null", [] { *reinterpret_cast<int volatile*>(static_cast<std::uintptr_t>(model::choose(2) * 8)) = 1; }),
               ContainsSubstring("crash"));
    is_right("shared_ptr", [] {
        auto const shared = std::make_shared<int>(1);
        std::thread thread([copy = shared]() mutable { copy.reset(); });
        model::check(*shared == 1, "still there");
        thread.join();
    });
}

TEST_CASE("a lost wake-up is found", "[failures]") {
    namespace platform = weft::detail::platform;
    auto const sleeper_and_waker = [](bool checks_again) {
        return [checks_again] {
            std::atomic<std::uint32_t> word{0};
            std::atomic<bool> ready{false};
            std::thread thread([&] {
                ready.store(true, std::memory_order_seq_cst);
                word.fetch_add(1, std::memory_order_seq_cst);
                platform::wake_word(word);
            });
            std::uint32_t seen = word.load(std::memory_order_seq_cst);
            while (!ready.load(std::memory_order_seq_cst)) {
                if (!checks_again) seen = word.load(std::memory_order_seq_cst);
                platform::wait_on_word(word, seen, weft::detail::forever);
                seen = word.load(std::memory_order_seq_cst);
            }
            thread.join();
        };
    };
    CHECK_THAT(failure_of("word read behind the check", sleeper_and_waker(false)), ContainsSubstring("deadlock"));
    is_right("word read before the check", sleeper_and_waker(true));
    model::options spurious;
    spurious.spurious_wakeups = 2;
    is_right("with spurious wake-ups", sleeper_and_waker(true), spurious);
    // What a std::future waits with stands in the standard library's shared part.
    is_right("a future", [] {
        std::promise<int> promise;
        std::future<int> future = promise.get_future();
        std::thread thread([&] { promise.set_value(1); });
        model::check(future.get() == 1, "the value comes");
        thread.join();
    });
    is_right("a future, and a deadline", [] {
        std::promise<int> promise;
        std::future<int> future = promise.get_future();
        std::thread thread([&] { promise.set_value(1); });
        auto const begin = std::chrono::steady_clock::now();
        bool const in_time = future.wait_for(std::chrono::seconds{1}) == std::future_status::ready;
        model::check(in_time || std::chrono::steady_clock::now() - begin >= std::chrono::seconds{1}, "it gives up at its deadline");
        thread.join();
        model::check(future.get() == 1, "the value comes");
    });
    CHECK_THAT(failure_of("a promise that nobody keeps",
                          [] {
                              std::promise<int> promise;
                              static_cast<void>(promise.get_future().get());
                          }),
               ContainsSubstring("deadlock"));
    is_right("a deadline", [] {
        std::atomic<std::uint32_t> word{0};
        platform::wait_on_word(word, 0, 2'000'000'000'000);
        model::check(std::chrono::steady_clock::now().time_since_epoch() >= std::chrono::seconds{2000}, "the deadline has passed");
    });
}

TEST_CASE("mutexes and condition variables", "[failures]") {
    CHECK_THAT(failure_of("ABBA",
                          [] {
                              std::mutex a, b;
                              std::thread thread([&] {
                                  std::lock_guard const first(a);
                                  std::lock_guard const second(b);
                              });
                              {
                                  std::lock_guard const first(b);
                                  std::lock_guard const second(a);
                              }
                              thread.join();
                          }),
               ContainsSubstring("deadlock"));
    auto const hand_over = [](bool locks) {
        return [locks] {
            std::mutex mutex;
            std::condition_variable changed;
            std::atomic<bool> ready{false};
            std::thread thread([&] {
                if (locks) {
                    std::lock_guard const lock(mutex);
                    ready = true;
                } else {
                    ready = true;
                }
                changed.notify_one();
            });
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return ready.load(); });
            lock.unlock();
            thread.join();
        };
    };
    CHECK_THAT(failure_of("condition changed without its mutex", hand_over(false)), ContainsSubstring("deadlock"));
    is_right("condition variable", hand_over(true));
    is_right("condition variable with a deadline", [] {
        std::mutex mutex;
        std::condition_variable changed;
        bool ready = false;
        std::thread thread([&] {
            std::lock_guard const lock(mutex);
            ready = true;
            changed.notify_all();
        });
        {
            std::unique_lock lock(mutex);
            bool const in_time = changed.wait_for(lock, std::chrono::seconds{1}, [&] { return ready; });
            model::check(in_time == ready, "says what is so");
        }
        thread.join();
    });
}

TEST_CASE("a livelock is found, and spinning that ends is none", "[failures]") {
    CHECK_THAT(failure_of("spins for ever",
                          [] {
                              std::atomic<bool> flag{false};
                              while (!flag.load(std::memory_order_relaxed)) WEFT_SPIN_PAUSE();
                          }),
               ContainsSubstring("livelock"));
    CHECK_THAT(failure_of("two wait for each other",
                          [] {
                              std::atomic<int> x{0}, y{0};
                              std::thread thread([&] {
                                  while (x.load(std::memory_order_acquire) == 0) WEFT_SPIN_PAUSE();
                                  y = 1;
                              });
                              while (y.load(std::memory_order_acquire) == 0) WEFT_SPIN_PAUSE();
                              x = 1;
                              thread.join();
                          }),
               ContainsSubstring("livelock"));
    is_right("spins until it is told", [] {
        std::atomic<bool> flag{false};
        std::thread thread([&] { flag.store(true, std::memory_order_relaxed); });
        while (!flag.load(std::memory_order_relaxed)) WEFT_SPIN_PAUSE();
        thread.join();
    });
    is_right("gives up spinning, while all others wait", [] {
        std::atomic<bool> flag{false};
        std::mutex mutex;
        std::unique_lock held(mutex);
        std::thread thread([&] {
            std::lock_guard const lock(mutex);
            flag.store(true, std::memory_order_relaxed);
        });
        for (int look = 0; look < 20 && !flag.load(std::memory_order_relaxed); ++look) WEFT_SPIN_PAUSE();
        held.unlock();
        thread.join();
    });
    // They change something at each look, so that none of them is taken for spinning; who is to tell them must go on all the same.
    is_right("two look again and again, and a third is to tell them", [] {
        std::atomic<int> looks{0};
        std::atomic<bool> ready{false};
        auto const look = [&] {
            for (;;) {
                looks.fetch_add(1);
                if (ready.load()) return;
                WEFT_SPIN_PAUSE();
            }
        };
        std::thread one(look);
        std::thread other(look);
        ready.store(true);
        one.join();
        other.join();
    });
    is_right("spins without a pause", [] {
        std::atomic<bool> flag{false};
        std::thread thread([&] { flag.store(true, std::memory_order_relaxed); });
        while (!flag.load(std::memory_order_relaxed)) {
        }
        thread.join();
    });
}

TEST_CASE("exceptions", "[failures]") {
    CHECK_THAT(failure_of("leaves the body", [] { throw std::runtime_error("out of the body"); }),
               ContainsSubstring("out of the body"));
    CHECK_THAT(failure_of("leaves a thread", [] { std::thread([] { throw std::runtime_error("out of a thread"); }).join(); }),
               ContainsSubstring("exception"));
    CHECK_THAT(failure_of("a thread that nobody joins", [] { std::thread thread([] {}); }), ContainsSubstring("std::terminate"));
    is_right("two threads are each in a handler", [] {
        std::atomic<int> x{0};
        auto const handle = [&](int number) {
            try {
                throw number;
            } catch (int caught) {
                x.fetch_add(1);
                x.load();
                model::check(caught == number, "its own");
                try {
                    throw;
                } catch (int again) {
                    model::check(again == number, "its own again");
                }
            }
        };
        std::thread thread(handle, 1);
        handle(2);
        thread.join();
    });
    is_right("an exception goes to another thread", [] {
        std::exception_ptr thrown;
        std::thread thread([&] {
            try {
                throw std::runtime_error("here");
            } catch (...) {
                thrown = std::current_exception();
            }
        });
        thread.join();
        try {
            std::rethrow_exception(thrown);
        } catch (std::runtime_error const& caught) {
            model::check(std::string(caught.what()) == "here", "the same");
        }
    });
}

namespace {
int global = 5;
thread_local int mine = 7;
}  // namespace

TEST_CASE("each execution begins alike", "[failures]") {
    is_right("globals, thread_locals, local statics", [] {
        static int const at_first = ++global;
        std::atomic<int> x{0};
        auto const run = [&] {
            ++mine;
            x.fetch_add(1);
            model::check(mine == 8, "every thread has its own");
        };
        mine = 7;
        std::thread thread(run);
        run();
        thread.join();
        model::check(at_first == 6 && global == 6, "made anew");
    });
    int executions = 0;
    CHECK_THAT(failure_of("fewer questions",
                          [&] {
                              if (++executions < 4) model::choose(2);
                              if (executions < 3) model::choose(2);
                          }),
               ContainsSubstring("nondeterminism"));
    CHECK_THAT(failure_of("other questions",
                          [&] {
                              model::choose(2 + ++executions % 2);
                              model::choose(2);
                          }),
               ContainsSubstring("nondeterminism"));
}

TEST_CASE("compare_exchange_weak fails spuriously as often as it may", "[failures]") {
    auto const weakly = [] {
        std::atomic<int> x{0};
        int expected = 0;
        model::check(x.compare_exchange_weak(expected, 1), "succeeds");
    };
    model::options never;
    never.spurious_cas_failures = 0;
    is_right("weak, never spurious", weakly, never);
    if (std::string(__VERSION__).find("Clang") == std::string::npos)  // which does not tell weak from strong
        CHECK(failure_of("weak", weakly) == "check: succeeds");
}

TEST_CASE("an execution is taken again by its choices, and a random walk by its seed", "[failures]") {
    auto const body = [] {
        std::atomic<int> x{0}, y{0};
        int a = 0;
        std::thread thread([&] {
            x.store(1, std::memory_order_relaxed);
            a = y.load(std::memory_order_relaxed);
        });
        y.store(1, std::memory_order_relaxed);
        int const b = x.load(std::memory_order_relaxed);
        thread.join();
        model::check(a + b > 0, "one saw the other");
    };
    auto const seen = explored("search", body);
    REQUIRE(seen.failure == "check: one saw the other");
    CHECK_THAT(seen.trace, ContainsSubstring("failures_test.cpp:") && ContainsSubstring("stale"));
    model::options again;
    again.replay = seen.choices;
    auto const replayed = explored("replay", body, again);
    CHECK(replayed.executions == 1);
    CHECK(replayed.failure == seen.failure);
    CHECK(replayed.trace == seen.trace);

    model::options random;
    random.random_executions = 10'000;
    auto const walked = explored("random walks", body, random);
    REQUIRE(walked.failure == seen.failure);
    random.seed = walked.seed;
    random.random_executions = 1;
    CHECK(explored("its seed", body, random).trace == walked.trace);
}
