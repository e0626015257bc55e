// SPDX-License-Identifier: MIT
// gather: run several awaitables at once and have all of their results.
#pragma once

#include <array>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <weft/concepts.hpp>
#include <weft/detail/child_blocks.hpp>
#include <weft/detail/frame.hpp>
#include <weft/detail/join.hpp>
#include <weft/detail/slot.hpp>
#include <weft/detail/turn.hpp>
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

// A gather's children are tasks. What is none is awaited by one: a temporary is moved into that, a named awaitable stays where it
// is.
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

// Found where the awaitable is declared, too: shield has one of its own.
template <class Awaitable>
auto child_task(Awaitable&& awaitable) {
    return as_task(std::forward<Awaitable>(awaitable));
}

template <class Awaitable>
using child_value_t = typename std::remove_cvref_t<decltype(as_task(std::declval<Awaitable>()))>::value_type;

// What one child contributes: monostate for void, a result<Value> under return_exceptions.
template <bool ReturnExceptions, class Value>
using element_t =
    std::conditional_t<ReturnExceptions, result<Value>, std::conditional_t<std::is_void_v<Value>, std::monostate, Value>>;

template <bool ReturnExceptions, class Value>
element_t<ReturnExceptions, Value> take_element(slot<Value>& from) {
    if constexpr (ReturnExceptions) {
        if (from.failed()) return std::exception_ptr(from.exception);
        if constexpr (std::is_void_v<Value>)
            return {};
        else
            return result<Value>(std::in_place, from.take());
    } else if constexpr (std::is_void_v<Value>) {
        return {};
    } else {
        Value value = from.take();
        WEFT_COMPILER_BARRIER();  // one load at a time: see WEFT_KEEP_IN_REGISTER
        return value;
    }
}

// A gather can be moved until it is awaited, and so be an argument of another one.
class gather_join {
public:
    using weft_native_awaitable = void;

protected:
    gather_join() noexcept {}

    void give_slot(std::coroutine_handle<> child, slot_base& place) noexcept {
        place.begin(join_);
        promise_of(child.address()).link = &place;
    }

    // Once it has begun, the frames belong to themselves, and the first of `frames` is null.
    template <std::size_t Count, class Promise>
    bool start(std::coroutine_handle<Promise> awaiting, std::coroutine_handle<>* frames, std::size_t count) {
        static_assert(std::derived_from<Promise, promise_base>,
                      "weft::gather can be awaited only in a weft::task; from other code use weft::run or weft::runtime::submit");
        join_.begin(awaiting.promise(), static_cast<std::uint32_t>(count));
        if constexpr (Count == 2)
            return fork_two(join_, frames);
        else
            return fork(join_, frames, count);
    }
    template <class Promise>
    bool start_in_blocks(std::coroutine_handle<Promise> awaiting, owned_child_blocks& blocks,
                         std::span<std::coroutine_handle<>> children) {
        if (!blocks) blocks = make_child_blocks(join_, children);  // still there if an earlier await threw std::bad_alloc
        join_.begin(awaiting.promise(), static_cast<std::uint32_t>(children.size() + size_of(*blocks)));
        auto const top = top_of(*blocks);
        return fork(join_, top.data(), top.size());
    }

    [[nodiscard]] bool failed() const noexcept { return join_.failed(); }

    // `visit_slots` calls what it is given with every slot.
    WEFT_NOINLINE void drop_exceptions(auto visit_slots) noexcept {
        visit_slots([](auto& place) {
            if (place.failed()) std::destroy_at(&place.exception);
        });
        join_.forget_failure();
    }
    // Whether it was cancelled while it waited: then the results do not count.
    [[nodiscard]] bool cancelled() const noexcept { return join_.cancelled(); }
    template <bool ReturnExceptions>
    [[noreturn]] WEFT_NOINLINE void rethrow_first(auto visit_slots) {
        std::exception_ptr const* const place = ReturnExceptions ? nullptr : join_.first_exception();
        std::exception_ptr const first = place ? *place : std::exception_ptr{};
        drop_exceptions(visit_slots);
        rethrow_to(*join_.parent, first);
    }

    WEFT_NOINLINE static void destroy_unstarted(std::span<std::coroutine_handle<> const> frames) noexcept {
        for (std::coroutine_handle<> const frame : frames)
            if (frame) frame.destroy();
    }

private:
    join join_;
};

