// SPDX-License-Identifier: MIT
// context_var: whose value is seen where.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::task;
using weft::test::census;
using weft::test::counted;
using weft::test::watchdog;
using weft::test::ContainsSubstring;

namespace {

using texts = std::vector<std::string>;

weft::context_var<std::string> const who("who", "nobody");
weft::context_var<int> const number("number");

task<std::string> seen() {
    co_return who.get();
}
task<std::string> set_and_see(std::string value) {
    who.set(value);
    co_await weft::yield();
    co_return who.get();
}

}  // namespace

TEST_CASE("without a value a variable has its default, or what get is given, or throws", "[context_var]") {
    const watchdog guard{10s, "defaults"};
    CHECK(who.name() == "who");
    const auto look = []() -> task<texts> {
        texts found;
        found.push_back(who.get());
        found.push_back(who.get("somebody"));
        found.push_back(std::to_string(number.get(3)));
        try {
            found.push_back(std::to_string(number.get()));
        } catch (weft::invalid_state const& none) {
            found.emplace_back(none.what());
        }
        co_return found;
    };
    const texts found = weft::run(look());
    REQUIRE(found.size() == 4);
    CHECK(found[0] == "nobody");
    CHECK(found[1] == "somebody");
    CHECK(found[2] == "3");
    CHECK_THAT(found[3], ContainsSubstring("\"number\"") && ContainsSubstring("default"));
}

