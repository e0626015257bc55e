// SPDX-License-Identifier: MIT
// The door through which jobs come in from threads that are no workers of this runtime.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include <oneapi/tbb/concurrent_queue.h>

#include "block_reserve.hpp"
#include "job.hpp"

namespace weft::detail {

// First in, first out; any number of threads on both ends.
class injector {
public:
    // Throws std::bad_alloc, and has done nothing then. oneTBB's queue counts an element before it has a page for it, and does not
    // survive that there is none: so that is secured before.
    void push(job entering) {
        pages_.secure();
        jobs_.push(entering.address());
        pages_.release();
    }

    // For a woken job that must not be lost when there is no memory for a queue: chained through the jobs themselves.
    void push_without_memory(job entering) noexcept {
        std::lock_guard const lock(chain_mutex_);
        spare_link(entering) = nullptr;
        (last_ ? spare_link(last_) : first_) = entering.address();
        last_ = entering;
        chained_.fetch_add(1, std::memory_order_relaxed);
    }

    // Null when empty.
    [[nodiscard]] job pop() noexcept {
        void* frame = nullptr;
        if (!jobs_.empty() && jobs_.try_pop(frame)) return job::from_address(frame);
        return chained_.load(std::memory_order_relaxed) == 0 ? job{} : pop_chained();
    }

    // Gives back the memory of an empty queue that no other thread uses any more.
    void shrink() noexcept {
        jobs_.clear();
        pages_.clear();
    }

    // A snapshot. A push that was not popped is seen by whoever is ordered after it: by a fence, or by the idle workers' counts.
    [[nodiscard]] bool empty() const noexcept { return jobs_.empty() && chained_.load(std::memory_order_relaxed) == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return jobs_.unsafe_size() + chained_.load(std::memory_order_relaxed); }

private:
    job pop_chained() noexcept {
        std::lock_guard const lock(chain_mutex_);
        job const oldest = job::from_address(first_);
        if (oldest) {
            first_ = spare_link(oldest);
            drop_spare_link(oldest);
            if (!first_) last_ = {};
            chained_.fetch_sub(1, std::memory_order_relaxed);
        }
        return oldest;
    }

    // Its mutex is also what lets ThreadSanitizer follow a page that is used again; within oneTBB's own allocator it cannot.
    alignas(config::destructive_interference) block_reserve pages_;
    alignas(config::destructive_interference) tbb::concurrent_queue<void*, reserve_allocator<void*>> jobs_{
        reserve_allocator<void*>(pages_)};
    std::mutex chain_mutex_;
    void* first_ = nullptr;
    job last_;
    // Changed with the mutex held. relaxed: a hint for pop and empty; those who need it reliable are ordered otherwise, as with
    // jobs_.
    std::atomic<std::size_t> chained_{0};
};

}  // namespace weft::detail
