// SPDX-License-Identifier: MIT
// What the templates ask of their arguments.
#pragma once

#include <concepts>
#include <coroutine>
#include <functional>
#include <type_traits>
#include <utility>

namespace weft {

template <class Value>
class task;
template <class Value>
class join_handle;

namespace detail {

template <class Type>
struct is_task : std::false_type {};
template <class Value>
struct is_task<task<Value>> : std::true_type {};

template <class Type>
struct is_join_handle : std::false_type {};
template <class Value>
struct is_join_handle<join_handle<Value>> : std::true_type {};

template <class Awaiter>
concept awaiter = requires(Awaiter& candidate) {
    { candidate.await_ready() } -> std::convertible_to<bool>;
    candidate.await_resume();
};

// The awaiter that `co_await awaitable` uses, by the language's own order of look-up.
template <class Awaitable>
decltype(auto) get_awaiter(Awaitable&& awaitable) {
    if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); })
        return std::forward<Awaitable>(awaitable).operator co_await();
    else if constexpr (requires { operator co_await(std::forward<Awaitable>(awaitable)); })
        return operator co_await(std::forward<Awaitable>(awaitable));
    else
        return std::forward<Awaitable>(awaitable);
}

}  // namespace detail

// Something `co_await` works on.
template <class Type>
concept awaitable = requires(Type&& candidate) {
    { detail::get_awaiter(std::forward<Type>(candidate)) } -> detail::awaiter;
};

// What `co_await` gives for it.
template <awaitable Type>
using await_result_t = decltype(detail::get_awaiter(std::declval<Type>()).await_resume());

// A callable that, called with the arguments (decayed, as std::thread passes them), returns a weft::task.
template <class Callable, class... Args>
concept task_function = std::invocable<std::decay_t<Callable>&, std::decay_t<Args>...> &&
                        detail::is_task<std::remove_cvref_t<std::invoke_result_t<std::decay_t<Callable>&, std::decay_t<Args>...>>>::value;

}  // namespace weft
