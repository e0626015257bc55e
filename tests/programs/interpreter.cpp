// SPDX-License-Identifier: MIT
// What surrounds every node, and the nodes without children.
#include "programs/interpreter.hpp"

#include "support/foreign.hpp"

#include <algorithm>

namespace weft::test {

namespace {

context_var<unsigned> const variable("of a program", 0);

// What a node leaves, it leaves once, however it ends.
class visit {
public:
    visit(run_record& in, unsigned id) : of_(in.nodes[id]) { of_.begun.fetch_add(1, std::memory_order_relaxed); }
    visit(visit const&) = delete;
    visit& operator=(visit const&) = delete;
    ~visit() { of_.left.fetch_add(1, std::memory_order_relaxed); }
    void ended() { of_.ended.fetch_add(1, std::memory_order_relaxed); }

private:
    run_record::of_node& of_;
};

other_thread& thread_outside() {
    static other_thread thread;
    return thread;
}

task<value> task_elsewhere(bool fails, unsigned id) {
    co_await yield();
    if (fails) fail(id);
    co_return 0;
}

}  // namespace

runtime& other_runtime() {
    static runtime only({.workers = 1, .name = "other"});
    return only;
}

std::chrono::nanoseconds interpreter::length(node const& one) const {
    return paused ? std::chrono::nanoseconds(length_of(one)) : std::chrono::microseconds(one.time * 5);
}
std::chrono::nanoseconds interpreter::other_length(node const& one) const {
    return paused ? std::chrono::nanoseconds(other_length_of(one)) : std::chrono::microseconds(10 + one.variant % 7 * 10);
}

task<value> interpreter::run(node const& one, surroundings around) const {
    return run_here(one, around, counted_move_only{record->frames});
}

task<value> interpreter::run_here(node const& one, surroundings around, counted_move_only) const {
    visit here(*record, one.id);
    check(one, around);
    value const result = co_await act(one, around);
    check(one, around);
    here.ended();
    co_return result;
}

void interpreter::check(node const& one, surroundings around) const {
    if (!on_worker()) record->fault("node " + std::to_string(one.id) + " runs on a thread that is no worker");
    if (variable.get() != around.context)
        record->fault("node " + std::to_string(one.id) + " finds another's value of the context variable");
}

void interpreter::check_task(node const& one, surroundings around) const {
    task_ref const me = current_task();
    if (me.done()) record->fault("node " + std::to_string(one.id) + ": its task has ended");
    if (around.name >= 0 && me.name() != "node " + std::to_string(around.name))
        record->fault("node " + std::to_string(one.id) + ": its task is called " + me.name());
    std::vector<task_ref> const all = all_tasks();
    if (std::ranges::count(all, me) != 1)
        record->fault("node " + std::to_string(one.id) + ": its task is not among all tasks once");
}

task<value> interpreter::main(program const& whole) const {
    std::exception_ptr thrown;
    value result = 0;
    try {
        result = co_await run(*whole.root, {});
    } catch (...) {
        thrown = std::current_exception();
    }
    if (whole.waits && paused) co_await sleep_until(now() + std::chrono::nanoseconds(horizon_of(whole)));
    // A frame goes when its failure has been reported.
    while (whole.waits && record->frames.alive > 0) co_await yield();
    if (thrown) std::rethrow_exception(thrown);
    co_return result;
}

// ---- Without children

task<value> interpreter::leaf(node const& one, surroundings around) const {
    switch (one.what) {
        case kind::fail:
            fail(one.id);
        case kind::sleep:
            co_await sleep(length(one));
            break;
        case kind::sleep_until:
            co_await sleep_until(now() + length(one));
            break;
        case kind::yield:
            co_await yield();
            break;
        case kind::ticks: {
            interval every(one.time == 0 ? other_length(one) : length(one));
            auto const first = co_await every.tick();
            auto const second = co_await every.tick();
            auto const third = co_await every.tick();
            if (second - first != every.period() || third - second != every.period())
                record->fault("node " + std::to_string(one.id) + ": its ticks are not a period apart");
            break;
        }
        case kind::hop:
            co_await thread_outside().hop();
            break;
        case kind::who:
            check_task(one, around);
            break;
        default:
            break;
    }
    co_return mix(start_of(one), 0);
}

// The functions may outlive the run: they own all that they use.
task<value> interpreter::on_thread(node const& one, surroundings around) const {
    bool const fails = one.what == kind::thread_fails || (one.what == kind::elsewhere && one.variant % 4 == 3);
    bool const on_runtime = one.what == kind::elsewhere;
    auto function = [kept = record, id = one.id, expected = around.context, fails, on_runtime]() -> value {
        if (on_worker()) kept->fault("a function runs on a worker");
        if (variable.get() != expected) kept->fault("a function finds another's value of the context variable");
        if (on_runtime) return other_runtime().run(task_elsewhere(fails, id));
        if (fails) fail(id);
        return 0;
    };
    value const given = co_await to_thread(std::move(function));
    co_return mix(start_of(one), given);
}

// ---- With one

task<value> interpreter::guarded(node const& one, surroundings around) const {
    std::exception_ptr thrown;
    value result = 0;
    try {
        result = co_await run(one[0], around);
    } catch (...) {
        thrown = std::current_exception();
    }
    if (!thrown) co_return mix(start_of(one), result);
    code const number = code_of(thrown);
    if (one.what == kind::guarded) co_return mix(start_of(one), outcome::failure(number).as_value());
    if (number == code_cancelled) {
        if (one.what == kind::replaced) fail(one.id);
        co_await sleep(length(one));
    }
    std::rethrow_exception(thrown);
}

task<value> interpreter::context_scoped(node const& one, surroundings around) const {
    around.context = 1 + one.id;
    auto const here = variable.scoped(around.context);
    co_return mix(start_of(one), co_await run(one[0], around));
}

task<value> interpreter::spawned(node const& one, surroundings around) const {
    value const own = start_of(one);
    switch (one.what) {
        case kind::spawn_await:
            co_return mix(own, co_await spawn([](interpreter const* self, node const* child,
                                                 surroundings its) -> task<value> { co_return co_await self->run(*child, its); },
                                              this, &one[0], around));
        case kind::spawn_named: {
            around.name = static_cast<int>(one.id);
            auto const handle = spawn(run(one[0], around), {.name = "node " + std::to_string(one.id)});
            co_return mix(own, co_await handle);
        }
        case kind::spawn_twice: {
            auto const handle = spawn(run(one[0], around));
            value const first = co_await handle;
            value const second = co_await handle;
            co_return mix(mix(own, first), second);
        }
        case kind::spawn_detached:
            spawn(run(one[0], around));
            co_return own;
        case kind::spawn_cancels_itself:
        case kind::spawn_takes_back: {
            auto const body = [](interpreter const* self, node const* of, surroundings its) -> task<value> {
                task_ref const me = current_task();
                if (!me.cancel()) self->record->fault("a task that runs could not be cancelled");
                if (of->what == kind::spawn_takes_back && me.uncancel() < 0) self->record->fault("more was taken back than asked");
                co_return co_await self->run((*of)[0], its);
            };
            around.name = -1;
            co_return mix(own, co_await spawn(body, this, &one, around));
        }
        case kind::context_set: {
            around.context = 1 + one.id;
            auto const body = [](interpreter const* self, node const* child, surroundings its) -> task<value> {
                auto const before = variable.get();
                auto token = variable.set(its.context);
                value const result = co_await self->run(*child, its);
                variable.reset(std::move(token));
                if (variable.get() != before) self->record->fault("a context variable that was reset has not its old value");
                co_return result;
            };
            co_return mix(own, co_await spawn(body, this, &one[0], around));
        }
        default:
            co_return mix(own, co_await shield(run(one[0], around)));
    }
}

task<value> interpreter::act(node const& one, surroundings around) const {
    switch (one.what) {
        case kind::thread:
        case kind::thread_fails:
        case kind::elsewhere:
            return on_thread(one, around);
        case kind::guarded:
        case kind::cleanup:
        case kind::replaced:
            return guarded(one, around);
        case kind::context_scoped:
            return context_scoped(one, around);
        case kind::spawn_await:
        case kind::spawn_named:
        case kind::spawn_twice:
        case kind::spawn_detached:
        case kind::spawn_cancels_itself:
        case kind::spawn_takes_back:
        case kind::context_set:
        case kind::shielded:
            return spawned(one, {around.context, -1});
        case kind::spawn_look:
            return spawn_look(one, {around.context, -1});
        case kind::spawn_shared:
            return spawn_shared(one, {around.context, -1});
        case kind::spawn_around:
            return spawn_around(one, around);
        case kind::spawn_cancelled:
            return spawn_cancelled(one, {around.context, -1});
        case kind::shielded_handle:
            return shielded_handle(one, {around.context, -1});
        case kind::wait_for:
            return within(one, around);
        case kind::time_limit:
            return time_limit(one, around);
        case kind::sequence:
            return sequence(one, around);
        case kind::gather_tuple:
        case kind::gather_vector:
        case kind::gather_handles:
        case kind::gather_limit:
            return gathered(one, around);
        case kind::gather_mixed:
            return gather_mixed(one, around);
        case kind::gather_void:
            return gather_void(one, around);
        case kind::gather_wide:
            return gather_wide(one, around);
        case kind::results_tuple:
        case kind::results_vector:
        case kind::results_limit:
            return with_results(one, around);
        case kind::first_tuple:
        case kind::first_vector:
            return first_of(one, around);
        case kind::wait:
            return waited(one, {around.context, -1});
        case kind::as_completed:
            return completed(one, {around.context, -1});
        case kind::group:
            return grouped(one, around);
        default:
            return leaf(one, around);
    }
}

}  // namespace weft::test
