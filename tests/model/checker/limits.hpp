// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::model::engine {

inline constexpr int max_threads = 16;  // in one execution, the body's own included
inline constexpr int max_locations = 4096;
inline constexpr std::size_t stack_size = std::size_t{512} << 10U;
inline constexpr std::size_t heap_size = std::size_t{64} << 20U;

// How often in a row a thread may read one and the same old store: what was stored becomes visible at last.
inline constexpr int max_stale_repeats = 2;
// So many steps in a row that change nothing, by a thread that does not say it spins, are taken for spinning.
inline constexpr int spin_without_pause = 40;
// While everybody who is not blocked spins, and nothing changes, each may look so often again, for it may be one that gives up. Then
// it is a livelock. Three times the longest spinning in lib/ (soon_alone in task_core.cpp; worker::search_rounds aside).
inline constexpr int idle_looks = 64;
// So often a thread pauses and looks again while another one, which could, makes no step; then that one is waited for.
inline constexpr int unfair_pauses = 3;

}  // namespace weft::model::engine
