// SPDX-License-Identifier: MIT
// lib/timer_driver.hpp with lib/timer_wheel.hpp: each timer is fired or disarmed, once; nobody touches it afterwards; and nobody
// oversleeps one. lib/README.md, "Timers".
#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <asymmetric_fence.hpp>
#include <clock.hpp>
#include <idle.hpp>
#include <parker.hpp>
#include <timer_driver.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;
using weft::detail::asymmetric_fence;
using weft::detail::forever;
using weft::detail::idle;
using weft::detail::parker;
using weft::detail::steady_now;
using weft::detail::timer_driver;
using weft::detail::timer_entry;

constexpr std::int64_t millisecond = 1'000'000;

model::options bounded(std::string name, int preemptions = model::unbounded) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}

// A sleep in the frame of a coroutine. Who wakes that resumes it; it comes no further than to its task's list, which who disarms has
// locked, and then frees the frame. lib/README.md, "Cancellation".
class sleeper {
public:
    explicit sleeper(std::int64_t deadline) : frame_(std::make_unique<frame>()) { frame_->deadline = deadline; }

    void arm(timer_driver& timers, unsigned stripe) {
        // The frame may be gone when this returns.
        frame* const sleeping = frame_.get();
        sleeping->of = this;
        timers.arm(*sleeping, stripe);
    }
    static sleeper& of(timer_entry& fired) { return *static_cast<frame&>(fired).of; }
    void fire() {
        ++fired_;
        resume();
    }
    void cancel(timer_driver& timers) {
        bool woken = false;
        {
            std::lock_guard const lock(list_);
            if (!frame_) return;
            woken = timers.disarm(*frame_);
        }
        if (!woken) return;
        ++disarmed_;
        resume();
    }

    [[nodiscard]] bool asleep() const { return frame_ != nullptr; }
    [[nodiscard]] int fired() const { return fired_; }
    [[nodiscard]] int disarmed() const { return disarmed_; }

private:
    struct frame : timer_entry {
        sleeper* of = nullptr;
    };

    void resume() {
        std::lock_guard const lock(list_);
        frame_.reset();
    }

    std::mutex list_;
    std::unique_ptr<frame> frame_;
    int fired_ = 0;
    int disarmed_ = 0;
};

void fire_due(timer_driver& timers, std::int64_t now) {
    std::size_t const fired = timers.fire_due(now, [](timer_entry& due) { sleeper::of(due).fire(); });
    model::check(fired <= 3, "it says how many");
}

// What is due is fired by whoever looks next, and nobody learns of that too late.
void fire_the_rest(timer_driver& timers, std::int64_t now) {
    if (timers.next_expiry() <= now) fire_due(timers, now);
}

void each_woken_once(sleeper const& one) {
    model::check(!one.asleep(), "it is awake");
    model::check(one.fired() + one.disarmed() == 1, "it is fired or disarmed, and once");
}

}  // namespace

TEST_CASE("timers: fired against disarmed", "[model]") {
    model::verify(bounded("fired, disarmed"), [] {
        timer_driver timers(1, 0);
        sleeper first(1);
        sleeper second(2);
        first.arm(timers, 0);
        second.arm(timers, 0);
        std::thread other([&] { first.cancel(timers); });
        fire_due(timers, 10);
        other.join();
        fire_the_rest(timers, 10);
        each_woken_once(first);
        each_woken_once(second);
        model::check(timers.next_expiry() == forever, "none is left");
    });
}

TEST_CASE("timers: fired by two, disarmed by a third", "[model]") {
    model::verify(bounded("2 fire, 1 disarms", 2), [] {
        timer_driver timers(2, 0);
        sleeper first(1);
        sleeper second(2);
        first.arm(timers, 0);
        second.arm(timers, 1);
        std::thread one([&] { fire_due(timers, 10); });
        std::thread other([&] { second.cancel(timers); });
        fire_due(timers, 10);
        one.join();
        other.join();
        fire_the_rest(timers, 10);
        each_woken_once(first);
        each_woken_once(second);
    });
}

TEST_CASE("timers: armed while others fire and disarm", "[model]") {
    model::verify(bounded("armed, fired, disarmed", 3), [] {
        timer_driver timers(1, 0);
        sleeper early(1);
        sleeper late(20);
        sleeper earlier(0);
        early.arm(timers, 0);
        late.arm(timers, 0);
        std::thread one([&] { fire_due(timers, 10); });
        std::thread other([&] { early.cancel(timers); });
        earlier.arm(timers, 0);
        one.join();
        other.join();
        std::int64_t const known = timers.next_expiry();
        model::check(known <= (earlier.asleep() ? 0 : 20), "nobody oversleeps by what is published");
        fire_the_rest(timers, 10);
        each_woken_once(early);
        each_woken_once(earlier);
        model::check(late.asleep() && timers.next_expiry() <= 20, "the late one is still to come");
        late.cancel(timers);
        each_woken_once(late);
    });
}

// ---- Who keeps the time

