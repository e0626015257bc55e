// SPDX-License-Identifier: MIT
// context_var: a value that belongs to a task, and that the tasks it spawns inherit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weft/detail/entered_scope.hpp>
#include <weft/detail/scope.hpp>
#include <weft/error.hpp>

namespace weft {

template <class Value>
class context_var;

namespace detail {

// Variables are known by a number: an address may be used again by another one.
[[nodiscard]] WEFT_API std::uint64_t new_context_variable() noexcept;

// The value that holds where the caller runs; null: none.
[[nodiscard]] WEFT_API WEFT_NOIPA std::shared_ptr<void const> context_value(std::uint64_t variable) noexcept;
// Puts another in its place, or none, and returns what it was. Throws std::bad_alloc.
WEFT_API WEFT_NOIPA std::shared_ptr<void const> set_context_value(std::uint64_t variable, std::shared_ptr<void const> value);
// What has that value: a scoped block, a task, or a thread.
[[nodiscard]] WEFT_API WEFT_NOIPA void const* context_place(std::uint64_t variable) noexcept;

[[noreturn]] WEFT_API WEFT_NOINLINE void throw_no_context_value(std::string const& name);
struct context_change {
    std::uint64_t variable;  // 0: moved from, or used
    void const* place;
    std::shared_ptr<void const> before;
};
// Throws std::invalid_argument, invalid_state, std::bad_alloc.
WEFT_API void undo_context_change(context_change change, std::uint64_t variable, std::string const& name);

// A value that holds as long as this lives, for what runs inside.
struct bound_scope : inner_scope {
    WEFT_API WEFT_NOIPA bound_scope(std::uint64_t for_variable, std::shared_ptr<void const> bound);
    WEFT_API WEFT_NOIPA ~bound_scope();

    std::uint64_t const variable;
    std::shared_ptr<void const> value;  // in a task: read and written with that task's suspensions locked
};

}  // namespace detail

// What context_var::set returns: for reset, which gives the variable back the value that it had before.
template <class Value>
class context_token {
public:
    context_token(context_token&& other) noexcept
        : change_{std::exchange(other.change_.variable, 0), other.change_.place, std::move(other.change_.before)} {}
    context_token& operator=(context_token&&) = delete;
    ~context_token() = default;

private:
    friend context_var<Value>;
    explicit context_token(detail::context_change change) noexcept : change_(std::move(change)) {}

    detail::context_change change_;
};

// A value that holds for a block of a coroutine, and for what that awaits, gathers and spawns meanwhile; made by
// context_var::scoped.
//   Lifetime: a local variable of the coroutine or function that has made it.
class [[nodiscard("the value holds as long as this object lives")]] context_scope {
public:
    context_scope(context_scope const&) = delete;
    context_scope& operator=(context_scope const&) = delete;
    ~context_scope() = default;

private:
    template <class Value>
    friend class context_var;
    context_scope(std::uint64_t variable, std::shared_ptr<void const> value) : scope_(variable, std::move(value)) {}

    detail::bound_scope scope_;
};

// As contextvars.ContextVar: each task has its own value. spawn copies the spawning task's values, as they are then; so do submit
// and run from the thread that calls, and to_thread for the thread that it uses. What a task sets, the task that has spawned it
// does not see.
//
//     weft::context_var<std::string> const request_id("request_id");
//
//     weft::task<> handle(request r) {
//         request_id.set(r.id);
//         co_await answer(r);         // here, and in all that it awaits or spawns, request_id.get() is r.id
//     }
//
// What a gather runs, runs in one task, unlike asyncio's: with set, its children would see each other's values. A child that wants
// one of its own takes scoped.
//   Any thread may call everything here; a thread that is no worker has values of its own. Make it a namespace-scope variable or a
//   static one: a value lives until its last task has ended, whether or not the variable does.
//   Cost: code that uses no context_var pays nothing. get() outside a scoped block, set() and a task's first value look into a
//   table; a spawn copies one pointer.
template <class Value>
class context_var {
    static_assert(std::is_object_v<Value> && std::is_copy_constructible_v<Value>,
                  "weft::context_var<T>: several tasks have the value, so T must be copyable; std::shared_ptr<T> is");

public:
    explicit context_var(std::string name) : name_(std::move(name)) {}
    context_var(std::string name, Value default_value) : name_(std::move(name)), default_(std::move(default_value)) {}
    context_var(context_var const&) = delete;
    context_var& operator=(context_var const&) = delete;

    [[nodiscard]] std::string const& name() const noexcept { return name_; }

    // A copy of the value here; else the default. Throws invalid_state where there is neither.
    [[nodiscard]] Value get() const {
        if (auto const here = find()) return *here;
        if (!default_) detail::throw_no_context_value(name_);
        return *default_;
    }
    // Else what is given, rather than the default.
    [[nodiscard]] Value get(Value default_value) const {
        auto const here = find();
        return here ? *here : std::move(default_value);
    }

    // The value from now on, until the task ends or sets another; in a scoped block of this variable, until that ends. Throws
    // std::bad_alloc.
    context_token<Value> set(Value value) const {
        return context_token<Value>(
            {number_, detail::context_place(number_), detail::set_context_value(number_, std::make_shared<Value const>(std::move(value)))});
    }
    // Takes that back. Throws std::invalid_argument for the token of another variable, task, thread or scoped block, invalid_state for
    // one that was used, std::bad_alloc.
    void reset(context_token<Value> token) const { detail::undo_context_change(std::move(token.change_), number_, name_); }

    // auto const here = request_id.scoped("r1");  The value as long as `here` lives. Throws std::bad_alloc.
    context_scope scoped(Value value) const { return {number_, std::make_shared<Value const>(std::move(value))}; }

private:
    [[nodiscard]] std::shared_ptr<Value const> find() const noexcept {
        return std::static_pointer_cast<Value const>(detail::context_value(number_));
    }

    std::string name_;
    std::optional<Value> default_;
    std::uint64_t number_ = detail::new_context_variable();
};

}  // namespace weft
