// SPDX-License-Identifier: MIT
// Random numbers for tasks: the functions of Python's random module, callable from any task on any worker.
//
// Every thread has its own generator (xoshiro256++), so drawing takes no lock, shares no memory with other threads, never suspends
// and never fails. Unless somebody calls seed(n), a thread's first draw seeds its generator from the system's entropy. These
// numbers are for simulation, sampling, jitter and tests; they can be predicted by whoever has seen a few of them, so make no keys
// of them. After fork() both processes draw the same numbers until one of them calls seed().
//
// Mistakes (an empty range, ends the wrong way round, ...) throw std::invalid_argument, whose message says what to do. A call that
// throws has changed nothing, though it may have drawn numbers.
#pragma once

#include "weft/detail/config.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft::detail {

// The generator is a thread_local, and a task may be on another thread after each suspension: these functions, compiled in the
// library, find the calling thread's generator on every call and hand out numbers, never its address.

// 64 random bits.
WEFT_API WEFT_NOIPA std::uint64_t random_word() noexcept;
// One of 0 ... bound - 1, each equally likely; bound is at least 1.
WEFT_API WEFT_NOIPA std::uint64_t random_below(std::uint64_t bound) noexcept;

// The work of choices and sample on positions 0 ... size - 1 alone, so that it is compiled once and not for every element type.
WEFT_API std::vector<std::uint64_t> random_choices(std::uint64_t size, std::uint64_t k);
WEFT_API std::vector<std::uint64_t> random_choices(std::uint64_t size, std::vector<double> weights, std::uint64_t k);
WEFT_API std::vector<std::uint64_t> random_sample(std::uint64_t size, std::uint64_t k);

// The errors whose conditions are found out in the templates below.
[[noreturn]] WEFT_API void throw_randint_crossed(const std::string& lower, const std::string& upper);
[[noreturn]] WEFT_API void throw_randint_mixed(const std::string& negative);
[[noreturn]] WEFT_API void throw_random_empty(const char* function);
[[noreturn]] WEFT_API void throw_random_negative_count(const char* function, const std::string& k);

// bool is integral, but randint(false, true) or k = true is a slip, not a wish.
template <class Type>
concept random_integer = std::integral<Type> && !std::same_as<std::remove_cv_t<Type>, bool> && sizeof(Type) <= 8;

template <class Type>
concept character = std::same_as<Type, char> || std::same_as<Type, wchar_t> || std::same_as<Type, char8_t> ||
                    std::same_as<Type, char16_t> || std::same_as<Type, char32_t>;

// Which elements a caller means. The zero that ends a string literal, or an array made from one, is not one of them:
// choice("aeiou") is a vowel.
template <class Range>
std::uint64_t random_size(Range& range) {
    if constexpr (std::is_array_v<Range> && character<std::remove_cv_t<std::remove_extent_t<Range>>>) {
        constexpr std::size_t length = std::extent_v<Range>;
        return length - (range[length - 1] == 0 ? 1 : 0);
    } else if constexpr (std::ranges::sized_range<Range>) {
        return static_cast<std::uint64_t>(std::ranges::size(range));
    } else {
        return static_cast<std::uint64_t>(std::ranges::distance(range));
    }
}

template <random_integer Count>
std::uint64_t random_count(const char* function, Count k) {
    if constexpr (std::is_signed_v<Count>) {
        if (k < 0) throw_random_negative_count(function, std::to_string(k));
    }
    return static_cast<std::uint64_t>(k);
}

template <class Common, random_integer Value>
Common randint_end(Value value) {
    // Only a negative number in an unsigned common type is lost: apart from its sign, a common type holds both its sources.
    if constexpr (std::is_signed_v<Value> && std::is_unsigned_v<Common>) {
        if (value < 0) throw_randint_mixed(std::to_string(value));
    }
    return static_cast<Common>(value);
}

// What choice returns: the element itself where it outlives the call, else a copy. (An iterator that allows only one pass may keep
// its element inside itself.)
template <class Range>
using random_chosen_t = std::conditional_t<std::ranges::forward_range<Range> && std::ranges::borrowed_range<Range>,
                                           std::ranges::range_reference_t<Range>, std::ranges::range_value_t<Range>>;

template <class Range>
concept random_copyable = std::constructible_from<std::ranges::range_value_t<Range>, std::ranges::range_reference_t<Range>>;

// A container that is about to die can give an element away, where it cannot be copied. A view must not: the elements it would give
// away are another's.
template <class Range>
concept random_movable = !std::ranges::view<std::remove_cvref_t<Range>> &&
                         std::constructible_from<std::ranges::range_value_t<Range>, std::ranges::range_rvalue_reference_t<Range>>;