namespace {

// Workers, as far as time is concerned: there is no job but for those that sleepers wait for.
class office {
public:
    explicit office(unsigned workers, unsigned stripes = 1) : timers(stripes, steady_now()), sleepers_(workers) {
        asymmetric_fence::prepare();
    }

    timer_driver timers;

    // worker::watch_time, which comes before the next job.
    void watch_time() {
        if (timers.unkept() && sleepers_.somebody_sleeps()) wake_one();
    }
    // Sleeps and fires what is due until it has a job, that of the first timer it has fired; with that it is busy for ever, and the
    // others are on their own.
    void work(unsigned index, int& fired) {
        bool searching = false;
        for (;;) {
            sleep(index, searching);
            if (timers.next_expiry() <= steady_now()) timers.fire_due(steady_now(), [&](timer_entry&) { ++fired; });
            if (fired == 0) {
                // It is not due yet, or somebody has the lock of its stripe: then worker::search pauses.
                if (timers.next_expiry() <= steady_now()) WEFT_SPIN_PAUSE();
                continue;
            }
            if (searching) static_cast<void>(sleepers_.end_search());
            watch_time();
            return;
        }
    }

    // The two halves of a sleep, without the waiting between them: the worker of this number wakes by its deadline.
    void lie_down(unsigned index) {
        static_cast<void>(sleepers_.fall_asleep(index, false));
        static_cast<void>(timers.keep_time(index));
    }
    std::size_t fire_and_go(unsigned index) {
        timers.stop_keeping_time(index);
        bool const risen = sleepers_.rise(index);
        std::size_t const fired = timers.fire_due(steady_now(), [](timer_entry&) {});
        if (!risen) static_cast<void>(sleepers_.end_search());
        watch_time();
        return fired;
    }
    [[nodiscard]] bool somebody_sleeps() const { return sleepers_.somebody_sleeps(); }

private:
    // worker::sleep.
    void sleep(unsigned index, bool& searching) {
        idle::census const now = sleepers_.fall_asleep(index, searching);
        if (now.awake > 0) asymmetric_fence::heavy();
        std::int64_t const deadline = timers.keep_time(index);
        searching = parkers_[index].park(deadline);
        if (deadline != forever) timers.stop_keeping_time(index);
        if (searching || sleepers_.rise(index)) return;
        parkers_[index].park();
        searching = true;
    }
    void wake_one() {
        if (auto const chosen = sleepers_.choose_sleeper(timers.timekeeper())) parkers_[*chosen].unpark();
    }

    idle sleepers_;
    std::array<parker, 3> parkers_;
};

std::unique_ptr<timer_entry> timer_in(std::int64_t duration) {
    auto entry = std::make_unique<timer_entry>();
    entry->deadline = steady_now() + duration;
    return entry;
}

}  // namespace

// Nobody keeps the time yet. A deadlock would be a sleeper without a deadline, and a timer that nobody fires.
TEST_CASE("timekeeper: a timer is armed as another worker falls asleep", "[model][asleep]") {
    for (bool const by_barrier : {true, false}) {
        model::options with = bounded(by_barrier ? "arm, fall asleep; process barrier" : "arm, fall asleep; none", 3);
        with.process_barrier = by_barrier;
        model::verify(with, [] {
            office workers(2);
            auto const timer = timer_in(millisecond);
            int fired = 0;
            std::thread sleepy([&] { workers.work(1, fired); });
            workers.timers.arm(*timer, 0);
            workers.watch_time();
            sleepy.join();
            model::check(fired == 1, "it is fired");
        });
    }
}

// The timekeeper wakes for an early timer, and has a job by that, as a later one is armed: one of the two sees to it that the
// worker who still sleeps keeps its time.
TEST_CASE("timekeeper: a timer is armed as the timekeeper wakes", "[model]") {
    model::verify(bounded("arm, timekeeper wakes"), [] {
        office workers(3, 2);
        auto const early = timer_in(0);
        auto const late = timer_in(millisecond);
        workers.timers.arm(*early, 1);
        workers.lie_down(1);
        workers.lie_down(2);
        std::thread keeper([&] { model::check(workers.fire_and_go(1) == 1, "it fires the early one"); });
        workers.timers.arm(*late, 0);
        workers.watch_time();
        keeper.join();
        model::check(!workers.somebody_sleeps() || !workers.timers.unkept(), "nobody sleeps, or the time is kept");
    });
}

// The timekeeper wakes for an early timer, and is busy from then on, as a later one is armed: the third worker is to keep it.
TEST_CASE("timekeeper: a timer is armed as the timekeeper becomes busy", "[model]") {
    model::verify(bounded("arm, timekeeper busy", 1), [] {
        office workers(3, 2);
        auto const early = timer_in(millisecond);
        auto const late = timer_in(2 * millisecond);
        workers.timers.arm(*early, 1);
        std::array<int, 3> fired{};
        std::thread one([&] { workers.work(1, fired[1]); });
        std::thread other([&] { workers.work(2, fired[2]); });
        workers.timers.arm(*late, 0);
        workers.watch_time();
        one.join();
        other.join();
        model::check(fired[1] == 1 && fired[2] == 1, "both are fired, one by each");
    });
}
