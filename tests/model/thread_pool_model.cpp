// SPDX-License-Identifier: MIT
// lib/thread_pool.cpp: each job is run, once, or taken out before; no thread sleeps while a job stands in line, and none ends that
// one needs; and all have ended when the pool has. lib/README.md, "Blocking functions".
#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include <clock.hpp>
#include <parker.hpp>
#include <thread_pool.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;
using weft::detail::parker;
using weft::detail::pool_job;
using weft::detail::thread_pool;

// Who awaits it is told; as a coroutine would be, which then has the job for itself.
struct job : pool_job {
    job() : pool_job{&run_it, &tell_it} {}

    // As suspend_for_function in lib/to_thread.cpp.
    void give_to(thread_pool& pool) {
        pool.expect();
        thread_pool::wake(pool.push(*this));
    }
    void wait() {
        told.park();
        model::check(runs == 1, "it has been run once");
    }

    int runs = 0;
    parker told;
    parker* begun = nullptr;      // told when it begins
    parker* waits_for = nullptr;  // for that it waits then

private:
    static bool run_it(pool_job& begun) noexcept {
        auto& self = static_cast<job&>(begun);
        ++self.runs;
        if (self.begun) self.begun->unpark();
        if (self.waits_for) self.waits_for->park();
        return true;
    }
    static void tell_it(pool_job& ended) noexcept { static_cast<job&>(ended).told.unpark(); }
};

// Nobody awaits it any more: the thread frees it.
struct abandoned_job : pool_job {
    abandoned_job() : pool_job{&run_it, nullptr} {}

private:
    static bool run_it(pool_job& begun) noexcept {
        delete &static_cast<abandoned_job&>(begun);
        return false;
    }
};

constexpr std::int64_t moment = 1'000;

model::options bounded(std::string name, int preemptions = model::unbounded) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}

}  // namespace

TEST_CASE("thread pool: a job is taken out, or has begun", "[model]") {
    model::verify(bounded("taken out", 3), [] {
        thread_pool pool("pool", 1, moment);
        job one;
        one.give_to(pool);
        if (pool.remove(one))
            model::check(one.runs == 0, "it never begins");
        else
            one.wait();
    });
}

TEST_CASE("thread pool: jobs one after the other need one thread, which may give up between them", "[model]") {
    auto const one_after_the_other = [](bool& another) {
        thread_pool pool("pool", 2, moment);
        job first;
        job second;
        first.give_to(pool);
        first.wait();
        second.give_to(pool);
        another = pool.now().threads > 1;
        second.wait();
    };
    model::options never = bounded("one after the other", 2);
    never.early_timeouts = 0;
    model::verify(never, [&] {
        bool another = false;
        one_after_the_other(another);
        model::check(!another, "the one that is free again is enough");
    });
    model::verify(bounded("one after the other, giving up", 2), [&] {
        bool another = false;
        one_after_the_other(another);
    });
}

TEST_CASE("thread pool: two give jobs to one thread", "[model]") {
    model::verify(bounded("two jobs, one thread", 1), [] {
        thread_pool pool("pool", 1, moment);
        job first;
        job second;
        std::thread other([&] {
            second.give_to(pool);
            second.wait();
        });
        first.give_to(pool);
        first.wait();
        other.join();
    });
}

namespace {

// Neither ends unless both have a thread.
void run_two_that_wait_for_each_other(thread_pool& pool) {
    parker first_began;
    parker second_began;
    job first;
    job second;
    first.begun = second.waits_for = &first_began;
    second.begun = first.waits_for = &second_began;
    first.give_to(pool);
    second.give_to(pool);
    first.wait();
    second.wait();
}

}  // namespace

TEST_CASE("thread pool: jobs that wait for each other have a thread each", "[model]") {
    model::options never = bounded("two jobs, two threads, again", 1);
    never.early_timeouts = 0;
    never.stale_reads = false;
    model::verify(never, [] {
        thread_pool pool("pool", 2, moment);
        run_two_that_wait_for_each_other(pool);
        std::int64_t const before = weft::detail::steady_now();
        run_two_that_wait_for_each_other(pool);
        model::check(weft::detail::steady_now() == before, "no thread sleeps until it gives up, while a job stands in line");
    });
    model::verify(bounded("two jobs, two threads", 1), [] {
        thread_pool pool("pool", 2, moment);
        run_two_that_wait_for_each_other(pool);
    });
}

TEST_CASE("thread pool: it ends while functions run for nobody, and threads give up", "[model]") {
    model::verify(bounded("end", 1), [] {
        auto* const abandoned = new abandoned_job;
        thread_pool pool("pool", 2, moment);
        job one;
        pool.expect();
        one.give_to(pool);
        thread_pool::wake(pool.push(*abandoned));
        one.wait();
    });
}
