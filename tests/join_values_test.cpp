// SPDX-License-Identifier: MIT
// What a gather's children come to: values and exceptions of every kind, through their slots.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/watchdog.hpp"
#include "support/ways.hpp"

#include <weft/weft.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using weft::test::census;
using weft::test::counted;
using weft::test::counted_move_only;
using weft::test::counted_error;
using weft::test::give;
using weft::test::give_or_fail;
using weft::test::go;
using weft::test::watchdog;
using weft::test::way;
using weft::test::way_of;
using weft::test::ways;

namespace {

weft::task<int&> refer(way how, int& number) {
    co_await go(how);
    co_return number;
}

struct alignas(64) wide {
    int number;
};

// Takes no wide by value: g++ notes that how these are passed has changed.
weft::task<wide> give_wide(way how, int number) {
    co_await go(how);
    co_return wide{number};
}

}  // namespace

TEST_CASE("values of every kind come through their slots", "[join][value]") {
    const watchdog guard{30s, "values through slots"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    const std::string text(100, 'x');
    int number = 7;
    const int wrong = weft::run(
        [&]() -> weft::task<int> {
            int bad = 0;
            for (std::size_t shift = 0; shift < ways.size(); ++shift) {
                {
                    const auto [string, pointer, alone, nothing, large, there] =
                        co_await weft::gather(give(way_of(shift), text), give(way_of(shift + 1), std::make_unique<int>(5)),
                                              give(way_of(shift + 2), counted_move_only{in, 3}), go(way_of(shift + 3)),
                                              give_wide(way_of(shift + 4), 9), refer(way_of(shift + 5), number));
                    static_assert(std::is_same_v<decltype(nothing), const std::monostate>);
                    bad += string != text || *pointer != 5 || alone.number() != 3 || large.number != 9 || &there != &number;
                }
                std::vector<weft::task<std::string>> strings;
                std::vector<weft::task<counted_move_only>> several;
                std::vector<weft::task<wide>> large;
                std::vector<weft::task<int&>> references;
                for (std::size_t i = 0; i < 7; ++i) {
                    const way how = way_of(shift + i);
                    strings.push_back(give(how, text + std::to_string(i)));
                    several.push_back(give(how, counted_move_only{in, static_cast<int>(i)}));
                    large.push_back(give_wide(how, static_cast<int>(i)));
                    references.push_back(refer(how, number));
                }
                const auto [got_strings, got_several, got_large, got_references] =
                    co_await weft::gather(weft::gather(std::move(strings)), weft::gather(std::move(several)),
                                          weft::gather(std::move(large)), weft::gather(std::move(references)));
                bad += in.alive != 7;
                for (std::size_t i = 0; i < 7; ++i)
                    bad += got_strings[i] != text + std::to_string(i) || got_several[i].number() != static_cast<int>(i) ||
                           got_large[i].number != static_cast<int>(i) ||
                           reinterpret_cast<std::uintptr_t>(&got_large[i]) % 64 != 0 || &got_references[i].get() != &number;
            }
            bad += in.alive != 0;
            co_return bad;
        },
        {.workers = workers});
    CHECK(wrong == 0);
}

TEST_CASE("whichever children fail, values and exceptions are destroyed once", "[join][exception]") {
    const watchdog guard{30s, "failures and values"};
    const auto workers = GENERATE(1u, 2u, 8u);
    census in;
    const int wrong = weft::run(
        [&]() -> weft::task<int> {
            int bad = 0;
            for (unsigned failing = 0; failing < 16; ++failing) {
                for (std::size_t shift = 0; shift < ways.size(); ++shift) {
                    auto child = [&](unsigned i) {
                        return give_or_fail(way_of(shift * (i % 2)), (failing >> i & 1u) != 0, in, static_cast<int>(i),
                                            counted{in});
                    };
                    auto all = [&] {
                        std::vector<weft::task<counted_move_only>> children;
                        for (unsigned i = 0; i < 4; ++i) children.push_back(child(i));
                        return children;
                    };
                    unsigned thrown = 0;
                    try {
                        const auto values = co_await weft::gather(child(0), child(1), child(2), child(3));
                        bad += failing != 0 || in.alive != 4 || std::get<3>(values).number() != 3;
                    } catch (const counted_error& error) {
                        ++thrown;
                        bad += (failing >> error.kept.number() & 1u) == 0;
                    }
                    bad += in.alive != 0;
                    try {
                        const auto values = co_await weft::gather(all());
                        bad += failing != 0 || in.alive != 4 || values[3].number() != 3;
                    } catch (const counted_error& error) {
                        ++thrown;
                        bad += (failing >> error.kept.number() & 1u) == 0;
                    }
                    bad += in.alive != 0 || thrown != (failing == 0 ? 0u : 2u);
                    {
                        const auto results = co_await weft::gather(weft::return_exceptions, child(0), child(1), child(2), child(3));
                        bad += in.alive != 4 || std::get<0>(results).has_value() == ((failing & 1u) != 0) ||
                               std::get<3>(results).has_value() == ((failing & 8u) != 0);
                    }
                    bad += in.alive != 0;
                    {
                        const auto results = co_await weft::gather(weft::return_exceptions, all());
                        bad += in.alive != 4;
                        for (unsigned i = 0; i < 4; ++i) bad += results[i].has_value() == ((failing >> i & 1u) != 0);
                    }
                    bad += in.alive != 0;
                }
            }
            co_return bad;
        },
        {.workers = workers});
    CHECK(wrong == 0);
}

TEST_CASE("a child fails as or after it returns: the exception comes out, and the value is destroyed once", "[join][exception]") {
    const watchdog guard{30s, "failures at a child's end"};
    const auto workers = GENERATE(1u, 2u, 8u);
    enum class end { local_throws, move_throws };
    const auto fault = GENERATE(end::local_throws, end::move_throws);
    struct touchy {
        touchy(census& at, bool throws) : kept(at), refuses(throws) {}
        touchy(touchy&& other) : kept(other.kept), refuses(other.refuses) {
            if (refuses) throw counted_error{counted{kept}};
        }
        counted kept;
        bool refuses;
    };
    struct throws_at_end {
        explicit throws_at_end(census& at) : in(&at) {}
        ~throws_at_end() noexcept(false) { throw counted_error{counted{*in}}; }
        census* in;
    };
    census in;
    const int wrong = weft::run(
        [&]() -> weft::task<int> {
            auto child = [&](way how, bool fails) -> weft::task<touchy> {
                touchy value{in, fails && fault == end::move_throws};
                co_await go(how);
                if (!fails || fault == end::move_throws) co_return std::move(value);
                const throws_at_end local{in};
                co_return std::move(value);
            };
            int bad = 0;
            for (const way how : ways) {
                for (const bool both : {false, true}) {
                    int thrown = 0;
                    try {
                        co_await weft::gather(child(how, true), child(how, both));
                    } catch (const counted_error&) {
                        ++thrown;
                    }
                    bad += in.alive != 0;
                    std::vector<weft::task<touchy>> children;
                    for (int i = 0; i < 3; ++i) children.push_back(child(how, both || i == 2));
                    try {
                        co_await weft::gather(std::move(children));
                    } catch (const counted_error&) {
                        ++thrown;
                    }
                    bad += in.alive != 0 || thrown != 2;
                    {
                        // Named: a failed child's value does not stay until the gather's end.
                        auto pair = weft::gather(weft::return_exceptions, child(how, both), child(how, true));
                        const auto [a, b] = co_await pair;
                        bad += a.has_value() == both || b.has_value() || (both && in.alive != 2);
                    }
                    bad += in.alive != 0;
                }
            }
            co_return bad;
        },
        {.workers = workers});
    CHECK(wrong == 0);
}

namespace {

class throws_at_end {
public:
    throws_at_end() = default;
    throws_at_end(const throws_at_end&) = delete;
    throws_at_end& operator=(const throws_at_end&) = delete;
    ~throws_at_end() noexcept(false) { throw 1; }
};

// Returns, catches what the end of its own local throws, and returns again.
weft::task<counted_move_only> return_twice(census& in) {
    try {
        const throws_at_end local;
        co_return counted_move_only{in, 1};
    } catch (int) {
    }
    co_return counted_move_only{in, 2};
}

}  // namespace

TEST_CASE("a task that returns twice gives the second value, and the first is destroyed", "[join][value]") {
    const watchdog guard{10s, "returned twice"};
    census in;
    const auto [awaited, gathered] = weft::run([&]() -> weft::task<std::pair<int, int>> {
        auto alone = return_twice(in);
        const int first = (co_await std::move(alone)).number();
        auto child = return_twice(in);
        auto sibling = return_twice(in);
        const auto [a, b] = co_await weft::gather(std::move(child), std::move(sibling));
        co_return {first, a.number() + b.number()};
    });
    CHECK(awaited == 2);
    CHECK(gathered == 4);
    CHECK(in.alive == 0);
}
