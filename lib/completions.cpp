// SPDX-License-Identifier: MIT
// lib/README.md, "Ends as they come".
#include <weft/detail/completions.hpp>

#include <cassert>
#include <span>
#include <thread>
#include <utility>

#include <weft/detail/turn.hpp>
#include <weft/error.hpp>

#include "cancellation.hpp"
#include "runtime_core.hpp"

namespace weft::detail {

completions::completions(std::size_t count) : ends_(std::make_unique<watched_end[]>(count)), count_(count) {
    WEFT_COMPILER_BARRIER();
    if (!this_worker)
        throw no_current_runtime("weft::as_completed: this thread is no worker; call it inside a task, or submit one that does");
}

completions::~completions() {
    for (watched_end& end : std::span(ends_.get(), count_)) {
        if (!end.owner) continue;
        {
            waiter_list::guard others(end.awaited->waiters);
            if (others.first() != &ended_mark) {
                others.remove(end);
                continue;
            }
        }
        // Whoever has ended the task is telling those who await it, and comes to this one in a moment.
        for (;;) {
            {
                end_list::guard const come(come_);
                if (end.has_come) break;
            }
            std::this_thread::yield();
        }
    }
}

void completions::watch(std::size_t index, promise_base& task) noexcept {
    WEFT_COMPILER_BARRIER();
    watched_end& end = ends_[index];
    end.awaited = &task;
    end.owner = this;
    {
        waiter_list::guard others(task.waiters);
        if (others.first() != &ended_mark) {
            // As in wait_for_end.
            worker const& here = *this_worker;
            if (here.pool().clock.paused() && &task.group->core().pool != &here.pool()) foreign_ = true;
            others.add(end);
            return;
        }
    }
    come(end);
}

void completions::come(watched_end& end) noexcept {
    completion_wait* asking = nullptr;
    bool foreign = false;
    {
        end_list::guard come(come_);
        come.add(end);
        end.has_come = true;
        asking = std::exchange(waiting_, nullptr);
        foreign = asking && foreign_;  // who waits has watched all before
    }
    // From here on this may be gone.
    if (!asking) return;
    promise_base& coroutine = promise_of(asking->coroutine.address());
    if (foreign)
        schedule_from_abroad(coroutine);
    else
        schedule(coroutine);
}

bool completions::take_waiting() noexcept {
    end_list::guard const come(come_);
    return std::exchange(waiting_, nullptr) != nullptr;
}

void completions::put_in_line() noexcept {
    watched_end* newest = nullptr;
    {
        end_list::guard come(come_);
        newest = come.exchange(nullptr);
    }
    for (; newest; newest = newest->of_come.next) newest->next = std::exchange(line_, newest);
}

bool completions::ready() noexcept {
    WEFT_COMPILER_BARRIER();
    if (!line_) put_in_line();
    return line_ && !must_let_others_go();
}

bool completions::suspend(completion_wait& node, promise_base& asking) noexcept {
    WEFT_COMPILER_BARRIER();
    if (line_) {
        let_others_go(asking);
        return true;
    }
    worker& here = *this_worker;
    node.of_other_runtime = foreign_;
    return suspend_cancellably(here, asking, node, [&](bool) {
        end_list::guard const come(come_);
        if (come.first()) return false;
        if (foreign_) here.pool().expect_foreign();
        waiting_ = &node;
        return true;
    });
}

std::optional<std::size_t> completions::try_next() noexcept {
    if (!line_) put_in_line();
    if (!line_) return std::nullopt;
    return take();
}

std::size_t completions::take() noexcept {
    if (!line_) put_in_line();
    assert(line_);
    watched_end& oldest = *std::exchange(line_, line_->next);
    // Its task may go with the handle from now on.
    oldest.owner = nullptr;
    return static_cast<std::size_t>(&oldest - ends_.get());
}

}  // namespace weft::detail
