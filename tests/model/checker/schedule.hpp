// SPDX-License-Identifier: MIT
// The choices of an execution, and which execution comes next.
#pragma once

#include <cstdint>
#include <string>

namespace weft::model::engine {

// Who goes on; which store is read; model::choose and the like. From 0 to count-1; 0 is what happens without concurrency.
[[nodiscard]] int choose_way(int count) noexcept;
[[nodiscard]] int choose_store(int count) noexcept;
[[nodiscard]] int choose_one(int count) noexcept;

namespace choices {

void begin_search();
// The next execution begins. False: there is no other.
[[nodiscard]] bool next_of_search();
void begin_random(std::uint64_t seed);
void begin_replay(std::string const& choices);
void begin_defaults();  // every choice is 0

// Whether the execution that has ended asked for all that its beginning gave.
[[nodiscard]] bool all_asked() noexcept;
// Of the execution so far.
[[nodiscard]] std::string text();

}  // namespace choices

}  // namespace weft::model::engine
