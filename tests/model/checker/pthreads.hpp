// SPDX-License-Identifier: MIT
// Mutexes and condition variables of an execution.
#pragma once

#include <cstdint>

namespace weft::model::engine::pthreads {

void reset() noexcept;

// Of any kind; a recursive one counts. False: the deadline passed.
bool lock(void const* mutex, bool recursive, bool timed, std::int64_t deadline) noexcept;
bool try_lock(void const* mutex, bool recursive) noexcept;
void unlock(void const* mutex) noexcept;

// False: the deadline passed.
bool wait(void const* condition, void const* mutex, bool timed, std::int64_t deadline) noexcept;
void notify_one(void const* condition) noexcept;
void notify_all(void const* condition) noexcept;

// __cxa_guard_acquire and its like. True: the caller initialises, and says when it has.
bool begin_once(void const* guard) noexcept;
void end_once(void const* guard, bool done) noexcept;

}  // namespace weft::model::engine::pthreads
