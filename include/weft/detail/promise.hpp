// SPDX-License-Identifier: MIT
// What every weft coroutine carries, and how it ends.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include <weft/concepts.hpp>
#include <weft/detail/config.hpp>
#include <weft/detail/frame.hpp>
#include <weft/detail/relay.hpp>
#include <weft/detail/scope.hpp>
#include <weft/detail/slot.hpp>
#include <weft/detail/storage.hpp>
#include <weft/detail/suspension.hpp>
#include <weft/detail/transfer.hpp>

namespace weft::detail {

struct join;
struct promise_base;
class run_group;

// What `co_await` works with for an awaitable that is its own awaiter: a pointer. g++ 12 would copy or move the awaitable itself
// into the frame once more if await_transform returned a reference to it.
template <class Awaiter>
struct awaiter_reference {
    Awaiter* awaiter;

    bool await_ready() const { return awaiter->await_ready(); }
    template <class Promise>
    WEFT_ALWAYS_INLINE decltype(auto) await_suspend(std::coroutine_handle<Promise> suspended) const {
        return awaiter->await_suspend(suspended);
    }
    decltype(auto) await_resume() const { return awaiter->await_resume(); }
};

// Who is told when the coroutine ends.
enum class role : std::uint8_t {
    joined,   // a gather whose fork runs it, on top of its own stack: `link` is its slot. Every coroutine begins so.
    away,     // a gather, and it has left that stack, or never was there: `link` as before
    awaited,  // the coroutine that awaits it: `link` is that coroutine's frame
    spawned,  // the handles that await it, and its run: `waiters` and `group`
};

constexpr bool is_child(role of) noexcept {
    return of == role::joined || of == role::away;
}

enum class outcome : std::uint8_t { pending, value, exception };

// How far a spawned task is. Read and written by whoever runs it.
struct task_state {
    bool is_main : 1;        // it is the main task of a run
    bool started : 1;        // its body has begun
    bool was_cancelled : 1;  // it has ended, by the exception `cancelled`
};

// Of a spawned task; bits.
enum task_mark : std::uint8_t {
    failure_seen = 1,  // somebody has retrieved its exception, or been told of it (lib/unhandled.hpp)
    has_details = 2,   // there is something in lib/task_details.hpp
};

// The type-erased part of every promise, at the same place in every frame: the compiled core reaches it from the bare address of a
// frame (`promise_of`), so a job is one pointer. That place depends only on the promise's alignment, which promise<Value> fixes.
//
// Fields are written when they are needed and not before.
//   scope    For whom this coroutine runs: a spawned task, or a scope in it. Valid while the coroutine is suspended; of a running
//            one it is worker::scope. A gather's child that has not started has none of its own: it is its join's parent's.
//   seen     How many requests to cancel that scope have come to this coroutine, or those it runs for. Valid when `scope` is.
//   outcome  Of a gather's child it says nothing: what it came to stands in its slot.
struct promise_base {
    union {
        void* link;                   // with the other roles than spawned
        suspension_list suspensions;  // what the task waits for, and its gathers' children, where that can be cancelled
    };
    union {
        scope_ref scope;
        std::exception_ptr exception;  // with outcome::exception; such a coroutine never suspends again and needs no scope
        small_value value;             // with outcome::value, where it fits
    };
    detail::role role = role::joined;
    detail::outcome outcome = outcome::pending;
    task_state state;  // with role::spawned

    // With role::spawned only, constructed by spawn.
    union {
        std::atomic<std::uint8_t> marks;
    };
    request_count seen;
    union {
        std::atomic<request_count> requests;  // how often it was cancelled; written with `waiters` locked, once it is in line
    };
    union {
        std::atomic<request_count> taken_back;  // how many of these were taken back by uncancel; likewise
    };
    union {
        // One of the runtime until the task has ended, one of the handle, those of who cancels, of a task group, and of task_refs.
        std::atomic<std::uint16_t> references;
    };
    std::uint32_t place;  // in task_registry
    union {
        waiter_list waiters;  // who awaits the end; `ended_mark` once the task has ended
    };
    union {
        run_group* group;
        void* queue_link;  // with the other roles: see spare_link in lib/job.hpp
    };

