// SPDX-License-Identifier: MIT
// gather() runs coroutines at the same time and waits for all of them. Here two pairs, one after the other, each of a coroutine
// that sleeps for two seconds and one that sleeps for one. Prints who started and who completed, the one with the shorter sleep
// first. A pair takes two seconds, not three; both take four.
//
//     async def task1():                           async def task1():
//         print("Task 1 started")                      await asyncio.sleep(1)
//         await asyncio.sleep(2)                       print("Task 1 completed")
//         print("Task 1 completed")
//                                                  async def task2():
//     async def task2():                               await asyncio.sleep(2)
//         print("Task 2 started")                      print("Task 2 completed")
//         await asyncio.sleep(1)
//         print("Task 2 completed")                async def main():
//                                                      await asyncio.gather(task1(), task2())
//     async def main():
//         await asyncio.gather(task1(), task2())   asyncio.run(main())
//
//     asyncio.run(main())

#include <weft/weft.hpp>

#include <iostream>

using namespace std::chrono_literals;

// The two tasks may run on two threads at once. Each line is written by a single <<, so that no other line gets into it.
namespace longer_first {

weft::task<> task1() {
    std::cout << "Task 1 started\n";
    co_await weft::sleep(2s);
    std::cout << "Task 1 completed\n";
}

weft::task<> task2() {
    std::cout << "Task 2 started\n";
    co_await weft::sleep(1s);
    std::cout << "Task 2 completed\n";
}

weft::task<> async_main() { co_await weft::gather(task1(), task2()); }

}  // namespace longer_first

namespace shorter_first {

weft::task<> task1() {
    co_await weft::sleep(1s);
    std::cout << "Task 1 completed\n";
}

weft::task<> task2() {
    co_await weft::sleep(2s);
    std::cout << "Task 2 completed\n";
}

weft::task<> async_main() { co_await weft::gather(task1(), task2()); }

}  // namespace shorter_first

int main() {
    weft::run(longer_first::async_main());
    weft::run(shorter_first::async_main());
}
