// SPDX-License-Identifier: MIT
// The checker itself, its memory model: small programs of which it is known what may happen.
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <iostream>
#include <string>
#include <thread>

#include <weft/detail/config.hpp>

#include "model.hpp"
#include "platform.hpp"

namespace {

namespace model = weft::model;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;

// Which results some execution had. It lives on the test's own stack, where no execution begins anew.
class results {
public:
    void add(int result) { bits_ |= std::uint64_t{1} << static_cast<unsigned>(result); }
    bool operator==(results const&) const = default;
    bool has(int result) const { return (bits_ >> static_cast<unsigned>(result) & 1U) != 0; }

private:
    std::uint64_t bits_ = 0;
};

results explored(std::string const& name, std::function<int()> const& body, bool sleep_sets) {
    results seen;
    model::options with;
    with.name = name;
    with.preemptions = model::unbounded;
    with.sleep_sets = sleep_sets;
    model::outcome const outcome = model::explore(with, [&] { seen.add(body()); });
    std::cout << outcome;
    CHECK(outcome.failure == "");
    CHECK(outcome.exhausted);
    return seen;
}

// Leaving out what is the same leaves out no result.
results explored(std::string const& name, std::function<int()> const& body) {
    results const all = explored(name + ", every order", body, false);
    CHECK(explored(name, body, true) == all);
    return all;
}

struct two {
    std::atomic<int> x{0};
    std::atomic<int> y{0};
};

// What both threads read, as one number: 0 if neither saw the other.
template <class One, class Other>
int store_buffering(One one, Other other) {
    two shared;
    int a = 0;
    std::thread thread([&] { a = one(shared); });
    int const b = other(shared);
    thread.join();
    return 2 * a + b;
}

// What was read behind the flag; 2 if the flag was not seen.
template <class Write, class Read>
int message_passing(Write write, Read read) {
    two shared;
    int result = 0;
    std::thread thread([&] { result = read(shared.x, shared.y); });
    write(shared.x, shared.y);
    thread.join();
    return result;
}

int read_behind(std::atomic<int>& data, std::atomic<int>& flag, std::memory_order order) {
    if (flag.load(order) == 0) return 2;
    return data.load(relaxed);
}

}  // namespace

TEST_CASE("store buffering", "[litmus]") {
    auto const both = [](std::memory_order order) {
        return [order] {
            return store_buffering([=](two& t) { return t.x.store(1, order), t.y.load(order); },
                                   [=](two& t) { return t.y.store(1, order), t.x.load(order); });
        };
    };
    auto const weak = explored("SB relaxed", both(relaxed));
    for (int result : {0, 1, 2, 3}) CHECK(weak.has(result));
    auto const acquire_release = explored("SB release and acquire", [] {
        return store_buffering([](two& t) { return t.x.store(1, release), t.y.load(acquire); },
                               [](two& t) { return t.y.store(1, release), t.x.load(acquire); });
    });
    CHECK(acquire_release.has(0));
    auto const strong = explored("SB seq_cst", both(seq_cst));
    CHECK_FALSE(strong.has(0));
    for (int result : {1, 2, 3}) CHECK(strong.has(result));
    auto const one_side = explored("SB seq_cst on one side", [] {
        return store_buffering([](two& t) { return t.x.store(1, seq_cst), t.y.load(seq_cst); },
                               [](two& t) { return t.y.store(1, release), t.x.load(acquire); });
    });
    CHECK(one_side.has(0));
}

TEST_CASE("store buffering with fences", "[litmus]") {
    auto const fenced = [](std::memory_order one, std::memory_order other) {
        return [=] {
            return store_buffering(
                [=](two& t) { return t.x.store(1, relaxed), std::atomic_thread_fence(one), t.y.load(relaxed); },
                [=](two& t) { return t.y.store(1, relaxed), std::atomic_thread_fence(other), t.x.load(relaxed); });
        };
    };
    auto const strong = explored("SB, seq_cst fences", fenced(seq_cst, seq_cst));
    CHECK_FALSE(strong.has(0));
    for (int result : {1, 2, 3}) CHECK(strong.has(result));
    CHECK(explored("SB, one fence acq_rel", fenced(seq_cst, acq_rel)).has(0));
}

TEST_CASE("store buffering with a process barrier on one side", "[litmus]") {
    auto const barrier = [](bool with) {
        return [with] {
            return store_buffering(
                [](two& t) {
                    t.x.store(1, relaxed);
                    WEFT_COMPILER_BARRIER();
                    return t.y.load(relaxed);
                },
                [with](two& t) {
                    t.y.store(1, relaxed);
                    if (with) weft::detail::platform::process_barrier();
                    return t.x.load(relaxed);
                });
        };
    };
    auto const strong = explored("SB, process barrier", barrier(true));
    CHECK_FALSE(strong.has(0));
    for (int result : {1, 2, 3}) CHECK(strong.has(result));
    CHECK(explored("SB, no process barrier", barrier(false)).has(0));
}

TEST_CASE("message passing", "[litmus]") {
    auto const with = [](std::memory_order store, std::memory_order load) {
        return [=] {
            return message_passing([=](auto& data, auto& flag) { data.store(1, relaxed), flag.store(1, store); },
                                   [=](auto& data, auto& flag) { return read_behind(data, flag, load); });
        };
    };
    CHECK(explored("MP relaxed", with(relaxed, relaxed)).has(0));
    CHECK(explored("MP, relaxed load", with(release, relaxed)).has(0));
    CHECK(explored("MP, relaxed store", with(relaxed, acquire)).has(0));
    auto const right = explored("MP release and acquire", with(release, acquire));
    CHECK_FALSE(right.has(0));
    CHECK(right.has(1));
    CHECK(right.has(2));
}

