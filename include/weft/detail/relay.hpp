// SPDX-License-Identifier: MIT
// Awaiting what is not weft's own. Whoever completes a foreign awaitable resumes the handle it was given, on whatever thread it
// likes. A weft coroutine runs only on workers of its runtime, so the handle given out is that of a relay: a one-step coroutine
// that, resumed anywhere, hands the real one back to its runtime.
#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include <weft/concepts.hpp>
#include <weft/detail/config.hpp>
#include <weft/detail/transfer.hpp>
#include <weft/detail/turn.hpp>

namespace weft::detail {

struct promise_base;

// Marks weft's own awaitables: they resume on a worker by construction.
template <class Type>
concept native_awaitable = requires { typename std::remove_cvref_t<Type>::weft_native_awaitable; };

// The handle of a new relay that brings `suspended` back to the runtime that runs it now. Resume it once, or destroy it.
// Throws std::bad_alloc.
WEFT_API WEFT_NOIPA std::coroutine_handle<> relay_to_current_runtime(promise_base& suspended);
// In the same await_suspend: it goes on here after all.
WEFT_API WEFT_NOIPA void destroy_relay(std::coroutine_handle<> unused) noexcept;

// Awaits a foreign awaitable for a weft coroutine. Resumes on: a worker of the task's runtime. Throws: what the awaitable throws.
template <class Awaitable>
class relayed_awaiter {
    using inner_awaiter = decltype(get_awaiter(std::declval<Awaitable>()));

public:
    using weft_native_awaitable = void;

    explicit relayed_awaiter(Awaitable&& awaitable) : inner_(get_awaiter(std::forward<Awaitable>(awaitable))) {}

    bool await_ready() {
        ready_ = inner_.await_ready();
        return ready_ && !must_let_others_go();
    }

    template <class Promise>
    WEFT_NOINLINE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> suspended) {
        if (ready_) {
            let_others_go(suspended.promise());
            return std::noop_coroutine();
        }
        std::coroutine_handle<> const proxy = relay_to_current_runtime(suspended.promise());
        using answer = decltype(inner_.await_suspend(proxy));
        // Once the proxy is given away it may run, and this awaiter be gone, before await_suspend returns.
        try {
            if constexpr (std::is_void_v<answer>) {
                inner_.await_suspend(proxy);
                return std::noop_coroutine();
            } else if constexpr (std::is_same_v<answer, bool>) {
                if (inner_.await_suspend(proxy)) return std::noop_coroutine();
            } else {
                return inner_.await_suspend(proxy);
            }
        } catch (...) {
            destroy_relay(proxy);
            throw;
        }
        destroy_relay(proxy);
        return transfer_to(suspended);
    }

    decltype(auto) await_resume() { return inner_.await_resume(); }

private:
    inner_awaiter inner_;
    bool ready_ = false;
};

}  // namespace weft::detail
