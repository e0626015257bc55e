// SPDX-License-Identifier: MIT
// How many frames are alive.
#pragma once

#include <functional>

#include "model.hpp"

namespace weft::model {

// verify, with frames counted. Not all that is allocated: the process's registries are never freed.
void verify_tasks(options with, std::function<void()> const& body);

void count_frames_from_now() noexcept;  // an execution may have been left in the middle
[[nodiscard]] bool no_frame_is_left() noexcept;

}  // namespace weft::model
