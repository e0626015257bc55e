// SPDX-License-Identifier: MIT
#include "pthreads.hpp"

#include <bit>
#include <vector>

#include "address_map.hpp"
#include "execution.hpp"
#include "memory.hpp"
#include "shadow.hpp"
#include "trace.hpp"

namespace weft::model::engine::pthreads {

namespace {

struct lock_state {
    int owner = -1;
    int count = 0;
    message const* released = nullptr;  // what the last owner knew
};

std::vector<lock_state> locks;
int used = 0;
address_map<int, std::size_t{1} << 11U> by_address;

lock_state& state_of(void const* mutex) noexcept {
    auto const address = reinterpret_cast<std::uintptr_t>(mutex);
    shadow::atomic(current_thread(), me().now.clock, address, 1, true);
    if (int const* const known = by_address.find(address)) return locks[static_cast<std::size_t>(*known)];
    engine_scope const engine;
    if (static_cast<std::size_t>(used) == locks.size()) {
        if (used == 1000) fail("more mutexes than the checker can hold");
        locks.reserve(1000);  // references stay
        locks.emplace_back();
    }
    static_cast<void>(by_address.insert(address, used));
    lock_state& made = locks[static_cast<std::size_t>(used++)];
    made = {};
    return made;
}

next_step use_of(void const* mutex) noexcept { return {reinterpret_cast<std::uintptr_t>(mutex), next_step::writes}; }

void wake(std::uint32_t threads) noexcept {
    for (; threads != 0; threads &= threads - 1)
        make_runnable(execution.threads[static_cast<std::size_t>(std::countr_zero(threads))]);
}

void take(lock_state& mutex) noexcept {
    mutex.owner = current_thread();
    mutex.count = 1;
    if (mutex.released != nullptr) me().now.join(*mutex.released);
}

void give(lock_state& mutex, void const* address) noexcept {
    mutex.owner = -1;
    mutex.count = 0;
    mutex.released = memory::publish();
    wake(waiting_for(address));
}

// Those who would block on it may still be scheduled, find it taken, and wait.
bool contend(lock_state& mutex, void const* address, bool timed, std::int64_t deadline) noexcept {
    while (mutex.owner >= 0) {
        trace::event("waits for mutex", address);
        block_until(address, timed, deadline, false);
        if (me().timed_out) return false;
    }
    return true;
}

}  // namespace

void reset() noexcept {
    used = 0;
    by_address.clear();
}

bool lock(void const* address, bool recursive, bool timed, std::int64_t deadline) noexcept {
    lock_state& mutex = state_of(address);
    if (mutex.owner == current_thread()) {
        if (!recursive) fail("deadlock: a thread locks a mutex that it has");
        ++mutex.count;
        return true;
    }
    if (mutex.owner < 0) step(use_of(address));
    if (!contend(mutex, address, timed, deadline)) return false;
    take(mutex);
    trace::event("locks mutex", address);
    stepped(true);
    return true;
}

bool try_lock(void const* address, bool recursive) noexcept {
    lock_state& mutex = state_of(address);
    step(use_of(address));
    bool const mine = mutex.owner == current_thread();
    if (mutex.owner >= 0 && !(mine && recursive)) {
        trace::event("does not get mutex", address);
        stepped(false);
        return false;
    }
    if (mine)
        ++mutex.count;
    else
        take(mutex);
    trace::event("locks mutex", address);
    stepped(true);
    return true;
}

void unlock(void const* address) noexcept {
    lock_state& mutex = state_of(address);
    if (mutex.owner != current_thread()) fail("a thread unlocks a mutex that it does not have");
    if (--mutex.count > 0) return;
    step(use_of(address));
    trace::event("unlocks mutex", address);
    give(mutex, address);
    stepped(true);
}

bool wait(void const* condition, void const* address, bool timed, std::int64_t deadline) noexcept {
    lock_state& mutex = state_of(address);
    if (mutex.owner != current_thread() || mutex.count != 1) fail("a thread waits on a condition variable without its mutex");
    shadow::atomic(current_thread(), me().now.clock, reinterpret_cast<std::uintptr_t>(condition), 1, true);
    step();
    trace::event("waits on condition", condition);
    give(mutex, address);
    stepped(true);
    block_until(condition, timed, deadline, true);
    bool const timed_out = me().timed_out;
    static_cast<void>(contend(mutex, address, false, 0));
    take(mutex);
    trace::event(timed_out ? "is back from condition by its deadline" : "is back from condition", condition);
    stepped(true);
    return !timed_out;
}

void notify_one(void const* condition) noexcept {
    shadow::atomic(current_thread(), me().now.clock, reinterpret_cast<std::uintptr_t>(condition), 1, true);
    step();
    int const woken = choose_waiting(condition);
    trace::event("notifies one", condition);
    if (woken >= 0) wake(1U << static_cast<unsigned>(woken));
    stepped(woken >= 0);
}

void notify_all(void const* condition) noexcept {
    shadow::atomic(current_thread(), me().now.clock, reinterpret_cast<std::uintptr_t>(condition), 1, true);
    step();
    trace::event("notifies all", condition);
    std::uint32_t const waiting = waiting_for(condition);
    wake(waiting);
    stepped(waiting != 0);
}

bool begin_once(void const* guard) noexcept {
    lock_state& state = state_of(guard);
    step();
    if (!contend(state, guard, false, 0)) return false;
    if (state.count < 0) {  // done
        me().now.join(*state.released);
        stepped(false);
        return false;
    }
    take(state);
    stepped(true);
    return true;
}

void end_once(void const* guard, bool done) noexcept {
    lock_state& state = state_of(guard);
    step();
    give(state, guard);
    if (done) state.count = -1;
    stepped(true);
}

}  // namespace weft::model::engine::pthreads
