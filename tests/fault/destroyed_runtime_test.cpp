// SPDX-License-Identifier: MIT
// A runtime is destroyed while its tasks are in the states that shutdown_test.cpp does not have: in sets and groups, under limits
// and shields, with functions on threads, awaiting what is not weft's, and cancelled already. Each by itself, and all together.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::test::census;
using weft::test::counted;

namespace {

// What the tasks of one runtime have in common, and what outlives it.
struct house {
    census objects;
    weft::test::gate opened;            // by a thread outside, later
    std::atomic<bool> let_return{false};  // functions on threads
    std::atomic<int> begun{0};          // roots that have come to their state
    std::atomic<int> put_in_order{0};
    std::atomic<int> to_put_in_order{0};
    std::mutex mutex;
    std::vector<weft::join_handle<int>> kept;  // outside of the runtime
};

weft::task<int> sleeps(counted) {
    co_await weft::sleep(1h);
    co_return 1;
}

// Takes its time when it is cancelled.
weft::task<int> is_stubborn(house& in, counted) {
    ++in.to_put_in_order;
    bool told = false;
    try {
        co_await weft::sleep(1h);
    } catch (weft::cancelled const&) {
        told = true;
    }
    try {
        co_await weft::sleep(100us);
        co_await weft::gather(weft::yield(), weft::sleep(50us));
    } catch (weft::cancelled const&) {  // once more
        told = true;
    }
    ++in.put_in_order;
    if (told) throw weft::cancelled();
    co_return 1;
}

weft::task<> in_wait_for(house& in, counted mine) {
    ++in.begun;
    static_cast<void>(co_await weft::wait_for(is_stubborn(in, mine), 2h));
}
weft::task<> past_its_limit(house& in, counted mine) {
    ++in.begun;
    auto const limit = co_await weft::timeout(1us);
    static_cast<void>(co_await is_stubborn(in, mine));
}
weft::task<> in_first(house& in, counted mine) {
    ++in.begun;
    static_cast<void>(co_await weft::first(sleeps(mine), is_stubborn(in, mine)));
}
weft::task<> after_the_first(house& in, counted mine) {
    ++in.begun;
    static_cast<void>(co_await weft::first(is_stubborn(in, mine), weft::sleep(1us)));
    co_await weft::sleep(1h);
}
weft::task<> in_group(house& in, counted mine) {
    ++in.begun;
    auto const body = [&in, mine](weft::task_group& group) -> weft::task<> {
        for (int each = 0; each < 3; ++each) group.spawn(is_stubborn(in, mine));
        co_await weft::sleep(1h);
    };
    co_await weft::with_task_group(body);
}
weft::task<> in_failed_group(house& in, counted mine) {
    ++in.begun;
    auto const body = [&in, mine](weft::task_group& group) -> weft::task<> {
        group.spawn(is_stubborn(in, mine));
        co_await weft::yield();
        throw std::runtime_error("the body");
    };
    co_await weft::with_task_group(body);
}
weft::task<> in_as_completed(house& in, counted mine) {
    ++in.begun;
    std::vector<weft::task<int>> all;
    all.push_back(sleeps(mine));
    all.push_back(is_stubborn(in, mine));
    auto ends = weft::as_completed(std::move(all));
    while (co_await ends.next()) {
    }
}
weft::task<> in_wait(house& in, counted mine) {
    ++in.begun;
    std::vector<weft::join_handle<int>> all;
    all.push_back(weft::spawn(sleeps(mine)));
    all.push_back(weft::spawn(is_stubborn(in, mine)));
    co_await weft::wait(std::move(all), weft::first_exception);
}
weft::task<> in_shield(house& in, counted mine) {
    ++in.begun;
    static_cast<void>(co_await weft::shield(is_stubborn(in, mine)));
}
weft::task<> in_limited_gather(house& in, counted mine) {
    ++in.begun;
    std::vector<weft::task<int>> all;
    for (int each = 0; each < 6; ++each) all.push_back(each % 2 ? sleeps(mine) : is_stubborn(in, mine));
    co_await weft::gather(std::move(all), {.limit = 3});
}
weft::task<> in_functions(house& in, counted mine) {
    ++in.begun;
    const auto function = [&in](counted const&) {
        while (!in.let_return) std::this_thread::sleep_for(100us);
    };
    // Two run, the others stand in line.
    co_await weft::gather(weft::to_thread(function, mine), weft::to_thread(function, mine), weft::to_thread(function, mine),
                          weft::to_thread(function, mine));
}
weft::task<> at_the_gate(house& in, counted mine) {
    ++in.begun;
    counted const here(mine);
    co_await in.opened;
    co_await weft::sleep(1h);  // cancelled, or would be
}
weft::task<> kept_outside(house& in, counted mine) {
    ++in.begun;
    auto handle = weft::spawn(is_stubborn(in, mine));
    const std::lock_guard lock(in.mutex);
    in.kept.push_back(std::move(handle));
    in.kept.push_back(weft::spawn(sleeps(mine)));
    co_return;
}
weft::task<> cancelled_already(house& in, counted mine) {
    ++in.begun;
    auto handle = weft::spawn(is_stubborn(in, mine));
    co_await weft::yield();
    static_cast<void>(handle.cancel());
    static_cast<void>(handle.cancel());
    static_cast<void>(co_await handle);
}

using state = weft::task<> (*)(house&, counted);
const std::vector<std::pair<std::string, state>> states{
    {"wait_for", in_wait_for},
    {"past a limit", past_its_limit},
    {"first", in_first},
    {"after the first", after_the_first},
    {"a group", in_group},
    {"a failed group", in_failed_group},
    {"as_completed", in_as_completed},
    {"wait", in_wait},
    {"shield", in_shield},
    {"a limited gather", in_limited_gather},
    {"functions", in_functions},
    {"a foreign await", at_the_gate},
    {"handles kept outside", kept_outside},
    {"cancelled already", cancelled_already},
};

struct verdict {
    bool roots_ended = true;
    int alive = 0;
    int not_put_in_order = 0;
    bool kept_ended = true;
};

// Not so long, but until all have begun.
constexpr auto until_begun = std::chrono::microseconds::max();

// How long the tasks have before the runtime goes: less and they have not begun, more and they have come to their state.
verdict destroy(std::vector<state> const& in_them, unsigned workers, std::chrono::microseconds after) {
    house in;
    verdict found;
    std::vector<std::future<void>> roots;
    std::thread late;
    {
        weft::runtime ending({.workers = workers, .blocking_threads = 2, .on_unhandled_exception = [](auto const&) {}});
        for (state const each : in_them) roots.push_back(ending.submit(each(in, counted(in.objects))));
        if (after != until_begun) std::this_thread::sleep_for(after);
        while (after == until_begun && in.begun != static_cast<int>(in_them.size())) std::this_thread::yield();
        // What others must bring comes while the runtime waits for it.
        late = std::thread([&in] {
            std::this_thread::sleep_for(300us);
            in.let_return = true;
            in.opened.open();
        });
    }
    late.join();
    for (auto& each : roots) {
        if (each.wait_for(0s) != std::future_status::ready) found.roots_ended = false;
        try {
            each.get();
        } catch (weft::cancelled const&) {
        } catch (weft::timeout_error const&) {
        } catch (weft::exception_group const&) {
        } catch (weft::runtime_closed const&) {  // it wanted to spawn
        }
    }
    for (auto const& each : in.kept) found.kept_ended = found.kept_ended && each.done() && each.cancelled();
    in.kept.clear();
    found.alive = in.objects.alive;
    found.not_put_in_order = in.to_put_in_order - in.put_in_order;
    return found;
}

void check(verdict const& found) {
    CHECK(found.roots_ended);
    CHECK(found.kept_ended);
    CHECK(found.alive == 0);
    CHECK(found.not_put_in_order == 0);
}

}  // namespace

