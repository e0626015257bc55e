// SPDX-License-Identifier: MIT
// expect: weft::spawn takes
// There is nothing to run in a number.
#include <weft/weft.hpp>

weft::task<> wrong() {
    auto handle = weft::spawn(42);
    co_return;
}
