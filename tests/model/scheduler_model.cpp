// SPDX-License-Identifier: MIT
// lib/worker, lib/scheduler, lib/idle and what is below them, whole: no job waits while a worker sleeps, and stop() ends all of them.
// A search looks once around and not a hundred times. That is too much for each stale read of each interleaving: the searches here read
// what was stored last; the random walks read older values, too. idle_model.cpp has the core of it for all of them.
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <coroutine>
#include <functional>
#include <string>
#include <thread>

#include <parker.hpp>
#include <scheduler.hpp>
#include <topology.hpp>
#include <worker.hpp>

#include "verify.hpp"

namespace weft::detail {

// The layer of tasks: here a job is a job and nothing else.
bool take_over(worker&, job) noexcept { return true; }
void set_away(job, bool) noexcept {}
void remember_scope(worker const&, job) noexcept {}
void release_ended(worker&, promise_base&) noexcept {}
std::coroutine_handle<> arrive(worker&, join&) noexcept { return {}; }
void pass_limit(timer_entry&) noexcept {}
void*& spare_link(job queued) noexcept { return static_cast<void**>(queued.address())[2]; }
void drop_spare_link(job) noexcept {}

}  // namespace weft::detail

namespace {

namespace model = weft::model;
using weft::detail::job;
using weft::detail::parker;
using weft::detail::scheduler;
using weft::detail::this_worker;
using weft::detail::topology;

// What a coroutine_handle takes for a suspended coroutine: the frame begins with the function that resumes it (the ABI of g++ and
// clang).
struct frame {
    void (*resume)(frame*);
    void (*destroy)(frame*);
    void* link;
};

class runnable : frame {
public:
    explicit runnable(std::function<void()> does) : frame{run, nullptr, nullptr}, does_(std::move(does)) {}
    runnable(runnable const&) = delete;
    runnable& operator=(runnable const&) = delete;

    [[nodiscard]] job handle() { return job::from_address(static_cast<frame*>(this)); }
    [[nodiscard]] int runs() const { return runs_; }

private:
    static void run(frame* of) {
        auto& self = *static_cast<runnable*>(of);
        ++self.runs_;
        self.does_();
    }

    std::function<void()> does_;
    int runs_ = 0;
};

// So many jobs that wait for each other, each occupying its worker: a job that waits while a worker sleeps, and nobody searches, is a
// livelock.
class meeting {
public:
    explicit meeting(int of) : missing_(of) {}
    void come() {
        missing_.fetch_sub(1);
        while (missing_.load() > 0) WEFT_SPIN_PAUSE();
    }

private:
    std::atomic<int> missing_;
};

void search(std::string const& name, int preemptions, std::function<void()> const& body) {
    model::options with;
    with.name = name;
    with.preemptions = preemptions;
    with.stale_reads = false;
    model::verify(with, body);
}
void walk(std::string const& name, std::function<void()> const& body) {
    for (bool const barrier : {true, false}) {
        model::options with;
        with.name = name + ", random" + (barrier ? ", process barrier" : ", fallback");
        with.preemptions = model::unbounded;
        with.process_barrier = barrier;
        with.random_executions = 300;
        model::verify(with, body);
    }
}
void search_and_walk(std::string const& name, int preemptions, std::function<void()> const& body) {
    search(name, preemptions, body);
    walk(name, body);
}

}  // namespace

TEST_CASE("scheduler: a job from outside is run", "[model]") {
    search_and_walk("inject", 1, [] {
        topology const flat;
        scheduler pool(2, flat);
        parker over;
        runnable only([&] { over.unpark(); });
        pool.start("w");
        pool.inject(only.handle());
        static_cast<void>(over.park());
        model::check(only.runs() == 1, "it has been run once");
        pool.stop();
        model::check(only.runs() == 1, "it is run once");
    });
}

TEST_CASE("scheduler: what a worker makes ready, another one runs", "[model][make_ready]") {
    search_and_walk("make_ready", 1, [] {
        topology const flat;
        scheduler pool(2, flat);
        parker over;
        meeting both(2);
        runnable child([&] { both.come(); });
        runnable parent([&] {
            this_worker->make_ready(child.handle());
            both.come();
            over.unpark();
        });
        pool.start("w");
        pool.inject(parent.handle());
        static_cast<void>(over.park());
        pool.stop();
        model::check(parent.runs() == 1 && child.runs() == 1, "each is run once");
    });
}

TEST_CASE("scheduler: two from outside, at once", "[model][two]") {
    search_and_walk("two injected", 1, [] {
        topology const flat;
        scheduler pool(2, flat);
        parker over;
        meeting both(2);
        runnable one([&] {
            both.come();
            over.unpark();
        });
        runnable other([&] { both.come(); });
        pool.start("w");
        pool.inject(one.handle());
        pool.inject(other.handle());
        static_cast<void>(over.park());
        pool.stop();
        model::check(one.runs() == 1 && other.runs() == 1, "each is run once");
    });
}

TEST_CASE("scheduler: one wakes the next", "[model]") {
    walk("three workers", [] {
        topology const flat;
        scheduler pool(3, flat);
        parker over;
        meeting all(3);
        runnable youngest([&] { all.come(); });
        runnable child([&] {
            this_worker->make_ready(youngest.handle());
            all.come();
        });
        runnable parent([&] {
            this_worker->make_ready(child.handle());
            all.come();
            over.unpark();
        });
        pool.start("w");
        pool.inject(parent.handle());
        static_cast<void>(over.park());
        pool.stop();
        model::check(parent.runs() == 1 && child.runs() == 1 && youngest.runs() == 1, "each is run once");
    });
}

TEST_CASE("scheduler: it is stopped whatever its workers do", "[model]") {
    search_and_walk("stop", 1, [] {
        topology const flat;
        scheduler pool(2, flat);
        pool.start("w");
        pool.stop();
    });
    search_and_walk("stop while a job runs", 1, [] {
        topology const flat;
        scheduler pool(2, flat);
        std::atomic<bool> begun{false};
        runnable child([] {});
        runnable parent([&] {
            begun.store(true);
            this_worker->make_ready(child.handle());
        });
        pool.start("w");
        pool.inject(parent.handle());
        while (!begun.load()) WEFT_SPIN_PAUSE();
        pool.stop();
        model::check(parent.runs() == 1 && child.runs() <= 1, "what runs is run to its end");
    });
}
