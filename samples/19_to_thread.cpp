// SPDX-License-Identifier: MIT
// What blocks runs on threads of its own: to_thread. There is one worker, and a clock that ticks on it, every 200 ms. Three files
// are read meanwhile by a function that blocks for half a second: at once, and the clock goes on. Then a tape, which takes too
// long: the task does not wait for it any more, but nobody can stop the function, so run waits for it in the end. Prints all that,
// in 1.2 seconds; one after the other the files alone would take 1.5.
//
//     contents = await asyncio.gather(*[asyncio.to_thread(read_file, name, 0.5) for name in names])
//     try:
//         await asyncio.wait_for(asyncio.to_thread(read_tape, 0.7), 0.2)
//     except TimeoutError:
//         print("the tape takes too long")

#include <weft/weft.hpp>

#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// An ordinary function, perhaps of a library that knows nothing of coroutines.
std::string read_file(std::string const& name, milliseconds takes) {
    std::this_thread::sleep_for(takes);  // not weft::sleep: it blocks its thread, as a slow disk would
    return "the contents of " + name;
}

// Takes what it needs by value: it may go on when the task that has called it is gone.
void read_tape(milliseconds takes) {
    std::string const contents = read_file("the tape", takes);
    std::cout << contents + ", for nobody\n";
}

weft::task<> tick() {
    weft::interval every(weft::now() + 200ms, 200ms);
    for (int number = 1;; ++number) {
        co_await every.tick();
        std::cout << "tick " + std::to_string(number) + '\n';
    }
}

weft::task<> async_main() {
    weft::spawn(tick());  // is cancelled when this has ended

    std::vector<weft::task<std::string>> files;
    for (std::string const name : {"a.txt", "b.txt", "c.txt"}) files.push_back(weft::to_thread(read_file, name, 500ms));
    auto const all = co_await weft::gather(std::move(files));
    for (std::string const& contents : all) std::cout << contents + '\n';

    try {
        co_await weft::wait_for(weft::to_thread(read_tape, 700ms), 200ms);
    } catch (weft::timeout_error const&) {
        std::cout << "the tape takes too long\n";
    }
}

int main() { weft::run(async_main(), {.workers = 1}); }
