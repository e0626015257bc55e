// SPDX-License-Identifier: MIT
// expect: deleted
// A task is one run of a coroutine; there are no two of it.
#include <weft/weft.hpp>

weft::task<int> number() { co_return 1; }

void wrong() {
    auto task = number();
    auto copy = task;
}
