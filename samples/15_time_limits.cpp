// SPDX-License-Identifier: MIT
// Time limits: one for each attempt, one for all of them together, and what a task puts in order when its time is over. The server
// answers each attempt in half the time of the one before: in 1000 ms, 500 ms, 250 ms. An attempt may take 400 ms, so the third one
// succeeds, if all of them may take 2 s; 950 ms are not enough for it. Prints what became of each attempt, once with either limit:
// the last line says that the time was over. Two seconds.
//
//     async def attempt(number, takes):                  async def retry():
//         try:                                               for number in itertools.count(1):
//             await asyncio.sleep(takes)                         try:
//             return f"answer {number}"                              return await asyncio.wait_for(attempt(...), 0.4)
//         except asyncio.CancelledError:                         except TimeoutError:
//             await hang_up(number)                                  print(...)
//             raise
//                                                        await asyncio.wait_for(retry(), 2)

#include <weft/weft.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;
using std::chrono::milliseconds;

weft::task<> hang_up(int number) {
    co_await weft::sleep(10ms);
    std::cout << "  attempt " + std::to_string(number) + " has hung up\n";
}

weft::task<std::string> attempt(int number, milliseconds takes) {
    bool cancelled = false;
    try {
        co_await weft::sleep(takes);
    } catch (weft::cancelled const&) {
        cancelled = true;  // C++ allows no co_await here
    }
    if (cancelled) {
        co_await hang_up(number);
        throw weft::cancelled();  // whoever wants the task to end must hear that it has: wait_for makes a timeout_error of it
    }
    co_return "answer " + std::to_string(number);
}

// When the limit around this loop passes, it is not a timeout_error but weft::cancelled that comes here: the loop ends.
weft::task<std::string> retry() {
    milliseconds takes = 1000ms;
    for (int number = 1;; ++number, takes /= 2) {
        try {
            co_return co_await weft::wait_for(attempt(number, takes), 400ms);
        } catch (weft::timeout_error const&) {
            std::cout << "  attempt " + std::to_string(number) + " took too long\n";
        }
    }
}

weft::task<> ask(milliseconds limit) {
    std::cout << std::to_string(limit.count()) + " ms for all attempts\n";
    try {
        std::string const answer = co_await weft::wait_for(retry(), limit);
        std::cout << "got " + answer + '\n';
    } catch (weft::timeout_error const&) {
        std::cout << "no answer: the time for all attempts was over\n";
    }
}

weft::task<> async_main() {
    co_await ask(2000ms);
    co_await ask(950ms);
}

int main() { weft::run(async_main()); }
