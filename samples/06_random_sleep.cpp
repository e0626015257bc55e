// SPDX-License-Identifier: MIT
// Randomness inside a coroutine: sleeps for 1 to 5 seconds, then prints for how many.
//
//     async def random_sleep():
//         sleep_time = random.randint(1, 5)
//         await asyncio.sleep(sleep_time)
//         print(f"Slept for {sleep_time} seconds")
//
//     async def main():
//         await random_sleep()
//
//     asyncio.run(main())

#include <weft/weft.hpp>

#include <iostream>

weft::task<> random_sleep() {
    int const sleep_time = weft::random::randint(1, 5);
    co_await weft::sleep(std::chrono::seconds(sleep_time));
    std::cout << "Slept for " << sleep_time << " seconds\n";
}

weft::task<> async_main() { co_await random_sleep(); }

int main() { weft::run(async_main()); }
