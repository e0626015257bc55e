// SPDX-License-Identifier: MIT
// Everything the operating system is asked for. platform_linux.cpp answers with Linux's own means; platform_portable.cpp with the
// standard library alone (CMake option WEFT_PORTABLE builds it on Linux too, so that it is tested).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include <weft/detail/timer_entry.hpp>

namespace weft::detail::platform {

// Blocks while `word` holds `expected`, at most until `deadline` (nanoseconds since the steady clock's epoch, or `forever`). May
// return for no reason.
void wait_on_word(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t deadline) noexcept;
// Ends one wait_on_word on this word.
void wake_word(std::atomic<std::uint32_t>& word) noexcept;

// A barrier that every running thread of this process executes, as if by an interrupt. False: there is none.
[[nodiscard]] bool prepare_process_barrier() noexcept;
void process_barrier() noexcept;

// The processors this process may use: its affinity mask and its share of time (cgroup quota), at least 1.
[[nodiscard]] unsigned usable_processors();

// The one the calling thread is on in this moment; negative where the system does not say.
[[nodiscard]] int current_processor() noexcept;

// SIGINT and SIGTERM: `handler` is called for them, on any thread, but for one that is ignored. What it replaces is back after
// `release_signals`, where nobody else has put something in its place.
void catch_signals(void (*handler)(int)) noexcept;
void release_signals(void (*handler)(int)) noexcept;
// In that handler, or at the end of it: the process ends by the signal's default action.
void end_by_signal(int signal) noexcept;
// In that handler, where it should not have been called: `release_signals` for this one, which then goes where it would have gone.
void pass_on_signal(int signal, void (*handler)(int)) noexcept;
// The like of wait_on_word and wake_word, where it is a handler that wakes: wake_word serves here, too.
void wait_for_handler(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept;
void wake_from_handler(std::atomic<std::uint32_t>& word) noexcept;

// Never 0, and another one in the child of a fork(). In a signal handler, too.
[[nodiscard]] std::uint32_t process_id() noexcept;

// What is in a folder; nothing where it cannot be read. Throws std::bad_alloc.
[[nodiscard]] std::vector<std::string> names_in(std::string const& folder);

// For debuggers and top; cut to what the system takes.
void name_this_thread(std::string const& name) noexcept;
// Timed waits of this thread end as close to their deadline as the system can.
void sharpen_timed_waits() noexcept;
// Calls `in_child` in the child of every later fork(), on the thread that forked. Once per process.
void on_fork(void (*in_child)()) noexcept;

}  // namespace weft::detail::platform
