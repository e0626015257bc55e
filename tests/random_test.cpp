// SPDX-License-Identifier: MIT
// weft/random.hpp: the values, their distribution, the errors, and what seed() promises to several threads.
// Every test seeds the generators itself, with a fixed seed, so it draws the same numbers on each run.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include "weft/random.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <exception>
#include <forward_list>
#include <initializer_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <ranges>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace rnd = weft::random;

namespace {

constexpr auto int64_min = std::numeric_limits<std::int64_t>::min();
constexpr auto int64_max = std::numeric_limits<std::int64_t>::max();
constexpr auto uint64_max = std::numeric_limits<std::uint64_t>::max();

std::vector<std::uint64_t> words(std::size_t n) {
    std::vector<std::uint64_t> list(n);
    for (auto& word : list) word = rnd::engine()();
    return list;
}

std::vector<std::uint64_t> words_of_a_new_thread(std::size_t n) {
    std::vector<std::uint64_t> list;
    std::thread([&] { list = words(n); }).join();
    return list;
}

template <class Function>
std::string error_of(Function&& function) {
    try {
        std::forward<Function>(function)();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "no error";
}

// Chi-square of what was seen against what was expected, as a standard normal number (by the cube root of Wilson and Hilferty): a
// fair generator gives more than 4.5 about 3 times in a million.
double surprise(const std::vector<std::uint64_t>& seen, const std::vector<double>& expected) {
    double chi_square = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) {
        const double off = static_cast<double>(seen[i]) - expected[i];
        chi_square += off * off / expected[i];
    }
    const auto freedom = static_cast<double>(seen.size() - 1);
    return (std::cbrt(chi_square / freedom) - 1 + 2 / (9 * freedom)) / std::sqrt(2 / (9 * freedom));
}

double surprise(const std::vector<std::uint64_t>& seen) {
    const auto total = static_cast<double>(std::accumulate(seen.begin(), seen.end(), std::uint64_t{0}));
    return surprise(seen, std::vector<double>(seen.size(), total / static_cast<double>(seen.size())));
}

// How often each of 0 ... values - 1 is drawn.
template <class Draw>
std::vector<std::uint64_t> count_draws(std::size_t values, int draws, Draw&& draw) {
    std::vector<std::uint64_t> seen(values);
    for (int i = 0; i < draws; ++i) ++seen.at(static_cast<std::size_t>(draw()));
    return seen;
}

}  // namespace

TEST_CASE("the generator is xoshiro256++ seeded by SplitMix64", "[random][seed]") {
    // Computed with an independent program; the same on every platform.
    using list = std::vector<std::uint64_t>;
    rnd::seed(0);
    CHECK(words(3) == list{0x53175d61490b23df, 0x61da6f3dc380d507, 0x5c0fdf91ec9a7bfc});
    CHECK(words_of_a_new_thread(3) == list{0x6dc6e8fa3d98d369, 0xa0e529076a07d5b9, 0xe3762711111ca073});
    rnd::seed(uint64_max);
    CHECK(words(3) == list{0x56ccf8ce948e27b2, 0xe68588432e5a5b90, 0xe3e9b5a48119ca8b});
    rnd::seed(42);
    CHECK(words(3) == list{0xd0764d4f4476689f, 0x519e4174576f3791, 0xfbe07cfb0c24ed8c});
    words_of_a_new_thread(1);
    words_of_a_new_thread(1);
    CHECK(words_of_a_new_thread(3) == list{0xaad44ac6eb9a0806, 0x62dd5b2c705e3012, 0x31899b2a9d2e97f8});
}

TEST_CASE("random is a multiple of 2^-53 in [0, 1), evenly spread", "[random]") {
    rnd::seed(1);
    std::vector<std::uint64_t> seen(64);
    bool in_range = true;
    bool multiple = true;
    bool odd = false;
    for (int i = 0; i < 200'000; ++i) {
        const double x = rnd::random();
        in_range = in_range && x >= 0 && x < 1;
        const double scaled = x * 0x1.0p53;
        multiple = multiple && scaled == std::floor(scaled);
        odd = odd || std::fmod(scaled, 2) == 1;
        ++seen[static_cast<std::size_t>(x * 64)];
    }
    CHECK(in_range);
    CHECK(multiple);
    CHECK(odd);  // all 53 bits are used
    CHECK(surprise(seen) < 4.5);
}

