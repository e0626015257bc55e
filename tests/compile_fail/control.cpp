// SPDX-License-Identifier: MIT
// What the others do, done right: if this does not compile, their failing proves nothing.
#include <chrono>
#include <utility>
#include <weft/weft.hpp>

weft::task<int> number() { co_return 1; }
int ordinary_number() { return 1; }

weft::task<> right() {
    auto task = number();
    auto moved = std::move(task);
    auto handle = weft::spawn(number());
    co_await weft::sleep(std::chrono::milliseconds{5});
    (void)co_await std::move(moved);
    (void)co_await handle;
    (void)co_await weft::to_thread(ordinary_number);
}

int main() { weft::run(right()); }