template <class Range>
concept random_choosable =
    (std::ranges::forward_range<Range> || (std::ranges::input_range<Range> && std::ranges::sized_range<Range>)) &&
    (std::same_as<random_chosen_t<Range>, std::ranges::range_reference_t<Range>> || random_copyable<Range> ||
     random_movable<Range>);

template <class Range>
concept random_population = std::ranges::forward_range<Range> && random_copyable<Range>;

template <class Range>
concept random_weights = std::ranges::input_range<Range> && std::is_arithmetic_v<std::ranges::range_value_t<Range>>;

// In C++20 std::vector<bool> does not meet std::permutable, though its elements swap well.
template <class Range>
concept random_shufflable = std::ranges::random_access_range<Range> && std::ranges::borrowed_range<Range> &&
                            (std::permutable<std::ranges::iterator_t<Range>> || std::same_as<Range, std::vector<bool>&>);

// The elements at these positions, in that order. Where elements cannot be reached by number the range is walked once.
template <class Range>
std::vector<std::ranges::range_value_t<Range>> random_pick(Range& range, const std::vector<std::uint64_t>& positions) {
    using difference = std::ranges::range_difference_t<Range>;
    std::vector<std::ranges::range_value_t<Range>> picked;
    picked.reserve(positions.size());
    auto at = std::ranges::begin(range);
    if constexpr (std::ranges::random_access_range<Range>) {
        for (const std::uint64_t position : positions) picked.emplace_back(at[static_cast<difference>(position)]);
    } else {
        std::vector<std::pair<std::uint64_t, std::size_t>> walk;  // a position, and whose turn in the answer it is
        walk.reserve(positions.size());
        for (const std::uint64_t position : positions) walk.emplace_back(position, walk.size());
        std::ranges::sort(walk);
        std::vector<std::ranges::iterator_t<Range>> found(positions.size());
        std::uint64_t here = 0;
        for (const auto& [position, turn] : walk) {
            std::ranges::advance(at, static_cast<difference>(position - here));
            here = position;
            found[turn] = at;
        }
        for (const auto& element : found) picked.emplace_back(*element);
    }
    return picked;
}

// A copy of the weights as double, which is exact for integers up to 2^53.
template <class Weights>
std::vector<double> random_weight_list(Weights& weights) {
    std::vector<double> list;
    for (auto&& weight : weights) list.push_back(static_cast<double>(weight));
    return list;
}

}  // namespace weft::detail

namespace weft::random {

// Makes the numbers that follow repeatable: the same n gives the same numbers on every platform.
//
// The calling thread continues with stream 0 of n; of the other threads, the first to draw after this call takes stream 1, the next
// stream 2, and so on. So with one worker everything the program draws after seed(n) repeats. With several workers each stream
// repeats, but which task draws which number depends on the schedule: a task that must repeat needs an engine of its own, such as
// a std::mt19937_64 of its own seed.
//
// Any thread may call it at any time. It holds for every draw that is ordered after it (by a spawn, an await, a join, a lock). A
// draw at the same time as seed(n) may come from before it or from after it, and may come once more after it; of two calls at the
// same time, each caller has stream 0 of its own seed or a stream of the other's, and everybody else streams of one of the two.
WEFT_API WEFT_NOIPA void seed(std::uint64_t n) noexcept;

// Undoes that: seeds from the system's entropy, for the calling thread now and for every other at its next draw.
WEFT_API void seed() noexcept;

// A uniform random bit generator for <random> and <algorithm>: std::normal_distribution<>{}(engine). It is empty, and each call
// asks the generator of the thread that it runs on; so keep it as long as you like, across suspensions too, and copy it freely.
class bit_generator {
public:
    using result_type = std::uint64_t;

    static constexpr result_type min() noexcept { return 0; }
    static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }
    result_type operator()() const noexcept { return detail::random_word(); }
};

inline bit_generator& engine() noexcept {
    static constinit bit_generator only;
    return only;
}

// A multiple of 2^-53 in [0, 1), each of the 2^53 equally likely.
inline double random() noexcept { return static_cast<double>(detail::random_word() >> 11) * 0x1.0p-53; }

// a + (b - a) * random(). The ends may come in either order; b itself may appear, by rounding. b - a must not overflow.
inline double uniform(double a, double b) noexcept { return a + (b - a) * random(); }

// An integer from a to b, both included, each equally likely. Takes every integer and character type, over its whole range; ends of
// two types give their std::common_type. Throws std::invalid_argument when a > b, or when an end is negative but the common type
// unsigned.
template <detail::random_integer Lower, detail::random_integer Upper>
std::common_type_t<Lower, Upper> randint(Lower a, Upper b) {
    using common = std::common_type_t<Lower, Upper>;
    const auto lower = detail::randint_end<common>(a);
    const auto upper = detail::randint_end<common>(b);
    if (lower > upper) detail::throw_randint_crossed(std::to_string(lower), std::to_string(upper));
    // Modulo 2^64, which is exact for the distance of two int64_t as well.
    const std::uint64_t span = static_cast<std::uint64_t>(upper) - static_cast<std::uint64_t>(lower);
    const bool every_word = span == std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t offset = every_word ? detail::random_word() : detail::random_below(span + 1);
    return static_cast<common>(static_cast<std::uint64_t>(lower) + offset);
}

