// SPDX-License-Identifier: MIT
// lib/README.md, "Cancellation", has the protocol and why it is right.
#include "cancellation.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <unordered_map>
#include <vector>

#include <weft/detail/completions.hpp>
#include <weft/detail/join.hpp>
#include <weft/detail/thread_job.hpp>
#include <weft/error.hpp>

#include "run_group.hpp"
#include "runtime_core.hpp"
#include "thread_pool.hpp"

namespace weft::detail {

bool is_cancelled(std::exception_ptr const& exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (cancelled const&) {
        return true;
    } catch (...) {
        return false;
    }
}

// ---- Requests

namespace {

// release. Pairs with: cancelling.
void count_one(std::atomic<request_count>& count) noexcept {
    count.store(static_cast<request_count>(count.load(std::memory_order_relaxed) + 1), std::memory_order_release);
}

// More that nobody has taken back are not counted.
constexpr int most_requests = 30'000;

}  // namespace

void count_request(promise_base& task) noexcept {
    if (cancelling(task) < most_requests) count_one(task.requests);
}

namespace {

// False: it has ended.
bool count_unless_ended(promise_base& task) noexcept {
    waiter_list::guard const waiters(task.waiters);
    if (waiters.first() == &ended_mark) return false;
    count_request(task);
    return true;
}

bool is_inside(scope_ref scope, scope_ref whole) noexcept {
    for (;;) {
        if (scope == whole) return true;
        inner_scope const* const inner = scope.inner();
        if (!inner) return false;
        scope = inner->outer;
    }
}

// What awaits a function on another thread: the function never begins, or goes on for nobody. False: it has ended.
bool abandon(thread_pool& threads, thread_wait& wait) noexcept {
    // The job stays with the waiting coroutine.
    if (threads.remove(*wait.job)) return true;
    // Success is release. Pairs with: run_function (lib/to_thread.cpp), which frees the job then. Makes visible: that this side has
    // looked at it for the last time. Failure is relaxed: the coroutine frees the job, and must have had the task's list locked
    // first.
    auto reached = thread_job::stage::awaited;
    if (!wait.job->reached.compare_exchange_strong(reached, thread_job::stage::abandoned, std::memory_order_release,
                                                   std::memory_order_relaxed))
        return false;
    static_cast<void>(wait.job.release());
    return true;
}

// With the list of its task locked. True: nobody else resumes it any more. False: it is about to go on anyway.
bool take_from_source(runtime_core& core, suspension& node) noexcept {
    if (node.kind == waits_for::timer) return core.pool.timers.disarm(static_cast<timer_entry&>(node));
    if (node.kind == waits_for::completion) return static_cast<completion_wait&>(node).source.take_waiting();
    if (node.kind == waits_for::function) return abandon(core.threads, static_cast<thread_wait&>(node));
    auto& waiting = static_cast<waiter&>(node);
    waiter_list::guard others(waiting.awaited->waiters);
    if (others.first() == &ended_mark) return false;
    others.remove(waiting);
    return true;
}

}  // namespace

// One request to cancel, on its way. Who awaits a task passes it on to that, and from there it goes on, depth first, to each task
// once. Where it comes to a coroutine that awaits a task on this very way, the tasks await each other in a circle, and that
// coroutine is woken at once.
class request {
public:
    // Without forwarding, who awaits a task is woken at once, like everybody else.
    explicit request(bool forwarding) noexcept : forwarding_(forwarding) {}
    request(request const&) = delete;
    request& operator=(request const&) = delete;
    ~request() {
        for (auto const& each : reached_) drop_reference(*each.first);
    }

    // False: it has ended.
    bool cancel(promise_base& task) noexcept {
        root_ = &task;
        {
            suspension_list::guard list(task.suspensions);
            if (!count_unless_ended(task)) return false;
            interrupt(list, scope_ref(&task));
        }
        go_on();
        return true;
    }
    // The same, but it has been counted. The task may have ended meanwhile.
    void tell(promise_base& task) noexcept {
        root_ = &task;
        tell_one(task);
        go_on();
    }

