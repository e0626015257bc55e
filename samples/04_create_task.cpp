// SPDX-License-Identifier: MIT
// spawn() starts a task in the background and returns a handle that can be awaited later. Prints World after one second and Hello
// after two; then Task 1 completed after one second and Task 2 completed after two: four seconds in all.
//
//     async def print_after(delay, message):                           async def task1():
//         await asyncio.sleep(delay)                                       await asyncio.sleep(1)
//         print(message)                                                   print("Task 1 completed")
//
//     async def main():                                                async def task2():
//         task1 = asyncio.create_task(print_after(2, "Hello"))             await asyncio.sleep(2)
//         task2 = asyncio.create_task(print_after(1, "World"))             print("Task 2 completed")
//         await task1
//         await task2                                                  async def main():
//                                                                          task1_obj = asyncio.create_task(task1())
//     asyncio.run(main())                                                  task2_obj = asyncio.create_task(task2())
//                                                                          await task1_obj
//                                                                          await task2_obj
//
//                                                                      asyncio.run(main())

#include <weft/weft.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// The message comes by value: a task must own what it uses after its first co_await, because its caller may be gone by then.
weft::task<> print_after(std::chrono::seconds delay, std::string message) {
    co_await weft::sleep(delay);
    std::cout << message + '\n';  // a single <<, so that no line of another thread gets into this one
}

weft::task<> task1() {
    co_await weft::sleep(1s);
    std::cout << "Task 1 completed\n";
}

weft::task<> task2() {
    co_await weft::sleep(2s);
    std::cout << "Task 2 completed\n";
}

weft::task<> async_main() {
    auto hello = weft::spawn(print_after(2s, "Hello"));
    auto world = weft::spawn(print_after(1s, "World"));
    co_await hello;
    co_await world;
}

weft::task<> another_main() {
    auto task1_handle = weft::spawn(task1());
    auto task2_handle = weft::spawn(task2());
    co_await task1_handle;
    co_await task2_handle;
}

int main() {
    weft::run(async_main());
    weft::run(another_main());
}
