// SPDX-License-Identifier: MIT
// Atomic operations. Each location has the list of its stores, in the order in which they were executed; a load may return any that
// its thread does not yet know to be overwritten. ../README.md, "The memory model".
#pragma once

#include <cstddef>
#include <cstdint>

#include "view.hpp"

namespace weft::model::engine::memory {

enum class operation : std::uint8_t { exchange, add, sub, bit_and, bit_or, bit_xor, bit_nand };

void reset() noexcept;

std::uint64_t load(std::uintptr_t address, std::size_t size, int order) noexcept;
void store(std::uintptr_t address, std::size_t size, std::uint64_t value, int order) noexcept;
// The value before.
std::uint64_t read_modify_write(std::uintptr_t address, std::size_t size, operation what, std::uint64_t operand,
                                int order) noexcept;
bool compare_exchange(std::uintptr_t address, std::size_t size, std::uint64_t& expected, std::uint64_t desired, int success,
                      int failure, bool weak) noexcept;
void fence(int order) noexcept;
// As if every thread executed a seq_cst fence now.
void fence_everywhere() noexcept;
// What stands there now, for a kernel that looks at it.
std::uint64_t latest(std::uintptr_t address, std::size_t size) noexcept;

// A plain access of some bytes of the eight at `cell`, where atomic objects live.
void plain_access(std::uintptr_t cell, std::uint8_t bytes, bool writes) noexcept;

// Everything that the current thread knows, for others that synchronise with it by a mutex and the like.
message const* publish() noexcept;

}  // namespace weft::model::engine::memory
