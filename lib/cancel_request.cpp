// SPDX-License-Identifier: MIT
// Requests to cancel, from who asks to who is woken. lib/README.md, "Cancellation", has the protocol and why it is right.
#include "cancellation.hpp"

#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <weft/detail/completions.hpp>
#include <weft/detail/thread_job.hpp>

#include "run_group.hpp"
#include "runtime_core.hpp"
#include "thread_pool.hpp"

namespace weft::detail {

namespace {

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
    // looked at it for the last time. If weaker: it is freed while `remove` still looks whether it is in the queue. Failure is
    // relaxed: the coroutine frees the job, and must have had the task's list locked first.
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

}  // namespace weft::detail
