// SPDX-License-Identifier: MIT
// How a coroutine becomes a task.
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include <weft/detail/waiter.hpp>
#include <weft/error.hpp>

#include "asymmetric_fence.hpp"
#include "context.hpp"
#include "living_tasks.hpp"
#include "runtime_core.hpp"
#include "task_core.hpp"
#include "task_details.hpp"

namespace weft::detail {

namespace {

// False: there are none.
WEFT_NOINLINE bool give_details(promise_base& unstarted, std::string* name) {
    shared_context const values = context_here();
    try {
        if (values) give_context(unstarted, values);
        if (name) give_name(unstarted, std::move(*name));
    } catch (...) {
        forget_details(unstarted);
        throw;
    }
    return name || values;
}

// Under a paused clock.
WEFT_NOINLINE void add_living(living_tasks& living, promise_base& unstarted) {
    try {
        living.add(unstarted);
    } catch (...) {
        unstarted.role = role::joined;
        if (marked_with_details(unstarted)) forget_details(unstarted);
        throw;
    }
}

// Gives it that `place`, which is taken.
WEFT_ALWAYS_INLINE void make_task(promise_base& unstarted, run_group& group, bool with_details, std::uint32_t place) noexcept {
    unstarted.role = role::spawned;
    unstarted.state = {};
    unstarted.group = &group;
    unstarted.scope = scope_ref(&unstarted);
    unstarted.seen = 0;
    std::construct_at(&unstarted.marks, std::uint8_t{with_details ? has_details : task_mark{}});
    std::construct_at(&unstarted.references, std::uint16_t{2});
    std::construct_at(&unstarted.requests, request_count{0});
    std::construct_at(&unstarted.taken_back, request_count{0});
    std::construct_at(&unstarted.suspensions);
    std::construct_at(&unstarted.waiters);
    unstarted.place = place;
}

// From here on it may be cancelled and referred to.
WEFT_ALWAYS_INLINE void register_task(promise_base& unstarted, run_group& group, std::source_location where) noexcept {
    group.core().tasks.occupy(unstarted.place, unstarted, where);
    // See run_group::begin_cancelling.
    asymmetric_fence::light();
    if (group.cancelling()) [[unlikely]] unstarted.requests.store(1, std::memory_order_relaxed);
}

[[noreturn]] WEFT_NOINLINE void throw_no_runtime_to_spawn_on() {
    throw no_current_runtime(
        "weft::spawn: this thread is no worker, so there is no runtime to spawn on; call spawn inside a task, or use "
        "weft::runtime::submit");
}

[[noreturn]] WEFT_NOINLINE void throw_closing() {
    throw runtime_closed("weft::spawn: the runtime is being destroyed and takes no new tasks; co_await the task instead");
}

}  // namespace

void make_spawned(promise_base& unstarted, run_group& group, std::source_location where) {
    task_registry& tasks = group.core().tasks;
    std::uint32_t const place = tasks.take_outside();
    try {
        bool const with_details = may_inherit_from_thread() && give_details(unstarted, nullptr);
        make_task(unstarted, group, with_details, place);
        if (group.core().living) add_living(*group.core().living, unstarted);
    } catch (...) {
        tasks.give_back_outside(place);
        throw;
    }
    register_task(unstarted, group, where);
}

namespace {

// One that has a place that is not taken yet, with room for it in line.
WEFT_ALWAYS_INLINE void begin_here(worker& here, run_group& group, promise_base& task, std::source_location where) noexcept {
    register_task(task, group, where);
    group.core().tasks.take_next(here.places);
    group.count_begun(here.index());
    static_cast<void>(here.ready.try_push(handle_of(task)));
    here.pool().announce_work();
}

WEFT_NOINLINE void spawn_in_full(worker& here, run_group& group, promise_base& unstarted, std::source_location where,
                                 std::string* name) {
    runtime_core& core = group.core();
    if (core.closing.load(std::memory_order_relaxed)) throw_closing();
    // First of all: destructors of the context's old values may spawn, too.
    bool const with_details = (name || may_inherit_context(here)) && give_details(unstarted, name);
    std::uint32_t place = 0;
    try {
        here.ready.reserve(1);
        place = core.tasks.next(here.places);
    } catch (...) {
        if (with_details) forget_details(unstarted);
        throw;
    }
    make_task(unstarted, group, with_details, place);
    if (core.living) add_living(*core.living, unstarted);
    begin_here(here, group, unstarted, where);
}

}  // namespace

// The common path calls nothing before its end, and so saves no registers.
void spawn_on_current_runtime(promise_base& unstarted, std::source_location where, std::string* name) {
    WEFT_COMPILER_BARRIER();
    worker* const here = this_worker;
    if (!here) [[unlikely]] throw_no_runtime_to_spawn_on();
    run_group& group = *here->scope.task()->group;
    runtime_core const& core = group.core();
    if (name || core.closing.load(std::memory_order_relaxed) || core.living || may_inherit_context(*here) ||
        !here->ready.has_room() || !task_registry::has_next(here->places)) [[unlikely]]
        return spawn_in_full(*here, group, unstarted, where, name);
    make_task(unstarted, group, false, group.core().tasks.next(here->places));
    begin_here(*here, group, unstarted, where);
}

}  // namespace weft::detail
