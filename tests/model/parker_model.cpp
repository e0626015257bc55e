// SPDX-License-Identifier: MIT
// lib/parker.hpp: no token is lost, and who takes one sees what was done before it was left.
#include "support/catch.hpp"

#include <atomic>
#include <string>
#include <thread>

#include <parker.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;
using weft::detail::parker;

model::options all_of(std::string name, int spurious_wakeups, int preemptions = model::unbounded) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    with.spurious_wakeups = spurious_wakeups;
    return with;
}

std::int64_t soon() { return weft::detail::steady_now() + 1'000; }

}  // namespace

TEST_CASE("parker: who parks is woken, and sees why", "[model]") {
    model::verify(all_of("park, unpark", 1), [] {
        parker sleeper;
        int why = 0;
        std::thread waker([&] {
            why = 1;
            sleeper.unpark();
        });
        model::check(sleeper.park(), "without a deadline it is a token that ends a park");
        model::check(why == 1, "what the waker did is seen");
        waker.join();
    });
}

TEST_CASE("parker: one token for each park that waits", "[model]") {
    model::verify(all_of("park twice", 0, 3), [] {
        parker sleeper;
        parker back;
        int said = 0;
        std::thread waker([&] {
            said = 1;
            sleeper.unpark();
            static_cast<void>(back.park());
            model::check(said == 2, "the answer is seen");
            said = 3;
            sleeper.unpark();
        });
        static_cast<void>(sleeper.park());
        model::check(said == 1, "the first word is seen");
        said = 2;
        back.unpark();
        static_cast<void>(sleeper.park());
        model::check(said == 3, "the last word is seen");
        waker.join();
    });
}

// As the loop of a worker and scheduler::stop.
TEST_CASE("parker: a condition that is looked at before each park", "[model]") {
    model::verify(all_of("a flag, and a token", 1), [] {
        parker sleeper;
        std::atomic<bool> stopping{false};
        std::thread waker([&] {
            stopping.store(true, std::memory_order_relaxed);
            sleeper.unpark();
        });
        int parks = 0;
        for (; !stopping.load(std::memory_order_relaxed); ++parks) static_cast<void>(sleeper.park());
        model::check(parks <= 1, "the token makes the flag visible");
        waker.join();
    });
}

TEST_CASE("parker: two wakers, who may leave one token", "[model]") {
    model::verify(all_of("two wakers", 0), [] {
        parker sleeper;
        std::atomic<int> done{0};
        auto const wake = [&] {
            done.fetch_add(1, std::memory_order_relaxed);
            sleeper.unpark();
        };
        std::thread one(wake);
        std::thread other(wake);
        int parks = 0;
        for (; done.load(std::memory_order_relaxed) < 2; ++parks) static_cast<void>(sleeper.park());
        model::check(parks <= 2, "no more tokens than were left");
        one.join();
        other.join();
    });
}

TEST_CASE("parker: a token that comes as the deadline passes is not lost", "[model]") {
    model::verify(all_of("a deadline", 1), [] {
        parker sleeper;
        int why = 0;
        std::thread waker([&] {
            why = 1;
            sleeper.unpark();
        });
        if (!sleeper.park(soon())) static_cast<void>(sleeper.park());
        model::check(why == 1, "what the waker did is seen");
        waker.join();
        model::check(!sleeper.park(soon()), "there was one token");
    });
}
