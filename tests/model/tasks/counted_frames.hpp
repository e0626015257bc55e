// SPDX-License-Identifier: MIT
// How many frames are alive.
#pragma once

namespace weft::model {

void count_frames_from_now() noexcept;  // an execution may have been left in the middle
[[nodiscard]] bool no_frame_is_left() noexcept;

}  // namespace weft::model
