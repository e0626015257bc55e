// SPDX-License-Identifier: MIT
// The memory of an execution: stacks, and a heap in which no address is used twice, so that use after free is found and a replay
// sees the same addresses.
#pragma once

#include <cstddef>

namespace weft::model::engine::arena {

void prepare();
void reset() noexcept;

[[nodiscard]] char* stack_of(int thread) noexcept;
[[nodiscard]] bool owns(void const* block) noexcept;
void* allocate(std::size_t size, std::size_t alignment) noexcept;
void release(void* block) noexcept;  // null is allowed
[[nodiscard]] std::size_t size_of(void const* block) noexcept;
// Fails the execution if something is still allocated.
void check_leaks() noexcept;

}  // namespace weft::model::engine::arena