TEST_CASE("uniform stretches random between its ends, in either order", "[random]") {
    rnd::seed(2);
    for (const auto& [a, b] : {std::pair{-3.0, 5.0}, {5.0, -3.0}, {0.0, 1e-300}, {-1e308, 0.5e308}}) {
        bool in_range = true;
        for (int i = 0; i < 10'000; ++i) {
            const double x = rnd::uniform(a, b);
            in_range = in_range && x >= std::min(a, b) && x <= std::max(a, b);
        }
        CAPTURE(a, b);
        CHECK(in_range);
    }
    CHECK(rnd::uniform(7.5, 7.5) == 7.5);
    rnd::seed(2);
    const double plain = rnd::random();
    rnd::seed(2);
    CHECK(rnd::uniform(10, 30) == 10 + 20 * plain);
    // An end that rounding can reach: between 1 and the next double there is nothing else.
    const double next = std::nextafter(1.0, 2.0);
    bool reached = false;
    for (int i = 0; i < 100; ++i) reached = reached || rnd::uniform(1, next) == next;
    CHECK(reached);
}

TEST_CASE("randint includes both ends and is unbiased", "[random][randint]") {
    rnd::seed(3);
    for (const int values : {1, 2, 3, 5, 6, 7, 8, 9, 64, 65, 100, 127, 128, 129}) {
        const auto seen =
            count_draws(static_cast<std::size_t>(values), 1000 * values, [&] { return rnd::randint(-3, values - 4) + 3; });
        CAPTURE(values);
        CHECK(std::ranges::find(seen, 0u) == seen.end());
        if (values > 1) CHECK(surprise(seen) < 4.5);
    }
}

TEST_CASE("randint is unbiased where a remainder or a product would be coarse", "[random][randint]") {
    // 3/4 of 2^64 values: taking a word modulo that would give the lower third twice as often.
    rnd::seed(4);
    constexpr std::uint64_t third = std::uint64_t{1} << 62;
    const auto seen = count_draws(3, 60'000, [] { return rnd::randint(std::uint64_t{0}, 3 * third - 1) / third; });
    CHECK(surprise(seen) < 4.5);
}

TEST_CASE("randint covers the whole range of every integer type", "[random][randint]") {
    rnd::seed(5);
    bool low = false;
    bool high = false;
    std::uint64_t ones = 0;
    std::uint64_t zeros = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto x = rnd::randint(int64_min, int64_max);
        static_assert(std::is_same_v<decltype(x), const std::int64_t>);
        low = low || x < 0;
        high = high || x > 0;
        const auto y = rnd::randint(std::uint64_t{0}, uint64_max);
        static_assert(std::is_same_v<decltype(y), const std::uint64_t>);
        ones |= y;
        zeros |= ~y;
    }
    CHECK(low);
    CHECK(high);
    CHECK(ones == uint64_max);
    CHECK(zeros == uint64_max);
    // One value short of everything, which is one more than any signed distance.
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(rnd::randint(int64_min + 1, int64_max) > int64_min);
        REQUIRE(rnd::randint(std::uint64_t{1}, uint64_max) > 0);
    }
    CHECK(rnd::randint(int64_min, int64_min) == int64_min);
    CHECK(rnd::randint(int64_max, int64_max) == int64_max);
    CHECK(rnd::randint(uint64_max, uint64_max) == uint64_max);

    const auto bytes = count_draws(256, 100'000, [] { return rnd::randint(std::int8_t{-128}, std::int8_t{127}) + 128; });
    CHECK(surprise(bytes) < 4.5);
    std::set<char> letters;
    for (int i = 0; i < 1000; ++i) letters.insert(rnd::randint('a', 'e'));
    CHECK(letters == std::set<char>{'a', 'b', 'c', 'd', 'e'});
    CHECK(rnd::randint(u'x', u'x') == u'x');
}

TEST_CASE("randint takes ends of two types", "[random][randint]") {
    rnd::seed(6);
    const auto a = rnd::randint(std::int8_t{-5}, std::int64_t{1} << 40);
    static_assert(std::is_same_v<decltype(a), const std::int64_t>);
    const auto b = rnd::randint(0, 10u);
    static_assert(std::is_same_v<decltype(b), const unsigned>);
    CHECK(b <= 10);
    const auto c = rnd::randint(std::int32_t{-7}, std::uint16_t{7});
    static_assert(std::is_same_v<decltype(c), const std::int32_t>);
    CHECK((c >= -7 && c <= 7));
    CHECK(rnd::randint(uint64_max, uint64_max) == uint64_max);
    static_assert(!std::is_invocable_v<decltype([](auto x) -> decltype(rnd::randint(x, x)) { return x; }), bool>);
    static_assert(!std::is_invocable_v<decltype([](auto x) -> decltype(rnd::randint(x, x)) { return x; }), double>);
}

