// SPDX-License-Identifier: MIT
// lib/idle with lib/parker, lib/work_deque and lib/asymmetric_fence: the claim of lib/README.md, "Sleeping and waking", case by case,
// with every interleaving and every stale read. A worker here is what lib/worker.cpp does to those four, step by step, and no more:
// scheduler_model.cpp has the whole of it, for less executions. A case makes each of its workers end busy for ever, or wait for a job:
// a job that nobody takes is a deadlock.
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include <asymmetric_fence.hpp>
#include <clock.hpp>
#include <idle.hpp>
#include <parker.hpp>
#include <work_deque.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;
using weft::detail::asymmetric_fence;
using weft::detail::forever;
using weft::detail::idle;
using weft::detail::parker;

struct job {
    int made = 0;
    int taken = 0;
};

using deque = weft::detail::work_deque<job*>;
struct small_deque : deque {
    small_deque() : deque(2) {}
};

constexpr unsigned nobody = ~0U;

void take(job& taken) {
    model::check(taken.made == 1, "what was written before the job was published is seen");
    ++taken.taken;
}

template <unsigned Workers>
struct house {
    // In the order of the last searcher's look: the deques, and what stands for the injector.
    job* find(unsigned worker) {
        if (job* const own = ready[worker].take_oldest()) return own;
        if (entrance.load(std::memory_order_relaxed) != nullptr)
            if (job* const entering = entrance.exchange(nullptr, std::memory_order_acquire)) return entering;
        for (unsigned victim = 0; victim < Workers; ++victim) {
            if (victim == worker) continue;
            auto const stolen = ready[victim].steal_half(ready[worker], 2);
            if (stolen.outcome == deque::status::taken) return stolen.value;
        }
        return nullptr;
    }

    // scheduler::announce_work, inject, wake_one, work_visible.
    void publish(unsigned worker, job& made) {
        made.made = 1;
        ready[worker].push(&made);
        announce();
    }
    void announce() {
        asymmetric_fence::light();
        if (workers.wants_waking()) wake_one();
    }
    void publish_from_outside(job& made) {
        made.made = 1;
        entrance.store(&made, std::memory_order_release);
        if (workers.wants_waking_from_outside()) wake_one();
    }
    void wake_one() {
        if (auto const chosen = workers.choose_sleeper(nobody)) park[*chosen].unpark();
    }
    bool work_visible() const {
        for (deque const& each : ready)
            if (!each.empty()) return true;
        return entrance.load(std::memory_order_relaxed) != nullptr;
    }

    // worker::stop_searching
    void stop_searching() {
        idle::census const now = workers.end_search();
        if (now.searching > 0 || now.asleep == 0) return;
        if (now.awake > 1) asymmetric_fence::heavy();
        if (work_visible()) wake_one();
    }
    // worker::sleep. Whether it searches from now on.
    bool sleep(unsigned worker, bool searching, std::int64_t deadline = forever) {
        idle::census const now = workers.fall_asleep(worker, searching);
        if (now.awake > 0) asymmetric_fence::heavy();
        bool const work_in_sight = work_visible();
        bool token = false;
        if (!work_in_sight) token = park[worker].park(deadline);
        if (!token && !workers.rise(worker, work_in_sight)) {
            model::check(park[worker].park(), "the token is on its way");
            token = true;
        }
        return token || work_in_sight;
    }
    // worker::loop, until it has taken one job; null: it has been stopped. One that may not search looks into its own queue.
    job* run_one(unsigned worker, bool searching) {
        while (!stopping.load(std::memory_order_relaxed)) {
            if (!searching) searching = workers.begin_search();
            if (job* const found = searching ? find(worker) : ready[worker].take_oldest()) {
                if (searching) stop_searching();
                take(*found);
                return found;
            }
            searching = sleep(worker, searching);
        }
        return nullptr;
    }
    // One that is parked already, and is woken by a token.
    job* run_one_when_woken(unsigned worker) {
        static_cast<void>(park[worker].park());
        return run_one(worker, true);
    }
    // One that has looked everywhere, in vain, and runs a job later.
    job* sleep_and_run_one(unsigned worker, std::int64_t deadline = forever) {
        bool const searching = sleep(worker, true, deadline);
        return run_one(worker, searching);
    }
    void stop() {
        stopping.store(true, std::memory_order_relaxed);
        for (parker& each : park) each.unpark();
    }

    // Before the threads begin.
    void begins_searching(unsigned) { model::check(workers.begin_search(), "it may search"); }
    void begins_asleep(unsigned worker) { static_cast<void>(workers.fall_asleep(worker, false)); }
    void begins_ready(unsigned worker, job& made) {
        made.made = 1;
        ready[worker].push(&made);
    }
    void all_are_busy() const {
        idle::census const now = workers.now();
        model::check(now.searching == 0 && now.asleep == 0, "nobody is counted who does not search or sleep");
    }

    idle workers{Workers};
    std::array<parker, Workers> park;
    std::array<small_deque, Workers> ready;
    std::atomic<job*> entrance{nullptr};
    std::atomic<bool> stopping{false};
};

// Preemptions: three threads are too much for each interleaving.
constexpr int of_three = 2;

void both_fences(std::string const& name, std::function<void()> const& body, int preemptions = model::unbounded) {
    for (bool const barrier : {true, false}) {
        model::options with;
        with.name = name + (barrier ? ", process barrier" : ", fallback");
        with.preemptions = preemptions;
        with.process_barrier = barrier;
        model::verify(with, [&] {
            asymmetric_fence::prepare();
            body();
        });
    }
}

}  // namespace

