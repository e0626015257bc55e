// SPDX-License-Identifier: MIT
// One thread of a runtime: its queues and its loop.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <utility>

#include <weft/detail/config.hpp>
#include <weft/detail/scope.hpp>

#include "frame_cache.hpp"
#include "job.hpp"
#include "parker.hpp"
#include "task_registry.hpp"
#include "victims.hpp"
#include "work_deque.hpp"

namespace weft::detail {

class scheduler;
class worker;
struct join;
struct promise_base;
struct timer_entry;

// What the loop asks of the layers above it (lib/task_core.cpp, lib/join.cpp, lib/timeout.cpp).
// The worker runs for whom the job runs. A gather's child that was in a queue is away from now on. False: the job is not to be
// resumed, it was a task that has been cancelled before it began, and has ended by this.
[[nodiscard]] bool take_over(worker& here, job from_queue) noexcept;
void set_away(job child, bool away) noexcept;
// The job suspends as it is, to go on as whom the worker runs for now.
void remember_scope(worker const& here, job suspended) noexcept;
void release_ended(worker& here, promise_base& task) noexcept;
// A child of that gather has ended, not on its fork's stack. Answers who goes on, for whom the worker then runs: the parent, or
// null.
[[nodiscard]] std::coroutine_handle<> arrive(worker& here, join& joined) noexcept;
// A time limit's timer has come out of the wheel.
void pass_limit(timer_entry& due) noexcept;

// Its members are touched by the worker's own thread, but for the deques' thieves, `park`'s wakers, and who reads `domain_`.
class alignas(config::destructive_interference) worker {
public:
    worker(scheduler& pool, unsigned index, unsigned workers);

    // What the thread does until the scheduler stops.
    void loop() noexcept;

    // A job that is ready: to the back of this worker's line. A sleeping worker is woken for it if nobody searches.
    void make_ready(job ready_job) noexcept;

    // After a push to `forks` or `ready`.
    void announce_work() noexcept;

    // The present job is as good as done. Without another job in sight this worker counts as searching from now on, so that nobody
    // else is woken for a job that comes in before it really does.
    void expect_to_search() noexcept;

    // Passes the worker from one coroutine to the next. Where the stack has become deep, because the compiler makes no tail call,
    // the next one waits until it is unwound to whoever resumed the present one.
    WEFT_ALWAYS_INLINE std::coroutine_handle<> transfer(std::coroutine_handle<> next) noexcept {
        if (WEFT_STACK_ADDRESS() >= stack_floor_) [[likely]] return next;
        next_ = next;
        child_of_fork = {};
        return std::noop_coroutine();
    }

    // Runs a child of a gather on top of the present stack. True: it has ended. False: it is suspended, and may be anywhere by now.
    // Afterwards child_of_fork is to be set to what it was.
    [[nodiscard]] WEFT_ALWAYS_INLINE bool run_child(job child) noexcept {
        child_of_fork = child;
        child.resume();
        if (!child_of_fork) [[unlikely]] return go_on_with_child(child);
        return true;
    }

    // The running coroutine suspends: its fork's call will return without an end. Before anybody can find it to resume it.
    void leave_fork() noexcept {
        left_fork_ = std::exchange(child_of_fork, {});
        if (left_fork_) set_away(left_fork_, true);
    }
    // It goes on here after all. Nothing has run in between.
    void stay_in_fork() noexcept {
        child_of_fork = left_fork_;
        if (left_fork_) set_away(left_fork_, false);
    }

    // Once in so many forks, and where the stack is deep. Cheap.
    [[nodiscard]] WEFT_ALWAYS_INLINE bool asked_to_look_up() noexcept {
        return one_fork_less() || WEFT_STACK_ADDRESS() < stack_floor_;
    }
    // Whether forks must leave the children that they have not begun, so that the stack unwinds to the loop: others wait, or it is
    // deep.
    [[nodiscard]] bool must_give_way() noexcept { return asked_to_look_up() && look_up(); }
    // The same for a fork that has asked once: its stack does not grow between its children.
    [[nodiscard]] WEFT_ALWAYS_INLINE bool must_give_way_on_this_level() noexcept {
        return one_fork_less() && look_up();
    }

    // The same, asked by an await of what is there already. Not the first ones after each suspension: a few in a row never yield.
    [[nodiscard]] WEFT_ALWAYS_INLINE bool must_let_others_go() noexcept {
        if (--awaits_left_ >= 0) [[likely]] return false;
        awaits_left_ = awaits_in_a_row;
        return must_give_way_on_this_level();
    }
    // must_give_way has answered true since the loop had the thread.
    [[nodiscard]] bool giving_way() const noexcept { return giving_way_; }

    // This worker has armed a timer: before its next job it sees to it that time is kept; or at once, by watch_time, where what runs
    // on it does not suspend by that.
    void armed_timer() noexcept;
    void watch_time() noexcept;

    [[nodiscard]] scheduler& pool() const noexcept { return pool_; }
    [[nodiscard]] unsigned index() const noexcept { return index_; }