    // The first half of cancelling a scope. Once it returns, the scope may be left.
    void count_in(inner_scope& scope) noexcept {
        suspension_list::guard list(scope.task->suspensions);
        count_one(scope.requests);
        interrupt(list, scope_ref(&scope));
    }
    void go_on() noexcept {
        wake();
        while (!next_.empty()) {
            promise_base& task = *next_.back();
            progress& of = reached_.find(&task)->second;
            if (of == progress::ahead) {
                of = progress::on_the_way;
                tell_one(task);
            } else {
                // All that lies beyond it has been reached.
                of = progress::behind;
                next_.pop_back();
            }
        }
    }

private:
    enum class progress { found, ahead, on_the_way, behind };

    void tell_one(promise_base& task) noexcept {
        {
            suspension_list::guard list(task.suspensions);
            interrupt(list, scope_ref(&task));
        }
        wake();
    }

    // Goes to all who wait in `scope`, with the list of its task locked.
    void interrupt(suspension_list::guard& list, scope_ref scope) noexcept {
        suspension* following = nullptr;
        for (suspension* node = list.first(); node; node = following) {
            following = node->of_task.next;
            promise_base const& waiting = promise_of(node->coroutine.address());
            scope_ref const its = waiting.scope;
            if (!is_inside(its, scope)) continue;
            // It may have heard of it already, and be putting things in order.
            request_count const asked = requests_in(its);
            if (asked == (node->kind == waits_for::forwarded ? node->forwarded_seen : waiting.seen)) continue;
            if (node->kind == waits_for::task_end || node->kind == waits_for::forwarded) {
                passing const passed = forward(*static_cast<waiter*>(node)->awaited);
                if (passed == passing::done) note_forwarding(*node, its, asked);
                if (passed != passing::impossible) continue;
            }
            if (!take_from_source(scope.task()->group->core(), *node)) continue;
            list.remove(*node);
            node->listed = false;
            // The list has the newest first: the oldest is to be woken first.
            node->of_task.next = woken_;
            woken_ = node;
        }
    }

    enum class passing { done, too_late, impossible };  // too late: who waits is about to go on, and finds the request

    // Counts it with the awaited task at once: by the time that it gets there, that might have ended, and nobody would ever hear of
    // it.
    passing forward(promise_base& awaited) noexcept {
        if (has_ended(awaited)) return passing::too_late;
        if (!forwarding_ || &awaited == root_) return passing::impossible;
        try {
            auto const [place, is_new] = reached_.try_emplace(&awaited, progress::found);
            // relaxed: until the list is unlocked, the handle that is awaited keeps one.
            if (is_new) awaited.references.fetch_add(1, std::memory_order_relaxed);
            progress& of = place->second;
            if (of == progress::on_the_way) return passing::impossible;
            if (of == progress::behind) return passing::done;
            next_.push_back(&awaited);
            if (std::exchange(of, progress::ahead) == progress::found && !count_unless_ended(awaited)) return passing::too_late;
            return passing::done;
        } catch (std::bad_alloc const&) {
            return passing::impossible;
        }
    }

    // With no list locked.
    void wake() noexcept {
        while (woken_) {
            // Once it is scheduled, the node may be gone.
            suspension& node = *woken_;
            woken_ = node.of_task.next;
            promise_base& waiting = promise_of(node.coroutine.address());
            if (node.kind == waits_for::function)
                schedule_expected(waiting);
            else
                schedule_cancelled(waiting, node.of_other_runtime);
        }
    }

