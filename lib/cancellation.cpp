// SPDX-License-Identifier: MIT
// What has been asked, in which scope, and how a coroutine hears of it. lib/README.md, "Cancellation", has the protocol and why it
// is right.
#include "cancellation.hpp"

#include <algorithm>

#include <weft/detail/join.hpp>
#include <weft/error.hpp>

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

// Of a coroutine that runs in `scope` and has seen so many. A scope's `delivered` is that of all children of a gather: to one that is
// told later than another, too few seem to be the task's. That does no harm: such a scope is left when both have ended.
// relaxed: what is taken back at this moment may count or not.
told_so_far told_of(scope_ref scope, request_count seen) noexcept {
    told_so_far told;
    told.open = static_cast<request_count>(seen - scope.task()->taken_back.load(std::memory_order_relaxed));
    unsigned of_task = told.open;
    std::uint32_t bit = 1;
    for (inner_scope const* inner = scope.inner(); inner; inner = scope.inner(), bit <<= 1) {
        request_count const delivered = inner->delivered.load(std::memory_order_relaxed);
        of_task -= delivered;
        if (delivered != 0) told.of_scopes |= bit;
        scope = inner->outer;
    }
    told.of_task = static_cast<request_count>(of_task);
    return told;
}

bool more(request_count now, request_count before) noexcept {
    return static_cast<std::int16_t>(now - before) > 0;
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

told_so_far told_here() noexcept {
    WEFT_COMPILER_BARRIER();
    worker const& here = *this_worker;
    return told_of(here.scope, here.seen);
}

told_request told_since(told_so_far const& before, inner_scope const& entered) noexcept {
    WEFT_COMPILER_BARRIER();
    unsigned const seen = this_worker->seen - unsigned{entered.delivered.load(std::memory_order_relaxed)};
    told_so_far const now = told_of(entered.outer, static_cast<request_count>(seen));
    if (!more(now.open, before.open)) return {};
    told_request told{.any = true};
    if (more(now.of_task, before.of_task)) return told;
    std::uint32_t left = now.of_scopes & ~before.of_scopes;
    scope_ref scope = entered.outer;
    for (inner_scope* inner = scope.inner(); inner && left != 0; inner = scope.inner(), left >>= 1) {
        if (left & 1) told.scope = inner;
        scope = inner->outer;
    }
    return told;
}

void tell_again(told_request request) noexcept {
    WEFT_COMPILER_BARRIER();
    --this_worker->seen;
    if (request.scope) request.scope->delivered.fetch_sub(1, std::memory_order_relaxed);
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
    // That it is no timeout may be due to what has come since: with that told, too.
    throw_cancelled();
}

}  // namespace

void throw_cancelled() {
    WEFT_COMPILER_BARRIER();
    worker& here = *this_worker;
    here.seen = note_delivery(here.scope);
    throw cancelled();
}

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
