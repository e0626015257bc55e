// SPDX-License-Identifier: MIT
// The children of a wide gather, in blocks: a thief takes many of them in one step. lib/README.md, "Wide gathers".
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <span>

#include <weft/detail/config.hpp>
#include <weft/detail/join.hpp>

namespace weft::detail {

struct child_blocks;  // lib/child_blocks.cpp
struct destroy_child_blocks {
    WEFT_API void operator()(child_blocks* unused) const noexcept;
};
using owned_child_blocks = std::unique_ptr<child_blocks, destroy_child_blocks>;

// So many children stand in one block at most, and so many blocks in a block of blocks.
inline constexpr std::size_t child_block_size = 32;
// A gather of so many is wide. Of fewer there would be so few blocks that thieves had less to take than before.
inline constexpr std::size_t wide_gather = 3 * child_block_size;

// Blocks for the children, which stay where they are, have their slots, and have not started. Throws std::bad_alloc.
[[nodiscard]] WEFT_API WEFT_NOINLINE owned_child_blocks make_child_blocks(join& joined,
                                                                          std::span<std::coroutine_handle<>> children);

// The few that stand for all: what is to be forked; and how many blocks there are in all, which the join has to count, too.
[[nodiscard]] WEFT_API WEFT_NOINLINE std::span<std::coroutine_handle<>> top_of(child_blocks& blocks) noexcept;
[[nodiscard]] WEFT_API WEFT_NOINLINE std::size_t size_of(child_blocks const& blocks) noexcept;

}  // namespace weft::detail