    bool const forwarding_;
    promise_base* root_ = nullptr;
    suspension* woken_ = nullptr;
    std::vector<promise_base*> next_;  // a task may stand here twice; the upper one counts
    std::unordered_map<promise_base*, progress> reached_;  // each with a reference
};

bool request_cancel(promise_base& task) noexcept {
    WEFT_COMPILER_BARRIER();
    return request(true).cancel(task);
}

void tell_of_request(promise_base& task) noexcept {
    WEFT_COMPILER_BARRIER();
    request(true).tell(task);
}

void cancel_scope(inner_scope& scope, void (*counted)(inner_scope&) noexcept) noexcept {
    request asked(true);
    asked.count_in(scope);
    counted(scope);
    asked.go_on();
}

void cancel_scope(inner_scope& scope) noexcept {
    WEFT_COMPILER_BARRIER();
    cancel_scope(scope, [](inner_scope&) noexcept {});
}

// In two walks: first each task is asked, then each is woken. Else one that hears of it by another's end might be in the middle of
// putting things in order when its own turn comes.
void cancel_tasks_of(run_group& group) noexcept {
    WEFT_COMPILER_BARRIER();
    group.begin_cancelling();
    task_registry& tasks = group.core().tasks;
    tasks.visit_from(0, [&](promise_base& task) {
        if (task.group == &group) static_cast<void>(count_unless_ended(task));
        return true;
    });
    std::array<promise_base*, 256> some;
    for (std::size_t from = 0; from != tasks.end();) {
        std::size_t count = 0;
        from = tasks.visit_from(from, [&](promise_base& task) {
            if (count == some.size()) return false;
            if (task.group != &group) return true;
            task.references.fetch_add(1, std::memory_order_relaxed);  // the runtime has one as long as it is visited
            some[count++] = &task;
            return true;
        });
        for (promise_base* const task : std::span(some).first(count)) {
            // Those that await each other need not wait for each other: all are cancelled.
            request(false).tell(*task);
            drop_reference(*task);
        }
    }
}

// ---- Counts

namespace {

// Requests around a scope that nobody has taken back.
std::uint32_t open_requests_around(inner_scope const& scope) noexcept {
    std::uint32_t sum = 0;
    scope_ref around = scope.outer;
    for (inner_scope const* inner = around.inner(); inner; inner = around.inner()) {
        sum += inner->requests.load(std::memory_order_relaxed);
        around = inner->outer;
    }
    return sum + static_cast<std::uint32_t>(cancelling(*around.task()));
}

}  // namespace

request_count note_delivery(scope_ref scope) noexcept {
    unsigned sum = 0;
    for (inner_scope* inner = scope.inner(); inner; inner = scope.inner()) {
        // Read once: another request may come in between.
        request_count const requests = inner->requests.load(std::memory_order_relaxed);
        inner->delivered.store(requests, std::memory_order_relaxed);
        sum += requests;
        scope = inner->outer;
    }
    return static_cast<request_count>(sum + scope.task()->requests.load(std::memory_order_relaxed));
}

int cancelling(promise_base const& task) noexcept {
    // In this order; acquire pairs with count_one: what was taken back had been asked before, so there is never less asked than
    // taken.
    request_count const taken_back = task.taken_back.load(std::memory_order_acquire);
    return static_cast<request_count>(task.requests.load(std::memory_order_relaxed) - taken_back);
}

int uncancel(promise_base& task) noexcept {
    WEFT_COMPILER_BARRIER();
    suspension_list::guard const list(task.suspensions);
    waiter_list::guard const waiters(task.waiters);
    int const open = cancelling(task);
    if (open == 0) return 0;
    count_one(task.taken_back);
    worker* const here = this_worker;
    if (open == 1 && here && here->scope.task() == &task) {
        // None is left: one that has not come yet does not come any more. Those of scopes inside the task stay.
        unsigned pending_inside = 0;
        scope_ref scope = here->scope;
        for (inner_scope const* inner = scope.inner(); inner; inner = scope.inner()) {
            pending_inside += static_cast<request_count>(inner->requests.load(std::memory_order_relaxed) -
                                                         inner->delivered.load(std::memory_order_relaxed));
            scope = inner->outer;
        }
        here->seen = static_cast<request_count>(requests_in(here->scope) - pending_inside);
    }
    return open - 1;
}

bool cancelled_around(inner_scope const& scope) noexcept {
    return open_requests_around(scope) > scope.outer_requests;
}

void cancel_again() noexcept {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    // It has not been told yet, and will be.
    if (requests_in(here.scope) != here.seen) return;
    --here.seen;
    // A request of the task itself, or of the scope nearest to it that has one: with that it goes, when it is left.
    if (cancelling(*here.scope.task()) > 0) return;
    inner_scope* asked = nullptr;
    scope_ref scope = here.scope;
    for (inner_scope* inner = scope.inner(); inner; inner = scope.inner()) {
        if (inner->delivered.load(std::memory_order_relaxed) != 0) asked = inner;
        scope = inner->outer;
    }
    if (asked) asked->delivered.fetch_sub(1, std::memory_order_relaxed);
}

// ---- Scopes

void enter(worker& here, inner_scope& scope, void* frame) noexcept {
    scope.outer = here.scope;
    scope.task = here.scope.task();
    scope.frame = frame;
    // What has been asked but has not come yet is still to come; a request that comes between the two looks is, too.
    std::uint32_t const open = open_requests_around(scope);
    std::uint32_t const unseen = static_cast<request_count>(requests_in(here.scope) - here.seen);
    scope.outer_requests = open - std::min(open, unseen);
    here.scope = scope_ref(&scope);
}

void leave(worker& here, inner_scope& scope) noexcept {
    assert(here.scope == scope_ref(&scope));
    // What has not come yet: that of the scope itself is forgotten, that of those around it is not.
    request_count const around = requests_in(scope.outer);
    request_count const requests = scope.requests.load(std::memory_order_relaxed);
    unsigned const unseen = static_cast<request_count>(around + requests - here.seen);
    unsigned const unseen_inside = static_cast<request_count>(requests - scope.delivered.load(std::memory_order_relaxed));
    here.scope = scope.outer;
    here.seen = static_cast<request_count>(around - (unseen - unseen_inside));
}

void enter_scope(inner_scope& scope) noexcept {
    WEFT_COMPILER_BARRIER();
    enter(*this_worker, scope, nullptr);
}

void leave_scope(inner_scope& scope) noexcept {
    WEFT_COMPILER_BARRIER();
    leave(*this_worker, scope);
}

// ---- Delivery

namespace {

// Whether a limit that this coroutine has made has passed, and nothing has been asked from outside it meanwhile.
bool own_limit_passed(scope_ref scope, promise_base& coroutine) noexcept {
    void* const frame = handle_of(coroutine).address();
    for (inner_scope const* inner = scope.inner(); inner; inner = scope.inner()) {
        if (inner->frame == frame && inner->requests.load(std::memory_order_relaxed) != 0 && !cancelled_around(*inner)) return true;
        scope = inner->outer;
    }
    return false;
}

[[noreturn]] WEFT_NOINLINE void throw_timeout() {
    throw timeout_error("weft::timeout: the time limit has passed");
}

[[noreturn]] WEFT_NOINLINE void deliver(worker& here, promise_base& to) {
    here.seen = note_delivery(here.scope);
    if (own_limit_passed(here.scope, to)) throw_timeout();
    throw cancelled();
}

}  // namespace

void resumed(suspension& node) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (node.listed) {
        suspension_list::guard list(here.scope.task()->suspensions);
        list.remove(node);
        if (node.kind == waits_for::forwarded) [[unlikely]] here.seen = node.forwarded_seen;
    }
    if (requests_in(here.scope) != here.seen) [[unlikely]] deliver(here, promise_of(node.coroutine.address()));
}

void resumed(promise_base& coroutine) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (requests_in(here.scope) != here.seen) [[unlikely]] deliver(here, coroutine);
}

void rethrow_to(promise_base& awaiting, std::exception_ptr const& exception) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    if (!exception) deliver(here, awaiting);
    if (own_limit_passed(here.scope, awaiting) && is_cancelled(exception)) throw_timeout();
    std::rethrow_exception(exception);
}

void rethrow(promise_base const& failed) {
    if (failed.role == role::awaited) rethrow_to(promise_of(failed.link), failed.exception);
    std::rethrow_exception(failed.exception);
}

bool note_cancellation(join& joined) noexcept {
    promise_base& parent = *joined.parent;
    if (requests_in(parent.scope) == parent.seen) [[likely]] return false;
    parent.seen = note_delivery(parent.scope);
    // relaxed: the children's ends happen before this, and nobody else looks.
    joined.first_failed.fetch_or(join::parent_cancelled, std::memory_order_relaxed);
    return true;
}

}  // namespace weft::detail
