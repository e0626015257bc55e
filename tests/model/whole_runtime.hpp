// SPDX-License-Identifier: MIT
// How cases explore that have a runtime with its own threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "tasks/counted_frames.hpp"
#include "verify.hpp"

namespace weft::model {

// Frames are counted, in place of all that is allocated: the process's registries are never freed.
inline void verify_frames(options with, std::function<void()> const& body) {
    with.check_leaks = false;
    verify(with, [&] {
        count_frames_from_now();
        body();
        check(no_frame_is_left(), "every frame has gone");
    });
}

}  // namespace weft::model