TEST_CASE("a runtime may be destroyed whatever its tasks wait for", "[shutdown]") {
    std::mt19937_64 numbers(weft::test::seed());
    for (auto const& [name, each] : states) {
        const weft::test::watchdog guard{30s, "a runtime destroyed with a task in " + name};
        for (const unsigned workers : {1u, 2u, 8u}) {
            for (const int most : {0, 30, 300, 2000})
                for (int time = 0; time < weft::test::scaled(4); ++time) {
                    CAPTURE(name, workers, most);
                    check(destroy({each}, workers, std::chrono::microseconds(numbers() % static_cast<unsigned>(most + 1))));
                }
            CAPTURE(name, workers);
            check(destroy({each}, workers, until_begun));
        }
    }
}

TEST_CASE("a runtime may be destroyed with tasks that wait for everything", "[shutdown]") {
    const weft::test::watchdog guard{60s, "a runtime destroyed with tasks in all states"};
    std::mt19937_64 numbers(weft::test::seed());
    std::vector<state> all;
    for (auto const& [name, each] : states)
        for (int copies = 0; copies < 3; ++copies) all.push_back(each);
    for (const unsigned workers : {1u, 2u, 8u})
        for (int time = 0; time < weft::test::scaled(40); ++time) {
            CAPTURE(workers, time);
            std::shuffle(all.begin(), all.end(), numbers);
            check(destroy(all, workers, std::chrono::microseconds(numbers() % 3000)));
        }
}