TEST_CASE("message passing with fences", "[litmus]") {
    auto const with = [](bool writes, bool reads) {
        return [=] {
            return message_passing(
                [=](auto& data, auto& flag) {
                    data.store(1, relaxed);
                    if (writes) std::atomic_thread_fence(release);
                    flag.store(1, relaxed);
                },
                [=](auto& data, auto& flag) {
                    if (flag.load(relaxed) == 0) return 2;
                    if (reads) std::atomic_thread_fence(acquire);
                    return data.load(relaxed);
                });
        };
    };
    auto const right = explored("MP, fences", with(true, true));
    CHECK_FALSE(right.has(0));
    CHECK(right.has(1));
    CHECK(explored("MP, no release fence", with(false, true)).has(0));
    CHECK(explored("MP, no acquire fence", with(true, false)).has(0));
}

TEST_CASE("load buffering is not produced", "[litmus]") {
    // C++ allows 1 and 1 here; the checker's loads see only what has been executed (README.md).
    auto const seen = explored("LB relaxed", [] {
        two t;
        int a = 0;
        std::thread thread([&] { a = t.x.load(relaxed), t.y.store(1, relaxed); });
        int const b = t.y.load(relaxed);
        t.x.store(1, relaxed);
        thread.join();
        return 2 * a + b;
    });
    CHECK_FALSE(seen.has(3));
    for (int result : {0, 1, 2}) CHECK(seen.has(result));
}

TEST_CASE("independent reads of independent writes", "[litmus]") {
    auto const with = [](std::memory_order store, std::memory_order load) {
        return [=] {
            two t;
            int a = 0, b = 0;
            std::thread one([&] { t.x.store(1, store); });
            std::thread other([&] { t.y.store(1, store); });
            std::thread reader([&] { a = 2 * t.x.load(load), a += t.y.load(load); });
            b = t.y.load(load), b += 2 * t.x.load(load);
            one.join(), other.join(), reader.join();
            return a == 2 && b == 1 ? 0 : 1;  // 0: each saw another store first
        };
    };
    CHECK(explored("IRIW acquire", with(release, acquire)).has(0));
    CHECK_FALSE(explored("IRIW seq_cst", with(seq_cst, seq_cst)).has(0));
}

TEST_CASE("one location is coherent", "[litmus]") {
    auto const reads = explored("CoRR", [] {
        std::atomic<int> x{0};
        std::thread thread([&] { x.store(1, relaxed), x.store(2, relaxed); });
        int const first = x.load(relaxed);
        int const second = x.load(relaxed);
        thread.join();
        return 3 * first + second;
    });
    for (int first : {0, 1, 2})
        for (int second : {0, 1, 2}) CHECK(reads.has(3 * first + second) == (first <= second));
    auto const writes = explored("CoWW", [] {
        std::atomic<int> x{0};
        std::thread thread([&] { x.store(1, relaxed), x.store(2, relaxed); });
        thread.join();
        return x.load(relaxed);
    });
    CHECK(writes.has(2));
    CHECK_FALSE(writes.has(0));
    CHECK_FALSE(writes.has(1));
}

TEST_CASE("a read-modify-write reads the latest store, and continues a release sequence", "[litmus]") {
    auto const sum = explored("two increments", [] {
        std::atomic<int> x{0};
        std::thread thread([&] { x.fetch_add(1, relaxed); });
        x.fetch_add(1, relaxed);
        thread.join();
        return x.load(relaxed);
    });
    CHECK(sum.has(2));
    CHECK_FALSE(sum.has(1));

    auto const sequence = [](bool by_modification) {
        return [by_modification] {
            two t;
            int result = 2;
            std::thread modifier([&] {
                if (by_modification)
                    t.y.fetch_add(1, relaxed);
                else if (t.y.load(relaxed) == 1)
                    t.y.store(2, relaxed);
            });
            std::thread reader([&] {
                if (t.y.load(acquire) == 2) result = t.x.load(relaxed);
            });
            t.x.store(1, relaxed);
            t.y.store(1, release);
            modifier.join(), reader.join();
            return result;
        };
    };
    CHECK_FALSE(explored("release sequence by fetch_add", sequence(true)).has(0));
    CHECK(explored("a plain store breaks it", sequence(false)).has(0));
}

TEST_CASE("compare_exchange", "[litmus]") {
    auto const failing = explored("a failed compare_exchange is a load", [] {
        std::atomic<int> x{0};
        std::thread thread([&] { x.store(1, relaxed), x.store(2, relaxed); });
        int expected = 2;
        bool const done = x.compare_exchange_strong(expected, 3, relaxed);
        thread.join();
        return done ? 3 : expected;
    });
    for (int result : {0, 1, 3}) CHECK(failing.has(result));
    CHECK_FALSE(failing.has(2));

    auto const exactly_one = explored("one winner", [] {
        std::atomic<int> x{0};
        int a = 0;
        std::thread thread([&] {
            int expected = 0;
            a = x.compare_exchange_strong(expected, 1, relaxed) ? 1 : 0;
        });
        int expected = 0;
        int const b = x.compare_exchange_strong(expected, 2, relaxed) ? 1 : 0;
        thread.join();
        return a + b;
    });
    CHECK(exactly_one.has(1));
    CHECK_FALSE(exactly_one.has(0));
    CHECK_FALSE(exactly_one.has(2));
}

TEST_CASE("joining and starting a thread order what was before", "[litmus]") {
    auto const seen = explored("join", [] {
        std::atomic<int> x{0};
        int plain = 1;
        std::thread thread([&] { x.store(plain, relaxed), plain = 2; });
        thread.join();
        return 2 * x.load(relaxed) + plain;
    });
    CHECK(seen.has(4));
    for (int result : {0, 1, 2, 3}) CHECK_FALSE(seen.has(result));
}
