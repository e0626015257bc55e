// SPDX-License-Identifier: MIT
// include/weft/detail/locked_list.hpp: whoever has the list locked has it and its nodes for itself; a list that is `hidden` while it
// is locked loses nobody, and `has_ended` says so only when there is something to read.
#include "support/catch.hpp"

#include <array>
#include <memory>
#include <string>
#include <thread>

#include <weft/detail/waiter.hpp>

#include "verify.hpp"

// Stands in lib/task_core.cpp, from which this model needs nothing else.
weft::detail::waiter weft::detail::ended_mark;

namespace {

namespace model = weft::model;
using weft::detail::ended_mark;
using weft::detail::list_hook;
using weft::detail::locked_list;
using weft::detail::promise_base;
using weft::detail::waiter;
using weft::detail::waiter_list;

struct node {
    int number = 0;
    list_hook<node> hook;
};
using list = locked_list<node, &node::hook>;

model::options bounded(std::string name, int preemptions = model::unbounded) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}

int sum_of(list::guard const& locked) {
    int sum = 0;
    for (node const* each = locked.first(); each; each = each->hook.next) sum += each->number;
    return sum;
}

// A task, as far as its end and those who await it are concerned.
struct ending_task : promise_base {
    ending_task() { std::construct_at(&waiters); }

    int value = 0;

    // As mark_ended in lib/task_core.cpp.
    bool mark_ended(bool cancelled, waiter*& newest) {
        waiter_list::guard locked(waiters, waiter_list::hidden);
        if (cancelled) return false;
        newest = locked.exchange(&ended_mark);
        return true;
    }
};

struct awaiting : waiter {
    bool has_seen_end = false;
    bool was_woken = false;

    // As wait_for_end.
    void wait_for(ending_task& task) {
        if (has_ended(task)) {
            see_end_of(task);
            return;
        }
        waiter_list::guard others(task.waiters);
        if (others.first() == &ended_mark)
            see_end_of(task);
        else
            others.add(*this);
    }
    void see_end_of(ending_task const& task) {
        model::check(task.value == 7, "who sees the end sees the value");
        has_seen_end = true;
    }
};

void wake_all(waiter* newest) {
    while (newest) {
        waiter* const next = newest->of_awaited.next;
        static_cast<awaiting&>(*newest).was_woken = true;
        newest = next;
    }
}

}  // namespace

TEST_CASE("locked_list: three put in and take out", "[model]") {
    model::verify(bounded("three guards", 3), [] {
        list shared;
        std::array<node, 3> nodes;
        auto const come_and_go = [&](std::size_t own, bool goes) {
            nodes[own].number = static_cast<int>(own) + 1;
            {
                list::guard locked(shared);
                locked.add(nodes[own]);
            }
            if (!goes) return;
            list::guard locked(shared);
            locked.remove(nodes[own]);
            static_cast<void>(sum_of(locked));
        };
        std::thread one([&] { come_and_go(1, true); });
        std::thread other([&] { come_and_go(2, false); });
        come_and_go(0, false);
        one.join();
        other.join();
        list::guard const locked(shared);
        model::check(sum_of(locked) == 1 + 3, "those stand in the list who did not go");
    });
}

TEST_CASE("locked_list: hidden while it is locked", "[model]") {
    model::verify(bounded("hidden and not"), [] {
        list shared;
        std::array<node, 3> nodes;
        for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].number = static_cast<int>(i) + 1;
        std::thread one([&] {
            list::guard locked(shared, list::hidden);
            locked.add(nodes[1]);
        });
        std::thread other([&] {
            list::guard locked(shared);
            locked.add(nodes[2]);
        });
        {
            list::guard locked(shared, list::hidden);
            locked.add(nodes[0]);
        }
        one.join();
        other.join();
        list::guard const locked(shared);
        model::check(sum_of(locked) == 1 + 2 + 3, "nobody is lost");
    });
}

// Tasks and scopes are freed by whoever has had the lock last.
TEST_CASE("locked_list: nobody touches it after the store that unlocks it", "[model][freed]") {
    model::verify(bounded("freed by the last"), [] {
        struct shared_state {
            list members;
            int left = 2;
        };
        auto* const shared = new shared_state;
        auto const leave = [shared] {
            bool last = false;
            {
                list::guard const locked(shared->members);
                last = --shared->left == 0;
            }
            if (last) delete shared;
        };
        std::thread other(leave);
        leave();
        other.join();
    });
}

TEST_CASE("locked_list: the end of a task against those who await it", "[model]") {
    model::verify(bounded("end, 2 wait", 3), [] {
        ending_task task;
        std::array<awaiting, 2> waiting;
        std::thread one([&] { waiting[0].wait_for(task); });
        std::thread other([&] { waiting[1].wait_for(task); });
        task.value = 7;
        waiter* newest = nullptr;
        model::check(task.mark_ended(false, newest), "it ends");
        wake_all(newest);
        one.join();
        other.join();
        for (awaiting const& each : waiting)
            model::check(each.has_seen_end != each.was_woken, "each waiter stood in the list or has seen the mark, never both");
    });
}

// The first try comes to nothing, since the task has been cancelled: who waits must not have noticed.
TEST_CASE("locked_list: an end that is called off", "[model]") {
    model::verify(bounded("end, called off once"), [] {
        ending_task task;
        awaiting before;
        awaiting meanwhile;
        before.wait_for(task);
        std::thread other([&] { meanwhile.wait_for(task); });
        waiter* newest = nullptr;
        model::check(!task.mark_ended(true, newest) && !newest, "it does not end");
        task.value = 7;
        model::check(task.mark_ended(false, newest), "it ends");
        wake_all(newest);
        other.join();
        model::check(before.was_woken, "who waited before is woken");
        model::check(meanwhile.has_seen_end != meanwhile.was_woken, "who came meanwhile has seen the mark or is woken");
    });
}

// As take_from_source in lib/cancel_request.cpp.
TEST_CASE("locked_list: the end of a task against who takes a waiter out of its list", "[model]") {
    model::verify(bounded("end, cancelled", 3), [] {
        ending_task task;
        awaiting waiting;
        waiting.wait_for(task);
        bool taken_out = false;
        std::thread canceller([&] {
            if (has_ended(task)) return;
            waiter_list::guard others(task.waiters);
            if (others.first() == &ended_mark) return;
            others.remove(waiting);
            taken_out = true;
        });
        awaiting late;
        std::thread other([&] { late.wait_for(task); });
        task.value = 7;
        waiter* newest = nullptr;
        model::check(task.mark_ended(false, newest), "it ends");
        wake_all(newest);
        canceller.join();
        other.join();
        model::check(waiting.was_woken != taken_out, "one wakes it");
        model::check(late.has_seen_end != late.was_woken, "who came late has seen the mark or is woken");
    });
}
