// SPDX-License-Identifier: MIT
// What every weft coroutine carries, and how it ends.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weft/concepts.hpp>
#include <weft/detail/config.hpp>
#include <weft/detail/frame.hpp>
#include <weft/detail/relay.hpp>
#include <weft/detail/slot.hpp>
#include <weft/detail/storage.hpp>
#include <weft/detail/transfer.hpp>

namespace weft::detail {

struct join;
struct promise_base;
class run_group;
struct waiter;

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
    awaited,  // the coroutine that awaits it: `link` is that coroutine's frame
    joined,   // a gather: `link` is its join
    spawned,  // the handles that await it, and its run: `waiters` and `group`
};

enum class outcome : std::uint8_t { pending, value, exception };

// What became of the exception of a spawned task (lib/unhandled.hpp).
enum class failure : std::uint8_t { unseen, retrieved, reported };

// The type-erased part of every promise, at the same place in every frame: the compiled core reaches it from the bare address of a
// frame (`promise_of`), so a job is one pointer. That place depends only on the promise's alignment, which promise<Value> fixes.
//
// Fields are written when they are needed and not before.
//   owner    The spawned task on whose behalf this coroutine runs. Valid while the coroutine is suspended: a running coroutine's
//            owner is worker::running. A gather's child has none of its own: it is its join's parent's.
//   outcome  Of a gather's child it says nothing: what it came to stands in its slot.
struct promise_base {
    void* link;
    union {
        promise_base* owner;
        std::exception_ptr exception;  // with outcome::exception; such a coroutine never suspends again and needs no owner
    };
    detail::role role = role::awaited;
    detail::outcome outcome = outcome::pending;
    bool is_main;  // with role::spawned: this is the main task of a run

    // With role::spawned only, constructed by spawn.
    union {
        std::atomic<detail::failure> failure;
    };
    union {
        std::atomic<std::uint32_t> references;  // one of the runtime until the task has ended, one of the handle
    };
    union {
        std::atomic<waiter*> waiters;  // who awaits the end, newest first; `ended_mark` once the task has ended
        slot_base* slot;               // with role::joined: where the result goes
    };
    union {
        run_group* group;
        void* queue_link;  // with the other roles: see spare_link in lib/job.hpp
    };
    union {
        std::source_location spawned_at;
    };

    promise_base() noexcept {}
    promise_base(promise_base const&) = delete;
    promise_base& operator=(promise_base const&) = delete;
    ~promise_base() {
        if (outcome == outcome::exception) std::destroy_at(std::addressof(exception));
    }

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
WEFT_API WEFT_NOIPA void end_joined(join& joined) noexcept;
WEFT_API WEFT_NOIPA void end_spawned(promise_base& ended) noexcept;
WEFT_API WEFT_NOINLINE void record_exception(promise_base& failed) noexcept;

struct final_awaiter {
    promise_base* ended;

    // A gather's child does not suspend any more: its frame goes at once, and the worker, when it has the thread back, counts the
    // end.
    bool await_ready() const noexcept {
        if (ended->role != role::joined) return false;
        end_joined(*static_cast<join*>(ended->link));
        return true;
    }
    void await_resume() const noexcept {}

    template <class Promise>
    WEFT_NOINLINE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> suspended) const noexcept {
        promise_base& promise = suspended.promise();
        if (promise.role == role::awaited) return transfer_to(std::coroutine_handle<>::from_address(promise.link));
        end_spawned(promise);
        return std::noop_coroutine();
    }
};

template <class Value>
struct promise;

// Adds the place for the value. promise<Value> adds how it is returned.
template <class Value>
struct promise_with_storage : promise_base {
    value_storage<Value> storage;

    ~promise_with_storage() {
        if constexpr (!value_storage<Value>::trivial)
            if (outcome == outcome::value) storage.destroy();
    }

    final_awaiter final_suspend() noexcept { return {this}; }

    void unhandled_exception() noexcept {
        // Reached with a value when a local's destructor throws after co_return.
        if (role == role::joined)
            joined_slot().drop_value();
        else if (outcome == outcome::value)
            storage.destroy();
        record_exception(*this);
    }

    // The value, or the exception rethrown.
    decltype(auto) get() {
        if (outcome == outcome::exception) std::rethrow_exception(exception);
        return storage.get();
    }
    decltype(auto) take() {
        if (outcome == outcome::exception) std::rethrow_exception(exception);
        return storage.take();
    }

protected:
    template <class Source>
    WEFT_ALWAYS_INLINE void store(Source&& source) {
        if (role == role::joined) {
            joined_slot().set_value(std::forward<Source>(source));
        } else {
            // Returned before: as in slot::set_value.
            if constexpr (!value_storage<Value>::trivial)
                if (std::exchange(outcome, outcome::pending) == outcome::value) storage.destroy();
            storage.construct(std::forward<Source>(source));
            outcome = outcome::value;
        }
    }

private:
    detail::slot<Value>& joined_slot() const noexcept { return *static_cast<detail::slot<Value>*>(slot); }
};

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
    final_awaiter final_suspend() noexcept { return {this}; }
    void unhandled_exception() noexcept { record_exception(*this); }
    void get() const {
        if (outcome == outcome::exception) std::rethrow_exception(exception);
    }
    void take() const { get(); }
};

}  // namespace weft::detail
