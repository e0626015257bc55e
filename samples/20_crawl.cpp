// SPDX-License-Identifier: MIT
// A crawl with a limit: gather(range, {.limit = n}) makes and runs the tasks of a range, n at a time. A small web of pages that
// link to each other is fetched level by level, six pages at once. A context_var says in whose name a page is fetched, without
// being handed from call to call; as_completed takes two such crawls as they end. Prints how many pages each has found, the shorter
// crawl first. Half a second; one page after the other would take two.
//
//     async with semaphore: ...                        # semaphore = asyncio.Semaphore(6); gather then makes all tasks at once
//     crawler = contextvars.ContextVar("crawler")      # crawler.set("Ada"), crawler.get()
//     for done in asyncio.as_completed(crawls): print(await done)

#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <ranges>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

weft::context_var<std::string> const crawler("crawler");

std::atomic<int> fetching = 0;
std::atomic<int> most_at_once = 0;

// Page n links to 2n and 2n + 1; there are 100. Page 64 is not there.
weft::task<std::vector<int>> fetch(int page) {
    int const now = ++fetching;
    for (int seen = most_at_once; seen < now && !most_at_once.compare_exchange_weak(seen, now);) {}
    co_await weft::sleep(20ms);
    --fetching;
    std::vector<int> links;
    if (page == 64) {
        std::cout << "  " + crawler.get() + ": page 64 is not there\n";
        co_return links;
    }
    for (int const link : {2 * page, 2 * page + 1})
        if (link <= 100) links.push_back(link);
    co_return links;
}

weft::task<std::string> crawl(std::string name, int first_page) {
    crawler.set(name);  // for this task, and for what it awaits, gathers and spawns
    std::set<int> found{first_page};
    std::vector<int> level{first_page};
    while (!level.empty()) {
        auto pages = level | std::views::transform(fetch);
        std::vector<std::vector<int>> const all_links = co_await weft::gather(pages, {.limit = 6});
        std::vector<int> next;
        for (std::vector<int> const& links : all_links)
            for (int const link : links)
                if (found.insert(link).second) next.push_back(link);
        level = std::move(next);
    }
    co_return name + " has found " + std::to_string(found.size()) + " pages";
}

weft::task<> async_main() {
    std::vector<weft::task<std::string>> crawls;
    crawls.push_back(crawl("Ada", 1));
    crawls.push_back(crawl("Bob", 13));
    auto ends = weft::as_completed(std::move(crawls));
    while (auto ended = co_await ends.next()) std::cout << ended->result() + '\n';
    std::cout << (most_at_once <= 12 ? "never more than six each at once\n" : "too many at once\n");
}

int main() { weft::run(async_main()); }
