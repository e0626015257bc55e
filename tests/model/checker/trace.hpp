// SPDX-License-Identifier: MIT
// What happened in an execution, for whoever reads why it failed. Kept only while a failed execution is taken again.
#pragma once

#include <cstdint>
#include <string>

#include "execution.hpp"

namespace weft::model::engine::trace {

void record_event(char const* what, void const* object, std::int64_t number) noexcept;
void record_load(std::uintptr_t address, int order, std::uint64_t value, int age, int by, char const* what) noexcept;
void record_modified(char const* what, std::uintptr_t address, int order, std::uint64_t before, std::uint64_t after) noexcept;
void record_store(std::uintptr_t address, int order, std::uint64_t value) noexcept;
void record_fence(int order) noexcept;
void record_plain(std::uintptr_t address, std::size_t size, bool writes) noexcept;
void name(void const* object, char const* text);

inline constexpr std::int64_t no_number = INT64_MIN;

inline void event(char const* what) noexcept {
    if (execution.tracing) record_event(what, nullptr, no_number);
}
inline void event(char const* what, void const* object) noexcept {
    if (execution.tracing) record_event(what, object, no_number);
}
inline void event(char const* what, int number) noexcept {
    if (execution.tracing) record_event(what, nullptr, number);
}
inline void load(std::uintptr_t address, int order, std::uint64_t value, int age, int by, char const* what = "load") noexcept {
    if (execution.tracing) record_load(address, order, value, age, by, what);
}
inline void modified(char const* what, std::uintptr_t address, int order, std::uint64_t before, std::uint64_t after) noexcept {
    if (execution.tracing) record_modified(what, address, order, before, after);
}
inline void store(std::uintptr_t address, int order, std::uint64_t value) noexcept {
    if (execution.tracing) record_store(address, order, value);
}
inline void fence(int order) noexcept {
    if (execution.tracing) record_fence(order);
}

void begin();
// With the places in the source.
[[nodiscard]] std::string finish();

}  // namespace weft::model::engine::trace
