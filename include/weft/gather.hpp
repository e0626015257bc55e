// SPDX-License-Identifier: MIT
// gather: run several awaitables at once and have all of their results.
#pragma once

#include <array>
#include <concepts>
#include <coroutine>
#include <functional>
#include <memory>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <weft/concepts.hpp>
#include <weft/detail/join.hpp>
#include <weft/result.hpp>
#include <weft/spawn.hpp>
#include <weft/task.hpp>

namespace weft {

// gather(return_exceptions, ...): failures come back as values.
struct return_exceptions_t {
    explicit return_exceptions_t() = default;
};
inline constexpr return_exceptions_t return_exceptions{};

namespace detail {

// A gather's children are tasks. What is none is awaited by one: a temporary is moved into that, a named awaitable stays where it is.
template <class Awaitable>
using awaited_value_t = std::conditional_t<std::is_rvalue_reference_v<await_result_t<Awaitable>>,
                                           std::remove_reference_t<await_result_t<Awaitable>>, await_result_t<Awaitable>>;

template <class Awaitable>
task<awaited_value_t<Awaitable>> await_in_task(Awaitable awaitable) {
    co_return co_await std::forward<Awaitable>(awaitable);
}
template <class Result, class Awaitable>
task<Result> await_named_in_task(Awaitable* awaitable) {
    co_return co_await *awaitable;
}

template <class Value>
task<Value>&& as_task(task<Value>&& child) noexcept {
    return std::move(child);
}
template <class Value>
task<Value> as_task(join_handle<Value>&& handle) {
    return await_in_task<join_handle<Value>>(std::move(handle));
}
template <class Value>
task<Value> as_task(join_handle<Value> const& handle) {
    static_assert(std::is_void_v<Value> || std::is_copy_constructible_v<Value> || std::is_reference_v<Value>,
                  "weft::gather of a named join_handle copies its value; std::move the handle in to have a move-only one");
    return await_named_in_task<Value>(&handle);
}
template <awaitable Awaitable>
    requires(!is_task<std::remove_cvref_t<Awaitable>>::value && !is_join_handle<std::remove_cvref_t<Awaitable>>::value)
auto as_task(Awaitable&& other) {
    if constexpr (std::is_lvalue_reference_v<Awaitable>)
        return await_named_in_task<awaited_value_t<Awaitable>>(std::addressof(other));
    else
        return await_in_task<std::remove_cvref_t<Awaitable>>(std::forward<Awaitable>(other));
}

template <class Awaitable>
using child_value_t = typename std::remove_cvref_t<decltype(as_task(std::declval<Awaitable>()))>::value_type;

// What one child contributes: monostate for void, a result<Value> under return_exceptions.
template <bool ReturnExceptions, class Value>
using element_t =
    std::conditional_t<ReturnExceptions, result<Value>, std::conditional_t<std::is_void_v<Value>, std::monostate, Value>>;

template <bool ReturnExceptions, class Value>
element_t<ReturnExceptions, Value> take_element(std::coroutine_handle<> frame) {
    auto& child = std::coroutine_handle<promise<Value>>::from_address(frame.address()).promise();
    if constexpr (ReturnExceptions) {
        if (child.outcome == outcome::exception) return child.exception;
        if constexpr (std::is_void_v<Value>)
            return {};
        else
            return result<Value>(std::in_place, child.storage.take());
    } else if constexpr (std::is_void_v<Value>) {
        return {};
    } else {
        return child.storage.take();
    }
}

// The join of a gather, made when it is awaited: before that a gather can be moved, and so be an argument of another one.
class gather_join {
public:
    using weft_native_awaitable = void;

    gather_join() noexcept {}

protected:
    template <std::size_t Count, class Promise>
    std::coroutine_handle<> start(std::coroutine_handle<Promise> awaiting, std::coroutine_handle<> const* frames, std::size_t count) {
        static_assert(std::derived_from<Promise, promise_base>,
                      "weft::gather can be awaited only in a weft::task; from other code use weft::run or weft::runtime::submit");
        if (!frames[0] || promise_of(frames[0].address()).link != nullptr) [[unlikely]] throw_reused_gather();
        std::construct_at(&join_, static_cast<std::uint32_t>(count));
        join_.parent = awaiting;
        if constexpr (Count == 2)
            return fork_two(join_, awaiting.promise(), frames[0], frames[1]);
        else
            return fork(join_, awaiting.promise(), frames, count);
    }

    // After all have ended. relaxed: the end of every child happens before this (the join's acquire).
    void rethrow_if_failed() const {
        if (join_.first_failed.load(std::memory_order_relaxed)) [[unlikely]] rethrow_first(join_);
    }

private:
    union {
        join join_;
    };
};

template <bool ReturnExceptions, class... Values>
class [[nodiscard("co_await the gather: until then its tasks do not start")]] gather_tuple : public gather_join {
    static constexpr std::size_t count = sizeof...(Values);

public:
    // One by one, so that the same task given twice is empty the second time; what was taken then is destroyed.
    explicit gather_tuple(task<Values>&&... children) : gather_tuple(no_frames{}) {
        std::size_t index = 0;
        ((frames_[index++] = children.take_unstarted()), ...);
    }
    gather_tuple(gather_tuple&& other) noexcept : frames_(std::exchange(other.frames_, {})) {}
    ~gather_tuple() {
        for (std::coroutine_handle<> const frame : frames_)
            if (frame) frame.destroy();
    }

