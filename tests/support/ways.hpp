// SPDX-License-Identifier: MIT
// What a task may do before it ends: every way in which it suspends, or does not.
#pragma once

#include "support/counted.hpp"
#include "support/foreign.hpp"

#include <weft/weft.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

namespace weft::test {

enum class way { straight, yield, sleep, handle, task, hop, decline, refuse };
inline constexpr std::array ways{way::straight, way::yield, way::sleep,   way::handle,
                                way::task,     way::hop,   way::decline, way::refuse};
constexpr way way_of(std::size_t number) { return ways[number % ways.size()]; }

inline weft::task<> yield_once() { co_await weft::yield(); }

inline other_thread& elsewhere() {
    static other_thread thread;
    return thread;
}

inline weft::task<> go(way how) {
    switch (how) {
        case way::straight:
            break;
        case way::yield:
            co_await weft::yield();
            break;
        case way::sleep:
            co_await weft::sleep(std::chrono::microseconds{20});
            break;
        case way::handle:
            co_await weft::spawn(yield_once());
            break;
        case way::task:
            co_await yield_once();
            break;
        case way::hop:
            co_await elsewhere().hop();
            break;
        case way::decline:
            co_await declining{};
            break;
        case way::refuse:
            try {
                co_await refusing{};
            } catch (refusing::refusal const&) {
            }
            break;
    }
}

template <class Value>
weft::task<Value> give(way how, Value value) {
    co_await go(how);
    co_return std::move(value);
}

// Exceptions are counted as values are.
struct counted_error {
    counted kept;
};

inline weft::task<counted_move_only> give_or_fail(way how, bool fails, census& in, int number, counted) {
    const counted local{in};
    co_await go(how);
    if (fails) throw counted_error{counted{in, number}};
    co_return counted_move_only{in, number};
}

}  // namespace weft::test
