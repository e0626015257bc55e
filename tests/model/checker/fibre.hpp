// SPDX-License-Identifier: MIT
// The threads of an execution are fibres of one thread of the operating system. A fibre has a stack, the executable's
// thread_locals, and the exceptions it is handling.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <boost/context/detail/fcontext.hpp>

namespace weft::model::engine {

struct fibre {
    boost::context::detail::fcontext_t context = nullptr;
    char* thread_locals = nullptr;
    std::array<void*, 2> exceptions{};  // what __cxa_get_globals() points to
};

// Once per process: finds the executable's thread_locals.
void prepare_fibres();
// A fibre that has not run; it may have been abandoned anywhere. `entry` never returns.
void make_fibre(fibre& made, char* stack, std::size_t size, void (*entry)());
// Room for the thread_locals of the fibre that explores.
void make_home(fibre& home);
void switch_fibre(fibre& from, fibre& to) noexcept;
// Back to a fibre whose stack stands where it called setjmp: all but its context.
void restore_locals(fibre& of) noexcept;

[[nodiscard]] bool is_thread_local(std::uintptr_t address) noexcept;

}  // namespace weft::model::engine
