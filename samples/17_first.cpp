// SPDX-License-Identifier: MIT
// first() goes on with the one that is ready first, cancels the others and waits until they have ended. shield() is for one that
// must go on. Prints who answers and who is cancelled: in a race of a mirror with the user's patience, in one of three mirrors, and
// in one in which the loser goes on and answers later. A second; one after the other would take half a minute.
//
//     done, pending = await asyncio.wait([asyncio.create_task(...), ...], return_when=asyncio.FIRST_COMPLETED)
//     for loser in pending: loser.cancel()
//     await asyncio.gather(*pending, return_exceptions=True)
//     winner = done.pop().result()                                        # asyncio has no first
//
//     await asyncio.wait([asyncio.shield(cached), ...], ...)              # what is cancelled is the wait for it, not the task

#include <weft/weft.hpp>

#include <iostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::milliseconds;

weft::task<std::string> download(std::string mirror, milliseconds takes, milliseconds hanging_up_takes = 0ms) {
    bool cancelled = false;
    try {
        co_await weft::sleep(takes);
    } catch (weft::cancelled const&) {
        cancelled = true;
    }
    if (cancelled) {
        co_await weft::sleep(hanging_up_takes);
        std::cout << "  " + mirror + " cancelled\n";
        throw weft::cancelled();
    }
    std::cout << "  " + mirror + " answers\n";
    co_return "page from " + mirror;
}

weft::task<int> patience() {
    co_await weft::sleep(10s);
    co_return 10;
}

// Of arguments, which may be of different types: a variant.
weft::task<> page_or_patience() {
    std::variant<std::string, int> const result = co_await weft::first(download("Oslo", 100ms), patience());
    if (result.index() == 0)
        std::cout << "first: " + std::get<0>(result) + '\n';
    else
        std::cout << "first: no page in " + std::to_string(std::get<1>(result)) + " seconds\n";
}

// Of a vector: which one, and its value.
weft::task<> three_mirrors() {
    std::vector<weft::task<std::string>> mirrors;
    mirrors.push_back(download("Oslo", 10s, 100ms));
    mirrors.push_back(download("Rome", 100ms));
    mirrors.push_back(download("Lima", 10s, 200ms));
    auto const [index, page] = co_await weft::first(std::move(mirrors));
    std::cout << "first: " + page + ", number " + std::to_string(index) + '\n';  // Oslo and Lima have ended
}

weft::task<> fill_cache() {
    std::string const page = co_await download("Oslo", 500ms);
    std::cout << "later: " + page + " is in the cache\n";
}

weft::task<> loser_goes_on() {
    auto const cached = weft::spawn(fill_cache());
    auto const result = co_await weft::first(weft::shield(cached), download("Rome", 100ms));
    std::cout << "first: " + std::get<1>(result) + '\n';
    co_await cached;  // as in asyncio, what is left when async_main has ended is cancelled
}

weft::task<> async_main() {
    co_await page_or_patience();
    co_await three_mirrors();
    co_await loser_goes_on();
}

int main() { weft::run(async_main()); }
