// SPDX-License-Identifier: MIT
#include "worker.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "asymmetric_fence.hpp"
#include "clock.hpp"
#include "platform.hpp"
#include "scheduler.hpp"

namespace weft::detail {

constinit thread_local worker* this_worker = nullptr;

worker::worker(scheduler& pool, unsigned index, unsigned workers)
    : frames(&pool.frames), pool_(pool), index_(index), victims_(index, workers, !pool.processors.flat()) {}

WEFT_ALWAYS_INLINE void worker::run(job next) noexcept {
    if (watch_time_) [[unlikely]] watch_time();
    if (!take_over(*this, next)) [[unlikely]] return release_ended(*this, *std::exchange(ended, nullptr));
    for (;;) {
        awaits_left_ = awaits_in_a_row;
        next.resume();
        bool const gave_way = std::exchange(giving_way_, false);
        if (gave_way) {
            gave_way_ = true;
            forks_until_look_up_ = look_up_interval_;
        }
        if (ended) release_ended(*this, *std::exchange(ended, nullptr));
        if (ended_child_of) next_ = arrive(*this, *std::exchange(ended_child_of, nullptr));
        if (!next_) return;
        next = std::exchange(next_, {});
        if (!time_to_look_around() && !gave_way) continue;
        // Others get their turn. What goes on here becomes the newest fork: first in line after them, and in reach of thieves, so
        // for whom it runs is noted before.
        remember_scope(*this, next);
        try {
            forks.push(next);
        } catch (std::bad_alloc const&) {
            continue;
        }
        announce_work();
        return;
    }
}

bool worker::go_on_with_child(job child) noexcept {
    while (next_) {
        child_of_fork = child;
        std::exchange(next_, {}).resume();
        if (child_of_fork) return true;
    }
    // It may have armed a timer, and its gather's other children are no new jobs to the loop.
    if (watch_time_) watch_time();
    return false;
}

bool worker::look_up() noexcept {
    if (giving_way_) return true;
    std::int64_t const now = steady_now();
    std::int64_t const elapsed = now - std::exchange(look_up_last_, now);
    if (pool_.clock.paused())
        look_up_interval_ = look_up_limit;  // the same for each run of a test
    else if (elapsed > look_up_period)
        look_up_interval_ = static_cast<std::uint32_t>(std::max<std::int64_t>(1, look_up_interval_ * look_up_period / elapsed));
    else if (elapsed < look_up_period / 2)
        look_up_interval_ = std::min(look_up_limit, look_up_interval_ * 2);
    forks_until_look_up_ = look_up_interval_;
    if (pool_.timers.next_expiry() <= pool_.clock.shown_at(now)) fire_timers(now, false);
    bool const others_wait = !ready.empty() || !pool_.entrance.empty();
    giving_way_ = others_wait || WEFT_STACK_ADDRESS() < stack_floor_;
    if (others_wait) {
        // As if the computation had gone to the back of the line: who stands there now comes first.
        others_first_ = std::max(std::int64_t{1}, static_cast<std::int64_t>(ready.size()));
        // Timers that are due have put their tasks there; and this worker may compute on for a while, if its gather is over.
        announce_work();
    }
    // Until the loop is reached every fork asks again.
    if (giving_way_) forks_until_look_up_ = 0;
    return giving_way_;
}

void worker::watch_time() noexcept {
    watch_time_ = false;
    if (pool_.clock.paused()) return;
    if (pool_.timers.unkept() && pool_.idle_workers.somebody_sleeps()) pool_.wake_one();
}

inline bool worker::time_to_look_around() noexcept {
    bool const others_turn = --look_around_countdown_ == 0;
    if (others_turn) [[unlikely]] {
        look_around_countdown_ = look_around_every;
        if (others_first_ == 0) others_first_ = 1;
    }
    if (clock_countdown_ > 0) --clock_countdown_;
    return others_turn || clock_countdown_ == 0;
}

job worker::job_of_others() noexcept {
    --others_first_;
    // In turns, so that neither a stream of jobs from outside nor one of woken tasks starves the other.
    outside_first_ = !outside_first_;
    if (outside_first_)
        if (job const entering = pool_.entrance.pop()) return entering;
    if (job const oldest = ready.take_oldest()) return oldest;
    if (job const entering = pool_.entrance.pop()) return entering;
    others_first_ = 0;
    return {};
}

inline job worker::own_job() noexcept {
    if (others_first_ > 0) [[unlikely]]
        if (job const found = job_of_others()) return found;
    if (!forks.empty())
        if (job const newest = forks.pop()) {
            // What others did meanwhile is no measure of how long its forks take.
            if (std::exchange(gave_way_, false)) look_up_last_ = steady_now();
            return newest;
        }
    if (job const oldest = ready.take_oldest()) return oldest;
    return pool_.entrance.pop();
}

WEFT_ALWAYS_INLINE job worker::next_job() noexcept {
    static_cast<void>(time_to_look_around());
    // A task whose timer is due goes first, but not twice in succession: who sleeps for a moment again and again starves nobody.
    job found;
    if (clock_countdown_ == 0) found = look_at_clock();
    due_first_ = !found;
    if (!found) found = own_job();
    if (!found) return search();
    if (searching_) stop_searching();
    return found;
}

void worker::loop() noexcept {
    this_worker = this;
    this_frame_cache = &frames;
    stack_floor_ = WEFT_STACK_ADDRESS() - stack_allowance;
    note_domain();
    while (!pool_.stopping())
        if (job const next = next_job()) run(next);
    this_worker = nullptr;
    // The thread's last destructors may still free frames.
    this_frame_cache = &no_frame_cache();
}

void worker::make_ready(job ready_job) noexcept {
    put_ready(ready_job);
    announce_work();
}

void worker::put_ready(job ready_job) noexcept {
    try {
        ready.push(ready_job);
    } catch (std::bad_alloc const&) {
        // No memory to grow the queue. The door from outside needs none.
        pool_.entrance.push_without_memory(ready_job);
    }
}

void worker::announce_work() noexcept {
    pool_.announce_work();
}

void worker::expect_to_search() noexcept {
    if (!searching_ && forks.empty() && ready.empty() && pool_.entrance.empty()) searching_ = pool_.idle_workers.begin_search();
}

void worker::armed_timer() noexcept {
    watch_time_ = true;
    if (std::exchange(timers_seen_, true)) return;
    // The first after a time without any: the next look at the clock was set for no timers.
    clock_countdown_ = 1;
}

// ---- Time

job worker::look_at_clock() noexcept {
    if (pool_.timers.next_expiry() == forever) {
        clock_countdown_ = look_around_every;
        clock_interval_ = 1;
        timers_seen_ = false;
        return {};
    }
    timers_seen_ = true;
    std::int64_t const now = steady_now();
    // Aims at one look per clock_period, whatever a job takes.
    std::int64_t const elapsed = now - std::exchange(clock_last_, now);
    if (elapsed > clock_period)
        clock_interval_ = std::max(1u, clock_interval_ / 2);
    else if (elapsed < clock_period / 2)
        clock_interval_ = std::min(look_around_every, clock_interval_ * 2);
    clock_countdown_ = clock_interval_;
    return fire_timers(now, due_first_);
}

job worker::fire_timers(std::int64_t now, bool first_wanted) noexcept {
    // Not before those that were due earlier.
    bool take_first = first_wanted && ready.all_gone(due_or_stolen_);
    job first;
    std::size_t in_line = 0;
    std::size_t const fired = pool_.timers.fire_due(pool_.clock.shown_at(now), [&, this](timer_entry& expired) {
        job const due = expired.coroutine;
        if (!due) [[unlikely]] return pass_limit(expired);
        WEFT_PREFETCH_FOR_WRITE(due.address());
        if (std::exchange(take_first, false)) {
            first = due;
            return;
        }
        put_ready(due);
        if (++in_line % portion == 0) announce_work();
    });
    if (in_line > 0) due_or_stolen_ = ready.pushed();
    if (now - fired_since_ >= clock_period) {
        fired_since_ = now;
        fired_ = 0;
    }
    if (!pool_.clock.paused()) fired_ += fired;
    // A single one is for this worker, if it takes nothing else first.
    if (in_line > 1 || (in_line == 1 && (first || ready.size() > 1 || others_first_ > 0 || !forks.empty()))) announce_work();
    return first;
}

// ---- Nothing to do

job worker::search() noexcept {
    int rounds = search_rounds;
    if (pool_.timers.next_expiry() != forever) {
        std::int64_t const now = steady_now();
        if (fired_ < crowd || now >= fired_since_ + clock_period) fire_timers(now, false);
        // No spinning for jobs until a timer is due: who does so has burnt its time when that comes.
        if (pool_.clock.paused() || pool_.timers.next_expiry() - now < clock_period) rounds = 1;
    } else {
        fired_ = 0;  // the crowd has gone
    }
    if (!searching_) searching_ = pool_.idle_workers.begin_search();
    if (searching_) {
        note_domain();
        arrange_victims();
        for (int round = 0; round < rounds && !pool_.stopping(); ++round) {
            bool contended = false;
            if (job const found = search_once(contended)) {
                stop_searching();
                return found;
            }
            if (!contended)
                for (int pause = 0; pause < pauses_per_round; ++pause) WEFT_SPIN_PAUSE();
        }
    } else {
        // Enough others search; but what this worker has just made ready is its own to take.
        if (job const oldest = ready.take_oldest()) return oldest;
    }
    if (fired_ >= crowd)
        rest();
    else
        sleep();
    return {};
}

void worker::rest() noexcept {
    if (searching_) stop_searching();
    park.park(fired_since_ + clock_period);
    clock_countdown_ = 1;
}

job worker::search_once(bool& contended) noexcept {
    if (job const oldest = ready.take_oldest()) return oldest;
    if (job const entering = pool_.entrance.pop()) return entering;
    return victims_.steal([&](unsigned victim) { return steal_from(*pool_.workers[victim], contended); });
}

void worker::note_domain() noexcept {
    if (pool_.processors.flat()) return;
    // relaxed, as in arrange_victims: nothing hangs on it but who is visited first.
    domain_.store(pool_.processors.domain_of(platform::current_processor()), std::memory_order_relaxed);
}

void worker::arrange_victims() noexcept {
    std::uint32_t const here = domain_.load(std::memory_order_relaxed);
    victims_.arrange([&](unsigned victim) {
        return pool_.processors.distance(here, pool_.workers[victim]->domain_.load(std::memory_order_relaxed));
    });
}

job worker::steal_from(worker& victim, bool& contended) noexcept {
    using status = work_deque<job>::status;
    auto taken = victim.forks.steal();
    if (taken.outcome == status::empty) {
        try {
            taken = victim.ready.steal_half(ready, steal_limit);
            due_or_stolen_ = ready.pushed();
        } catch (std::bad_alloc const&) {
            taken = victim.ready.steal();
        }
    }
    if (taken.outcome == status::retry) contended = true;
    return taken.value;
}

void worker::stop_searching() noexcept {
    searching_ = false;
    // Whoever published a job while this worker searched has woken nobody, counting on it. Alone, it passes that on: lib/README.md,
    // "Sleeping and waking", step 4.
    watch_time_ = true;
    idle::census const now = pool_.idle_workers.end_search();
    if (now.searching > 0 || now.asleep == 0) return;
    if (now.awake > 1) asymmetric_fence::heavy();
    if (pool_.work_visible()) pool_.wake_one();
}

void worker::sleep() noexcept {
    idle& others = pool_.idle_workers;
    timer_driver& timers = pool_.timers;
    idle::census const now = others.fall_asleep(index_, std::exchange(searching_, false));
    if (now.awake > 0) asymmetric_fence::heavy();
    // With work in sight it searches, even if enough others do: else it would be here again at once, and the fence is not cheap.
    bool work_in_sight = pool_.work_visible();
    bool const paused = pool_.clock.paused();
    std::int64_t patience_ends = forever;
    if (paused && !work_in_sight && now.awake == 0) work_in_sight = pool_.let_time_pass(patience_ends);
    bool token = false;
    if (!work_in_sight && !pool_.stopping()) {
        // Nobody keeps the time of a paused clock: the last worker that falls asleep moves it.
        std::int64_t const deadline = paused ? forever : timers.keep_time(index_);
        token = park.park(paused ? patience_ends : deadline);
        if (deadline != forever) timers.stop_keeping_time(index_);
        if (!token && patience_ends != forever) work_in_sight = pool_.let_time_pass(patience_ends);
    }
    if (!token && !others.rise(index_, work_in_sight)) {
        // Chosen in this very moment: the token is on its way.
        park.park();
        token = true;
    }
    searching_ = token || work_in_sight;
    if (paused) look_around_countdown_ = look_around_every;  // so that turns fall alike in each run of a test
    note_domain();
    watch_time_ = true;
    clock_countdown_ = 1;
}

}  // namespace weft::detail