TEST_CASE("idle: a worker publishes while another one falls asleep", "[model]") {
    both_fences("publish, fall asleep", [] {
        house<2> all;
        job only;
        all.begins_searching(1);
        std::thread sleeper([&] { static_cast<void>(all.sleep_and_run_one(1)); });
        all.publish(0, only);
        sleeper.join();
        model::check(only.taken == 1, "it is taken once");
        all.all_are_busy();
    });
}

TEST_CASE("idle: a worker publishes while another one falls asleep, and wakes by itself", "[model]") {
    both_fences("publish, fall asleep with a deadline", [] {
        house<2> all;
        job only;
        all.begins_searching(1);
        std::thread sleeper([&] { static_cast<void>(all.sleep_and_run_one(1, weft::detail::steady_now() + 1'000)); });
        all.publish(0, only);
        sleeper.join();
        model::check(only.taken == 1, "it is taken once");
        all.all_are_busy();
    }, 3);
}

TEST_CASE("idle: the last searcher finds something else than what has just been published", "[model]") {
    both_fences("publish, stop searching", [] {
        house<3> all;
        job first;
        job second;
        all.begins_asleep(2);
        all.begins_searching(1);
        all.begins_ready(1, first);
        std::thread searcher([&] { static_cast<void>(all.run_one(1, true)); });
        std::thread sleeper([&] { static_cast<void>(all.run_one_when_woken(2)); });
        all.publish(0, second);
        searcher.join();
        sleeper.join();
        model::check(first.taken == 1 && second.taken == 1, "each is taken once");
        all.all_are_busy();
    }, of_three);
}

TEST_CASE("idle: the last searcher falls asleep while something is published", "[model]") {
    both_fences("publish, the last searcher falls asleep", [] {
        house<3> all;
        job only;
        all.begins_asleep(2);
        all.begins_searching(1);
        auto const ends = [&](job* taken) {
            if (taken != nullptr) all.stop();
        };
        std::thread searcher([&] { ends(all.sleep_and_run_one(1)); });
        std::thread sleeper([&] { ends(all.run_one_when_woken(2)); });
        all.publish(0, only);
        searcher.join();
        sleeper.join();
        model::check(only.taken == 1, "it is taken once");
    }, of_three);
}

TEST_CASE("idle: a job from outside while the only worker falls asleep", "[model]") {
    both_fences("from outside, 1 worker", [] {
        house<1> all;
        job only;
        all.begins_searching(0);
        std::thread sleeper([&] { static_cast<void>(all.sleep_and_run_one(0)); });
        all.publish_from_outside(only);
        sleeper.join();
        model::check(only.taken == 1, "it is taken once");
        all.all_are_busy();
    });
}

TEST_CASE("idle: a job from outside while the last worker falls asleep, which then passes no heavy fence", "[model]") {
    both_fences("from outside, all asleep", [] {
        house<2> all;
        job only;
        all.begins_asleep(1);
        all.begins_searching(0);
        auto const ends = [&](job* taken) {
            if (taken != nullptr) all.stop();
        };
        std::thread last([&] { ends(all.sleep_and_run_one(0)); });
        std::thread sleeper([&] { ends(all.run_one_when_woken(1)); });
        all.publish_from_outside(only);
        last.join();
        sleeper.join();
        model::check(only.taken == 1, "it is taken once");
    }, of_three);
}

TEST_CASE("idle: a job from outside while the last searcher finds another one, and passes no heavy fence", "[model]") {
    both_fences("from outside, stop searching", [] {
        house<2> all;
        job first;
        job second;
        all.begins_asleep(1);
        all.begins_searching(0);
        all.begins_ready(0, first);
        std::thread searcher([&] { static_cast<void>(all.run_one(0, true)); });
        std::thread sleeper([&] { static_cast<void>(all.run_one_when_woken(1)); });
        all.publish_from_outside(second);
        searcher.join();
        sleeper.join();
        model::check(first.taken == 1 && second.taken == 1, "each is taken once");
        all.all_are_busy();
    }, of_three);
}

TEST_CASE("idle: who rises after the last one fell asleep without a heavy fence publishes", "[model]") {
    both_fences("from outside, then by who was woken", [] {
        house<2> all;
        job entering;
        job made_of_it;
        all.begins_asleep(1);
        all.begins_searching(0);
        auto const goes_on = [&](unsigned worker, job* taken) {
            if (taken == &entering) all.publish(worker, made_of_it);
        };
        std::thread last([&] { goes_on(0, all.sleep_and_run_one(0)); });
        std::thread sleeper([&] { goes_on(1, all.run_one_when_woken(1)); });
        all.publish_from_outside(entering);
        last.join();
        sleeper.join();
        model::check(entering.taken == 1 && made_of_it.taken == 1, "each is taken once");
    }, of_three);
}

TEST_CASE("idle: a thief has jobs in its hand while another one falls asleep", "[model]") {
    both_fences("steal_half, fall asleep", [] {
        house<3> all;
        std::array<job, 3> jobs;
        for (job& each : jobs) all.begins_ready(0, each);
        all.begins_searching(1);
        std::thread thief([&] { static_cast<void>(all.run_one(1, true)); });
        std::thread sleeper([&] { static_cast<void>(all.run_one(2, all.sleep(2, false))); });
        if (job* const own = all.ready[0].take_oldest())
            take(*own);
        else
            static_cast<void>(all.run_one(0, false));
        thief.join();
        sleeper.join();
        for (job const& each : jobs) model::check(each.taken == 1, "each is taken once");
        all.all_are_busy();
    }, of_three);
}
