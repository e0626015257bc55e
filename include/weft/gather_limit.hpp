// SPDX-License-Identifier: MIT
// gather with a limit: of many awaitables so many at once, each made when it is its turn.
#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <weft/concepts.hpp>
#include <weft/detail/entered_scope.hpp>
#include <weft/error.hpp>
#include <weft/gather.hpp>
#include <weft/result.hpp>
#include <weft/task.hpp>
#include <weft/yield.hpp>

namespace weft {

// How a gather of a range runs it.
struct gather_options {
    std::size_t limit;  // at most so many at once
};

namespace detail {

// An element of a container that was moved in is moved out of it; what a view makes is a temporary.
template <class View>
using ranged_awaitable_t = std::conditional_t<std::is_lvalue_reference_v<std::ranges::range_reference_t<View>>,
                                              std::remove_cvref_t<std::ranges::range_reference_t<View>>,
                                              std::ranges::range_reference_t<View>>;

template <class Range>
concept awaitable_range = std::ranges::input_range<Range> && awaitable<ranged_awaitable_t<Range>>;

template <bool ReturnExceptions, class View>
class limited_gather {
public:
    using value = child_value_t<ranged_awaitable_t<View>>;
    static constexpr bool gives_results = ReturnExceptions || !std::is_void_v<value>;
    using element = element_t<ReturnExceptions, value>;
    using element_in_vector =
        std::conditional_t<std::is_reference_v<element>, std::reference_wrapper<std::remove_reference_t<element>>, element>;
    using results_vector = std::conditional_t<gives_results, std::vector<element_in_vector>, void>;

    // A child, and where its result is to stand.
    struct child {
        task<value> work;
        std::optional<element_in_vector>* place;
    };

    explicit limited_gather(View awaitables) : awaitables_(std::move(awaitables)), next_(std::ranges::begin(awaitables_)) {}

    // Nothing when there is no other, or there is to be none.
    std::optional<child> take() {
        std::lock_guard const lock(mutex_);
        if (over_ || next_ == std::ranges::end(awaitables_)) return std::nullopt;
        if (scope_.cancelled_around()) {
            interrupted_ = true;
            return std::nullopt;
        }
        // The places first: they stay where they are.
        if constexpr (gives_results) results_.emplace_back();
        std::optional<child> taken(child{made(*next_), gives_results ? &results_.back() : nullptr});
        ++next_;
        return taken;
    }
    void stop() noexcept {
        std::lock_guard const lock(mutex_);
        over_ = true;
    }

    // Once all that run have ended: whether there are others that do not begin, because this has been cancelled.
    [[nodiscard]] bool interrupted() noexcept { return std::exchange(interrupted_, false); }
    [[nodiscard]] bool cancelled_around() const noexcept { return scope_.cancelled_around(); }

    // Once all have ended, and none of them by an exception.
    results_vector results() {
        if constexpr (gives_results) {
            std::vector<element_in_vector> all;
            all.reserve(results_.size());
            for (auto& each : results_) all.push_back(std::move(*each));
            return all;
        }
    }

private:
    static task<value> made(std::ranges::range_reference_t<View> element) {
        return child_task(static_cast<ranged_awaitable_t<View>&&>(element));
    }

