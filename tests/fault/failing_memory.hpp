// SPDX-License-Identifier: MIT
// Memory that runs out when a test says so. A program that links failing_memory.cpp has its operator new.
#pragma once

namespace weft::test {

// From now on, after so many successes, every operator new of the calling thread throws; coroutine frames do not fail by this.
// Out of line, so that a coroutine may call it: it would keep a thread_local's address over a suspension.
[[gnu::noinline]] void let_memory_fail_after(long successes) noexcept;
[[gnu::noinline]] void let_memory_succeed() noexcept;

// As long as it lives, allocations are counted, of all threads, by operator new, of coroutine frames and of oneTBB's queues; the
// first-th one, from 1, fails, and so many after it. One at a time.
class failing_memory {
public:
    explicit failing_memory(long first, long how_many = 1) noexcept;
    failing_memory(failing_memory const&) = delete;
    failing_memory& operator=(failing_memory const&) = delete;
    ~failing_memory() { stop(); }

    // No others fail. Returns how many have; twice is as good as once.
    long stop() noexcept;
};

}  // namespace weft::test
