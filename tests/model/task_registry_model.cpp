// SPDX-License-Identifier: MIT
// lib/task_registry: a task that is visited is alive, and who is alive throughout is visited. The batch is 2 places and not 256.
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include <run_group.hpp>
#include <task_registry.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;
using weft::detail::asymmetric_fence;
using weft::detail::promise_base;
using weft::detail::run_group;
using weft::detail::task_registry;
using free_places = task_registry::free_places;

// As far as the registry concerns it.
struct task {
    explicit task(int its_number) : number(its_number) {}

    int number;
    std::uint32_t place = 0;
    std::atomic<int> references{1};
    bool cancelled = false;  // by a visit, or before it begins

    promise_base& promise() { return reinterpret_cast<promise_base&>(*this); }
    static task& of(promise_base& promise) { return reinterpret_cast<task&>(promise); }
};

// As in lib/task_core.cpp.
void drop_reference(task* of) {
    if (of->references.load(std::memory_order_acquire) == 1 || of->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete of;
}

// A worker, as far as the registry concerns it.
struct worker {
    task_registry& tasks;
    free_places places{};

    task* begin(int number) {
        auto made = std::make_unique<task>(number);
        made->place = tasks.next(places);
        tasks.occupy(made->place, made->promise(), std::source_location::current());
        tasks.take_next(places);
        return made.release();
    }
    void end(task* ending) {
        tasks.remove(places, ending->place);
        drop_reference(ending);
    }
};

// What a walk over all has seen; each walk in steps of `at_once` tasks, which are kept by references as long.
std::vector<int> walk(task_registry& tasks, std::size_t at_once) {
    std::vector<int> seen;
    for (std::size_t from = 0; from != task_registry::end();) {
        std::vector<task*> some;
        from = tasks.visit_from(from, [&](promise_base& promise) {
            if (some.size() == at_once) return false;
            task& visited = task::of(promise);
            visited.references.fetch_add(1, std::memory_order_relaxed);
            some.push_back(&visited);
            return true;
        });
        for (task* const visited : some) {
            seen.push_back(visited->number);
            drop_reference(visited);
        }
    }
    return seen;
}

bool has(std::vector<int> const& seen, int number) {
    int times = 0;
    for (int const each : seen) times += each == number ? 1 : 0;
    model::check(times <= 1, "no task is visited twice");
    return times == 1;
}

void both_fences(std::string const& name, std::function<void()> const& body) {
    for (bool const barrier : {true, false}) {
        model::options with;
        with.name = name + (barrier ? ", process barrier" : ", fallback");
        with.preemptions = model::unbounded;
        with.process_barrier = barrier;
        model::verify(with, [&] {
            asymmetric_fence::prepare();
            body();
        });
    }
}

}  // namespace

TEST_CASE("task_registry: a task that ends under a walk", "[model]") {
    both_fences("one ends, one stays", [] {
        task_registry tasks;
        worker own{tasks};
        task* const stays = own.begin(1);
        task* const ends = own.begin(2);
        std::thread visitor([&] { model::check(has(walk(tasks, 2), 1), "who is alive throughout is visited"); });
        own.end(ends);
        visitor.join();
        own.end(stays);
    });
}

TEST_CASE("task_registry: a place is used again under a walk", "[model]") {
    both_fences("a place again", [] {
        task_registry tasks;
        worker own{tasks};
        task* const first = own.begin(1);
        std::thread visitor([&] { static_cast<void>(walk(tasks, 2)); });
        own.end(first);
        own.end(own.begin(2));
        visitor.join();
        model::check(walk(tasks, 2).empty(), "nobody is left");
    });
}

TEST_CASE("task_registry: rows are added under a walk", "[model]") {
    both_fences("growth", [] {
        task_registry tasks;
        worker own{tasks};
        task* const stays = own.begin(1);
        std::array<task*, 2> more{own.begin(2), nullptr};
        std::thread visitor([&] { model::check(has(walk(tasks, 4), 1), "who is alive throughout is visited"); });
        more[1] = own.begin(3);
        visitor.join();
        auto const seen = walk(tasks, 1);
        model::check(seen.size() == 3 && has(seen, 1) && has(seen, 2) && has(seen, 3), "all are visited");
        for (task* const each : more) own.end(each);
        own.end(stays);
    });
}

TEST_CASE("task_registry: two walk, one after the other, while a task ends", "[model]") {
    both_fences("two walks", [] {
        task_registry tasks;
        worker own{tasks};
        task* const ends = own.begin(1);
        std::thread visitor([&] {
            static_cast<void>(walk(tasks, 1));
        });
        std::thread other([&] {
            static_cast<void>(tasks.visit_from(0, [](promise_base& promise) {
                model::check(task::of(promise).number == 1, "it is alive");
                return false;
            }));
        });
        own.end(ends);
        visitor.join();
        other.join();
    });
}

TEST_CASE("task_registry: free places go from worker to worker through the store", "[model]") {
    both_fences("the store", [] {
        task_registry tasks;
        worker one{tasks};
        std::array<task*, 5> made{};
        for (int i = 0; i < 5; ++i) made[static_cast<std::size_t>(i)] = one.begin(i);
        std::thread ends([&] {
            worker other{tasks};
            for (task* const each : made) other.end(each);
        });
        worker third{tasks};
        task* const begins = third.begin(5);
        ends.join();
        task* const more = third.begin(6);
        auto const seen = walk(tasks, 8);
        model::check(seen.size() == 2 && has(seen, 5) && has(seen, 6), "each has a place of its own");
        third.end(more);
        third.end(begins);
    });
}

TEST_CASE("task_registry: tasks of other threads", "[model]") {
    both_fences("outside", [] {
        task_registry tasks;
        std::thread outside([&] {
            auto* const made = new task(1);
            made->place = tasks.take_outside();
            tasks.occupy(made->place, made->promise(), std::source_location::current());
            worker{tasks}.end(made);
            tasks.give_back_outside(tasks.take_outside());
        });
        static_cast<void>(walk(tasks, 1));
        outside.join();
    });
}

// As spawn and cancel_tasks_of do it (lib/spawn.cpp, lib/cancel_request.cpp).
TEST_CASE("task_registry: a task that is spawned while all are cancelled hears of it", "[model]") {
    both_fences("spawn against cancel", [] {
        task_registry tasks;
        alignas(std::max_align_t) std::byte no_core{};
        run_group group(reinterpret_cast<weft::detail::runtime_core&>(no_core), 2);
        group.begin_run();
        worker own{tasks};
        task* const first = own.begin(1);  // its place is the second one's, if that begins after its end
        std::thread cancels([&] {
            group.begin_cancelling();
            tasks.visit_from(0, [](promise_base& promise) { return task::of(promise).cancelled = true; });
        });
        own.end(first);
        task* const spawned = own.begin(2);
        group.count_begun(0);
        asymmetric_fence::light();  // announce_work
        bool const told = group.cancelling();
        cancels.join();
        model::check(told || spawned->cancelled, "one of the two finds the task");
        own.end(spawned);
    });
}
