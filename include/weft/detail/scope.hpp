// SPDX-License-Identifier: MIT
// For whom a coroutine runs, and so, what cancels it. lib/README.md, "Cancellation".
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/detail/config.hpp>

namespace weft::detail {

struct promise_base;
struct inner_scope;
struct time_limit;

// How many requests to cancel have been made, in a task or scope, or have come to a coroutine. Only differences count.
using request_count = std::uint16_t;

// A spawned task, or a scope inside one: one word, which awaited and gathered coroutines inherit.
class scope_ref {
public:
    scope_ref() noexcept = default;
    explicit scope_ref(promise_base* task) noexcept : word_(reinterpret_cast<std::uintptr_t>(task)) {}
    explicit scope_ref(inner_scope* scope) noexcept : word_(reinterpret_cast<std::uintptr_t>(scope) | is_inner) {}

    // The scope inside a task; null: the whole task.
    [[nodiscard]] inner_scope* inner() const noexcept {
        return word_ & is_inner ? reinterpret_cast<inner_scope*>(word_ & ~is_inner) : nullptr;
    }
    [[nodiscard]] promise_base* task() const noexcept;

    friend bool operator==(scope_ref, scope_ref) = default;

private:
    static constexpr std::uintptr_t is_inner = 1;

    std::uintptr_t word_;
};

// A part of a task that can be cancelled by itself. It lives in a frame of that task, and everything that runs in it has ended
// before it does.
struct inner_scope {
    inner_scope() noexcept = default;
    inner_scope(inner_scope const&) = delete;
    inner_scope& operator=(inner_scope const&) = delete;

    scope_ref outer;
    promise_base* task = nullptr;
    void* frame = nullptr;             // of the coroutine that has entered it
    std::uint32_t outer_requests = 0;  // how many had been made around it, and not been taken back, when it was entered
    std::atomic<request_count> requests{0};   // written with the task's suspensions locked
    // Of these, to the coroutines inside. relaxed: who is told writes it, and children of a gather may be told at the same time; who
    // leaves the scope reads it when these have ended.
    std::atomic<request_count> delivered{0};
    // Of a time limit; written with the task's suspensions locked.
    time_limit* limit = nullptr;
    bool limit_started = false;  // its timer is armed, or was
    bool binds = false;          // it is a bound_scope (context_var.hpp)
};

inline promise_base* scope_ref::task() const noexcept {
    return word_ & is_inner ? reinterpret_cast<inner_scope const*>(word_ & ~is_inner)->task : reinterpret_cast<promise_base*>(word_);
}

}  // namespace weft::detail
