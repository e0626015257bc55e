// SPDX-License-Identifier: MIT
// How cases explore that have a runtime with its own threads.
#pragma once

#include "support/catch.hpp"

#include <cstdint>
#include <functional>
#include <string>

#include "tasks/counted_frames.hpp"
#include "verify.hpp"

namespace weft::model {

// Frames are counted, in place of all that is allocated: the process's registries are never freed. No deadline passes while any
// thread can go on, unless `with` says so.
inline void verify_frames(options with, std::function<void()> const& body) {
    with.check_leaks = false;
    verify(with, [&] {
        count_frames_from_now();
        body();
        check(no_frame_is_left(), "every frame has gone");
    });
}

// An execution has 400 steps and more. So the search reads what was stored last; the random walks read older values, too.
inline void search(std::string const& name, int preemptions, std::function<void()> const& body) {
    options with;
    with.name = name;
    with.preemptions = preemptions;
    with.stale_reads = false;
    with.early_timeouts = 0;
    verify_frames(with, body);
}

inline void walk(std::string const& name, std::uint64_t executions, std::function<void()> const& body) {
    for (bool const barrier : {true, false}) {
        options with;
        with.name = name + ", random" + (barrier ? "" : ", no process barrier");
        with.preemptions = unbounded;
        with.early_timeouts = 0;
        with.process_barrier = barrier;
        with.random_executions = executions;
        verify_frames(with, body);
    }
}

// Whether a case came to what it is about, in any of its executions. The checker does not see this, so an execution does not get
// its value from before back.
class reached {
public:
    [[gnu::no_sanitize("thread")]] void mark() noexcept { marked_ = true; }
    [[gnu::no_sanitize("thread")]] [[nodiscard]] bool ever() const noexcept { return marked_; }

private:
    bool marked_ = false;
};

}  // namespace weft::model