template <bool ReturnExceptions, class... Values>
class [[nodiscard("co_await the gather: until then its tasks do not start")]] gather_tuple : public gather_join {
    static constexpr std::size_t count = sizeof...(Values);

public:
    // The same task given twice is empty the second time.
    explicit gather_tuple(task<Values>&&... children) : frames_{take_frame(children)...} {
        for (std::coroutine_handle<> const frame : frames_)
            if (!frame) [[unlikely]] refuse();
    }
    gather_tuple(gather_tuple&& other) noexcept : frames_(std::exchange(other.frames_, {})) {}
    ~gather_tuple() {
        if constexpr (count != 0) {
            if (frames_[0]) [[unlikely]] destroy_unstarted(frames_);
            // Without return_exceptions, rethrow_first has dropped them.
            if constexpr (ReturnExceptions)
                if (failed()) [[unlikely]] drop_exceptions(each_slot());
        }
    }

    bool await_ready() const noexcept {
        if constexpr (count == 0)
            return !must_let_others_go();
        else
            return false;
    }

    template <class Promise>
    WEFT_NOINLINE_SUSPEND bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        if constexpr (count == 0) {
            let_others_go(awaiting.promise());
            return true;
        } else {
            return begin(awaiting);
        }
    }

    auto await_resume() { return collect(std::index_sequence_for<Values...>{}); }

private:
    template <class Promise>
    WEFT_ALWAYS_INLINE bool begin(std::coroutine_handle<Promise> awaiting) {
        if (!frames_[0]) [[unlikely]] throw_reused_gather();
        give_slots(std::index_sequence_for<Values...>{});
        return start<count>(awaiting, frames_.data(), count);
    }

    template <class Value>
    static std::coroutine_handle<> take_frame(task<Value>& child) noexcept {
        void* frame = child.release().address();
        WEFT_KEEP_IN_REGISTER(frame);
        return std::coroutine_handle<>::from_address(frame);
    }

    [[noreturn]] WEFT_NOINLINE void refuse() const {
        destroy_unstarted(frames_);
        throw_empty_task();
    }

    template <std::size_t... Index>
    void give_slots(std::index_sequence<Index...>) noexcept {
        (give_slot(frames_[Index], std::get<Index>(slots_)), ...);
    }

    auto each_slot() noexcept {
        return [this](auto visit) { std::apply([visit](auto&... each) { (visit(each), ...); }, slots_); };
    }

    template <std::size_t... Index>
    auto collect(std::index_sequence<Index...>) {
        if constexpr (count != 0)
            if (ReturnExceptions ? cancelled() : failed()) [[unlikely]] this->template rethrow_first<ReturnExceptions>(each_slot());
        if constexpr (ReturnExceptions || count == 0 || !(std::is_void_v<Values> && ...))
            return std::tuple<element_t<ReturnExceptions, Values>...>(
                take_element<ReturnExceptions, Values>(std::get<Index>(slots_))...);
    }

    std::array<std::coroutine_handle<>, count> frames_;  // of tasks that have not started, unless the first one is null
    std::tuple<slot<Values>...> slots_;
};

// The slots of a vector's children, from where frames come from: most vectors are short.
template <class Value>
class slot_array {
public:
    slot_array() noexcept = default;
    slot_array(slot_array const&) = delete;
    slot_array& operator=(slot_array const&) = delete;
    ~slot_array() {
        if (!first_) return;
        std::destroy_n(first_, count_);
        free_frame(first_, count_ * sizeof(slot<Value>));
    }

    void allocate(std::size_t count) {
        if (first_) return;  // awaited again, after an await that failed with std::bad_alloc
        first_ = static_cast<slot<Value>*>(allocate_frame(count * sizeof(slot<Value>)));
        count_ = count;
        std::uninitialized_default_construct_n(first_, count);
    }
    slot<Value>* begin() const noexcept { return first_; }
    slot<Value>* end() const noexcept { return first_ + count_; }

private:
    static_assert(alignof(slot<Value>) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

    slot<Value>* first_ = nullptr;
    std::size_t count_ = 0;
};

template <bool ReturnExceptions, class Value>
class [[nodiscard("co_await the gather: until then its tasks do not start")]] gather_vector : public gather_join {
    // The children stay in the vector they came in, and are used as the handles they are.
    static_assert(std::is_standard_layout_v<task<Value>> && sizeof(task<Value>) == sizeof(std::coroutine_handle<>));

public:
    explicit gather_vector(std::vector<task<Value>>&& children) : children_(std::move(children)) {
        if (children_.size() > std::numeric_limits<std::uint32_t>::max() / 2)  // blocks are counted with them
            throw std::length_error("weft::gather: more children than can be counted; gather them in parts");
        for (auto const& child : children_)
            if (!child.valid()) [[unlikely]] throw_empty_task();
    }
    gather_vector(gather_vector&& other) noexcept
        : children_(std::move(other.children_)), spent_(std::exchange(other.spent_, true)) {}
    ~gather_vector() {
        if constexpr (ReturnExceptions)
            if (failed()) [[unlikely]] drop_exceptions(each_slot());
    }

