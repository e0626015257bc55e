// SPDX-License-Identifier: MIT
// The join of a gather: what becomes of a child's frame, parameters, value and exception, and who settles, whichever of the
// children are stolen or suspend. When forks give way to others stands in giving_way_test.cpp.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/foreign.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"
#include "support/ways.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using weft::test::census;
using weft::test::counted;
using weft::test::counted_move_only;
using weft::test::watchdog;
using weft::test::way;
using weft::test::way_of;
using weft::test::ways;
using weft::test::counted_error;
using weft::test::give;
using weft::test::give_or_fail;
using weft::test::go;

namespace {

constexpr bool slow = weft::detail::config::asan || weft::detail::config::tsan;

weft::task<> do_nothing(counted, std::atomic<int>& started) {
    ++started;
    co_return;
}

// Does something when it is destroyed; one that was moved from does nothing.
class at_end {
public:
    explicit at_end(std::function<void()> what) : do_(std::move(what)) {}
    at_end(at_end&& other) noexcept : do_(std::exchange(other.do_, nullptr)) {}
    at_end& operator=(at_end&&) = delete;
    ~at_end() {
        if (do_) do_();
    }

private:
    std::function<void()> do_;
};

// Holds its worker until so many children have come: they run on as many workers.
class meeting {
public:
    explicit meeting(unsigned of) : of_(of) {}
    void come() {
        ++come_;
        while (come_ < of_) std::this_thread::yield();
    }

private:
    const unsigned of_;
    std::atomic<unsigned> come_{0};
};

}  // namespace

// ---- Frames

