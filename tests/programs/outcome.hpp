// SPDX-License-Identifier: MIT
// What weft and the oracle agree on: how values are made of values, and which number an exception has.
#pragma once

#include "programs/program.hpp"

#include <compare>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>

namespace weft::test {

using value = std::uint64_t;

constexpr value mix(value sum, value next) { return (sum ^ (next + 0x9e3779b97f4a7c15)) * 0xbf58476d1ce4e5b9; }

// Each kind of node begins its value with its own.
constexpr value start_of(node const& one) { return mix(one.id + 1, static_cast<value>(one.what)); }

struct failure : std::runtime_error {
    explicit failure(unsigned number) : std::runtime_error("thrown by node " + std::to_string(number)), id(number) {}
    unsigned id;
};

// Exceptions need not be std::exceptions.
struct oddity {
    unsigned id;
};

[[noreturn]] inline void fail(unsigned id) {
    if (id % 3 == 0) throw oddity{id};
    throw failure(id);
}

// The number of an exception: that of the node that has thrown it, or one of these.
using code = std::uint64_t;
constexpr code code_cancelled = 1'000;
constexpr code code_timeout = 1'001;
constexpr code code_unknown = 1'002;
constexpr code code_group = code{1} << 63;
code code_of(std::exception_ptr const& thrown);
// Of an exception_group, whatever the order in which its exceptions came.
constexpr code add_to_group(code group, code one) { return group + mix(one, 17) % (code{1} << 56); }

// What a task came to.
struct outcome {
    bool failed = false;
    std::uint64_t data = 0;  // the value, or the code

    static constexpr outcome of(value what) { return {false, what}; }
    static constexpr outcome failure(code what) { return {true, what}; }
    [[nodiscard]] constexpr bool cancelled() const { return failed && data == code_cancelled; }
    // Where a failure is a value.
    [[nodiscard]] constexpr value as_value() const { return failed ? mix(77, data) : data; }
    friend constexpr auto operator<=>(outcome const&, outcome const&) = default;
};

}  // namespace weft::test
