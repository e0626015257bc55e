// SPDX-License-Identifier: MIT
// lib/injector over oneTBB's queue, whose templates are explored with it: each job comes out once, and who takes it sees what was
// written before it was put in; none is overlooked by who is ordered after its push.
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include <weft/detail/config.hpp>

#include <injector.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;
using weft::detail::injector;

struct frame {
    void* link = nullptr;
    int number = 0;
    int taken = 0;
    bool linked = false;

    weft::detail::job handle() { return weft::detail::job::from_address(this); }
    static frame& of(weft::detail::job queued) { return *static_cast<frame*>(queued.address()); }
};

}  // namespace

// The layer of tasks.
void*& weft::detail::spare_link(job queued) noexcept {
    frame::of(queued).linked = true;
    return frame::of(queued).link;
}
void weft::detail::drop_spare_link(job queued) noexcept { frame::of(queued).linked = false; }

namespace {

void push(injector& into, frame& made, int number) {
    made.number = number;
    into.push(made.handle());
}
void chain(injector& into, frame& made, int number) {
    made.number = number;
    into.push_without_memory(made.handle());
}

// The number of the job.
int take(weft::detail::job popped) {
    frame& its = frame::of(popped);
    model::check(its.number != 0, "what was written before the push is seen");
    model::check(!its.linked, "its link is its own again");
    ++its.taken;
    return its.number;
}
int try_pop(injector& from) {
    weft::detail::job const popped = from.pop();
    return popped ? take(popped) : 0;
}
int pop(injector& from) {
    for (;;) {
        if (weft::detail::job const popped = from.pop()) return take(popped);
        WEFT_SPIN_PAUSE();
    }
}

template <std::size_t Count>
void all_taken_once(injector& queue, std::array<frame, Count>& all) {
    while (try_pop(queue) != 0) {
    }
    for (frame const& each : all) model::check(each.taken == 1, "each is taken once");
    model::check(queue.empty() && queue.size() == 0, "nothing is left");
    queue.shrink();
}

void explore(std::string name, int preemptions, std::function<void()> const& body) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    model::verify(with, body);
}

}  // namespace

TEST_CASE("injector: one pushes, one pops", "[model]") {
    explore("1 push, 1 pop", model::unbounded, [] {
        injector queue;
        std::array<frame, 1> jobs;
        std::thread consumer([&] { static_cast<void>(pop(queue)); });
        push(queue, jobs[0], 1);
        consumer.join();
        all_taken_once(queue, jobs);
    });
}

TEST_CASE("injector: first in, first out", "[model]") {
    explore("2 pushes, 2 pops", 2, [] {
        injector queue;
        std::array<frame, 2> jobs;
        std::thread consumer([&] {
            int const first = pop(queue);
            int const second = pop(queue);
            model::check(first == 1 && second == 2, "in the order of one thread's pushes");
        });
        push(queue, jobs[0], 1);
        push(queue, jobs[1], 2);
        consumer.join();
        all_taken_once(queue, jobs);
    });
}

TEST_CASE("injector: two push", "[model]") {
    explore("2 producers", 2, [] {
        injector queue;
        std::array<frame, 2> jobs;
        std::thread one([&] { push(queue, jobs[0], 1); });
        std::thread other([&] { push(queue, jobs[1], 2); });
        static_cast<void>(try_pop(queue));
        one.join();
        other.join();
        all_taken_once(queue, jobs);
    });
}

TEST_CASE("injector: two pop", "[model]") {
    explore("2 consumers", 1, [] {
        injector queue;
        std::array<frame, 2> jobs;
        push(queue, jobs[0], 1);
        std::thread one([&] { static_cast<void>(try_pop(queue)); });
        std::thread other([&] { static_cast<void>(try_pop(queue)); });
        push(queue, jobs[1], 2);
        one.join();
        other.join();
        all_taken_once(queue, jobs);
    });
}

TEST_CASE("injector: who is ordered after a push does not overlook it", "[model]") {
    for (bool const chained : {false, true}) {
        explore(chained ? "seen, chained" : "seen", model::unbounded, [chained] {
            injector queue;
            std::array<frame, 1> jobs;
            std::atomic<bool> pushed{false};
            std::thread producer([&] {
                (chained ? chain : push)(queue, jobs[0], 1);
                pushed.store(true, std::memory_order_release);
            });
            if (pushed.load(std::memory_order_acquire)) {
                model::check(!queue.empty(), "a look sees it");
                model::check(try_pop(queue) == 1, "and a pop finds it");
            }
            producer.join();
            all_taken_once(queue, jobs);
        });
    }
}

TEST_CASE("injector, chain: two push, one pops", "[model]") {
    explore("chain, 2 producers", model::unbounded, [] {
        injector queue;
        std::array<frame, 3> jobs;
        std::thread one([&] { chain(queue, jobs[0], 1); });
        std::thread other([&] {
            chain(queue, jobs[1], 2);
            chain(queue, jobs[2], 3);
        });
        static_cast<void>(try_pop(queue));
        static_cast<void>(try_pop(queue));
        one.join();
        other.join();
        all_taken_once(queue, jobs);
    });
}

TEST_CASE("injector, chain: two pop, and what came first goes first", "[model]") {
    explore("chain, 2 consumers", 3, [] {
        injector queue;
        std::array<frame, 3> jobs;
        chain(queue, jobs[0], 1);
        std::thread one([&] { static_cast<void>(try_pop(queue)); });
        std::thread other([&] {
            int const first = try_pop(queue);
            int const second = try_pop(queue);
            model::check(second == 0 || first < second, "in the order of one thread's pushes");
        });
        chain(queue, jobs[1], 2);
        chain(queue, jobs[2], 3);
        one.join();
        other.join();
        all_taken_once(queue, jobs);
    });
}

TEST_CASE("injector: queue and chain together", "[model]") {
    explore("queue and chain", 2, [] {
        injector queue;
        std::array<frame, 2> jobs;
        std::thread outside([&] { push(queue, jobs[0], 1); });
        std::thread consumer([&] {
            static_cast<void>(pop(queue));
            static_cast<void>(pop(queue));
        });
        chain(queue, jobs[1], 2);
        outside.join();
        consumer.join();
        all_taken_once(queue, jobs);
    });
}
