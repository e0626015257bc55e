// SPDX-License-Identifier: MIT
// Where an exception goes: to whoever awaits the task; through gather(), once all siblings have ended; into a result<T>, if asked
// for; to the runtime's handler, if nobody awaits. Prints the four, one after the other; a tenth of a second.
//
//     await fail_after(0.01, "disk full")                                # raises
//     await asyncio.gather(succeed_after(0.03, 1), fail_after(...))      # raises at once; weft waits for the siblings first
//     await asyncio.gather(..., return_exceptions=True)                  # returns the exceptions
//     asyncio.create_task(fail_after(...))                               # calls what loop.set_exception_handler was given

#include <weft/weft.hpp>

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

weft::task<int> succeed_after(std::chrono::milliseconds delay, int value) {
    co_await weft::sleep(delay);
    std::cout << std::to_string(value) + " succeeds\n";
    co_return value;
}

weft::task<int> fail_after(std::chrono::milliseconds delay, char const* why) {
    co_await weft::sleep(delay);
    throw std::runtime_error(why);
}

weft::task<> awaited() {
    try {
        co_await fail_after(10ms, "disk full");
    } catch (std::runtime_error const& error) {
        std::cout << "awaited: " << error.what() << '\n';
    }
}

// Of two failures the one that came first in time is thrown; the slowest sibling has succeeded by then.
weft::task<> gathered() {
    try {
        co_await weft::gather(succeed_after(30ms, 1), fail_after(20ms, "second failure"), fail_after(10ms, "first failure"));
    } catch (std::runtime_error const& error) {
        std::cout << "gathered: " << error.what() << '\n';
    }
}

weft::task<> gathered_as_results() {
    std::vector<weft::task<int>> tasks;
    tasks.push_back(fail_after(10ms, "connection lost"));
    tasks.push_back(succeed_after(20ms, 2));
    for (weft::result<int> const& result : co_await weft::gather(weft::return_exceptions, std::move(tasks))) {
        try {
            std::cout << "result: " + std::to_string(result.value()) + '\n';  // rethrows if there is none; has_value() tells
        } catch (std::runtime_error const& error) {
            std::cout << "result: " << error.what() << '\n';
        }
    }
}

weft::task<> async_main() {
    co_await awaited();
    co_await gathered();
    co_await gathered_as_results();
    weft::spawn(fail_after(10ms, "nobody was waiting"));
    co_await weft::sleep(50ms);  // the end of main would cancel it
}

int main() {
    weft::options settings;
    settings.on_unhandled_exception = [](weft::unhandled_exception const& unhandled) {
        std::cout << "handler: " + unhandled.describe() + '\n';
    };
    weft::run(async_main(), settings);
}