    entered_scope scope_;
    std::mutex mutex_;
    View awaitables_;
    std::ranges::iterator_t<View> next_;
    std::deque<std::optional<element_in_vector>> results_;
    bool over_ = false;         // no other one begins
    bool interrupted_ = false;  // likewise, for the time being
};

template <bool ReturnExceptions, class View>
task<> run_one(limited_gather<ReturnExceptions, View>& all, typename limited_gather<ReturnExceptions, View>::child now) {
    using value = typename limited_gather<ReturnExceptions, View>::value;
    std::exception_ptr failure;
    try {
        if constexpr (std::is_void_v<value>) {
            co_await std::move(now.work);
            if constexpr (ReturnExceptions) now.place->emplace();
        } else {
            decltype(auto) given = co_await std::move(now.work);
            if constexpr (ReturnExceptions)
                now.place->emplace(std::in_place, std::forward<decltype(given)>(given));
            else
                now.place->emplace(std::forward<decltype(given)>(given));
        }
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    if constexpr (ReturnExceptions) {
        now.place->emplace(std::move(failure));
    } else {
        all.stop();
        std::rethrow_exception(failure);
    }
}

// The children of one place in the limit, one after the other.
template <bool ReturnExceptions, class View>
task<> run_row(limited_gather<ReturnExceptions, View>& all, typename limited_gather<ReturnExceptions, View>::child first) {
    auto now = std::optional(std::move(first));
    while (now) {
        co_await run_one(all, std::move(*now));
        if (must_let_others_go()) co_await yield();
        try {
            now = all.take();
        } catch (...) {
            all.stop();
            throw;
        }
    }
}

template <bool ReturnExceptions, class View>
task<typename limited_gather<ReturnExceptions, View>::results_vector> gather_limited(View awaitables, std::size_t limit) {
    limited_gather<ReturnExceptions, View> all(std::move(awaitables));
    for (;;) {
        std::vector<task<>> rows;
        while (rows.size() < limit) {
            auto first = all.take();
            if (!first) break;
            rows.push_back(run_row(all, std::move(*first)));
        }
        co_await gather(std::move(rows));
        if (!all.interrupted()) break;
        // Nobody has been told yet, because nobody has suspended.
        co_await yield();
        // Or it has been counted as told already: a child has taken it back for its own.
        if (all.cancelled_around()) throw_cancelled();
    }
    co_return all.results();
}

template <bool ReturnExceptions, class Range>
auto gather_range(Range&& awaitables, gather_options settings) {
    static_assert(!std::is_lvalue_reference_v<Range> || std::ranges::view<std::remove_cvref_t<Range>>,
                  "weft::gather(range, {.limit = n}) takes the awaitables out of the range: std::move it in");
    if (settings.limit == 0) throw std::invalid_argument("weft::gather: with a limit of 0 nothing could ever run; at least 1 must");
    return gather_limited<ReturnExceptions, std::views::all_t<Range>>(std::views::all(std::forward<Range>(awaitables)), settings.limit);
}

}  // namespace detail

// Runs the awaitables of a range, at most `limit` at the same time. With a view, each one is made when its turn comes, so that a
// million cost no more memory than `limit` of them, and their results:
//
//     auto pages = co_await weft::gather(urls | std::views::transform(fetch), {.limit = 16});
//
//   Result:        a std::vector in the order of the range (nothing for void, std::reference_wrapper for references).
//   Resumes on:    a worker of the runtime: as a rule the one on which the last child ended.
//   Cancellation:  a cancellation point; cancels the children that run, and begins no others. It goes on when these have ended, by
//                  weft::cancelled.
//   Throws:        after a child's exception no other one begins; when those that run have ended, the exception that came first in
//                  time. What the range throws counts as one. With return_exceptions all children run, unless the range throws.
//                  std::invalid_argument for a limit of 0; invalid_state for an empty task in the range; std::bad_alloc.
//   Must outlive:  what the range refers to, until the await has resumed. The range is used by one worker at a time, but not always
//                  the same; it belongs to the gather, if it was moved in.
template <class Range>
    requires detail::awaitable_range<std::remove_cvref_t<Range>>
auto gather(Range&& awaitables, gather_options settings) {
    return detail::gather_range<false>(std::forward<Range>(awaitables), settings);
}
template <class Range>
    requires detail::awaitable_range<std::remove_cvref_t<Range>>
auto gather(return_exceptions_t, Range&& awaitables, gather_options settings) {
    return detail::gather_range<true>(std::forward<Range>(awaitables), settings);
}

}  // namespace weft
