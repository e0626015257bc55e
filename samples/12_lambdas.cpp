// SPDX-License-Identifier: MIT
// Lambdas as tasks. What a lambda captured lives in the lambda object, not in the coroutine that a call of it starts. So give run()
// and spawn() the lambda and its arguments instead of the task that it makes: they keep both until the task has ended. Prints a
// greeting for each of three names, ten milliseconds apart, then the number of letters in them.
//
//     async def greet(delay, name): ...    # nested in a function and using its variables, which Python keeps alive
//
//     handles = [asyncio.create_task(greet(delay, name)) for delay, name in ...]
//     letters = sum(await asyncio.gather(*handles))

#include <weft/weft.hpp>

#include <iostream>
#include <numeric>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using handles = std::vector<weft::join_handle<std::size_t>>;

handles greet_all(std::string const& greeting, std::vector<std::string> const& names) {
    auto greet = [greeting](std::chrono::milliseconds delay, std::string name) -> weft::task<std::size_t> {
        co_await weft::sleep(delay);
        std::cout << greeting + ", " + name + "!\n";
        co_return name.size();
    };
    handles greeted;
    for (auto delay = 10ms; std::string const& name : names) {
        greeted.push_back(weft::spawn(greet, delay, name));  // spawn(greet(delay, name)) would outlive greet and its greeting
        delay += 10ms;
    }
    return greeted;
}

int main() {
    std::vector<std::string> const names{"Ada", "Grace", "Edsger"};
    weft::run([&names]() -> weft::task<> {
        auto const lengths = co_await weft::gather(greet_all("Hello", names));
        std::cout << std::accumulate(lengths.begin(), lengths.end(), std::size_t{0}) << " letters\n";
    });
}
