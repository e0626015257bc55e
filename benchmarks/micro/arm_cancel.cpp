// SPDX-License-Identifier: MIT
// A million timers armed and cancelled before they expire, which is the life of most time limits. Each ends 30 s after it was
// armed, by the clock that is read for it, and goes through the library's private timer driver, from the workers of a runtime. An
// item is one timer.
//   arm_cancel             every worker arms a timer and cancels it, again and again
//   arm_cancel_elsewhere   one worker arms timers, and another one cancels them, in batches of a thousand
//   arm_cancel_crowded     as arm_cancel, by 16 workers, while 100 000 other timers are armed
#include "../harness.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include "clock.hpp"
#include "scheduler.hpp"
#include "worker.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <latch>
#include <span>
#include <thread>
#include <vector>

namespace {

using weft::detail::steady_now;
using weft::detail::timer_entry;
using weft::detail::worker;

constexpr std::int64_t limit = 30'000'000'000;

// Out of line: compilers keep what they know of the thread over a coroutine's suspension.
WEFT_NOIPA worker& this_worker() {
    WEFT_COMPILER_BARRIER();
    return *weft::detail::this_worker;
}

void arm(timer_entry& entry, worker& here, std::int64_t now, std::int64_t deadline) {
    entry.armed = now;
    entry.deadline = deadline;
    here.pool().timers.arm(entry, here.index());
}

void arm(timer_entry& entry, worker& here) {
    auto const now = steady_now();
    arm(entry, here, now, now + limit);
}

// Answers whether it was armed, as a number to be added up.
std::int64_t cancel(timer_entry& entry, worker& here) { return here.pool().timers.disarm(entry) ? 1 : 0; }

template <class Work>
weft::task<std::int64_t> work_together(std::latch& everybody, Work const& work, unsigned nth) {
    everybody.arrive_and_wait();
    co_return work(nth);
}

// Calls `work` on all workers at the same time, with a number each, and adds up what it returns.
template <class Work>
weft::task<std::int64_t> on_every_worker(Work work) {
    auto const workers = weft::worker_count();
    std::latch everybody(workers);
    std::vector<weft::join_handle<std::int64_t>> handles;
    for (unsigned nth = 0; nth < workers; ++nth) {
        handles.push_back(weft::spawn(work_together(everybody, work, nth)));
    }
    std::int64_t sum = 0;
    for (auto const& handle : handles) {
        sum += co_await handle;
    }
    co_return sum;
}

weft::task<std::size_t> still_armed() { co_return this_worker().pool().timers.armed(); }

// To be called after the last iteration.
void report(benchmark::State& state, weft::runtime& runtime, std::int64_t timers) {
    if (runtime.run(still_armed()) != 0) {
        state.SkipWithError("a timer is still armed");
    }
    harness::report(state, timers);
}

std::int64_t arm_and_cancel(std::int64_t timers) {
    worker& here = this_worker();
    timer_entry entry;
    std::int64_t cancelled = 0;
    for (std::int64_t i = 0; i < timers; ++i) {
        arm(entry, here);
        cancelled += cancel(entry, here);
    }
    return cancelled;
}

auto arm_and_cancel_on_every_worker(std::int64_t timers_each) {
    return on_every_worker([=](unsigned) { return arm_and_cancel(timers_each); });
}

void together(benchmark::State& state) {
    auto const each = state.range(0) / state.range(1);
    auto const timers = each * state.range(1);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    runtime.run(arm_and_cancel_on_every_worker(each));  // to warm up
    for (auto _ : state) {
        if (runtime.run(arm_and_cancel_on_every_worker(each)) != timers) {
            state.SkipWithError("a timer could not be cancelled");
            break;
        }
    }
    report(state, runtime, timers);
}

constexpr std::int64_t crowd_size = 100'000;

// All of one deadline.
class crowd {
public:
    explicit crowd(unsigned workers) : share_(static_cast<std::size_t>(crowd_size) / workers), entries_(share_ * workers) {}

    std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }

    // Each by the worker who calls it.
    auto arm_all() {
        return on_every_worker([this, deadline = steady_now() + limit](unsigned nth) {
            worker& here = this_worker();
            for (auto& entry : share(nth)) {
                arm(entry, here, steady_now(), deadline);
            }
            return std::int64_t{0};
        });
    }
    auto cancel_all() {
        return on_every_worker([this](unsigned nth) {
            worker& here = this_worker();
            std::int64_t cancelled = 0;
            for (auto& entry : share(nth)) {
                cancelled += cancel(entry, here);
            }
            return cancelled;
        });
    }

private:
    std::span<timer_entry> share(unsigned nth) { return std::span(entries_).subspan(nth * share_, share_); }

    std::size_t share_;
    std::vector<timer_entry> entries_;
};

void crowded(benchmark::State& state) {
    auto const each = state.range(0) / state.range(1);
    auto const timers = each * state.range(1);
    auto const workers = static_cast<unsigned>(state.range(1));
    weft::runtime runtime({.workers = workers});
    crowd others(workers);
    for (auto _ : state) {
        state.PauseTiming();
        runtime.run(others.arm_all());
        state.ResumeTiming();
        auto const cancelled = runtime.run(arm_and_cancel_on_every_worker(each));
        state.PauseTiming();
        auto const others_cancelled = runtime.run(others.cancel_all());
        state.ResumeTiming();
        if (cancelled != timers || others_cancelled != others.size()) {
            state.SkipWithError("a timer could not be cancelled");
            break;
        }
    }
    report(state, runtime, timers);
}

// Batches of timers on their way from one worker, who arms them, to another, who cancels them. A few go round, so that both have
// something to do.
class conveyor {
public:
    static constexpr std::int64_t batch_size = 1000;

    void arm_all(std::int64_t batches) {
        worker& here = this_worker();
        for (std::int64_t i = 0; i < batches; ++i) {
            batch& next = wait_for(i, false);
            for (auto& entry : next.entries) {
                arm(entry, here);
            }
            next.armed.store(true, std::memory_order_release);
        }
    }

    std::int64_t cancel_all(std::int64_t batches) {
        worker& here = this_worker();
        std::int64_t cancelled = 0;
        for (std::int64_t i = 0; i < batches; ++i) {
            batch& next = wait_for(i, true);
            for (auto& entry : next.entries) {
                cancelled += cancel(entry, here);
            }
            next.armed.store(false, std::memory_order_release);
        }
        return cancelled;
    }

private:
    struct batch {
        std::array<timer_entry, batch_size> entries;
        // Whose turn it is: written by the one who has done his part, with release, and read with acquire by the other, who then
        // has the entries.
        std::atomic<bool> armed{false};
    };

    batch& wait_for(std::int64_t nth, bool armed) {
        batch& next = batches_[static_cast<std::size_t>(nth) % batches_.size()];
        while (next.armed.load(std::memory_order_acquire) != armed) {
            std::this_thread::yield();
        }
        return next;
    }

    std::vector<batch> batches_ = std::vector<batch>(4);
};

void elsewhere(benchmark::State& state) {
    auto const batches = state.range(0) / conveyor::batch_size;
    auto const timers = batches * conveyor::batch_size;
    weft::runtime runtime({.workers = 2});
    conveyor belt;
    auto const arm_and_cancel_all = [&](unsigned nth) {
        if (nth != 0) {
            return belt.cancel_all(batches);
        }
        belt.arm_all(batches);
        return std::int64_t{0};
    };
    runtime.run(on_every_worker(arm_and_cancel_all));  // to warm up
    for (auto _ : state) {
        if (runtime.run(on_every_worker(arm_and_cancel_all)) != timers) {
            state.SkipWithError("a timer could not be cancelled");
            break;
        }
    }
    report(state, runtime, timers);
}

template <class Entry>
void one_size_and_thread_count(Entry* entry, std::int64_t timers, std::int64_t threads) {
    entry->ArgNames({"timers", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond)->Args({timers, threads});
}

BENCHMARK(together)->Name("arm_cancel/weft")->Apply([](auto* entry) {
    harness::each_size_and_thread_count(entry, "timers", {1'000'000});
});
BENCHMARK(elsewhere)->Name("arm_cancel_elsewhere/weft")->Apply([](auto* entry) { one_size_and_thread_count(entry, 1'000'000, 2); });
BENCHMARK(crowded)->Name("arm_cancel_crowded/weft")->Apply([](auto* entry) { one_size_and_thread_count(entry, 1'000'000, 16); });

}  // namespace
