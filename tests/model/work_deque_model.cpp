// SPDX-License-Identifier: MIT
// lib/work_deque.hpp: every element is taken exactly once, and who takes it sees what was written before it was pushed.
#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <thread>

#include <work_deque.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;

// What a job is to the scheduler: something plain that is written by who pushes, and used by who takes. Taking it twice is a race,
// or seen by the count.
struct job {
    int number = 0;
    int taken = 0;
};

using deque = weft::detail::work_deque<job*>;

template <std::size_t Count>
struct jobs {
    std::array<job, Count> all;

    job* make(std::size_t index) {
        all[index].number = static_cast<int>(index) + 1;
        return &all[index];
    }
    void all_taken_once() const {
        for (job const& each : all) model::check(each.taken == 1, "each is taken exactly once");
    }
};

void take(job* taken) {
    model::check(taken != nullptr, "what is taken is there");
    model::check(taken->number != 0, "what was written before the push is seen");
    ++taken->taken;
}

// A thief does not wait: `tries` is what it looks.
void steal(deque& from, int tries) {
    for (int i = 0; i < tries; ++i) {
        auto const stolen = from.steal();
        if (stolen.outcome == deque::status::taken) take(stolen.value);
    }
}

void pop_all(deque& from) {
    while (job* const popped = from.pop()) take(popped);
}

void steal_all(deque& from) {
    for (;;) {
        auto const stolen = from.steal();
        if (stolen.outcome == deque::status::empty) return;
        if (stolen.outcome == deque::status::taken) take(stolen.value);
    }
}

model::options bounded(std::string name, int preemptions) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}

}  // namespace

TEST_CASE("work_deque, LIFO: the last element, owner against one thief", "[model]") {
    model::verify(bounded("the last element, 1 thief", model::unbounded), [] {
        jobs<2> made;
        deque shared(2);
        std::thread thief([&] { steal(shared, 2); });
        shared.push(made.make(0));
        if (job* const popped = shared.pop()) take(popped);
        shared.push(made.make(1));
        pop_all(shared);
        thief.join();
        made.all_taken_once();
    });
}

TEST_CASE("work_deque, LIFO: two elements, owner against one thief", "[model]") {
    model::verify(bounded("two elements, 1 thief", model::unbounded), [] {
        jobs<2> made;
        deque shared(2);
        std::thread thief([&] { steal(shared, 2); });
        shared.push(made.make(0));
        shared.push(made.make(1));
        pop_all(shared);
        thief.join();
        made.all_taken_once();
    });
}

TEST_CASE("work_deque, LIFO: owner against two thieves", "[model]") {
    model::verify(bounded("two elements, 2 thieves", model::unbounded), [] {
        jobs<2> made;
        deque shared(2);
        shared.push(made.make(0));
        std::thread one([&] { steal(shared, 1); });
        std::thread other([&] { steal(shared, 1); });
        shared.push(made.make(1));
        pop_all(shared);
        one.join();
        other.join();
        made.all_taken_once();
    });
}

TEST_CASE("work_deque: it grows under a thief", "[model]") {
    model::verify(bounded("growth, 1 thief", model::unbounded), [] {
        jobs<4> made;
        deque shared(2);
        std::thread thief([&] { steal(shared, 2); });
        for (std::size_t i = 0; i < 4; ++i) shared.push(made.make(i));
        pop_all(shared);
        thief.join();
        made.all_taken_once();
    });
}

TEST_CASE("work_deque: slots are used again behind a thief", "[model]") {
    model::verify(bounded("wrap-around, 1 thief", model::unbounded), [] {
        jobs<4> made;
        deque shared(2);
        std::thread thief([&] { steal(shared, 2); });
        for (std::size_t i = 0; i < 4; ++i) {
            shared.push(made.make(i));
            if (i % 2 == 1)
                if (job* const popped = shared.pop()) take(popped);
        }
        pop_all(shared);
        thief.join();
        made.all_taken_once();
    });
}

TEST_CASE("work_deque: pushing many at once", "[model]") {
    model::verify(bounded("push_reversed, 1 thief", model::unbounded), [] {
        jobs<2> made;
        deque shared(2);
        std::thread thief([&] { steal(shared, 2); });
        std::array<job*, 2> values{made.make(0), made.make(1)};
        shared.reserve(2);
        shared.push_reversed(values.data(), values.size());
        pop_all(shared);
        thief.join();
        made.all_taken_once();
    });
}

TEST_CASE("work_deque, FIFO: steal against steal", "[model]") {
    model::verify(bounded("FIFO, steal", model::unbounded), [] {
        jobs<3> made;
        deque shared(2);
        std::thread thief([&] { steal(shared, 2); });
        for (std::size_t i = 0; i < 3; ++i) shared.push(made.make(i));
        steal_all(shared);
        thief.join();
        made.all_taken_once();
    });
}

TEST_CASE("work_deque, FIFO: steal_half into another deque", "[model]") {
    model::verify(bounded("FIFO, steal_half", model::unbounded), [] {
        jobs<4> made;
        deque shared(2);
        for (std::size_t i = 0; i < 3; ++i) shared.push(made.make(i));
        std::thread thief([&] {
            deque mine(2);
            auto const stolen = shared.steal_half(mine, 8);
            if (stolen.outcome == deque::status::taken) take(stolen.value);
            steal_all(mine);
        });
        shared.push(made.make(3));
        steal_all(shared);
        thief.join();
        made.all_taken_once();
    });
}

TEST_CASE("work_deque, FIFO: two steal halves from a third", "[model]") {
    model::verify(bounded("FIFO, steal_half, 2 thieves", model::unbounded), [] {
        jobs<3> made;
        deque shared(2);
        auto const thief = [&] {
            deque mine(2);
            auto const stolen = shared.steal_half(mine, 2);
            if (stolen.outcome == deque::status::taken) take(stolen.value);
            steal_all(mine);
        };
        for (std::size_t i = 0; i < 3; ++i) shared.push(made.make(i));
        std::thread one(thief);
        std::thread other(thief);
        one.join();
        other.join();
        steal_all(shared);
        made.all_taken_once();
    });
}