TEST_CASE("a task inherits the values of who spawns it, as they are then", "[context_var]") {
    const watchdog guard{10s, "inherited"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const texts found = weft::run(
        []() -> task<texts> {
            who.set("one");
            auto first = weft::spawn(seen());
            who.set("two");
            auto second = weft::spawn([]() -> task<std::string> {
                co_await weft::yield();
                co_return co_await weft::spawn(seen());  // by its own child
            });
            who.set("three");
            texts all;
            all.push_back(co_await first);
            all.push_back(co_await second);
            all.push_back(who.get());
            co_return all;
        },
        {.workers = workers});
    CHECK(found == texts{"one", "two", "three"});
}

TEST_CASE("what a task sets, who has spawned it and its siblings do not see", "[context_var]") {
    const watchdog guard{30s, "isolated"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const int wrong = weft::run(
        []() -> task<int> {
            who.set("parent");
            int bad = 0;
            for (int round = 0; round < 100; ++round) {
                std::vector<weft::join_handle<std::string>> children;
                for (int i = 0; i < 10; ++i) children.push_back(weft::spawn(set_and_see(std::to_string(i))));
                for (int i = 0; i < 10; ++i) bad += co_await children[static_cast<std::size_t>(i)] != std::to_string(i);
                bad += who.get() != "parent";
            }
            co_return bad;
        },
        {.workers = workers});
    CHECK(wrong == 0);
}

TEST_CASE("what is awaited or gathered belongs to the task", "[context_var]") {
    const watchdog guard{10s, "awaited"};
    const texts found = weft::run([]() -> task<texts> {
        texts all;
        all.push_back(co_await set_and_see("awaited"));
        all.push_back(who.get());
        co_await weft::gather(set_and_see("gathered"), weft::yield());
        all.push_back(who.get());
        co_return all;
    });
    CHECK(found == texts{"awaited", "awaited", "gathered"});
}

TEST_CASE("a scoped value holds for its block, its gathers and what it spawns, and for nobody else", "[context_var]") {
    const watchdog guard{30s, "scoped"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const int wrong = weft::run(
        []() -> task<int> {
            const auto branch = [](std::string own) -> task<int> {
                const auto scope = who.scoped(own);
                int bad = 0;
                for (int i = 0; i < 20; ++i) {
                    co_await weft::yield();
                    bad += who.get() != own;
                    bad += co_await weft::spawn(seen()) != own;
                    auto [one, other] = co_await weft::gather(seen(), seen());
                    bad += one != own || other != own;
                    {
                        const auto inner = who.scoped(own + "!");
                        const auto unrelated = number.scoped(i);
                        bad += co_await seen() != own + "!";
                        bad += number.get() != i;
                        bad += co_await weft::spawn(seen()) != own + "!";
                    }
                    bad += number.get(-1) != -1;
                }
                co_return bad;
            };
            who.set("outside");
            auto [a, b, c] = co_await weft::gather(branch("a"), branch("b"), branch("c"));
            co_return a + b + c + (who.get() != "outside");
        },
        {.workers = workers});
    CHECK(wrong == 0);
}

TEST_CASE("set within a scoped block of the variable lasts until its end", "[context_var]") {
    const watchdog guard{10s, "set in a scope"};
    const texts found = weft::run([]() -> task<texts> {
        texts all;
        who.set("task");
        {
            const auto scope = who.scoped("block");
            number.set(1);
            auto token = who.set("changed");
            all.push_back(co_await weft::spawn(seen()));
            who.reset(std::move(token));
            all.push_back(who.get());
            who.set("again");
        }
        all.push_back(who.get());
        all.push_back(std::to_string(number.get()));
        co_return all;
    });
    CHECK(found == texts{"changed", "block", "task", "1"});
}

TEST_CASE("a scoped value and time limits stand inside each other", "[context_var][cancel]") {
    const watchdog guard{10s, "scopes in scopes"};
    const texts found = weft::run([]() -> task<texts> {
        texts all;
        const auto outer = who.scoped("outer");
        try {
            const auto limit = co_await weft::timeout(1ms);
            const auto inner = who.scoped("inner");
            all.push_back(co_await seen());
            co_await weft::sleep(1h);
        } catch (weft::timeout_error const&) {
            all.push_back("timeout, " + who.get());
        }
        auto handle = weft::spawn([]() -> task<std::string> {
            const auto scope = who.scoped("cancelled");
            try {
                co_await weft::sleep(1h);
            } catch (weft::cancelled const&) {
                co_return who.get();
            }
            co_return "slept";
        });
        co_await weft::yield();  // on one worker: until it sleeps
        handle.cancel();
        all.push_back(co_await handle);
        co_return all;
    }, {.workers = 1});
    CHECK(found == texts{"inner", "timeout, outer", "cancelled"});
}

TEST_CASE("reset gives the value before back, once, and for its own variable", "[context_var]") {
    const watchdog guard{10s, "reset"};
    const texts found = weft::run([]() -> task<texts> {
        texts all;
        auto first = who.set("first");
        auto second = who.set("second");
        who.reset(std::move(second));
        all.push_back(who.get());
        who.reset(std::move(first));
        all.push_back(who.get());
        auto token = who.set("third");
        auto moved = std::move(token);
        try {
            who.reset(std::move(token));
        } catch (weft::invalid_state const& used) {
            all.emplace_back(used.what());
        }
        weft::context_var<std::string> const other("other");
        try {
            other.reset(std::move(moved));
        } catch (std::invalid_argument const& wrong) {
            all.emplace_back(wrong.what());
        }
        auto outside = who.set("outside");
        {
            const auto scope = who.scoped("block");
            try {
                who.reset(std::move(outside));
            } catch (std::invalid_argument const& elsewhere) {
                all.emplace_back(elsewhere.what());
            }
        }
        auto of_task = who.set("task");
        const auto reset_elsewhere = [&]() -> task<bool> {
            try {
                who.reset(std::move(of_task));
            } catch (std::invalid_argument const&) {
                co_return who.get() == "task";
            }
            co_return false;
        };
        all.push_back(co_await weft::spawn(reset_elsewhere) ? "refused" : "accepted");
        co_return all;
    });
    REQUIRE(found.size() == 6);
    CHECK(found[0] == "first");
    CHECK(found[1] == "nobody");
    CHECK_THAT(found[2], ContainsSubstring("\"who\"") && ContainsSubstring("once"));
    CHECK_THAT(found[3], ContainsSubstring("\"other\""));
    CHECK_THAT(found[4], ContainsSubstring("scoped block"));
    CHECK(found[5] == "refused");
}

TEST_CASE("a thread that is no worker has values of its own, which run and submit copy", "[context_var]") {
    const watchdog guard{10s, "threads"};
    std::string in_run, in_submitted, elsewhere, afterwards, in_block;
    std::thread([&] {
        auto token = who.set("thread");
        weft::runtime runtime({.workers = 2});
        in_run = runtime.run(seen());
        in_submitted = runtime.submit(seen()).get();
        runtime.run(set_and_see("task"));
        {
            const auto scope = who.scoped("block");
            in_block = runtime.run(seen()) + who.get();
        }
        afterwards = who.get();
        std::thread([&] { elsewhere = who.get(); }).join();
        who.reset(std::move(token));
    }).join();
    CHECK(in_run == "thread");
    CHECK(in_submitted == "thread");
    CHECK(in_block == "blockblock");
    CHECK(afterwards == "thread");
    CHECK(elsewhere == "nobody");
}

TEST_CASE("values go with the last task that has them", "[context_var][lifetime]") {
    const watchdog guard{30s, "values are let go"};
    const auto workers = GENERATE(1u, 2u, 8u);
    static weft::context_var<std::shared_ptr<counted>> const kept("kept", nullptr);
    census in;
    weft::run(
        [&]() -> task<> {
            for (int round = 0; round < 50; ++round) {
                kept.set(std::make_shared<counted>(in, round));
                const auto child = [](int expected, std::atomic<int>& wrong) -> task<> {
                    const auto scope = kept.scoped(kept.get());
                    co_await weft::spawn([&]() -> task<> {
                        wrong += kept.get()->number() != expected;
                        kept.set(nullptr);
                        co_return;
                    });
                };
                std::atomic<int> wrong = 0;
                std::vector<weft::join_handle<>> handles;
                for (int i = 0; i < 10; ++i) handles.push_back(weft::spawn(child(round, wrong)));
                for (auto& each : handles) co_await each;
                if (wrong != 0) throw std::logic_error("another one's value");
            }
        },
        {.workers = workers});
    CHECK(in.alive == 0);
}

TEST_CASE("children of a gather may set and read one variable at the same time", "[context_var][stress]") {
    const watchdog guard{30s, "set by many"};
    const int wrong = weft::run(
        []() -> task<int> {
            const auto child = [](int own, bool scoped_around) -> task<int> {
                int bad = 0;
                for (int i = 0; i < 500; ++i) {
                    number.set(own);
                    const int found = number.get();
                    bad += found < 0 || found >= 8;
                    if (i % 50 == 0) co_await weft::yield();
                    bad += scoped_around && who.get() != "around";
                }
                co_return bad;
            };
            int bad = 0;
            for (const bool scoped_around : {false, true}) {
                std::vector<task<int>> children;
                for (int i = 0; i < 8; ++i) children.push_back(child(i, scoped_around));
                const auto both = [](std::vector<task<int>> all, bool in_block) -> task<int> {
                    int sum = 0;
                    if (!in_block) {
                        for (const int each : co_await weft::gather(std::move(all))) sum += each;
                        co_return sum;
                    }
                    const auto scope = number.scoped(0);
                    const auto around = who.scoped("around");
                    for (const int each : co_await weft::gather(std::move(all))) sum += each;
                    co_return sum;
                };
                bad += co_await both(std::move(children), scoped_around);
            }
            co_return bad;
        },
        {.workers = 8});
    CHECK(wrong == 0);
}

TEST_CASE("a function on a thread has the values of who awaits it, and leaves none behind", "[context_var][to_thread]") {
    const watchdog guard{10s, "to_thread"};
    const texts found = weft::run(
        []() -> task<texts> {
            const auto look = [](bool sets) {
                const std::string before = who.get();
                if (sets) who.set("thread");
                return before + ", " + who.get();
            };
            texts all;
            all.push_back(co_await weft::to_thread(look, true));
            who.set("task");
            all.push_back(co_await weft::to_thread(look, true));
            {
                const auto scope = who.scoped("block");
                all.push_back(co_await weft::to_thread(look, false));
            }
            all.push_back(who.get());
            co_return all;
        },
        {.workers = 1, .blocking_threads = 1});
    CHECK(found == texts{"nobody, thread", "task, thread", "block, block", "task"});
}
