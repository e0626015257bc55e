// SPDX-License-Identifier: MIT
// expect: return_value
// co_return converts as return does: implicitly. Five is no vector of five elements.
#include <weft/weft.hpp>

#include <vector>

weft::task<std::vector<int>> wrong() {
    co_return 5;
}
