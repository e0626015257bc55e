// SPDX-License-Identifier: MIT
// The work-stealing deque on one thread: order, growth, wrap-around, and what a steal takes. The threads are in
// work_deque_stress_test.cpp.
#include "support/catch.hpp"
#include "support/seed.hpp"

#include "work_deque.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

using deque = weft::detail::work_deque<int>;
using status = deque::status;

namespace {

// Elements are the numbers from 1 up; 0 is "none".
void push_range(deque& into, int first, int last) {
    for (int number = first; number <= last; ++number) into.push(number);
}

std::vector<int> steal_all(deque& from) {
    std::vector<int> all;
    for (;;) {
        const auto [outcome, value] = from.steal();
        if (outcome != status::taken) return all;
        all.push_back(value);
    }
}

std::vector<int> pop_all(deque& from) {
    std::vector<int> all;
    while (const int value = from.pop()) all.push_back(value);
    return all;
}

std::vector<int> numbers(int first, int last) {
    std::vector<int> all;
    for (int number = first; number <= last; ++number) all.push_back(number);
    return all;
}

std::vector<int> reversed(std::vector<int> all) { return {all.rbegin(), all.rend()}; }

}  // namespace

TEST_CASE("an empty deque has nothing for anybody", "[work_deque]") {
    deque empty(4);
    deque into(4);
    for (int time = 0; time < 10; ++time) {
        CHECK(empty.empty());
        CHECK(empty.size() == 0);
        CHECK(empty.pop() == 0);
        CHECK(empty.steal().outcome == status::empty);
        CHECK(empty.steal().value == 0);
        CHECK(empty.steal_half(into, 8).outcome == status::empty);
        CHECK(into.empty());
    }
    empty.push(7);
    CHECK(empty.pop() == 7);
    CHECK(empty.pop() == 0);
    CHECK(empty.size() == 0);
}

TEST_CASE("the owner pops the newest, a thief steals the oldest", "[work_deque]") {
    for (const std::size_t capacity : {0u, 1u, 2u, 4u, 256u}) {
        CAPTURE(capacity);
        deque lifo(capacity);
        push_range(lifo, 1, 10);
        CHECK(lifo.size() == 10);
        CHECK(pop_all(lifo) == reversed(numbers(1, 10)));
        push_range(lifo, 1, 10);
        CHECK(steal_all(lifo) == numbers(1, 10));
        push_range(lifo, 1, 6);
        CHECK(lifo.steal().value == 1);
        CHECK(lifo.pop() == 6);
        CHECK(lifo.steal().value == 2);
        CHECK(lifo.pop() == 5);
        CHECK(lifo.size() == 2);
        CHECK(lifo.pop() == 4);
        CHECK(lifo.pop() == 3);
        CHECK(lifo.pop() == 0);
        CHECK(lifo.empty());
    }
}

TEST_CASE("the last element is one element, whichever end takes it", "[work_deque]") {
    deque lifo(2);
    for (int number = 1; number < 100; ++number) {
        lifo.push(number);
        if (number % 2 == 0) {
            REQUIRE(lifo.pop() == number);
        } else {
            REQUIRE(lifo.steal().value == number);
        }
        REQUIRE(lifo.empty());
        REQUIRE(lifo.pop() == 0);
        REQUIRE(lifo.steal().outcome == status::empty);
    }
}

TEST_CASE("a deque grows while its elements lie across the end of the array", "[work_deque]") {
    // Every offset at which the elements may begin within an array of 8, when it grows.
    for (int offset = 0; offset < 16; ++offset) {
        for (const bool fifo : {true, false}) {
            CAPTURE(offset, fifo);
            deque growing(8);
            for (int number = 0; number < offset; ++number) {
                growing.push(1000);
                REQUIRE(growing.steal().value == 1000);
            }
            push_range(growing, 1, 8);
            CHECK(growing.size() == 8);
            push_range(growing, 9, 100);
            CHECK(growing.size() == 100);
            if (fifo) {
                CHECK(steal_all(growing) == numbers(1, 100));
            } else {
                CHECK(pop_all(growing) == reversed(numbers(1, 100)));
            }
        }
    }
}

TEST_CASE("many elements pass through a small array", "[work_deque]") {
    deque fifo(4);
    int next_in = 1;
    int next_out = 1;
    for (int round = 0; round < 10'000; ++round) {
        for (int added = 0; added < 3; ++added) fifo.push(next_in++);
        for (int taken = 0; taken < 3; ++taken) REQUIRE(fifo.steal().value == next_out++);
    }
    CHECK(fifo.empty());
}

TEST_CASE("push_reversed: values[0] is popped first, values[count - 1] stolen first", "[work_deque]") {
    const std::array<int, 5> values{1, 2, 3, 4, 5};
    for (int offset = 0; offset < 8; ++offset) {
        CAPTURE(offset);
        deque lifo(8);
        for (int number = 0; number < offset; ++number) {
            lifo.push(1000);
            REQUIRE(lifo.pop() == 1000);
            lifo.push(1000);
            REQUIRE(lifo.steal().value == 1000);
        }
        lifo.push(100);
        lifo.reserve(values.size());
        auto pushed = values;
        lifo.push_reversed(pushed.data(), pushed.size());
        CHECK(pushed == decltype(pushed){});  // taken out of there
        CHECK(lifo.size() == 6);
        CHECK(lifo.pop() == 1);
        CHECK(lifo.pop() == 2);
        CHECK(lifo.steal().value == 100);
        CHECK(lifo.steal().value == 5);
        CHECK(pop_all(lifo) == std::vector<int>{3, 4});
        pushed = values;
        lifo.push_reversed(pushed.data(), 0);
        CHECK(pushed == values);
        CHECK(lifo.empty());
    }
}