    [[nodiscard]] bool is_child() const noexcept { return detail::is_child(role); }
    [[nodiscard]] slot_base& joined_slot() const noexcept { return *static_cast<slot_base*>(link); }

    promise_base() noexcept {}
    promise_base(promise_base const&) = delete;
    promise_base& operator=(promise_base const&) = delete;
    // Not the exception's: a gather's child, which has none, need not ask.
    ~promise_base() {}
    // By whoever destroys a coroutine that was awaited or spawned.
    void drop_exception() noexcept {
        if (outcome == outcome::exception) [[unlikely]] std::destroy_at(std::addressof(exception));
    }

    // The value of a task that ends cancelled.
    void drop_value() noexcept {}

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    std::suspend_always initial_suspend() const noexcept { return {}; }

    // What comes down to an awaiter of weft's own is awaited as it is; anything else is made to resume on a worker of this runtime
    // (relay.hpp).
    template <class Awaitable>
    decltype(auto) await_transform(Awaitable&& awaitable) {
        static_assert(weft::awaitable<Awaitable>, "co_await in a weft::task: this is nothing that can be awaited");
        if constexpr (native_awaitable<Awaitable> && awaiter<Awaitable>)
            return awaiter_reference<std::remove_reference_t<Awaitable>>{&awaitable};
        else if constexpr (native_awaitable<decltype(get_awaiter(std::declval<Awaitable>()))>)
            return get_awaiter(std::forward<Awaitable>(awaitable));
        else
            return relayed_awaiter<Awaitable>{std::forward<Awaitable>(awaitable)};
    }
};

static_assert(sizeof(promise_base) <= 48, "every frame pays for what stands here");

// The promise of a suspended coroutine, from the address of its frame.
inline promise_base& promise_of(void* frame) noexcept {
    return std::coroutine_handle<promise_base>::from_address(frame).promise();
}

inline std::coroutine_handle<> handle_of(promise_base& promise) noexcept {
    return std::coroutine_handle<promise_base>::from_promise(promise);
}

// The compiled core (lib/).
WEFT_API WEFT_NOIPA void end_away(slot_base const& ended) noexcept;
// False: it returned a value, but has been cancelled since it went on last. It is to end by end_cancelled, without that value.
[[nodiscard]] WEFT_API WEFT_NOIPA bool end_spawned(promise_base& ended) noexcept;
WEFT_API WEFT_NOIPA void end_cancelled(promise_base& ended) noexcept;
// The exception being handled is what the coroutine came to.
WEFT_API WEFT_NOINLINE void record_exception(promise_base& failed) noexcept;
// Throws what a coroutine came to; to one that awaits it as timeout_error, where it is that coroutine's own time limit that has
// cancelled it.
[[noreturn]] WEFT_API WEFT_NOINLINE void rethrow(promise_base const& failed);
// The same to a coroutine that has awaited something else. Null: it is the awaiting coroutine that has been cancelled.
[[noreturn]] WEFT_API WEFT_NOINLINE void rethrow_to(promise_base& awaiting, std::exception_ptr const& exception);
// First thing when a coroutine goes on that has suspended: throws `cancelled` or timeout_error where it has been cancelled.
WEFT_API WEFT_NOIPA void resumed(suspension& node);
// The same for one that was in the line of ready jobs meanwhile.
WEFT_API WEFT_NOIPA void resumed(promise_base& coroutine);

struct final_awaiter {
    detail::role role;

    static final_awaiter of(promise_base& ended) noexcept {
        // The fork that has called a child counts its end when the call returns, and needs no word for that; the loop does.
        if (ended.role == role::joined) [[likely]] return {role::joined};
        if (ended.role == role::away) end_away(ended.joined_slot());
        return {ended.role};
    }

