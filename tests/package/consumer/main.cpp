// SPDX-License-Identifier: MIT
#include <iostream>
#include <weft/weft.hpp>

using namespace std::chrono_literals;

weft::task<> print_after(std::chrono::milliseconds delay, std::string message) {
    co_await weft::sleep(delay);
    std::cout << message + '\n';
}

weft::task<int> square(int n) {
    co_await weft::sleep(10ms);
    co_return n* n;
}

weft::task<> async_main() {
    auto hello = weft::spawn(print_after(200ms, "Hello"));
    auto world = weft::spawn(print_after(10ms, "World"));
    auto [a, b] = co_await weft::gather(square(3), square(4));
    co_await hello;
    co_await world;
    std::cout << a + b << '\n';
}

int main() { weft::run(async_main()); }
