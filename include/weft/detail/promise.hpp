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
#include <weft/detail/storage.hpp>
#include <weft/detail/transfer.hpp>

namespace weft::detail {

struct promise_base;
class run_group;
struct waiter;

// What `co_await` works with for an awaitable that is its own awaiter: a pointer. g++ 12 would copy or move the awaitable itself into
// the frame once more if await_transform returned a reference to it.
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
// Fields are written when they are needed and not before; a gather's child never touches the last four.
//   owner   The spawned task on whose behalf this coroutine runs. Valid while the coroutine is suspended: a running coroutine's owner
//           is worker::running. A gather's child has none of its own: it is its join's parent's.
//   token   With role::joined: see join.hpp. With role::spawned: this is the main task of a run.
struct promise_base {
    void* link = nullptr;
    union {
        promise_base* owner;
        std::exception_ptr exception;  // with outcome::exception; such a coroutine never suspends again and needs no owner
    };
    detail::role role = role::awaited;
    bool token = false;
    detail::outcome outcome = outcome::pending;

    // With role::spawned only, constructed by spawn.
    union {
        std::atomic<detail::failure> failure;
    };
    union {
        std::atomic<std::uint32_t> references;  // one of the runtime until the task has ended, one of the handle
    };
    union {
        std::atomic<waiter*> waiters;  // who awaits the end, newest first; `ended_mark` once the task has ended
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

    // What comes down to an awaiter of weft's own is awaited as it is; anything else is made to resume on a worker of this runtime (relay.hpp).
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

// The compiled core (lib/). The first returns what runs next on this worker.
WEFT_API WEFT_NOIPA std::coroutine_handle<> end_joined_or_spawned(promise_base& ended) noexcept;
WEFT_API WEFT_NOINLINE void record_exception(promise_base& failed) noexcept;

struct final_awaiter {
    bool await_ready() const noexcept { return false; }
    void await_resume() const noexcept {}

    template <class Promise>
    WEFT_NOINLINE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
        promise_base& promise = ended.promise();
        if (promise.role == role::awaited) return transfer_to(std::coroutine_handle<>::from_address(promise.link));
        return end_joined_or_spawned(promise);
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

    final_awaiter final_suspend() const noexcept { return {}; }

    void unhandled_exception() noexcept {
        // Reached with a value when a local's destructor throws after co_return.
        if (outcome == outcome::value) storage.destroy();
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
};

template <class Value>
struct promise final : promise_with_storage<Value> {
    task<Value> get_return_object() noexcept;

    template <class Source = Value>
        requires std::convertible_to<Source, Value>
    void return_value(Source&& source) {
        this->storage.construct(std::forward<Source>(source));
        this->outcome = outcome::value;
    }
};

template <class Value>
struct promise<Value&> final : promise_with_storage<Value&> {
    task<Value&> get_return_object() noexcept;

    void return_value(Value& value) noexcept {
        this->storage.construct(value);
        this->outcome = outcome::value;
    }
};

template <>
struct promise<void> final : promise_base {
    task<void> get_return_object() noexcept;

    void return_void() noexcept { outcome = outcome::value; }
    final_awaiter final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { record_exception(*this); }
    void get() const {
        if (outcome == outcome::exception) std::rethrow_exception(exception);
    }
    void take() const { get(); }
};

}  // namespace weft::detail
