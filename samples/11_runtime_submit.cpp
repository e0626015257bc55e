// SPDX-License-Identifier: MIT
// A runtime inside a program of ordinary threads. Three threads submit four tasks each and wait for their futures; then main() runs
// a task on the same runtime. Prints the squares of 1 to 12, then their sum. Each of the 24 tasks sleeps for a tenth of a second;
// all together take two tenths.
//
//     future = asyncio.run_coroutine_threadsafe(square(n), loop)
//     print(future.result())
//
//     with asyncio.Runner() as runner:
//         print(runner.run(sum_of_squares(12)))

#include <weft/weft.hpp>

#include <functional>
#include <future>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

weft::task<int> square(int n) {
    co_await weft::sleep(100ms);
    co_return n * n;
}

weft::task<int> sum_of_squares(int last) {
    std::vector<weft::task<int>> squares;
    for (int n = 1; n <= last; ++n) squares.push_back(square(n));
    int sum = 0;
    for (int const value : co_await weft::gather(std::move(squares))) sum += value;
    co_return sum;
}

// No coroutine: get() blocks its thread, which is fine for any thread but a worker.
void client(weft::runtime& runtime, int first) {
    std::vector<std::future<int>> answers;
    for (int n = first; n < first + 4; ++n) answers.push_back(runtime.submit(square(n)));
    std::string line = "squares from " + std::to_string(first) + ":";
    for (auto& answer : answers) line += ' ' + std::to_string(answer.get());
    std::cout << line + '\n';  // a single <<, so that no line of another thread gets into this one
}

int main() {
    weft::runtime runtime;
    {
        std::jthread one(client, std::ref(runtime), 1), five(client, std::ref(runtime), 5), nine(client, std::ref(runtime), 9);
    }  // all three have ended here
    std::cout << "sum: " << runtime.run(sum_of_squares(12)) << '\n';
}