    bool await_ready() const {
        if (spent_ || (!children_.empty() && !children_.front().valid())) [[unlikely]] throw_reused_gather();
        return children_.empty() && !must_let_others_go();
    }

    template <class Promise>
    WEFT_NOINLINE_SUSPEND bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        if (children_.empty()) {
            let_others_go(awaiting.promise());
            return true;
        }
        auto* const frames = reinterpret_cast<std::coroutine_handle<>*>(children_.data());
        slots_.allocate(children_.size());
        // Before anything starts: if this failed when the children have ended, their results would be lost.
        if constexpr (gives_results) results_.reserve(children_.size());
        for (std::size_t index = 0; slot<Value>& place : slots_) give_slot(frames[index++], place);
        if (children_.size() >= wide_gather) return start_in_blocks(awaiting, blocks_, {frames, children_.size()});
        return start<std::dynamic_extent>(awaiting, frames, children_.size());
    }

    auto await_resume() {
        if (ReturnExceptions ? cancelled() : failed()) [[unlikely]] this->template rethrow_first<ReturnExceptions>(each_slot());
        if constexpr (gives_results) {
            for (slot<Value>& place : slots_) results_.push_back(take_element<ReturnExceptions, Value>(place));
            return std::move(results_);
        }
    }

private:
    static constexpr bool gives_results = ReturnExceptions || !std::is_void_v<Value>;
    using element = element_t<ReturnExceptions, Value>;
    using element_in_vector =
        std::conditional_t<std::is_reference_v<element>, std::reference_wrapper<std::remove_reference_t<element>>, element>;

    auto each_slot() noexcept {
        return [this](auto visit) {
            for (slot<Value>& place : slots_) visit(place);
        };
    }

    std::vector<task<Value>> children_;
    slot_array<Value> slots_;
    [[no_unique_address]] std::conditional_t<gives_results, std::vector<element_in_vector>, std::monostate> results_;
    owned_child_blocks blocks_;
    bool spent_ = false;  // moved from
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

// Runs all of them at once; idle workers steal what this one has not started yet. Takes tasks and join_handles, mixed (a named
// handle gives a copy of its value), and any other awaitable, for example sleep.
//   Result:        a std::tuple in argument order, std::monostate where an awaitable gives void, nothing at all if all of them do.
//                  A vector gives a std::vector (nothing for void, std::reference_wrapper for references). Empty: an empty result
//                  at once.
//   Resumes on:    a worker of the runtime: as a rule the one on which the last child ended.
//   Cancellation:  a cancellation point where it suspends: each child is cancelled in its next or present await. When all have
//                  ended it throws weft::cancelled, also with return_exceptions, if none has failed by another exception before. A
//                  child that has not begun begins, and is told at its first await.
//   Throws:        after all children have ended, the exception that came first in time; siblings are not cancelled by it. The
//                  other exceptions are dropped. invalid_state for an empty task or handle; std::bad_alloc with nothing started;
//                  std::length_error for more than two billion.
//   Cost:          co_await gather(f(), g()) keeps the emptied tasks f() and g() in the awaiting frame until it resumes. A gather
//                  with a name, `auto both = gather(f(), g()); ... = co_await both;`, does not, which shows in tasks as small as
//                  fib's. But other temporaries in it, for example a string that f takes by reference, or a lambda that is called
//                  there, are then gone before the tasks start: only for tasks that take their arguments by value.
//   Must outlive:  named handles and other named awaitables, and what the tasks refer to, until the await has resumed. No child
//                  outlives the gather. A child's frame, with its arguments, is gone when the child has ended, before the gather
//                  resumes: its result must not refer to them.
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
