// SPDX-License-Identifier: MIT
#include <weft/weft.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

weft::task<> print_after(std::chrono::milliseconds delay, std::string message) {
    co_await weft::sleep(delay);
    std::cout << message + '\n';
}

weft::task<int> fib(int n) {
    if (n < 2) co_return n;
    auto [a, b] = co_await weft::gather(fib(n - 1), fib(n - 2));  // both at once, on as many cores as there are
    co_return a + b;
}

weft::task<> async_main() {
    auto hello = weft::spawn(print_after(400ms, "Hello"));  // runs in the background from here on
    auto world = weft::spawn(print_after(100ms, "World"));
    int const result = co_await fib(30);
    co_await hello;
    co_await world;
    std::cout << result << '\n';
}

int main() { weft::run(async_main()); }
