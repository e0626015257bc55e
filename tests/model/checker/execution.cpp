// SPDX-License-Identifier: MIT
#include "execution.hpp"

#include <cxxabi.h>
#include <bit>
#include <exception>
#include <typeinfo>

#include "arena.hpp"
#include "memory.hpp"
#include "pthreads.hpp"
#include "schedule.hpp"
#include "shadow.hpp"
#include "trace.hpp"

namespace weft::model::engine {

constinit thread_local bool in_model = false;
execution_state execution;

namespace {

fibre home;  // who explores

// One way in which the execution can go on.
struct way {
    int thread;
    enum { run, timeout, spurious } kind;
};

struct ways {
    std::array<way, 3 * max_threads> list;
    int count = 0;
    void add(std::uint32_t threads, decltype(way::kind) kind) noexcept {
        for (; threads != 0; threads &= threads - 1) list[static_cast<std::size_t>(count++)] = {std::countr_zero(threads), kind};
    }
};

std::uint32_t blocked_where(bool model_thread::*what) noexcept {
    std::uint32_t found = 0;
    for (std::uint32_t rest = execution.blocked; rest != 0; rest &= rest - 1) {
        model_thread const& each = execution.threads[static_cast<std::size_t>(std::countr_zero(rest))];
        if (each.*what) found |= each.bit();
    }
    return found;
}

[[noreturn]] void nobody_can_go_on() noexcept {
    if (execution.runnable != 0) fail("livelock: every thread that is not blocked spins, and nothing changes any more");
    fail("deadlock: every thread waits");
}

// Those who have paused often enough wait for the others of these.
std::uint32_t without_who_gives_way(std::uint32_t able) noexcept {
    std::uint32_t kept = able;
    for (std::uint32_t rest = able; rest != 0; rest &= rest - 1) {
        model_thread const& each = execution.threads[static_cast<std::size_t>(std::countr_zero(rest))];
        if ((each.gives_way_to & able) != 0) kept &= ~each.bit();
    }
    return kept;
}

// What is granted to those who spin goes round, in one order only: nothing changes, so that who looks first makes no difference,
// until one of them has paused often enough and goes on.
std::uint32_t next_to_look() noexcept {
    execution_state const& e = execution;
    std::uint32_t const above = e.runnable & ~((e.current->bit() << 1U) - 1U);
    std::uint32_t const next = above != 0 ? above : e.runnable;
    return next & (~next + 1U);
}

void find_ways(ways& found) noexcept {
    execution_state& e = execution;
    std::uint32_t const mine = e.current->bit();
    std::uint32_t const able = without_who_gives_way(e.runnable & ~e.spinning);
    bool const can_stay = (able & mine) != 0;
    if (can_stay) found.add(mine, way::run);
    if (!can_stay || e.preemptions < e.wanted->preemptions) {
        // Round the circle, beginning behind the current one.
        std::uint32_t const above = ~((mine << 1U) - 1U);
        found.add(able & above, way::run);
        found.add(able & ~above & ~mine, way::run);
        if (able != 0 && e.blocked != 0) {
            if (e.early_timeouts < e.wanted->early_timeouts) found.add(blocked_where(&model_thread::timed), way::timeout);
            if (e.spurious_wakeups < e.wanted->spurious_wakeups) found.add(blocked_where(&model_thread::spurious), way::spurious);
        }
    }
    if (found.count > 0) return;
    e.asleep = 0;
    // Time passes when nothing else happens, and who spins sees at last what has been stored.
    found.add(blocked_where(&model_thread::timed), way::timeout);
    if (e.fresh == 0 && e.runnable != 0) {
        e.fresh = e.runnable;
        e.spinning = 0;
        found.add(e.runnable, way::run);
    } else if (e.runnable != 0 && e.idle_looks < idle_looks * std::popcount(e.runnable)) {
        ++e.idle_looks;
        e.spinning = e.runnable;
        found.add(next_to_look(), way::run);
    }
    if (found.count == 0) nobody_can_go_on();
}

void goes_on(model_thread& thread) noexcept {
    thread.passed_by.fill(0);
    for (int i = 0; i < execution.thread_count; ++i) execution.threads[static_cast<std::size_t>(i)].gives_way_to &= ~thread.bit();
}

// It pauses, and passes by those who could go on.
void pass_by_others(model_thread& pausing) noexcept {
    for (std::uint32_t rest = execution.runnable & ~execution.spinning & ~pausing.bit(); rest != 0; rest &= rest - 1) {
        model_thread& each = execution.threads[static_cast<std::size_t>(std::countr_zero(rest))];
        if (++each.passed_by[static_cast<std::size_t>(pausing.id)] > unfair_pauses) pausing.gives_way_to |= each.bit();
    }
}

void go(way const& chosen, bool could_stay, bool others_able) noexcept {
    execution_state& e = execution;
    model_thread& next = e.threads[static_cast<std::size_t>(chosen.thread)];
    model_thread& before = *e.current;
    if (could_stay && &next != &before) ++e.preemptions;
    if (chosen.kind == way::timeout) {
        if (others_able) ++e.early_timeouts;
        e.clock = std::max(e.clock, next.deadline);
        next.timed_out = true;
        make_runnable(next);
    } else if (chosen.kind == way::spurious) {
        ++e.spurious_wakeups;
        make_runnable(next);
    }
    e.spinning &= ~next.bit();
    goes_on(next);
    if (&next == &before) return;
    e.current = &next;
    switch_fibre(before.context, next.context);
}

void leave_out_sleepers(ways& from) noexcept {
    if (execution.asleep == 0) return;
    int kept = 0;
    for (int i = 0; i < from.count; ++i) {
        way const each = from.list[static_cast<std::size_t>(i)];
        if (each.kind == way::run && (execution.asleep >> static_cast<unsigned>(each.thread) & 1U) != 0) continue;
        from.list[static_cast<std::size_t>(kept++)] = each;
    }
    from.count = kept;
    if (kept > 0) return;
    execution.pruned = true;
    abandon();
}

way const& chosen_of(ways const& from) noexcept {
    int const chosen = choose_way(from.count);
    if (execution.uses_sleep_sets) {
        for (int i = 0; i < chosen; ++i) {
            way const& before = from.list[static_cast<std::size_t>(i)];
            if (before.kind == way::run) execution.asleep |= 1U << static_cast<unsigned>(before.thread);
        }
    }
    return from.list[static_cast<std::size_t>(chosen)];
}

// The current thread does this now.
void wake_dependent(next_step const& now) noexcept {
    for (std::uint32_t rest = execution.asleep; rest != 0; rest &= rest - 1) {
        model_thread const& each = execution.threads[static_cast<std::size_t>(std::countr_zero(rest))];
        if (each.next.depends_on(now)) execution.asleep &= ~each.bit();
    }
}

void schedule() noexcept {
    ways found;
    std::uint32_t const able = execution.runnable & ~execution.spinning;
    bool const could_stay = (able & execution.current->bit()) != 0;
    find_ways(found);
    leave_out_sleepers(found);
    go(chosen_of(found), could_stay, able != 0);
}

void thread_ends() noexcept {
    model_thread& ending = me();
    ending.finished = true;
    execution.runnable &= ~ending.bit();
    for (std::uint32_t waiting = waiting_for(&ending); waiting != 0; waiting &= waiting - 1)
        make_runnable(execution.threads[static_cast<std::size_t>(std::countr_zero(waiting))]);
    trace::event("ends");
    stepped(true);
    if ((execution.runnable | execution.blocked) == 0) {
        if (execution.wanted->check_leaks && !execution.warming_up) arena::check_leaks();
        abandon();
    }
    schedule();
    __builtin_unreachable();
}

void run_at_exit(model_thread& of) {
    while (!of.at_exit.empty()) {
        exit_function const last = of.at_exit.back();
        of.at_exit.pop_back();
        in_model = true;
        last.call(last.argument);
        in_model = false;
    }
}

void fibre_main() {
    model_thread& mine = me();
    try {
        in_model = true;
        if (mine.start != nullptr)
            mine.result = mine.start(mine.argument);
        else
            (*execution.body)();
        in_model = false;
        run_at_exit(mine);
    } catch (std::exception const& thrown) {
        in_model = false;
        fail((std::string("an exception leaves a thread: ") + thrown.what()).c_str());
    } catch (...) {
        in_model = false;
        fail("an exception leaves a thread");
    }
    thread_ends();
}

}  // namespace

void abandon() noexcept {
    in_model = false;
    fibre nowhere;
    boost::context::detail::jump_fcontext(home.context, &nowhere);
    __builtin_unreachable();
}

void fail(char const* text) noexcept {
    in_model = false;
    execution.failed = true;
    execution.failure = text;
    trace::event("FAILS");
    abandon();
}

void prepare_execution() {
    prepare_fibres();
    make_home(home);
    arena::prepare();
    for (int i = 0; i < max_threads; ++i) execution.threads[static_cast<std::size_t>(i)].id = i;
}

model_thread& start_thread(void* (*start)(void*), void* argument) noexcept {
    execution_state& e = execution;
    if (e.thread_count == max_threads) fail("more threads than the checker can hold");
    model_thread& made = e.threads[static_cast<std::size_t>(e.thread_count++)];
    made.now.reset();
    made.to_acquire.reset();
    made.has_released = made.finished = made.detached = made.timed = made.timed_out = made.spurious = false;
    made.first_step_chosen = made.id != 0;
    made.waits_for = nullptr;
    made.next = {};
    made.steps_without_change = 0;
    made.paused = false;
    made.passed_by.fill(0);
    made.gives_way_to = 0;
    made.start = start;
    made.argument = argument;
    made.at_exit.clear();
    made.depth = 0;
    if (e.current != nullptr) {
        made.now.copy(me().now);
        ++me().now.clock[static_cast<std::size_t>(me().id)];
    }
    made.now.clock[static_cast<std::size_t>(made.id)] = 1;
    make_fibre(made.context, arena::stack_of(made.id), stack_size, fibre_main);
    e.runnable |= made.bit();
    return made;
}

void join_thread(model_thread& other) noexcept {
    while (!other.finished) block(&other);
    me().now.join(other.now);
    trace::event("joins T", other.id);
    stepped(false);
}

void run_execution(options const& wanted, std::function<void()> const& body) {
    execution_state& e = execution;
    e.thread_count = 0;
    e.current = nullptr;
    e.runnable = e.blocked = e.spinning = e.fresh = e.asleep = 0;
    e.idle_looks = 0;
    e.steps = e.preemptions = e.early_timeouts = e.spurious_wakeups = e.spurious_cas_failures = 0;
    e.clock = 1'000'000'000'000;
    e.wanted = &wanted;
    e.body = &body;
    e.failed = e.pruned = false;
    memory::reset();
    arena::reset();
    pthreads::reset();
    e.current = &start_thread(nullptr, nullptr);
    switch_fibre(home, e.current->context);
    end_crashed_execution();
}

void end_crashed_execution() noexcept {
    in_model = false;
    restore_locals(home);
    shadow::reset();
}

void step(next_step const& next) noexcept {
    execution_state& e = execution;
    model_thread const& mine = me();
    if (++e.steps > e.wanted->max_steps) fail("livelock: more steps than options::max_steps");
    me().paused = false;
    if (mine.first_step_chosen) {
        me().first_step_chosen = false;
        wake_dependent(next);
        return;
    }
    me().next = next;
    // Only where that lets somebody go on: who reads much, and alone, does not spin.
    if (e.current->steps_without_change > spin_without_pause && (e.runnable & ~e.spinning & ~e.current->bit()) != 0)
        pause();
    else
        schedule();
    wake_dependent(next);
    me().next = {};
}

void stepped(bool changed) noexcept {
    execution_state& e = execution;
    ++e.current->now.clock[static_cast<std::size_t>(e.current->id)];
    if (changed) {
        e.spinning = 0;
        e.fresh = 0;
        e.idle_looks = 0;
        e.current->steps_without_change = 0;
    } else {
        ++e.current->steps_without_change;
    }
}

void block(void const* waits_for) noexcept { block_until(waits_for, false, 0, false); }

void block_until(void const* waits_for, bool timed, std::int64_t deadline, bool may_be_spurious) noexcept {
    model_thread& mine = me();
    mine.waits_for = waits_for;
    mine.timed = timed;
    mine.timed_out = false;
    mine.deadline = deadline;
    mine.spurious = may_be_spurious;
    mine.first_step_chosen = false;
    if (++execution.steps > execution.wanted->max_steps) fail("livelock: more steps than options::max_steps");
    execution.runnable &= ~mine.bit();
    execution.blocked |= mine.bit();
    schedule();
    execution.asleep = 0;
}

void make_runnable(model_thread& thread) noexcept {
    thread.waits_for = nullptr;
    thread.timed = thread.spurious = false;
    execution.blocked &= ~thread.bit();
    execution.runnable |= thread.bit();
}

std::uint32_t waiting_for(void const* object) noexcept {
    std::uint32_t found = 0;
    for (std::uint32_t rest = execution.blocked; rest != 0; rest &= rest - 1) {
        model_thread const& each = execution.threads[static_cast<std::size_t>(std::countr_zero(rest))];
        if (each.waits_for == object) found |= each.bit();
    }
    return found;
}

int choose_waiting(void const* object) noexcept {
    std::uint32_t waiting = waiting_for(object);
    if (waiting == 0) return -1;
    for (int skip = choose_one(std::popcount(waiting)); skip > 0; --skip) waiting &= waiting - 1;
    return std::countr_zero(waiting);
}

void pause() noexcept {
    if (++execution.steps > execution.wanted->max_steps) fail("livelock: more steps than options::max_steps");
    if (me().paused) return;
    me().paused = true;
    me().steps_without_change = 0;
    me().first_step_chosen = false;
    pass_by_others(me());
    execution.spinning |= me().bit();
    schedule();
    execution.asleep = 0;
}

}  // namespace weft::model::engine
