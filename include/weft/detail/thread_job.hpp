// SPDX-License-Identifier: MIT
// A function that a thread of the pool calls, and whoever awaits that. lib/README.md, "Blocking functions".
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include <weft/detail/config.hpp>
#include <weft/detail/suspension.hpp>

namespace weft::detail {

struct promise_base;

// What the pool knows of it (lib/thread_pool.hpp).
struct pool_job {
    // Does it. False: the job may be gone. True: the thread counts as free again, and then calls `tell`.
    bool (*run)(pool_job&) noexcept;
    // Says that it is done. By that the job may be gone.
    void (*tell)(pool_job&) noexcept;
    // The pool's own, said with its lock held.
    pool_job* prev = nullptr;
    pool_job* next = nullptr;
    bool queued = false;
};

// A function, its arguments, and what it comes to. It has two owners, who awaits it and who runs it, and `reached` says who is the
// last:
//
//   awaited -> ended      by the thread, when the function has ended; the waiting coroutine is scheduled by that, and has the job.
//   awaited -> abandoned  by who cancels that coroutine while the function runs; the thread has the job.
//
// As long as it is in the pool's queue only the coroutine has it: it is taken out to be called, or by who cancels.
struct WEFT_API thread_job : pool_job {
    enum class stage : std::uint8_t { awaited, ended, abandoned };
    using part = void (*)(thread_job&) noexcept;

    thread_job(part call_it, part destroy_it) noexcept;
    thread_job(thread_job const&) = delete;
    thread_job& operator=(thread_job const&) = delete;

    part const call_function;  // and keeps what it comes to
    part const destroy;        // the job
    std::exception_ptr failure;
    promise_base* awaiting = nullptr;
    std::shared_ptr<void const> values;  // of context_vars, that hold while the function runs (lib/task_details.hpp)
    std::atomic<stage> reached{stage::awaited};
};

struct destroy_job {
    void operator()(thread_job* owned) const noexcept { owned->destroy(*owned); }
};
using owned_job = std::unique_ptr<thread_job, destroy_job>;

// One coroutine that waits for a function's end.
struct thread_wait : suspension {
    explicit thread_wait(owned_job&& awaited) noexcept : suspension(waits_for::function), job(std::move(awaited)) {}

    owned_job job;  // null once it is abandoned: it may be gone
};

}  // namespace weft::detail