TEST_CASE("what was reserved is there, also after thieves have moved on", "[work_deque]") {
    std::vector<int> const values = numbers(1, 1000);
    for (const std::size_t count : {1u, 2u, 3u, 5u, 64u, 1000u}) {
        for (int offset = 0; offset < 6; ++offset) {
            CAPTURE(count, offset);
            deque lifo(2);
            for (int number = 0; number < offset; ++number) {
                lifo.push(7);
                lifo.push(8);
                REQUIRE(lifo.steal().value == 7);
                REQUIRE(lifo.pop() == 8);
            }
            lifo.reserve(count);
            std::vector<int> pushed = values;
            lifo.push_reversed(pushed.data(), count);
            CHECK(lifo.size() == count);
            CHECK(steal_all(lifo) == reversed(numbers(1, static_cast<int>(count))));
        }
    }
}

TEST_CASE("a popped element that is put back needs no room", "[work_deque]") {
    // Also when the deque was full, and when the popped one was the last.
    for (int stolen = 0; stolen < 4; ++stolen) {
        CAPTURE(stolen);
        deque lifo(4);
        push_range(lifo, 1, 4);
        for (int time = 0; time < stolen; ++time) REQUIRE(lifo.steal().value == time + 1);
        for (int time = 0; time < 20; ++time) {
            int popped = lifo.pop();
            REQUIRE(popped == 4);
            lifo.push_reversed(&popped, 1);
        }
        CHECK(lifo.size() == static_cast<std::size_t>(4 - stolen));
        push_range(lifo, 5, 20);
        CHECK(steal_all(lifo) == numbers(stolen + 1, 20));
    }
}

TEST_CASE("steal_half takes the older half, in order, up to its limit", "[work_deque]") {
    for (int count = 1; count <= 40; ++count) {
        for (const int limit : {1, 2, 3, 8, 1000}) {
            for (int offset = 0; offset < 5; ++offset) {
                CAPTURE(count, limit, offset);
                deque from(4);
                deque into(2);
                for (int number = 0; number < offset; ++number) {
                    from.push(1000);
                    REQUIRE(from.steal().value == 1000);
                    into.push(1000);
                    REQUIRE(into.steal().value == 1000);
                }
                push_range(from, 1, count);
                const int expected = std::min((count + 1) / 2, limit);
                const auto [outcome, value] = from.steal_half(into, limit);
                REQUIRE(outcome == status::taken);
                CHECK(value == 1);
                CHECK(into.size() == static_cast<std::size_t>(expected - 1));
                CHECK(steal_all(into) == numbers(2, expected));
                CHECK(steal_all(from) == numbers(expected + 1, count));
            }
        }
    }
}

TEST_CASE("steal_half appends to what the thief has", "[work_deque]") {
    deque from(4);
    deque into(2);
    push_range(into, 101, 105);
    push_range(from, 1, 9);
    CHECK(from.steal_half(into, 1000).value == 1);
    CHECK(steal_all(into) == std::vector<int>{101, 102, 103, 104, 105, 2, 3, 4, 5});
    CHECK(steal_all(from) == numbers(6, 9));
}

TEST_CASE("any sequence of operations does what a plain list does", "[work_deque]") {
    std::mt19937_64 engine(weft::test::seed());
    const auto below = [&](int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(engine); };
    for (int round = 0; round < 200; ++round) {
        // Both uses: a LIFO deque is popped and stolen from, a FIFO deque is stolen from, singly and by halves.
        const bool lifo = round % 2 == 0;
        deque tested(static_cast<std::size_t>(1) << below(4));
        std::deque<int> model;
        int next = 1;
        for (int step = 0; step < 500; ++step) {
            CAPTURE(round, step);
            switch (below(lifo ? 5 : 4)) {
                case 0:
                case 1:
                    tested.push(next);
                    model.push_back(next++);
                    break;
                case 2: {
                    const auto [outcome, value] = tested.steal();
                    REQUIRE((outcome == status::empty) == model.empty());
                    if (outcome == status::taken) {
                        REQUIRE(value == model.front());
                        model.pop_front();
                    }
                    break;
                }
                case 3:
                    if (lifo) {
                        const int value = tested.pop();
                        REQUIRE(value == (model.empty() ? 0 : model.back()));
                        if (value != 0) model.pop_back();
                    } else {
                        deque thief(2);
                        const auto [outcome, value] = tested.steal_half(thief, 1 + below(20));
                        REQUIRE((outcome == status::empty) == model.empty());
                        if (outcome != status::taken) break;
                        std::vector<int> all{value};
                        for (const int each : steal_all(thief)) all.push_back(each);
                        for (const int each : all) {
                            REQUIRE(each == model.front());
                            model.pop_front();
                        }
                    }
                    break;
                default: {
                    std::vector<int> several;
                    for (int count = below(20); count > 0; --count) several.push_back(next++);
                    tested.reserve(several.size());
                    model.insert(model.end(), several.rbegin(), several.rend());
                    tested.push_reversed(several.data(), several.size());
                    break;
                }
            }
            REQUIRE(tested.size() == model.size());
        }
    }
}
