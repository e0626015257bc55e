// SPDX-License-Identifier: MIT
// first: run several awaitables at once and go on with the one that is ready first.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <weft/concepts.hpp>
#include <weft/detail/entered_scope.hpp>
#include <weft/error.hpp>
#include <weft/gather.hpp>
#include <weft/task.hpp>

namespace weft {

namespace detail {

// Who has ended first, and with what.
template <class Result>
class race {
public:
    // False: somebody else was first.
    [[nodiscard]] bool win() noexcept { return !won_.exchange(true, std::memory_order_relaxed); }

    // By the winner.
    template <class... Args>
    void finish(Args&&... args) {
        result_.emplace(std::forward<Args>(args)...);
        scope_.cancel();
    }
    void fail(std::exception_ptr exception) noexcept {
        exception_ = std::move(exception);
        scope_.cancel();
    }

    [[nodiscard]] bool cancelled_around() const noexcept { return scope_.cancelled_around(); }
    // Once all have ended. There need not be a winner where all have ended cancelled since they were asked to end. Who waits may not
    // have been told of that: then it has not suspended, and is told at its next await, as behind any task that was cancelled.
    Result take() {
        if (exception_) std::rethrow_exception(exception_);
        if (!result_) throw cancelled();
        return std::move(*result_);
    }

private:
    entered_scope scope_;
    std::atomic<bool> won_{false};  // relaxed: what the winner leaves is read when all have ended
    std::optional<Result> result_;
    std::exception_ptr exception_;
};

// One that takes part. `finish` is called with the race and the value, if it is first. It never fails.
template <class Value, class Result, class Finish>
task<> take_part(task<Value> runner, race<Result>& all, Finish finish) {
    bool first = false;
    try {
        if constexpr (std::is_void_v<Value>) {
            co_await std::move(runner);
            first = all.win();
            if (first) finish(all, std::monostate{});
        } else {
            decltype(auto) value = co_await std::move(runner);
            first = all.win();
            if (first) finish(all, std::forward<decltype(value)>(value));
        }
    } catch (cancelled const&) {
        // Where all have been asked to end, nobody wins by it; the others need not be asked again.
        if (first || (!all.cancelled_around() && all.win())) all.fail(std::current_exception());
    } catch (...) {
        if (first || all.win()) all.fail(std::current_exception());
    }
}

template <class... Values, std::size_t... Index>
task<std::variant<element_t<false, Values>...>> first_of(std::index_sequence<Index...>, task<Values>... runners) {
    static_assert(!(std::is_reference_v<Values> || ...), "weft::first keeps values: let the awaitable give one, not a reference");
    using result = std::variant<element_t<false, Values>...>;
    bool interrupted = false;
    race<result> all;
    try {
        co_await gather(take_part(std::move(runners), all, [](race<result>& of, auto&& value) {
            of.finish(std::in_place_index<Index>, std::forward<decltype(value)>(value));
        })...);
    } catch (cancelled const&) {
        interrupted = true;  // by the winner, or from outside
    }
    if (interrupted && all.cancelled_around()) throw_cancelled();
    co_return all.take();
}

// What first gives for a vector: which, and its value.
template <class Value>
using indexed_t = std::conditional_t<std::is_void_v<Value>, std::size_t, std::pair<std::size_t, element_t<false, Value>>>;

template <class Value>
task<indexed_t<Value>> first_of(std::vector<task<Value>> runners) {
    if (runners.empty()) throw std::invalid_argument("weft::first: of no awaitables none is first; pass at least one");
    bool interrupted = false;
    race<indexed_t<Value>> all;
    std::vector<task<>> taking_part;
    taking_part.reserve(runners.size());
    for (std::size_t index = 0; index < runners.size(); ++index)
        taking_part.push_back(take_part(std::move(runners[index]), all, [index](race<indexed_t<Value>>& of, auto&& value) {
            if constexpr (std::is_void_v<Value>)
                of.finish(index);
            else
                of.finish(index, std::forward<decltype(value)>(value));
        }));
    try {
        co_await gather(std::move(taking_part));
    } catch (cancelled const&) {
        interrupted = true;
    }
    if (interrupted && all.cancelled_around()) throw_cancelled();
    co_return all.take();
}

}  // namespace detail

// Runs all of them at once, as gather does. As soon as one has ended, by a value or an exception, the others are cancelled; when
// they have ended, too, it goes on: nothing of them is left behind. What they return or throw is dropped.
//   Result:        a std::variant with the value at the place of the argument, std::monostate for void. A vector gives a pair of
//                  the index and the value, of void tasks the index alone.
//   Resumes on:    as gather.
//   Cancellation:  a cancellation point; cancels all of them.
//   Throws:        what the first one threw; std::invalid_argument for an empty vector; else as gather.
//   Must outlive:  named awaitables, the await. The task of a handle is cancelled if it is not first: first(shield(handle), ...)
//                  lets it go on.
template <awaitable... Awaitables>
    requires(sizeof...(Awaitables) > 0)
auto first(Awaitables&&... awaitables) {
    return detail::first_of<detail::child_value_t<Awaitables>...>(std::index_sequence_for<Awaitables...>{},
                                                                 detail::child_task(std::forward<Awaitables>(awaitables))...);
}
template <awaitable Awaitable>
auto first(std::vector<Awaitable> awaitables) {
    std::vector<task<detail::child_value_t<Awaitable>>> runners;
    runners.reserve(awaitables.size());
    for (Awaitable& each : awaitables) runners.push_back(detail::child_task(std::move(each)));
    return detail::first_of(std::move(runners));
}

}  // namespace weft
