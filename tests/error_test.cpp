// SPDX-License-Identifier: MIT
// The errors: one family, and each message says what to do instead.
#include "support/catch.hpp"

#include <weft/weft.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

template <class Error>
constexpr bool in_the_family =
    std::is_base_of_v<weft::error, Error> && !std::is_same_v<weft::error, Error> && std::is_copy_constructible_v<Error> &&
    std::is_constructible_v<Error, const char*> && std::is_constructible_v<Error, std::string>;

static_assert(std::is_base_of_v<std::runtime_error, weft::error>);
static_assert(in_the_family<weft::no_current_runtime>);
static_assert(in_the_family<weft::nested_run>);
static_assert(in_the_family<weft::invalid_state>);
static_assert(in_the_family<weft::runtime_closed>);
// None is another one's kind.
static_assert(!std::is_base_of_v<weft::invalid_state, weft::runtime_closed>);
static_assert(!std::is_base_of_v<weft::nested_run, weft::invalid_state>);
// A wrong argument is not misuse of the library.
static_assert(!std::is_base_of_v<weft::error, std::invalid_argument>);

template <class Error, class Call>
std::string message_of(Call call) {
    try {
        call();
    } catch (const weft::error& error) {
        return dynamic_cast<const Error*>(&error) ? error.what() : "another error";
    }
    return "no error";
}

}  // namespace

TEST_CASE("every error can be caught as weft::error, as std::runtime_error and by its own name", "[error]") {
    const auto caught_as = [](auto error) {
        std::string as;
        try {
            throw error;
        } catch (const weft::error& caught) {
            as = caught.what();
        }
        try {
            throw error;
        } catch (const std::runtime_error& caught) {
            as += caught.what();
        }
        return as;
    };
    CHECK(caught_as(weft::no_current_runtime("a")) == "aa");
    CHECK(caught_as(weft::nested_run("b")) == "bb");
    CHECK(caught_as(weft::invalid_state("c")) == "cc");
    CHECK(caught_as(weft::runtime_closed("d")) == "dd");
    CHECK(caught_as(weft::error("e")) == "ee");
}

TEST_CASE("messages begin with the call and say what to do instead", "[error]") {
    const weft::join_handle<int> empty;
    const std::vector<std::string> messages{
        message_of<weft::no_current_runtime>([] { static_cast<void>(weft::worker_index()); }),
        message_of<weft::no_current_runtime>([] { static_cast<void>(weft::worker_count()); }),
        message_of<weft::no_current_runtime>([] { weft::spawn([]() -> weft::task<> { co_return; }()); }),
        message_of<weft::invalid_state>([&] { static_cast<void>(empty.done()); }),
        message_of<weft::invalid_state>([] { weft::run(weft::task<>{}); }),
    };
    for (const auto& message : messages) {
        CAPTURE(message);
        CHECK(message.rfind("weft::", 0) == 0);
        CHECK((message.find(';') != std::string::npos || message.find(':', 8) != std::string::npos));  // ... and then the advice
        CHECK(message.size() > 40);
    }
    CHECK_THAT(messages[0], weft::test::ContainsSubstring("weft::worker_index"));
    CHECK_THAT(messages[1], weft::test::ContainsSubstring("weft::worker_count"));
}
