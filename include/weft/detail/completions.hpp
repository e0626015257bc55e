// SPDX-License-Identifier: MIT
// What stands behind as_completed: the ends of several tasks, as they come.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>

#include <weft/detail/config.hpp>
#include <weft/detail/locked_list.hpp>
#include <weft/detail/promise.hpp>
#include <weft/detail/waiter.hpp>

namespace weft::detail {

class completions;

// Stands in the list of those who await a task, in the place of a coroutine.
struct watched_end : waiter {
    watched_end() noexcept { watched = true; }

    completions* owner = nullptr;  // null: not watched yet, or given to who asks
    list_hook<watched_end> of_come{};
    watched_end* next = nullptr;  // in line_
    bool has_come = false;        // written and read with come_ locked
};

// A coroutine that waits for the next of them.
struct completion_wait : suspension {
    explicit completion_wait(completions& from) noexcept : suspension(waits_for::completion), source(from) {}

    completions& source;
};

// One coroutine at a time asks for the next end. Each task is kept alive by who owns this until it has been given. lib/README.md,
// "Ends as they come".
class WEFT_API completions {
public:
    // Throws no_current_runtime outside a worker, std::bad_alloc.
    WEFT_NOIPA explicit completions(std::size_t count);
    completions(completions const&) = delete;
    completions& operator=(completions const&) = delete;
    ~completions();

    // Each index once, before anybody asks; on a worker.
    WEFT_NOIPA void watch(std::size_t index, promise_base& task) noexcept;

    // co_await next(): the index of the next task that has ended. There must be one left.
    class awaiter;
    [[nodiscard]] awaiter next() noexcept;
    // The same if there is one that has ended, without waiting.
    [[nodiscard]] std::optional<std::size_t> try_next() noexcept;

    // By the worker on which a watched task ends.
    void come(watched_end& end) noexcept;
    // Who waits is cancelled. False: it is about to go on.
    [[nodiscard]] bool take_waiting() noexcept;
    // Calls visit(promise_base&) for the coroutine that waits, if there is one, which does not go on meanwhile.
    template <class Visit>
    void visit_waiting(Visit visit) {
        end_list::guard const come(come_);
        if (waiting_) visit(promise_of(waiting_->coroutine.address()));
    }

private:
    using end_list = locked_list<watched_end, &watched_end::of_come>;

    // Whether one has come and nobody else is to go first.
    [[nodiscard]] WEFT_NOIPA bool ready() noexcept;
    // False: one has come meanwhile.
    [[nodiscard]] WEFT_NOIPA bool suspend(completion_wait& node, promise_base& asking) noexcept;
    [[nodiscard]] std::size_t take() noexcept;
    void put_in_line() noexcept;

    std::unique_ptr<watched_end[]> const ends_;
    std::size_t const count_;
    bool foreign_ = false;                // under a paused clock only: some are tasks of another runtime
    end_list come_;                       // since who asks looked last, the newest first
    completion_wait* waiting_ = nullptr;  // with come_ locked
    watched_end* line_ = nullptr;         // of who asks: those that came before, the oldest first
};

class completions::awaiter {
public:
    using weft_native_awaitable = void;

    explicit awaiter(completions& from) noexcept : node_(from) {}

    bool await_ready() noexcept { return node_.source.ready(); }
    template <class Promise>
    WEFT_NOINLINE_SUSPEND bool await_suspend(std::coroutine_handle<Promise> asking) noexcept {
        static_assert(std::derived_from<Promise, promise_base>, "weft::as_completed can be awaited only in a weft::task");
        return node_.source.suspend(node_, asking.promise());
    }
    std::size_t await_resume() {
        if (node_.coroutine) resumed(node_);
        return node_.source.take();
    }

private:
    completion_wait node_;
};

inline completions::awaiter completions::next() noexcept {
    return awaiter(*this);
}

}  // namespace weft::detail