    // The frame of a gather's child goes at once.
    bool await_ready() const noexcept { return is_child(role); }
    void await_resume() const noexcept {}

    template <class Promise>
    WEFT_NOINLINE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> suspended) const noexcept {
        promise_base& promise = suspended.promise();
        if (promise.role == role::awaited) return transfer_to(std::coroutine_handle<>::from_address(promise.link));
        if (!end_spawned(promise)) [[unlikely]] {
            suspended.promise().drop_value();
            end_cancelled(promise);
        }
        return std::noop_coroutine();
    }
};

template <class Value>
struct promise;

// Adds the place for the value, if it needs one of its own. promise<Value> adds how it is returned.
template <class Value>
struct promise_with_storage : promise_base {
    ~promise_with_storage() {
        if constexpr (!value_storage<Value>::trivial)
            if (outcome == outcome::value) storage().destroy();
    }

    final_awaiter final_suspend() noexcept { return final_awaiter::of(*this); }

    void drop_value() noexcept { storage().destroy(); }

    void unhandled_exception() noexcept {
        // Reached with a value when a local's destructor throws after co_return.
        if (is_child()) {
            own_slot().set_exception();
        } else {
            if (outcome == outcome::value) storage().destroy();
            record_exception(*this);
        }
    }

    // The value, or the exception rethrown.
    decltype(auto) get() {
        if (outcome == outcome::exception) [[unlikely]] rethrow(*this);
        return storage().get();
    }
    decltype(auto) take() {
        if (outcome == outcome::exception) [[unlikely]] rethrow(*this);
        return storage().take();
    }

protected:
    template <class Source>
    WEFT_ALWAYS_INLINE void store(Source&& source) {
        if (is_child()) {
            own_slot().set_value(std::forward<Source>(source));
        } else {
            // Returned before: as in slot::set_value.
            if constexpr (!value_storage<Value>::trivial)
                if (std::exchange(outcome, outcome::pending) == outcome::value) storage().destroy();
            if constexpr (small_value::holds<Value>) small_value::begin<Value>(value);
            storage().construct(std::forward<Source>(source));
            outcome = outcome::value;
        }
    }

private:
    struct nothing {};

    [[nodiscard]] value_storage<Value>& storage() noexcept {
        if constexpr (small_value::holds<Value>)
            return small_value::in<Value>(value);
        else
            return own_storage_;
    }

    [[nodiscard]] slot<Value>& own_slot() const noexcept { return static_cast<slot<Value>&>(joined_slot()); }

    [[no_unique_address]] std::conditional_t<small_value::holds<Value>, nothing, value_storage<Value>> own_storage_;
};

static_assert(sizeof(promise_with_storage<int>) == sizeof(promise_base));

template <class Value>
struct promise final : promise_with_storage<Value> {
    task<Value> get_return_object() noexcept;

    template <class Source = Value>
        requires std::convertible_to<Source, Value>
    void return_value(Source&& source) {
        this->store(std::forward<Source>(source));
    }
};

template <class Value>
struct promise<Value&> final : promise_with_storage<Value&> {
    task<Value&> get_return_object() noexcept;

    void return_value(Value& value) noexcept { this->store(value); }
};

template <>
struct promise<void> final : promise_base {
    task<void> get_return_object() noexcept;

    void return_void() noexcept { outcome = outcome::value; }
    final_awaiter final_suspend() noexcept { return final_awaiter::of(*this); }
    void unhandled_exception() noexcept {
        if (is_child())
            static_cast<slot<void>&>(joined_slot()).set_exception();
        else
            record_exception(*this);
    }
    void get() const {
        if (outcome == outcome::exception) [[unlikely]] rethrow(*this);
    }
    void take() const { get(); }
};

}  // namespace weft::detail