// One element, each equally likely: of any forward range, and of any single-pass range that knows its size. From an lvalue or a
// borrowed range (std::span, std::string_view) it returns a reference, from a temporary container a value. In constant time where
// elements can be reached by number and the size is known, else in one walk. Throws std::invalid_argument when there is none.
template <detail::random_choosable Range>
detail::random_chosen_t<Range> choice(Range&& range) {
    using value = std::ranges::range_value_t<Range>;
    using chosen = detail::random_chosen_t<Range>;
    const std::uint64_t size = detail::random_size(range);
    if (size == 0) detail::throw_random_empty("choice");
    const auto position = static_cast<std::ranges::range_difference_t<Range>>(detail::random_below(size));
    auto at = std::ranges::begin(range);
    std::ranges::advance(at, position);
    if constexpr (std::same_as<chosen, std::ranges::range_reference_t<Range>>) {
        return *at;
    } else if constexpr (detail::random_copyable<Range>) {
        return value(*at);
    } else {
        return value(std::ranges::iter_move(at));
    }
}

template <std::copy_constructible Value>
Value choice(std::initializer_list<Value> list) {
    return choice(std::span(list.begin(), list.size()));
}

// k elements, chosen one by one with replacement, each equally likely. Throws std::invalid_argument when k is negative, or the
// range empty and k not 0.
template <detail::random_population Range, detail::random_integer Count = int>
std::vector<std::ranges::range_value_t<Range>> choices(Range&& range, Count k = 1) {
    const std::uint64_t count = detail::random_count("choices", k);
    return detail::random_pick(range, detail::random_choices(detail::random_size(range), count));
}

template <std::copy_constructible Value, detail::random_integer Count = int>
std::vector<Value> choices(std::initializer_list<Value> list, Count k = 1) {
    return choices(std::span(list.begin(), list.size()), k);
}

// k elements with replacement, each as likely as its share of the sum of the weights; an element of weight 0 never. Throws
// std::invalid_argument when there is not one weight for each element, a weight is negative or not a number, their sum is 0 or
// beyond double, or k is negative.
template <detail::random_population Range, detail::random_weights Weights = std::initializer_list<double>,
          detail::random_integer Count = int>
std::vector<std::ranges::range_value_t<Range>> choices(Range&& range, Weights&& weights, Count k = 1) {
    const std::uint64_t count = detail::random_count("choices", k);
    return detail::random_pick(range,
                               detail::random_choices(detail::random_size(range), detail::random_weight_list(weights), count));
}

template <std::copy_constructible Value, detail::random_weights Weights = std::initializer_list<double>,
          detail::random_integer Count = int>
std::vector<Value> choices(std::initializer_list<Value> list, Weights&& weights, Count k = 1) {
    return choices(std::span(list.begin(), list.size()), weights, k);
}

// Puts the elements in random order, in place, every order equally likely (as far as 256 bits of state can tell them apart).
template <class Range>
    requires detail::random_shufflable<Range>
void shuffle(Range&& range) {
    using difference = std::ranges::range_difference_t<Range>;
    const auto first = std::ranges::begin(range);
    // Fisher and Yates: of the elements not yet placed, any may come last.
    for (std::uint64_t left = detail::random_size(range); left > 1; --left) {
        const auto last = first + static_cast<difference>(left - 1);
        const auto any = first + static_cast<difference>(detail::random_below(left));
        if constexpr (std::permutable<std::ranges::iterator_t<Range>>) {
            std::ranges::iter_swap(last, any);
        } else {
            std::iter_swap(last, any);
        }
    }
}

// k different elements in random order: every choice and every order equally likely. Elements that are equal but stand at different
// positions count as different. Takes time and memory in proportion to k where elements can be reached by number, so
// sample(std::views::iota(0, 1'000'000'000), 5) is cheap. Throws std::invalid_argument when k is negative or above the size.
template <detail::random_population Range, detail::random_integer Count>
std::vector<std::ranges::range_value_t<Range>> sample(Range&& range, Count k) {
    const std::uint64_t count = detail::random_count("sample", k);
    return detail::random_pick(range, detail::random_sample(detail::random_size(range), count));
}

template <std::copy_constructible Value, detail::random_integer Count>
std::vector<Value> sample(std::initializer_list<Value> list, Count k) {
    return sample(std::span(list.begin(), list.size()), k);
}

}  // namespace weft::random
