// SPDX-License-Identifier: MIT
// What many tests share: programs on a paused clock, and how what they await ends, in words.
#pragma once

#include <weft/testing.hpp>
#include <weft/weft.hpp>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weft::test {

using texts = std::vector<std::string>;

struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What the body gives, on so many workers and a paused clock, and how much time has passed by that.
template <class Body>
auto run_paused(unsigned workers, Body body, std::chrono::nanoseconds* elapsed = nullptr) {
    weft::testing::paused_clock clock;
    auto result = weft::run(std::move(body), {.workers = workers, .clock = &clock});
    if (elapsed) *elapsed = clock.elapsed();
    return result;
}

// "cancelled", "timeout", what a failure says; of an exception_group its failures, "[one, two]".
inline std::string text_of(std::exception_ptr const& exception) {
    if (!exception) return "none";
    try {
        std::rethrow_exception(exception);
    } catch (weft::cancelled const&) {
        return "cancelled";
    } catch (weft::timeout_error const&) {
        return "timeout";
    } catch (weft::exception_group const& group) {
        std::string all;
        for (std::exception_ptr const& each : group) all += (all.empty() ? "" : ", ") + text_of(each);
        return "[" + all + "]";
    } catch (failure const& thrown) {
        return thrown.what();
    } catch (...) {
        return "something else";
    }
}

// How what is awaited ends: "value", or the text of its exception.
template <class Awaitable>
weft::task<std::string> ending_of(Awaitable awaited) {
    try {
        co_await std::move(awaited);
        co_return "value";
    } catch (...) {
        co_return text_of(std::current_exception());
    }
}
template <class Value>
weft::task<std::string> ending_of(weft::join_handle<Value> const& awaited) {
    try {
        co_await awaited;
        co_return "value";
    } catch (...) {
        co_return text_of(std::current_exception());
    }
}

inline weft::task<> sleep_for(std::chrono::nanoseconds duration) { co_await weft::sleep(duration); }

inline weft::task<int> sleep_and_give(std::chrono::nanoseconds duration, int value) {
    co_await weft::sleep(duration);
    co_return value;
}

inline weft::task<> fail_after(std::chrono::nanoseconds duration, std::string what) {
    co_await weft::sleep(duration);
    throw failure(what);
}

}  // namespace weft::test