TEST_CASE("randint says what is wrong with its ends", "[random][randint][error]") {
    CHECK(error_of([] { rnd::randint(5, 3); }) == "randint(5, 3): the lower end is above the upper; swap them");
    CHECK(error_of([] { rnd::randint(int64_max, int64_min); }) ==
          "randint(9223372036854775807, -9223372036854775808): the lower end is above the upper; swap them");
    CHECK(error_of([] { rnd::randint(uint64_max, std::uint64_t{0}); }) ==
          "randint(18446744073709551615, 0): the lower end is above the upper; swap them");
    CHECK(error_of([] { rnd::randint(-1, 10u); }) ==
          "randint: the end -1 is negative, but the other end's type makes the result unsigned; give both ends one signed type");
    CHECK(error_of([] { rnd::randint(0u, -1); }).starts_with("randint: the end -1 is negative"));
}

TEST_CASE("choice takes every kind of range", "[random][choice]") {
    rnd::seed(7);
    std::vector<int> vector{10, 20, 30};
    static_assert(std::is_same_v<decltype(rnd::choice(vector)), int&>);
    static_assert(std::is_same_v<decltype(rnd::choice(std::as_const(vector))), const int&>);
    static_assert(std::is_same_v<decltype(rnd::choice(std::vector<int>{1})), int>);
    static_assert(std::is_same_v<decltype(rnd::choice(std::span<int>(vector))), int&>);
    static_assert(std::is_same_v<decltype(rnd::choice(std::string("ab"))), char>);
    static_assert(std::is_same_v<decltype(rnd::choice(std::string_view("ab"))), const char&>);

    const int* const chosen = &rnd::choice(vector);
    CHECK((chosen >= vector.data() && chosen < vector.data() + vector.size()));
    rnd::choice(vector) = 99;
    CHECK(std::ranges::count(vector, 99) == 1);

    int array[] = {1, 2, 3};
    CHECK(rnd::choice(array) <= 3);
    const std::string word = "weft";
    CHECK(word.find(rnd::choice(word)) != std::string::npos);
    std::list<int> list{4, 5};
    CHECK(rnd::choice(list) / 2 == 2);
    std::forward_list<int> forward{4, 5};  // does not know its size
    CHECK(rnd::choice(forward) / 2 == 2);
    std::map<int, int> map{{1, 2}};
    CHECK(rnd::choice(map).second == 2);
    std::vector<bool> bits{true, true};
    CHECK(rnd::choice(bits));
    CHECK(rnd::choice(std::views::iota(5, 6)) == 5);
    CHECK(rnd::choice(std::views::iota(int64_min, int64_max)) < int64_max);
    CHECK(rnd::choice(vector | std::views::transform([](int x) { return -x; })) < 0);
    CHECK(rnd::choice(vector | std::views::filter([](int x) { return x == 99; })) == 99);

    // A temporary container of things that cannot be copied gives one away; a view of somebody else's does not compile.
    std::vector<std::unique_ptr<int>> owners;
    owners.push_back(std::make_unique<int>(3));
    CHECK(*rnd::choice(std::move(owners)) == 3);
    const auto all = std::views::filter([](const std::unique_ptr<int>&) { return true; });
    using view_of_owners = decltype(std::declval<std::vector<std::unique_ptr<int>>&>() | all);
    static_assert(!weft::detail::random_choosable<view_of_owners>);
    static_assert(weft::detail::random_choosable<view_of_owners&>);
    // And no element that could have been copied is moved out of what is behind a view.
    std::vector<std::string> names{"a string that is long enough to be moved from"};
    (void)rnd::choice(names | std::views::filter([](const std::string&) { return true; }));
    CHECK(names[0].size() > 20);

    // One pass, but of known size.
    std::vector<int> source{7, 8};
    const auto once = std::ranges::subrange<std::move_iterator<std::vector<int>::iterator>,
                                            std::move_sentinel<std::vector<int>::iterator>, std::ranges::subrange_kind::sized>(
        std::move_iterator(source.begin()), std::move_sentinel(source.end()), 2);
    CHECK(rnd::choice(once) / 7 == 1);
}

TEST_CASE("choice from braces", "[random][choice]") {
    rnd::seed(8);
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) seen.insert(rnd::choice({"apple", "banana", "cherry pie"}));
    CHECK(seen == std::set<std::string>{"apple", "banana", "cherry pie"});
    CHECK(rnd::choice({7}) == 7);
    const std::initializer_list<int> list{1, 2};
    CHECK(rnd::choice(list) <= 2);
}

