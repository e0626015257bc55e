// SPDX-License-Identifier: MIT
// A coroutine that pauses without blocking a thread. Prints Hello, World!, Hello, World: one second inside each pair, two in all.
//
//     async def greet():                      async def say_hello():
//         print("Hello")                          print("Hello")
//         await asyncio.sleep(1)                  await asyncio.sleep(1)
//         print("World!")                         print("World")
//
//     asyncio.run(greet())                    asyncio.run(say_hello())

#include <weft/weft.hpp>

#include <iostream>

using namespace std::chrono_literals;

weft::task<> greet() {
    std::cout << "Hello\n";
    co_await weft::sleep(1s);
    std::cout << "World!\n";
}

weft::task<> say_hello() {
    std::cout << "Hello\n";
    co_await weft::sleep(1s);
    std::cout << "World\n";
}

int main() {
    weft::run(greet());
    weft::run(say_hello());
}