    frame_cache frames;
    task_registry::free_places places;
    // Children of gathers. LIFO: the newest first, so memory is bounded by depth; thieves take the oldest, with the largest
    // subtrees.
    work_deque<job> forks{256};
    // Tasks spawned, woken or yielded. FIFO: fair.
    work_deque<job> ready{256};
    // For whom the running coroutine runs, and how many requests to cancel that have come to it.
    scope_ref scope{};
    request_count seen = 0;
    // A task that has just ended, to be released once its coroutine is really suspended, which is when the loop has the thread
    // again.
    promise_base* ended = nullptr;
    // The gather's child that runs now, called by its fork, and has not left that call. Null: what runs now was resumed by the
    // loop.
    job child_of_fork;
    // The gather of which a child has just ended that was away; read, and cleared, by the loop.
    join* ended_child_of = nullptr;
    parker park;

private:
    // How much stack may be used above the loop: a few hundred gathers inside each other, and a part of the smallest usual stack.
    static constexpr std::uintptr_t stack_allowance = 64 * 1024;
    // Jobs between two looks at what only others fill: the injector, the timers, and `ready` while there are forks. A prime, so
    // that it keeps no step with a program's own period (Go's scheduler uses the same number).
    static constexpr unsigned look_around_every = 61;
    // Time between two looks at the clock while timers are armed.
    static constexpr std::int64_t clock_period = 50'000;
    // So many timers in one clock_period are a crowd.
    static constexpr std::size_t crowd = 8;
    // After so many expired timers others hear of them, while this worker still puts the rest in line.
    static constexpr std::size_t portion = 64;
    // Time between two looks at the clock of a computation that forks on its stack, timers armed or not; and how many forks there are
    // in between at most.
    static constexpr std::int64_t look_up_period = 20'000;
    static constexpr std::uint32_t look_up_limit = 256;
    // Awaits of what is there already, between two questions whether others wait.
    static constexpr int awaits_in_a_row = 32;
    // How many jobs one steal takes at most.
    static constexpr std::int64_t steal_limit = 256;

    // Looks at all queues before a searching worker parks, each followed by so many pauses; some 10 to 30 us together.
    static constexpr int search_rounds = 100;
    static constexpr int pauses_per_round = 8;

    // True: time to look up. Unsigned, and its sign asked for: clang then counts and tests in one instruction, else in four.
    [[nodiscard]] WEFT_ALWAYS_INLINE bool one_fork_less() noexcept {
        return static_cast<std::int32_t>(--forks_until_look_up_) < 0;
    }
    // Inline in worker.cpp, which alone calls them: this, next_job, own_job and time_to_look_around.
    WEFT_ALWAYS_INLINE void run(job next) noexcept;
    [[nodiscard]] WEFT_NOINLINE bool go_on_with_child(job child) noexcept;
    [[nodiscard]] WEFT_NOINLINE bool look_up() noexcept;
    [[nodiscard]] WEFT_ALWAYS_INLINE job next_job() noexcept;
    [[nodiscard]] inline job own_job() noexcept;
    [[nodiscard]] job job_of_others() noexcept;
    void put_ready(job ready_job) noexcept;
    // Counts a job, and says whether it is time for the injector, the others in line, or the clock.
    [[nodiscard]] inline bool time_to_look_around() noexcept;
    [[nodiscard]] job look_at_clock() noexcept;
    // What is due goes to the back of `ready`, but for the first one where that is wanted at once, and nothing that was due before
    // is left there: it is returned.
    job fire_timers(std::int64_t now, bool first_wanted) noexcept;
    [[nodiscard]] job search() noexcept;
    [[nodiscard]] job search_once(bool& contended) noexcept;
    [[nodiscard]] job steal_from(worker& victim, bool& contended) noexcept;
    // Publishes where this worker runs now. Its thread may run elsewhere later.
    void note_domain() noexcept;
    void arrange_victims() noexcept;
    void stop_searching() noexcept;
    // As if busy, for what is left of a clock_period with a crowd of timers.
    void rest() noexcept;
    void sleep() noexcept;

    scheduler& pool_;
    unsigned const index_;
    std::uint32_t forks_until_look_up_ = 0;
    int awaits_left_ = 0;
    std::uint32_t look_up_interval_ = 1;
    std::int64_t look_up_last_ = 0;
    bool giving_way_ = false;         // until the loop has the thread again, no fork begins a child
    bool gave_way_ = false;           // since a fork was last taken from the queue
    std::uintptr_t stack_floor_ = 0;  // below it the stack is deep
    job left_fork_;                   // what child_of_fork was before leave_fork
    std::coroutine_handle<> next_;    // what goes on when the stack is unwound to whoever resumed the present coroutine
    unsigned look_around_countdown_ = look_around_every;
    std::int64_t others_first_ = 0;  // how many jobs from outside and of `ready` come before the next fork
    bool outside_first_ = false;
    bool searching_ = false;
    bool watch_time_ = false;
    bool timers_seen_ = false;  // since the last look at the clock that found none armed
    unsigned clock_countdown_ = 1;  // jobs until the next look at the clock
    unsigned clock_interval_ = 1;
    std::int64_t clock_last_ = 0;
    bool due_first_ = true;         // the next timer that is due goes before all others
    std::int64_t due_or_stolen_ = 0;  // none of these stands in `ready` any more when so many have left it
    std::int64_t fired_since_ = 0;  // when the present clock_period began, with
    std::size_t fired_ = 0;         // so many timers until now
    victims victims_;
    // Of the topology; read by the others when they begin to search.
    alignas(config::destructive_interference) std::atomic<std::uint32_t> domain_{0};
};

// The worker that the calling thread is; null on any other thread. Read only in out-of-line functions that no coroutine is inlined
// into or inlines: compilers keep a thread_local's address over a suspension.
WEFT_FIXED_TLS extern constinit thread_local worker* this_worker;

}  // namespace weft::detail
