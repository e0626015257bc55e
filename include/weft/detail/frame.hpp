// SPDX-License-Identifier: MIT
// Where coroutine frames come from. The caches stand in lib/frame_cache.hpp.
#pragma once

#include <cstddef>

#include <weft/detail/config.hpp>

namespace weft::detail {

// A block of at least `size` bytes, aligned as operator new aligns: from the cache of this worker, or, on any other thread, from the
// allocator behind it. Throws std::bad_alloc.
WEFT_API WEFT_NOIPA void* allocate_frame(std::size_t size);

// Gives a block back. Any thread may free what another allocated; `size` is the one it was allocated with.
WEFT_API WEFT_NOIPA void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace weft::detail
