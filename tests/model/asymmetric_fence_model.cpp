// SPDX-License-Identifier: MIT
// lib/asymmetric_fence.hpp: the lemma of lib/README.md, "Sleeping and waking", by the process barrier and without one.
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <string>
#include <thread>

#include <asymmetric_fence.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;
using weft::detail::asymmetric_fence;

using word = std::atomic<int>;

void store(word& to, int value = 1) { to.store(value, std::memory_order_relaxed); }
int load(word const& from) { return from.load(std::memory_order_relaxed); }

// Both ways of a fence.
void verify_both_ways(std::string const& name, void (*body)()) {
    model::options with;
    with.preemptions = model::unbounded;
    for (bool const by_barrier : {true, false}) {
        with.name = name + (by_barrier ? ", process barrier" : ", no process barrier");
        with.process_barrier = by_barrier;
        model::verify(with, [=] {
            asymmetric_fence::prepare();
            body();
        });
    }
}

}  // namespace

TEST_CASE("asymmetric_fence: who publishes or who falls asleep sees the other", "[model]") {
    verify_both_ways("one publisher", [] {
        word a{0};
        word b{0};
        int p_sees = 0;
        std::thread publisher([&] {
            store(a);
            asymmetric_fence::light();
            p_sees = load(b);
        });
        store(b);
        asymmetric_fence::heavy();
        int const s_sees = load(a);
        publisher.join();
        model::check(p_sees == 1 || s_sees == 1, "one of the two sees the other");
    });
}

TEST_CASE("asymmetric_fence: two publishers, one who falls asleep", "[model]") {
    verify_both_ways("two publishers", [] {
        std::array<word, 2> a{};
        word b{0};
        std::array<int, 2> p_sees{};
        auto const publish = [&](std::size_t own) {
            store(a[own]);
            asymmetric_fence::light();
            p_sees[own] = load(b);
        };
        std::thread one([&] { publish(0); });
        std::thread other([&] { publish(1); });
        store(b);
        asymmetric_fence::heavy();
        int const sees_one = load(a[0]);
        int const sees_other = load(a[1]);
        one.join();
        other.join();
        model::check(p_sees[0] == 1 || sees_one == 1, "one of the first and the sleeper sees the other");
        model::check(p_sees[1] == 1 || sees_other == 1, "one of the second and the sleeper sees the other");
    });
}

TEST_CASE("asymmetric_fence: one who publishes, two who fall asleep", "[model]") {
    verify_both_ways("two sleepers", [] {
        word a{0};
        std::array<word, 2> b{};
        std::array<int, 2> s_sees{};
        auto const fall_asleep = [&](std::size_t own) {
            store(b[own]);
            asymmetric_fence::heavy();
            s_sees[own] = load(a);
        };
        std::thread one([&] { fall_asleep(0); });
        std::thread other([&] { fall_asleep(1); });
        store(a);
        asymmetric_fence::light();
        int const sees_one = load(b[0]);
        int const sees_other = load(b[1]);
        one.join();
        other.join();
        model::check(sees_one == 1 || s_sees[0] == 1, "one of the publisher and the first sees the other");
        model::check(sees_other == 1 || s_sees[1] == 1, "one of the publisher and the second sees the other");
    });
}

// A worker publishes job after job, and falls asleep again and again.
TEST_CASE("asymmetric_fence: passed twice on each side", "[model]") {
    verify_both_ways("twice", [] {
        word a{0};
        word b{0};
        std::array<int, 2> p_sees{};
        std::array<int, 2> s_sees{};
        std::thread publisher([&] {
            for (int turn = 0; turn < 2; ++turn) {
                store(a, turn + 1);
                asymmetric_fence::light();
                p_sees[static_cast<std::size_t>(turn)] = load(b);
            }
        });
        for (int turn = 0; turn < 2; ++turn) {
            store(b, turn + 1);
            asymmetric_fence::heavy();
            s_sees[static_cast<std::size_t>(turn)] = load(a);
        }
        publisher.join();
        for (int p = 1; p <= 2; ++p)
            for (int s = 1; s <= 2; ++s)
                model::check(p_sees[static_cast<std::size_t>(p - 1)] >= s || s_sees[static_cast<std::size_t>(s - 1)] >= p,
                             "of each publication and each falling asleep one sees the other");
    });
}
