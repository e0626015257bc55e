// SPDX-License-Identifier: MIT
// expect: deleted
// A task is awaited once, so it is moved into the await.
#include <weft/weft.hpp>

weft::task<int> number() { co_return 1; }

weft::task<> wrong() {
    auto task = number();
    co_await task;
}
