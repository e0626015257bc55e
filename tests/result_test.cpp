// SPDX-License-Identifier: MIT
// result<T>: a value, or the exception that came instead.
#include "support/catch.hpp"

#include <weft/result.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace {

struct no_default {
    explicit no_default(int n) : number(n) {}
    int number;
};

struct throws_when_moved {
    throws_when_moved() = default;
    throws_when_moved(throws_when_moved&&) { throw std::runtime_error("moved"); }
    throws_when_moved& operator=(throws_when_moved&&) { return *this; }
};

std::exception_ptr failure() { return std::make_exception_ptr(std::runtime_error("failed")); }

static_assert(!std::is_default_constructible_v<weft::result<int>> && std::is_default_constructible_v<weft::result<void>>);
static_assert(std::is_copy_constructible_v<weft::result<int>> && !std::is_copy_constructible_v<weft::result<std::unique_ptr<int>>>);
static_assert(std::is_nothrow_move_constructible_v<weft::result<std::unique_ptr<int>>>);
static_assert(std::is_same_v<decltype(std::declval<weft::result<std::string>&>().value()), std::string&>);
static_assert(std::is_same_v<decltype(std::declval<const weft::result<std::string>&>().value()), const std::string&>);
static_assert(std::is_same_v<decltype(std::declval<weft::result<std::string>>().value()), std::string&&>);
static_assert(std::is_same_v<decltype(std::declval<weft::result<int&>&>().value()), int&>);
static_assert(std::is_same_v<decltype(std::declval<const weft::result<int&>&>().value()), int&>);
static_assert(std::is_same_v<decltype(std::declval<weft::result<void>&>().value()), void>);
static_assert(std::is_same_v<weft::result<int>::value_type, int>);

}  // namespace

TEST_CASE("a result has a value", "[result]") {
    weft::result<std::string> text(std::string("text"));
    CHECK(text.has_value());
    CHECK(static_cast<bool>(text));
    CHECK(text.value() == "text");
    CHECK_FALSE(text.error());
    text.value() += "!";
    const auto& constant = text;
    CHECK(constant.value() == "text!");
    const std::string taken = std::move(text).value();
    CHECK(taken == "text!");
    const weft::result<std::string> converted("from a literal");
    CHECK(converted.value() == "from a literal");
    CHECK(weft::result<no_default>(no_default{4}).value().number == 4);
}

TEST_CASE("a result has the exception that came instead", "[result][exception]") {
    const weft::result<int> failed(failure());
    CHECK_FALSE(failed.has_value());
    CHECK_FALSE(static_cast<bool>(failed));
    CHECK(failed.error());
    for (int times = 0; times < 2; ++times) CHECK_THROWS_AS(failed.value(), std::runtime_error);
    weft::result<std::unique_ptr<int>> pointer(failure());
    CHECK_THROWS_AS(pointer.value(), std::runtime_error);
    CHECK_THROWS_AS(std::move(pointer).value(), std::runtime_error);
    const auto exception = failure();
    CHECK(weft::result<int>(exception).error() == exception);
}

TEST_CASE("a result of void, of a reference, and of a move-only type", "[result]") {
    const weft::result<void> done;
    CHECK(done.has_value());
    CHECK_NOTHROW(done.value());
    const weft::result<void> failed(failure());
    CHECK_FALSE(failed.has_value());
    CHECK_THROWS_AS(failed.value(), std::runtime_error);

    int number = 1;
    const weft::result<int&> reference(number);
    CHECK(&reference.value() == &number);
    CHECK_THROWS_AS(weft::result<int&>(failure()).value(), std::runtime_error);

    weft::result<std::unique_ptr<int>> pointer(std::make_unique<int>(3));
    auto moved = std::move(pointer);
    const auto three = std::move(moved).value();
    CHECK(*three == 3);
}

TEST_CASE("results are copied and assigned like values", "[result]") {
    const weft::result<std::string> first(std::string("one"));
    weft::result<std::string> second = first;
    CHECK(second.value() == first.value());
    second = weft::result<std::string>(failure());
    CHECK_FALSE(second.has_value());
    second = first;
    CHECK(second.value() == "one");
}

TEST_CASE("a result into which a value could not be moved has none, and no exception", "[result][exception]") {
    weft::result<throws_when_moved> left(failure());
    weft::result<throws_when_moved> right(std::in_place);
    CHECK_THROWS_AS(left = std::move(right), std::runtime_error);
    CHECK_FALSE(left.has_value());
    CHECK(left.error() == nullptr);
    CHECK_THROWS_AS(left.value(), std::bad_variant_access);
}

TEST_CASE("a null exception_ptr is no failure", "[result][misuse]") {
    CHECK_THROWS_AS(weft::result<int>(std::exception_ptr{}), std::invalid_argument);
    CHECK_THROWS_AS(weft::result<void>(std::exception_ptr{}), std::invalid_argument);
}