TEST_CASE("the zero at the end of a string literal is not one of its characters", "[random][choice]") {
    rnd::seed(9);
    const auto seen = count_draws(256, 5000, [] { return static_cast<unsigned char>(rnd::choice("aeiou")); });
    CHECK(seen[0] == 0);
    CHECK(std::ranges::count_if(seen, [](auto n) { return n > 0; }) == 5);
    const char no_end[] = {'x', 'y'};
    std::set<char> letters;
    for (int i = 0; i < 100; ++i) letters.insert(rnd::choice(no_end));
    CHECK(letters == std::set<char>{'x', 'y'});
    CHECK(rnd::sample(u8"abc", 3).size() == 3);
    CHECK(error_of([] { rnd::sample("abc", 4); }).starts_with("sample: k is 4 but the range has 3"));
    CHECK(error_of([] { rnd::choice(""); }).starts_with("choice: the range is empty"));
    char text[] = "abcdefgh";
    rnd::shuffle(text);
    CHECK(std::string(text).size() == 8);
    const int numbers[] = {0, 0};
    CHECK(rnd::choices(numbers, 3) == std::vector<int>(3, 0));
}

TEST_CASE("choice is even", "[random][choice]") {
    rnd::seed(10);
    const std::vector<int> vector{0, 1, 2, 3, 4, 5, 6};
    CHECK(surprise(count_draws(7, 70'000, [&] { return rnd::choice(vector); })) < 4.5);
    const std::forward_list<int> list(vector.begin(), vector.end());
    CHECK(surprise(count_draws(7, 70'000, [&] { return rnd::choice(list); })) < 4.5);
}

TEST_CASE("choice from nothing is an error", "[random][choice][error]") {
    const auto wanted = "choice: the range is empty; give it at least one element, or check for that first";
    CHECK(error_of([] { rnd::choice(std::vector<int>{}); }) == wanted);
    std::forward_list<int> none;
    CHECK(error_of([&] { rnd::choice(none); }) == wanted);
    CHECK(error_of([] { rnd::choice(std::initializer_list<int>{}); }) == wanted);
    CHECK(error_of([] { rnd::choice(std::views::empty<int>); }) == wanted);
}

TEST_CASE("choices draws with replacement", "[random][choices]") {
    rnd::seed(11);
    const std::vector<std::string> fruit{"apple", "banana"};
    CHECK(rnd::choices(fruit).size() == 1);
    CHECK(rnd::choices(fruit, 100).size() == 100);
    CHECK(rnd::choices(fruit, fruit.size()).size() == 2);
    CHECK(rnd::choices(fruit, 0).empty());
    CHECK(rnd::choices(std::vector<int>{}, 0).empty());
    CHECK(rnd::choices({1, 2, 3}, 5).size() == 5);
    CHECK(rnd::choices({5}, 3) == std::vector<int>{5, 5, 5});
    const std::vector<bool> bits{true};
    CHECK(rnd::choices(bits, 2) == std::vector<bool>{true, true});
    const std::forward_list<int> walked{0, 1, 2, 3, 4};
    std::vector<std::uint64_t> seen(5);
    for (const int x : rnd::choices(walked, 50'000)) ++seen[static_cast<std::size_t>(x)];
    CHECK(surprise(seen) < 4.5);
    CHECK(error_of([] { rnd::choices(std::vector<int>{}); }) ==
          "choices: the range is empty; give it at least one element, or check for that first");
    CHECK(error_of([&] { rnd::choices(fruit, -2); }) == "choices: k is -2; ask for 0 or more elements");
}

TEST_CASE("a range that must be walked gives what one with numbers gives", "[random][choices][sample]") {
    const std::vector<int> vector{3, 1, 4, 1, 5, 9, 2, 6};
    const std::forward_list<int> walked(vector.begin(), vector.end());
    rnd::seed(12);
    const auto chosen = rnd::choices(vector, 20);
    const auto sampled = rnd::sample(vector, 6);
    rnd::seed(12);
    CHECK(rnd::choices(walked, 20) == chosen);
    CHECK(rnd::sample(walked, 6) == sampled);
}

TEST_CASE("choices follows the weights", "[random][choices]") {
    rnd::seed(13);
    const std::vector<std::size_t> places{0, 1, 2, 3};
    const std::array<int, 4> weights{1, 2, 0, 5};
    std::vector<std::uint64_t> seen(4);
    for (const auto place : rnd::choices(places, weights, 80'000)) ++seen[place];
    CHECK(seen[2] == 0);
    CHECK(surprise({seen[0], seen[1], seen[3]}, {10'000, 20'000, 50'000}) < 4.5);
    CHECK(rnd::choices({"a", "b"}, {0.0, 0.1}, 3) == std::vector<const char*>(3, rnd::choice({"b"})));
    CHECK(rnd::choices(places, {0, 0, 1, 0}) == std::vector<std::size_t>{2});
    CHECK(rnd::choices(places, std::vector<float>{0, 0, 0, 1}, 2) == std::vector<std::size_t>{3, 3});
    CHECK(rnd::choices(std::string("ab"), std::list<int>{1, 0}, 2) == std::vector<char>{'a', 'a'});
}

TEST_CASE("an element of weight 0 is never chosen, however odd the sum", "[random][choices]") {
    rnd::seed(14);
    constexpr double tiny = std::numeric_limits<double>::denorm_min();
    for (const double weight : {tiny, std::numeric_limits<double>::min(), 0.1, 1.0, 3.0, std::numeric_limits<double>::max()}) {
        const auto drawn = rnd::choices({0, 1, 2, 3}, std::array{0.0, weight, 0.0, 0.0}, 1000);
        CAPTURE(weight);
        CHECK(drawn == std::vector<int>(1000, 1));
    }
}

TEST_CASE("choices says what is wrong with the weights", "[random][choices][error]") {
    const std::vector<int> two{1, 2};
    CHECK(error_of([&] { rnd::choices(two, {1, 2, 3}); }) == "choices: 2 elements but 3 weights; give each element one weight");
    CHECK(error_of([&] { rnd::choices(two, std::vector<int>{}, 0); }).starts_with("choices: 2 elements but 0 weights"));
    CHECK(error_of([&] { rnd::choices(two, {1, -1}); }) == "choices: weight 1 is -1.000000; give weights of 0 or more");
    CHECK(error_of([&] { rnd::choices(two, {std::nan(""), 1}); }).starts_with("choices: weight 0 is nan"));
    CHECK(error_of([&] { rnd::choices(two, {0, 0}); }) == "choices: every weight is 0; give at least one element a weight above 0");
    const auto too_much = "choices: the weights add up to more than a double holds; give finite, smaller weights";
    CHECK(error_of([&] { rnd::choices(two, {1, std::numeric_limits<double>::infinity()}); }) == too_much);
    CHECK(error_of([&] { rnd::choices(two, {1e308, 1e308}); }) == too_much);
    CHECK(error_of([&] { rnd::choices(two, {1, 1}, -1); }) == "choices: k is -1; ask for 0 or more elements");
    CHECK(error_of([] { rnd::choices(std::vector<int>{}, std::vector<int>{}); }).starts_with("choices: the range is empty"));
    CHECK(rnd::choices(std::vector<int>{}, std::vector<int>{}, 0).empty());
}

TEST_CASE("shuffle makes every order equally likely", "[random][shuffle]") {
    rnd::seed(15);
    std::map<std::array<int, 4>, std::size_t> number;
    std::array<int, 4> order{0, 1, 2, 3};
    do {
        number.emplace(order, number.size());
    } while (std::ranges::next_permutation(order).found);
    REQUIRE(number.size() == 24);
    const auto seen = count_draws(24, 72'000, [&] {
        std::array<int, 4> cards{0, 1, 2, 3};
        rnd::shuffle(cards);
        return number.at(cards);
    });
    CHECK(surprise(seen) < 4.5);
}

TEST_CASE("shuffle works in place on whatever can be swapped", "[random][shuffle]") {
    rnd::seed(16);
    std::vector<std::unique_ptr<int>> owners;
    for (int i = 0; i < 100; ++i) owners.push_back(std::make_unique<int>(i));
    rnd::shuffle(owners);
    std::vector<int> values;
    for (const auto& owner : owners) values.push_back(*owner);
    CHECK(!std::ranges::is_sorted(values));
    std::ranges::sort(values);
    CHECK(values.front() == 0);
    CHECK(std::ranges::adjacent_find(values, [](int a, int b) { return b != a + 1; }) == values.end());

    std::vector<int> nothing;
    rnd::shuffle(nothing);
    std::vector<int> one{1};
    rnd::shuffle(one);
    CHECK(one[0] == 1);
    std::vector<bool> bits(100);
    std::fill_n(bits.begin(), 50, true);
    const auto before = bits;
    rnd::shuffle(bits);
    CHECK(bits != before);
    CHECK(std::ranges::count(bits, true) == 50);
    int array[] = {1, 2, 3};
    rnd::shuffle(array);
    CHECK(array[0] + array[1] + array[2] == 6);
    std::deque<int> queue{1, 2, 3};
    rnd::shuffle(queue);
    std::vector<int> part{0, 1, 2, 3, 4, 5};
    rnd::shuffle(std::span(part).subspan(3));
    CHECK((part[0] == 0 && part[1] == 1 && part[2] == 2));

    const auto can = []<class Range>(std::type_identity<Range>) { return requires { rnd::shuffle(std::declval<Range>()); }; };
    static_assert(can(std::type_identity<std::vector<bool>&>{}));
    static_assert(!can(std::type_identity<std::vector<int>>{}));  // its result would be lost
    static_assert(!can(std::type_identity<const std::vector<int>&>{}));
    static_assert(!can(std::type_identity<const std::vector<bool>&>{}));
    static_assert(!can(std::type_identity<std::list<int>&>{}));
}

TEST_CASE("sample takes different elements, every ordered choice equally likely", "[random][sample]") {
    rnd::seed(17);
    // 5 * 4 ordered pairs of 5 (the dense way), and 20 * 19 of 20 (k * 8 < n: the sparse way).
    for (const std::size_t n : {5u, 20u}) {
        const auto seen = count_draws(n * n, static_cast<int>(n * n * 500), [&] {
            const auto pair = rnd::sample(std::views::iota(std::size_t{0}, n), 2);
            return pair.at(0) * n + pair.at(1);
        });
        std::vector<std::uint64_t> possible;
        for (std::size_t i = 0; i < n; ++i) {
            CHECK(seen[i * n + i] == 0);
            for (std::size_t j = 0; j < n; ++j) {
                if (i != j) possible.push_back(seen[i * n + j]);
            }
        }
        CAPTURE(n);
        CHECK(surprise(possible) < 4.5);
    }
}

TEST_CASE("sample, its edges", "[random][sample][error]") {
    rnd::seed(18);
    const std::vector<int> vector{1, 2, 3};
    CHECK(rnd::sample(vector, 0).empty());
    auto all = rnd::sample(vector, vector.size());
    std::ranges::sort(all);
    CHECK(all == vector);
    CHECK(rnd::sample({"a", "b", "c"}, 2).size() == 2);
    CHECK(rnd::sample(std::vector<int>{}, 0).empty());
    CHECK(rnd::sample({8, 8}, 2) == std::vector<int>{8, 8});  // equal elements at different positions are different

    const auto huge = rnd::sample(std::views::iota(int64_min, int64_max), 1000);
    CHECK(std::set<std::int64_t>(huge.begin(), huge.end()).size() == 1000);
    for (std::uint64_t n = 0; n < 40; ++n) {
        for (std::uint64_t k = 0; k <= n; ++k) {
            const auto part = rnd::sample(std::views::iota(std::uint64_t{0}, n), k);
            const std::set<std::uint64_t> different(part.begin(), part.end());
            REQUIRE(different.size() == k);
            REQUIRE((k == 0 || *different.rbegin() < n));
        }
    }

    CHECK(error_of([&] { rnd::sample(vector, 4); }) ==
          "sample: k is 4 but the range has 3 elements; ask for fewer, or use choices, which may choose an element twice");
    CHECK(error_of([&] { rnd::sample(vector, uint64_max); }).starts_with("sample: k is 18446744073709551615 but"));
    CHECK(error_of([&] { rnd::sample(vector, -1); }) == "sample: k is -1; ask for 0 or more elements");
    CHECK(error_of([&] { rnd::sample(vector, int64_min); }).starts_with("sample: k is -9223372036854775808"));
}

TEST_CASE("the engine serves <random> and <algorithm>", "[random][engine]") {
    static_assert(std::uniform_random_bit_generator<rnd::bit_generator>);
    static_assert(std::is_empty_v<rnd::bit_generator>);
    static_assert(rnd::bit_generator::min() == 0 && rnd::bit_generator::max() == uint64_max);
    rnd::seed(19);
    static_assert(std::uniform_random_bit_generator<std::remove_reference_t<decltype(rnd::engine())>>);
    CHECK(std::uniform_int_distribution<>{3, 3}(rnd::engine()) == 3);
    auto engine = rnd::engine();
    std::normal_distribution<double> normal;
    double sum = 0;
    for (int i = 0; i < 10'000; ++i) sum += normal(engine);
    CHECK(std::abs(sum) < 500);
    std::vector<int> cards{1, 2, 3, 4, 5};
    std::ranges::shuffle(cards, engine);
    std::ranges::sort(cards);
    CHECK(cards == std::vector<int>{1, 2, 3, 4, 5});
    // Every bit is set half of the time.
    std::vector<std::uint64_t> set(64);
    for (int i = 0; i < 10'000; ++i) {
        const auto word = engine();
        for (std::size_t bit = 0; bit < 64; ++bit) set[bit] += word >> bit & 1;
    }
    CHECK(std::ranges::all_of(set, [](auto n) { return n > 4750 && n < 5250; }));
}

TEST_CASE("seed repeats everything that one thread draws", "[random][seed]") {
    const auto draw_everything = [] {
        std::vector<double> drawn;
        drawn.push_back(rnd::random());
        drawn.push_back(rnd::uniform(1, 2));
        drawn.push_back(rnd::randint(1, 1'000'000));
        for (const int x : rnd::choices({1, 2, 3}, 5)) drawn.push_back(x);
        for (const int x : rnd::choices({1, 2, 3}, {1, 2, 3}, 5)) drawn.push_back(x);
        std::vector<int> cards(52);
        std::iota(cards.begin(), cards.end(), 0);
        rnd::shuffle(cards);
        for (const int x : rnd::sample(cards, 10)) drawn.push_back(x);
        drawn.push_back(rnd::choice(cards));
        return drawn;
    };
    constexpr std::uint64_t n = 20;
    rnd::seed(n);
    const auto first = draw_everything();
    CHECK(draw_everything() != first);
    rnd::seed(n);
    CHECK(draw_everything() == first);
    rnd::seed(n + 1);
    CHECK(draw_everything() != first);
}

TEST_CASE("seed repeats what other threads draw, in the order of their first draws", "[random][seed]") {
    constexpr std::uint64_t n = 21;
    rnd::seed(n);
    const auto first = words_of_a_new_thread(10);
    const auto second = words_of_a_new_thread(10);
    const auto own = words(10);
    CHECK(first != second);
    CHECK(first != own);
    rnd::seed(n);
    CHECK(words_of_a_new_thread(10) == first);  // though it is another thread, and the program's third
    CHECK(words(10) == own);
    CHECK(words_of_a_new_thread(10) == second);
}

TEST_CASE("a thread that has drawn already notices a new seed, even the same one again", "[random][seed]") {
    const weft::test::watchdog guard{std::chrono::seconds{60}, "a new seed, noticed by a thread"};
    std::atomic<int> turn{0};
    std::vector<std::vector<std::uint64_t>> drawn;
    std::thread other([&] {
        for (int round = 0; round < 4; ++round) {
            turn.wait(2 * round);
            drawn.push_back(words(5));
            turn.store(2 * round + 2);
            turn.notify_one();
        }
    });
    for (int round = 0; round < 4; ++round) {
        if (round != 1) rnd::seed(round == 3 ? 23 : 22);
        turn.store(2 * round + 1);
        turn.notify_one();
        turn.wait(2 * round + 1);
    }
    other.join();
    CHECK(drawn[1] != drawn[0]);  // no new seed: it went on
    CHECK(drawn[2] == drawn[0]);
    CHECK(drawn[3] != drawn[0]);
}

TEST_CASE("seed() from entropy undoes seed(n)", "[random][seed]") {
    rnd::seed(24);
    const auto fixed = words(4);
    const auto fixed_other = words_of_a_new_thread(4);
    rnd::seed();
    const auto free = words(4);
    CHECK(free != fixed);
    CHECK(words_of_a_new_thread(4) != fixed_other);
    rnd::seed();
    CHECK(words(4) != free);
    rnd::seed(24);
    CHECK(words(4) == fixed);
}

TEST_CASE("the streams of one seed have nothing in common", "[random][seed]") {
    rnd::seed(25);
    std::vector<std::vector<std::uint64_t>> streams{words(2000)};
    for (int i = 0; i < 15; ++i) streams.push_back(words_of_a_new_thread(2000));
    std::set<std::uint64_t> all;
    for (const auto& stream : streams) all.insert(stream.begin(), stream.end());
    CHECK(all.size() == 16 * 2000);
    // Nor are any two correlated: of two independent words half of the bits are equal.
    for (std::size_t a = 0; a < streams.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            std::int64_t equal = 0;
            for (std::size_t i = 0; i < 2000; ++i) equal += std::popcount(~(streams[a][i] ^ streams[b][i]));
            CAPTURE(a, b);
            CHECK(std::abs(equal - 64'000) < 5 * 179);  // sqrt(128,000) / 2 is 179
        }
    }
}

TEST_CASE("seeds that differ in one bit give streams that differ in half of theirs", "[random][seed]") {
    for (int bit = 0; bit < 64; ++bit) {
        rnd::seed(0);
        const auto plain = words(100);
        rnd::seed(std::uint64_t{1} << bit);
        const auto other = words(100);
        int different = 0;
        for (std::size_t i = 0; i < 100; ++i) different += std::popcount(plain[i] ^ other[i]);
        CAPTURE(bit);
        CHECK(std::abs(different - 3200) < 5 * 40);
    }
}

namespace {

// The least coroutine that can be resumed by hand, on any thread.
struct by_hand {
    struct promise_type {
        by_hand get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<> handle;
};

by_hand draw_twice(std::vector<std::uint64_t>& drawn) {
    auto engine = rnd::engine();
    drawn.push_back(engine());
    co_await std::suspend_always{};
    drawn.push_back(engine());
}

}  // namespace

TEST_CASE("an engine kept across a suspension draws from the thread it is resumed on", "[random][engine]") {
    constexpr std::uint64_t n = 26;
    rnd::seed(n);
    const auto here = words(2);
    const auto there = words_of_a_new_thread(1);
    rnd::seed(n);
    std::vector<std::uint64_t> drawn;
    const auto coroutine = draw_twice(drawn);
    coroutine.handle.resume();
    std::thread([&] { coroutine.handle.resume(); }).join();
    coroutine.handle.destroy();
    CHECK(drawn == std::vector<std::uint64_t>{here[0], there[0]});
    CHECK(words(1)[0] == here[1]);
}

TEST_CASE("threads draw at the same time, each its own stream", "[random][concurrency]") {
    const weft::test::watchdog guard{std::chrono::seconds{60}, "threads draw at the same time, each its own stream"};
    constexpr std::uint64_t n = 27;
    rnd::seed(n);
    constexpr std::size_t draws = 5000;
    std::vector<std::vector<std::uint64_t>> drawn(8);
    const auto race = [&] {
        std::atomic<int> ready{0};
        std::vector<std::thread> threads;
        for (auto& list : drawn) {
            threads.emplace_back([&] {
                ready.fetch_add(1);
                while (ready.load() < 8) std::this_thread::yield();
                list = words(draws);
            });
        }
        for (auto& thread : threads) thread.join();
    };
    race();
    std::ranges::sort(drawn);
    std::set<std::uint64_t> all;
    for (const auto& list : drawn) all.insert(list.begin(), list.end());
    CHECK(all.size() == 8 * draws);
    // Which thread has which stream may differ, but they are the same streams.
    const auto first = drawn;
    rnd::seed(n);
    race();
    std::ranges::sort(drawn);
    CHECK(drawn == first);
}

TEST_CASE("threads draw and seed at the same time", "[random][concurrency]") {
    const weft::test::watchdog guard{std::chrono::seconds{60}, "threads draw and seed at the same time"};
    rnd::seed(28);
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&wrong, t] {
            std::vector<int> cards{1, 2, 3, 4, 5};
            for (int i = 0; i < 4000; ++i) {
                if (i % 16 == t) rnd::seed(static_cast<std::uint64_t>(i));
                if (i % 512 == t) rnd::seed();
                const double x = rnd::random();
                const int y = rnd::randint(-2, 2);
                rnd::shuffle(cards);
                const int z = rnd::choice(cards);
                if (!(x >= 0 && x < 1) || y < -2 || y > 2 || z < 1 || z > 5) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    // When all that is over, one seed holds for everybody again.
    rnd::seed(29);
    const auto here = words(3);
    const auto there = words_of_a_new_thread(3);
    rnd::seed(29);
    CHECK(words(3) == here);
    CHECK(words_of_a_new_thread(3) == there);
}

TEST_CASE("a seed holds for every thread that is told of it, whatever went on before", "[random][concurrency]") {
    const weft::test::watchdog guard{std::chrono::seconds{60}, "a seed for every thread"};
    constexpr std::uint64_t last = 1'000'000;
    rnd::seed(last);
    std::vector<std::vector<std::uint64_t>> streams;
    for (int i = 0; i < 4; ++i) streams.push_back(words_of_a_new_thread(3));
    std::ranges::sort(streams);
    for (int round = 0; round < 5; ++round) {
        // Four threads draw while seeds change, then pause; the last seed is set; they draw on.
        std::atomic<bool> pause{false};
        std::atomic<int> paused{0};
        std::atomic<bool> go_on{false};
        std::vector<std::vector<std::uint64_t>> drawn(4);
        std::vector<std::thread> threads;
        for (auto& list : drawn) {
            threads.emplace_back([&] {
                while (!pause.load()) rnd::random();
                paused.fetch_add(1);
                while (!go_on.load()) std::this_thread::yield();
                list = words(3);
            });
        }
        for (std::uint64_t i = 0; i < 500; ++i) rnd::seed(i);
        pause.store(true);
        while (paused.load() < 4) std::this_thread::yield();
        rnd::seed(last);
        go_on.store(true);
        for (auto& thread : threads) thread.join();
        std::ranges::sort(drawn);
        REQUIRE(drawn == streams);
    }
}