    bool await_ready() const noexcept { return count == 0; }

    template <class Promise>
    WEFT_NOINLINE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) {
        return start<count>(awaiting, frames_.data(), count);
    }

    auto await_resume() { return collect(std::index_sequence_for<Values...>{}); }

private:
    struct no_frames {};
    explicit gather_tuple(no_frames) noexcept : frames_{} {}

    template <std::size_t... Index>
    auto collect(std::index_sequence<Index...>) {
        if constexpr (!ReturnExceptions && count != 0) rethrow_if_failed();
        if constexpr (ReturnExceptions || count == 0 || !(std::is_void_v<Values> && ...))
            return std::tuple<element_t<ReturnExceptions, Values>...>(take_element<ReturnExceptions, Values>(frames_[Index])...);
    }

    std::array<std::coroutine_handle<>, count> frames_;
};

template <bool ReturnExceptions, class Value>
class [[nodiscard("co_await the gather: until then its tasks do not start")]] gather_vector : public gather_join {
    // The children stay in the vector they came in, and are read as the handles they are.
    static_assert(std::is_standard_layout_v<task<Value>> && sizeof(task<Value>) == sizeof(std::coroutine_handle<>));

public:
    explicit gather_vector(std::vector<task<Value>>&& children) : children_(std::move(children)) {
        for (auto const& child : children_) static_cast<void>(child.unstarted());
    }
    gather_vector(gather_vector&& other) noexcept : children_(std::move(other.children_)) {}

    bool await_ready() const noexcept { return children_.empty(); }

    template <class Promise>
    WEFT_NOINLINE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) {
        return start<std::dynamic_extent>(awaiting, frames(), children_.size());
    }

    auto await_resume() {
        if constexpr (!ReturnExceptions)
            if (!children_.empty()) rethrow_if_failed();
        if constexpr (ReturnExceptions || !std::is_void_v<Value>) {
            using element = element_t<ReturnExceptions, Value>;
            std::vector<std::conditional_t<std::is_reference_v<element>, std::reference_wrapper<std::remove_reference_t<element>>, element>>
                results;
            results.reserve(children_.size());
            for (std::size_t index = 0; index < children_.size(); ++index)
                results.push_back(take_element<ReturnExceptions, Value>(frames()[index]));
            return results;
        }
    }

private:
    std::coroutine_handle<> const* frames() const noexcept { return reinterpret_cast<std::coroutine_handle<> const*>(children_.data()); }

    std::vector<task<Value>> children_;
};

template <bool ReturnExceptions, class... Awaitables>
auto gather_arguments(Awaitables&&... awaitables) {
    return gather_tuple<ReturnExceptions, child_value_t<Awaitables>...>(as_task(std::forward<Awaitables>(awaitables))...);
}

template <bool ReturnExceptions, class Awaitable, class Elements>
auto gather_elements(Elements&& elements) {
    using value = child_value_t<Awaitable>;
    if constexpr (std::is_same_v<Awaitable, task<value>>) {
        return gather_vector<ReturnExceptions, value>(std::move(elements));
    } else {
        std::vector<task<value>> children;
        children.reserve(elements.size());
        for (auto& element : elements) children.push_back(as_task(static_cast<Awaitable&&>(element)));
        return gather_vector<ReturnExceptions, value>(std::move(children));
    }
}

}  // namespace detail

// Runs all of them at once; idle workers steal what this one has not started yet. Takes tasks and join_handles, mixed (a named handle
// gives a copy of its value), and any other awaitable, for example sleep.
//   Result:        a std::tuple in argument order, std::monostate where an awaitable gives void, nothing at all if all of them do. A
//                  vector gives a std::vector (nothing for void, std::reference_wrapper for references). Empty: an empty result at once.
//   Resumes on:    a worker of the runtime: as a rule the one on which the last child ended.
//   Cancellation:  a cancellation point.
//   Throws:        after all children have ended, the exception that came first in time; siblings are not cancelled by it. The other
//                  exceptions are dropped. invalid_state for an empty task or handle; std::bad_alloc with nothing started.
//   Must outlive:  named handles and other named awaitables, and what the tasks refer to, until the await has resumed. No child outlives the gather.
template <awaitable... Awaitables>
auto gather(Awaitables&&... awaitables) {
    return detail::gather_arguments<false>(std::forward<Awaitables>(awaitables)...);
}

template <awaitable Awaitable>
auto gather(std::vector<Awaitable> awaitables) {
    return detail::gather_elements<false, Awaitable>(std::move(awaitables));
}

// Named handles in a named vector: their values are copied.
template <class Value>
auto gather(std::vector<join_handle<Value>>& handles) {
    return detail::gather_elements<false, join_handle<Value> const&>(handles);
}

// The same, but never throws a child's exception: each child gives a result<T>.
template <awaitable... Awaitables>
auto gather(return_exceptions_t, Awaitables&&... awaitables) {
    return detail::gather_arguments<true>(std::forward<Awaitables>(awaitables)...);
}

template <awaitable Awaitable>
auto gather(return_exceptions_t, std::vector<Awaitable> awaitables) {
    return detail::gather_elements<true, Awaitable>(std::move(awaitables));
}

template <class Value>
auto gather(return_exceptions_t, std::vector<join_handle<Value>>& handles) {
    return detail::gather_elements<true, join_handle<Value> const&>(handles);
}

}  // namespace weft
