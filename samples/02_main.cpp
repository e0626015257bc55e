// SPDX-License-Identifier: MIT
// How an asynchronous program starts: main() hands one coroutine to run(), which returns when that coroutine has ended, and
// may be called again. Prints two lines two seconds apart, then two lines one second apart: three seconds in all.
//
//     async def main():                            async def main():
//         print("Starting the program...")             print("Executing async program")
//         await asyncio.sleep(2)                       await asyncio.sleep(1)
//         print("Finished after 2 seconds")            print("Done")
//
//     asyncio.run(main())                          asyncio.run(main())

#include <weft/weft.hpp>

#include <iostream>

using namespace std::chrono_literals;

weft::task<> async_main() {
    std::cout << "Starting the program...\n";
    co_await weft::sleep(2s);
    std::cout << "Finished after 2 seconds\n";
}

weft::task<> another_main() {
    std::cout << "Executing async program\n";
    co_await weft::sleep(1s);
    std::cout << "Done\n";
}

int main() {
    weft::run(async_main());
    weft::run(another_main());
}
