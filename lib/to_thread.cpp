// SPDX-License-Identifier: MIT
// How a task waits for a function on a thread of the pool. lib/README.md, "Blocking functions", has the protocol.
#include <weft/to_thread.hpp>

#include <atomic>
#include <memory>
#include <utility>

#include "cancellation.hpp"
#include "context.hpp"
#include "runtime_core.hpp"
#include "task_core.hpp"
#include "thread_pool.hpp"

namespace weft::detail {

namespace {

bool run_function(pool_job& begun) noexcept {
    auto& function = static_cast<thread_job&>(begun);
    exchange_thread_context(std::static_pointer_cast<context const>(std::move(function.values)));
    function.call_function(function);
    exchange_thread_context(nullptr);
    // Who cancels the awaiting coroutine does the same (abandon, in lib/cancel_request.cpp). Of the two one succeeds.
    //   acquire, for failure. Pairs with: abandon. Makes visible: that the other one is done with the job. If weaker: it is freed
    // while the other still looks whether it is in the queue.
    //   Success needs no order: with it nobody but this thread resumes the coroutine, and the job is there until then; what the
    // function has come to is published by scheduling the coroutine. Who cancels, and fails, touches the job no more.
    auto reached = thread_job::stage::awaited;
    if (function.reached.compare_exchange_strong(reached, thread_job::stage::ended, std::memory_order_acquire)) return true;
    function.destroy(function);
    return false;
}

void tell_of_end(pool_job& ended) noexcept {
    schedule_expected(*static_cast<thread_job&>(ended).awaiting);
}

}  // namespace

thread_job::thread_job(part call_it, part destroy_it) noexcept
    : pool_job{&run_function, &tell_of_end}, call_function(call_it), destroy(destroy_it) {}

void suspend_for_function(thread_wait& wait, promise_base& awaiting) {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    thread_pool& threads = here.scope.task()->group->core().threads;
    thread_job& function = *wait.job;
    function.awaiting = &awaiting;
    if (may_inherit_context(here)) function.values = context_here();
    threads.expect();
    bool pushed = false;
    thread_pool::seat* to_wake = nullptr;
    suspend_cancellably(here, awaiting, wait, [&](bool) {
        here.pool().expect_job();
        to_wake = threads.push(function);
        pushed = true;
        return true;
    });
    // The coroutine, its run and the job may be gone. The pool is there: this worker has not ended.
    if (pushed)
        thread_pool::wake(to_wake);
    else
        threads.expect_no_more();
}

}  // namespace weft::detail
