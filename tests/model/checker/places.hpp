// SPDX-License-Identifier: MIT
// Where in the source an address of the program is.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace weft::model::engine {

// Return addresses, the innermost first; null where there are fewer.
using stack_of_calls = std::array<void const*, 8>;

// For each stack file:line, and what is called there, of the first frame that is the project's and not the standard library's;
// empty where there is none. All in one run of addr2line.
[[nodiscard]] std::vector<std::string> places_of(std::vector<stack_of_calls> const& stacks);

}  // namespace weft::model::engine
