// SPDX-License-Identifier: MIT
// expect: no matching function
// Five what?
#include <weft/weft.hpp>

weft::task<> wrong() { co_await weft::sleep(5); }
