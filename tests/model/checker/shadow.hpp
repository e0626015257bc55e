// SPDX-License-Identifier: MIT
// What has been done to each byte: data races, memory that is free, and what globals were before the execution.
// After Flanagan & Freund, "FastTrack: efficient and precise dynamic race detection" (PLDI 2009), with the accesses of each eight
// bytes in one cell, as ThreadSanitizer has them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "view.hpp"

namespace weft::model::engine::shadow {

enum class access : std::uint8_t { read, write, free };

// Once per process: the memory of stacks and heap that `of_arena` bytes from `arena` are, and the executable's globals.
void prepare(char* arena, std::size_t of_arena);
// Globals are put back. Nothing has been accessed.
void reset() noexcept;

// A plain access by a thread that knows `clock`. Does not return where it fails.
void plain(int thread, vector_clock const& clock, std::uintptr_t address, std::size_t size, access kind) noexcept;
// An atomic one: against plain ones before it.
void atomic(int thread, vector_clock const& clock, std::uintptr_t address, std::size_t size, bool writes) noexcept;
// From now on plain accesses to these bytes ask the memory model, too.
void mark_atomic(std::uintptr_t address, std::size_t size) noexcept;
// Memory that nobody may touch.
void forbid(std::uintptr_t address, std::size_t size) noexcept;
[[nodiscard]] bool forbidden(std::uintptr_t address) noexcept;
// Something that is not in a cell is about to change: reset() puts it back.
void remember(std::uintptr_t address, std::size_t size) noexcept;

// Accesses of these bytes appear in the trace.
[[nodiscard]] std::uintptr_t racy_address() noexcept;

}  // namespace weft::model::engine::shadow