TEST_CASE("a child's parameters and locals are destroyed before its gather resumes", "[join][frame]") {
    const watchdog guard{30s, "parameters and locals of children"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto met = GENERATE(false, true);  // every child on a worker of its own
    if (met && workers == 1) return;
    census in;
    const int left = weft::run(
        [&]() -> weft::task<int> {
            auto child = [&in](way how, meeting& with, bool meet, counted parameter) -> weft::task<int> {
                const counted local{in};
                if (meet) with.come();
                co_await go(how);
                co_return parameter.number();
            };
            int wrong = 0;
            for (std::size_t first = 0; first < ways.size(); ++first) {
                for (std::size_t second = 0; second < ways.size(); ++second) {
                    meeting two{2};
                    // The gather is named: what is left was not destroyed by its end.
                    auto pair = weft::gather(child(way_of(first), two, met, counted{in, 1}),
                                             child(way_of(second), two, met, counted{in, 2}));
                    const auto [a, b] = co_await pair;
                    wrong += in.alive != 0 || a + b != 3;
                }
                meeting several{workers};
                std::vector<weft::task<int>> children;
                for (unsigned i = 0; i < workers; ++i)
                    children.push_back(child(way_of(first + i % 2), several, met, counted{in, 1}));
                auto vector = weft::gather(std::move(children));
                const auto values = co_await vector;
                wrong += in.alive != 0 || values != std::vector<int>(workers, 1);
            }
            co_return wrong;
        },
        {.workers = workers});
    CHECK(left == 0);
}

TEST_CASE("a child that has ended is gone while its sibling still runs", "[join][frame]") {
    const watchdog guard{30s, "ended child, running sibling"};
    const auto workers = GENERATE(1u, 2u, 8u);
    const auto early = GENERATE(way::straight, way::yield, way::sleep);
    // The sibling ends only when the parameter of the other is destroyed: a test that fails hangs.
    weft::run(
        [&]() -> weft::task<> {
            auto ends = [&](std::atomic<bool>& flag) {
                return [](way how, at_end) -> weft::task<> { co_await go(how); }(early, at_end([&flag] { flag = true; }));
            };
            auto waits = [](std::atomic<bool>& flag) -> weft::task<> {
                while (!flag) co_await weft::yield();
            };
            for (int round = 0; round < 50; ++round) {
                std::array<std::atomic<bool>, 6> gone{};
                co_await weft::gather(ends(gone[0]), waits(gone[0]));
                co_await weft::gather(waits(gone[1]), ends(gone[1]));
                std::vector<weft::task<>> children;
                for (std::size_t i = 2; i < 6; ++i) {
                    children.push_back(i % 2 == 0 ? ends(gone[i]) : waits(gone[i]));
                    children.push_back(i % 2 == 1 ? ends(gone[i]) : waits(gone[i]));
                }
                co_await weft::gather(std::move(children));
            }
        },
        {.workers = workers});
    SUCCEED();
}

TEST_CASE("a parameter's destructor may spawn and open gates as its child ends", "[join][frame]") {
    const watchdog guard{30s, "busy destructors"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> spawned = 0;
    weft::run(
        [&]() -> weft::task<> {
            auto count = [](std::atomic<int>& counter) -> weft::task<> {
                ++counter;
                co_return;
            };
            auto child = [](way how, at_end) -> weft::task<> { co_await go(how); };
            auto through = [](weft::test::gate& gate) -> weft::task<> { co_await gate; };
            for (const way how : ways) {
                for (const bool waits_first : {false, true}) {
                    weft::test::gate gate;
                    at_end spawns([&] {
                        gate.open();
                        static_cast<void>(weft::spawn(count(spawned)));
                    });
                    auto ends = child(how, std::move(spawns));
                    if (waits_first)
                        co_await weft::gather(through(gate), std::move(ends));
                    else
                        co_await weft::gather(std::move(ends), through(gate));
                }
            }
            // Those that have not begun when this task ends never do. One too few is a hang.
            while (spawned < 2 * static_cast<int>(ways.size())) co_await weft::yield();
        },
        {.workers = workers});
    CHECK(spawned == 2 * static_cast<int>(ways.size()));
}

// ---- Misuse

TEST_CASE("children that never start are destroyed: unawaited, refused and reused gathers", "[join][misuse]") {
    const watchdog guard{30s, "unstarted children"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    std::atomic<int> started = 0;
    const int wrong = weft::run(
        [&]() -> weft::task<int> {
            auto child = [&] { return do_nothing(counted{in}, started); };
            auto vector_of = [&](auto... children) {
                std::vector<weft::task<>> all;
                (all.push_back(std::move(children)), ...);
                return all;
            };
            int bad = 0;
            {
                auto pair = weft::gather(child(), child());
                auto results = weft::gather(weft::return_exceptions, child(), child(), child());
                auto vector = weft::gather(vector_of(child(), child()));
                bad += in.alive != 7;
            }
            bad += in.alive != 0;
            // Refused when it is made: all that it was given is gone, and nothing has started.
            int refused = 0;
            for (int form = 0; form < 6; ++form) {
                auto twice = child();
                try {
                    switch (form) {
                        case 0:
                            co_await weft::gather(weft::task<>{}, child());
                            break;
                        case 1:
                            co_await weft::gather(child(), weft::task<>{});
                            break;
                        case 2:
                            co_await weft::gather(std::move(twice), std::move(twice));
                            break;
                        case 3:
                            co_await weft::gather(child(), std::move(twice), child(), std::move(twice));
                            break;
                        case 4:
                            co_await weft::gather(vector_of(weft::task<>{}, child()));
                            break;
                        case 5:
                            co_await weft::gather(vector_of(child(), weft::task<>{}));
                            break;
                    }
                } catch (const weft::invalid_state&) {
                    ++refused;
                }
                bad += in.alive != (twice.valid() ? 1 : 0);
            }
            bad += refused != 6 || started != 0;
            auto pair = weft::gather(child(), child());
            auto vector = weft::gather(vector_of(child(), child()));
            co_await std::move(pair);
            co_await std::move(vector);
            bad += started != 4 || in.alive != 0;
            for (int form = 0; form < 2; ++form) {
                try {
                    if (form == 0) co_await std::move(pair);
                    if (form == 1) co_await std::move(vector);
                } catch (const weft::invalid_state&) {
                    ++refused;
                }
            }
            bad += refused != 8 || started != 4;
            co_return bad;
        },
        {.workers = workers});
    CHECK(wrong == 0);
}

TEST_CASE("a task is empty as soon as it was awaited", "[join][task]") {
    const watchdog guard{30s, "awaited tasks are empty"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    const int wrong = weft::run(
        [&]() -> weft::task<int> {
            int bad = 0;
            for (const way how : ways) {
                auto child = give_or_fail(how, false, in, 1, counted{in});
                auto gathered = give_or_fail(how, false, in, 2, counted{in});
                bad += !child.valid() || !gathered.valid();
                bad += (co_await std::move(child)).number() != 1;
                co_await weft::gather(std::move(gathered));
                bad += child.valid() || gathered.valid() || in.alive != 0;
                int refused = 0;
                for (int form = 0; form < 3; ++form) {
                    try {
                        if (form == 0) co_await std::move(child);
                        if (form == 1) co_await std::move(gathered);
                        if (form == 2) co_await weft::gather(std::move(child));
                    } catch (const weft::invalid_state&) {
                        ++refused;
                    }
                }
                bad += refused != 3;
            }
            co_return bad;
        },
        {.workers = workers});
    CHECK(wrong == 0);
}

// ---- Who settles

TEST_CASE("children that suspend in every way, in every place, nested", "[join][suspend]") {
    const watchdog guard{60s, "every way in every place"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::runtime kept({.workers = workers});
    const int wrong = kept.run([]() -> weft::task<int> {
        auto one = [](way third, way fourth) -> weft::task<int> {
            const auto [three, four] = co_await weft::gather(give(third, 3), give(fourth, std::string("4")));
            co_return three * 10 + std::stoi(four);
        };
        int bad = 0;
        for (const way third : ways) {
            for (const way fourth : ways) {
                bad += co_await one(third, fourth) != 34;
                for (const way second : ways) {
                    const auto [left, right] = co_await weft::gather(one(third, fourth), give(second, 2));
                    const auto [first, last] = co_await weft::gather(give(second, 2), one(third, fourth));
                    bad += left != 34 || right != 2 || first != 2 || last != 34;
                }
                std::vector<weft::task<int>> children;
                for (int i = 0; i < 3; ++i) children.push_back(one(third, fourth));
                for (const int each : co_await weft::gather(std::move(children))) bad += each != 34;
            }
        }
        co_return bad;
    });
    CHECK(wrong == 0);
}

TEST_CASE("the fork settles before its stolen children have ended, and after", "[join][steal]") {
    const watchdog guard{30s, "the fork settles first and last"};
    const auto workers = GENERATE(2u, 3u, 8u);
    const auto first_waits = GENERATE(false, true);
    census in;
    weft::runtime kept({.workers = workers});
    int wrong = 0;
    for (int round = 0; round < (slow ? 50 : 200); ++round) {
        CAPTURE(workers, first_waits, round);
        wrong += kept.run([&]() -> weft::task<int> {
            // All meet, so the others are stolen. The first stays until the others are gone, or they until it is.
            meeting all{workers};
            std::atomic<unsigned> gone = 0;
            auto child = [&](unsigned number, counted, at_end) -> weft::task<std::pair<unsigned, std::string>> {
                all.come();
                const unsigned before = first_waits ? workers - 1 : 1;
                if ((number == 0) == first_waits) {
                    while (gone < before) std::this_thread::yield();
                    // Gone is not yet settled: that takes a moment more.
                    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(round % 4 * 20);
                    while (std::chrono::steady_clock::now() < until) {
                    }
                }
                co_return {weft::worker_index(), std::to_string(number)};
            };
            std::vector<weft::task<std::pair<unsigned, std::string>>> children;
            for (unsigned i = 0; i < workers; ++i) children.push_back(child(i, counted{in}, at_end([&gone] { ++gone; })));
            auto gathered = weft::gather(std::move(children));
            const auto ended = co_await gathered;
            std::vector<bool> used(workers);
            int bad = in.alive != 0;
            for (unsigned i = 0; i < workers; ++i) {
                bad += ended[i].second != std::to_string(i) || used[ended[i].first];
                used[ended[i].first] = true;
            }
            co_return bad;
        });
    }
    CHECK(wrong == 0);
}

namespace {

// A tree whose shape, ways and failures come from a seed. Its value is the number of its nodes; of a failed subtree nothing counts.
struct random_tree {
    std::uint64_t seed;
    census& in;

    static std::uint64_t mix(std::uint64_t x) {
        x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9u;
        x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11ebu;
        return x ^ (x >> 31);
    }
    std::uint64_t below(std::uint64_t id, std::uint64_t child) const { return mix(id * 5 + child + seed); }
    static way how(std::uint64_t id) { return id % 3 == 0 ? way_of(id / 3) : way::straight; }
    static bool fails(std::uint64_t id) { return id / 64 % 16 == 0; }
    static unsigned width(std::uint64_t id) { return static_cast<unsigned>(id / 1024 % 4); }

    std::optional<int> expected(int depth, std::uint64_t id) const {
        int sum = 1;
        if (depth > 0)
            for (unsigned child = 0; child < std::max(1u, width(id)); ++child) {
                if (const auto one = expected(depth - 1, below(id, child))) sum += *one;
            }
        return fails(id) ? std::nullopt : std::optional(sum);
    }
    weft::task<std::unique_ptr<int>> node(int depth, std::uint64_t id, counted) const {
        const counted local{in};
        auto sum = std::make_unique<int>(1);
        if (depth > 0 && width(id) == 2) {
            auto [a, b] = co_await weft::gather(weft::return_exceptions, node(depth - 1, below(id, 0), counted{in}),
                                                node(depth - 1, below(id, 1), counted{in}));
            if (a) *sum += *a.value();
            if (b) *sum += *b.value();
        } else if (depth > 0) {
            std::vector<weft::task<std::unique_ptr<int>>> children;
            for (unsigned child = 0; child < std::max(1u, width(id)); ++child)
                children.push_back(node(depth - 1, below(id, child), counted{in}));
            for (auto& each : co_await weft::gather(weft::return_exceptions, std::move(children)))
                if (each) *sum += *each.value();
        }
        co_await go(how(id));
        if (fails(id)) throw counted_error{counted{in}};
        co_return std::move(sum);
    }
};

}  // namespace

TEST_CASE("random trees of children that suspend and fail", "[join][random]") {
    const watchdog guard{60s, "random trees"};
    const auto workers = GENERATE(1u, 2u, 8u);
    weft::runtime kept({.workers = workers});
    std::mt19937_64 random(weft::test::seed());
    census in;
    for (int round = 0; round < (slow ? 10 : 60); ++round) {
        const random_tree tree{random(), in};
        CAPTURE(weft::test::seed(), round, workers);
        std::optional<int> counted_nodes;
        try {
            counted_nodes = *kept.run(tree.node(8, tree.seed, counted{in}));
        } catch (const counted_error&) {
        }
        CHECK(counted_nodes == tree.expected(8, tree.seed));
        CHECK(in.alive == 0);
    }
}
