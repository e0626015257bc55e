// SPDX-License-Identifier: MIT
// How cases explore that have a runtime with its own threads.
#pragma once

#include "support/catch.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "tasks/counted_frames.hpp"
#include "verify.hpp"

namespace weft::model {

// No deadline passes while any thread can go on: so whoever should have been woken, or cancelled, is not by that.
inline options whole(std::string name, int preemptions) {
    options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    with.early_timeouts = 0;
    with.check_leaks = false;  // the process's registries are never freed
    return with;
}

// An execution has 400 steps and more. So the search reads what was stored last; the random walks read older values, too.
inline options searched(std::string const& name, int preemptions) {
    options with = whole(name, preemptions);
    with.stale_reads = false;
    return with;
}
inline void search(std::string const& name, int preemptions, std::function<void()> const& body) {
    verify_tasks(searched(name, preemptions), body);
}
inline void search_with_frames_left(std::string const& name, int preemptions, std::function<void()> const& body) {
    verify(searched(name, preemptions), body);
}

inline void walk(std::string const& name, std::uint64_t executions, std::function<void()> const& body) {
    for (bool const barrier : {true, false}) {
        options with = whole(name + ", random" + (barrier ? "" : ", no process barrier"), unbounded);
        with.process_barrier = barrier;
        with.random_executions = executions;
        verify_tasks(with, body);
    }
}

inline void search_and_walk(std::string const& name, int preemptions, std::function<void()> const& body) {
    search(name, preemptions, body);
    walk(name, 500, body);
}

// Whether a case came to what it is about, in any of its executions. The checker does not see this, so an execution does not get
// its value from before back.
class reached {
public:
    [[gnu::no_sanitize("thread")]] void mark() noexcept { marked_ = true; }
    void require() const { REQUIRE((expects_failure() || marked_)); }

private:
    bool marked_ = false;
};

}  // namespace weft::model
