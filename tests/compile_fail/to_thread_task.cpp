// SPDX-License-Identifier: MIT
// expect: returns a weft::task
// A coroutine that is called on another thread does not run there.
#include <weft/weft.hpp>

weft::task<int> number() { co_return 1; }

weft::task<> wrong() { co_await weft::to_thread(number); }
