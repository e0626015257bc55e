// SPDX-License-Identifier: MIT
// Threads that may block, as many as are needed. Knows jobs to call, and nothing of tasks. lib/README.md, "Blocking functions".
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include <weft/detail/thread_job.hpp>

#include "parker.hpp"

namespace weft::detail {

// A thread runs a job or is free: idle, or on its way to look into the queue. The rule is that there is a free thread for each job
// that is to come or in the queue, or as many threads as there may be.
class thread_pool {
public:
    // Tokio's default, tokio::runtime::Builder::thread_keep_alive.
    static constexpr std::int64_t default_keep_alive = 10'000'000'000;

    // `most` 0: what asyncio's default executor, a concurrent.futures.ThreadPoolExecutor, has: min(32, processors + 4). A thread
    // that is idle for `keep_alive` nanoseconds ends.
    explicit thread_pool(std::string name, unsigned most = 0, std::int64_t keep_alive = default_keep_alive);
    ~thread_pool();
    thread_pool(thread_pool const&) = delete;
    thread_pool& operator=(thread_pool const&) = delete;

    struct seat;

    // A job is to come: starts a thread for it if none is free. Throws std::system_error or std::bad_alloc where that fails and
    // there is no other thread, and then has done nothing.
    void expect();
    // It comes. Answers whom to wake for it, when no lock is held any more; null: nobody.
    [[nodiscard]] seat* push(pool_job& given) noexcept;
    static void wake(seat* idle) noexcept;
    // It does not.
    void expect_no_more() noexcept;

    // Takes it out of the queue. False: it is not there, it has begun.
    [[nodiscard]] bool remove(pool_job& given) noexcept;

    // Waits until all jobs are done and all threads have ended. None may come any more.
    void stop() noexcept;

    // Whether the calling thread is one of them.
    [[nodiscard]] bool has_this_thread() const noexcept;

    struct census {
        unsigned threads;
        unsigned free;
        unsigned jobs;  // to come or in the queue
    };
    [[nodiscard]] census now() const noexcept;
    // For a watchdog.
    void dump(std::ostream& out) const;

private:
    void start_one();
    void serve(seat& own) noexcept;
    [[nodiscard]] pool_job* take_first() noexcept;
    void unlink(pool_job& given) noexcept;

    std::string const name_;
    std::int64_t const keep_alive_;

    mutable std::mutex mutex_;  // all below; it is held also while a thread is started
    unsigned most_;
    unsigned threads_ = 0;
    unsigned free_ = 0;
    unsigned jobs_ = 0;  // to come or in the queue
    bool stopping_ = false;
    pool_job* first_ = nullptr;
    pool_job* last_ = nullptr;
    std::vector<seat*> idle_;  // the last one became idle last, and is woken first: so that those that are not needed end
    std::vector<std::unique_ptr<seat>> seats_;
    std::thread last_to_end_;  // has ended, or is about to; it has joined the one before
};

}  // namespace weft::detail
