// SPDX-License-Identifier: MIT
// A runtime's life: start, run, submit, end. lib/README.md, "Shutdown", has the steps and why their order matters.
#include <weft/runtime.hpp>
#include <weft/testing.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <utility>

#include "cancellation.hpp"
#include "living_tasks.hpp"
#include "platform.hpp"
#include "runtime_core.hpp"
#include "signals.hpp"
#include "task_core.hpp"
#include "unhandled.hpp"

namespace weft {

namespace detail {

namespace {

// ---- fork(): how many of them lie between the program's start and this process.

// relaxed: written only in the child of a fork, while that has one thread.
std::atomic<unsigned> process_generation{0};

unsigned current_generation() {
    static bool const watching = [] {
        platform::on_fork([] {
            process_generation.fetch_add(1, std::memory_order_relaxed);
            // The thread that goes on may have been a worker. Its cache leads to a depot that another thread may have locked.
            this_worker = nullptr;
            this_frame_cache = &no_frame_cache();
        });
        return true;
    }();
    static_cast<void>(watching);
    return process_generation.load(std::memory_order_relaxed);
}

// ---- The runtimes that exist, for dump_runtimes.

struct live_runtimes {
    std::mutex mutex;
    std::vector<runtime_core const*> cores;
};

live_runtimes& live() {
    static auto* const only = new live_runtimes;
    return *only;
}

// Runtimes that have come to a deadlock.
struct kept_cores {
    std::mutex mutex;
    std::vector<std::shared_ptr<runtime_core>> cores;
};

constexpr unsigned most_workers = 65'535;

options checked(options settings) {
    if (settings.workers > most_workers)
        throw std::invalid_argument("weft::options: " + std::to_string(settings.workers) +
                                    " workers are too many; 0 asks for as many as the process may use, 65535 is the most");
    if (settings.blocking_threads > most_workers)
        throw std::invalid_argument("weft::options: " + std::to_string(settings.blocking_threads) +
                                    " blocking_threads are too many; 0 asks for the default, 65535 is the most");
    if (settings.workers == 0) settings.workers = std::min(platform::usable_processors(), most_workers);
    if (settings.name.empty()) settings.name = "weft";
    return settings;
}

}  // namespace

runtime_core::runtime_core(options settings, topology const& of_machine, paused_time* paused)
    : name(std::move(settings.name)),
      handle_signals(settings.handle_signals),
      living(paused ? std::make_unique<living_tasks>(*paused) : nullptr),
      pool(settings.workers, of_machine, paused),
      on_unhandled(std::make_shared<exception_handler const>(std::move(settings.on_unhandled_exception))),
      submitted(*this, settings.workers),
      threads(name, settings.blocking_threads),
      process_generation_(current_generation()) {
    if (living) pool.on_standstill = [this] { declare_deadlock(); };
    {
        std::lock_guard const lock(live().mutex);
        live().cores.push_back(this);
    }
}

runtime_core::~runtime_core() {
    std::lock_guard const lock(live().mutex);
    std::erase(live().cores, this);
}

bool runtime_core::in_forked_child() const noexcept {
    return process_generation.load(std::memory_order_relaxed) != process_generation_;
}

void runtime_core::require_same_process() const {
    if (in_forked_child())
        throw runtime_closed(
            "weft::runtime: this runtime was started before fork(), and its threads do not exist in the child; make a new runtime here");
}

void runtime_core::declare_deadlock() {
    auto const found = living->find_standstill(pool);
    if (!found) return;
    std::string const text = "weft: a deadlock: no task can go on, and no sleep will end. Alive are" + found->tasks;
    {
        std::lock_guard const lock(deadlock_mutex_);
        deadlock_ = text;
    }
    if (found->groups.size() == 1 && found->groups.front() == &submitted) {
        std::fprintf(stderr, "%s\n", text.c_str());
        std::terminate();
    }
    for (run_group* const group : found->groups) group->give_up();
}

std::string runtime_core::deadlock() const {
    if (!living) return {};
    std::lock_guard const lock(deadlock_mutex_);
    return deadlock_;
}

void runtime_core::require_progress() const {
    if (std::string const found = deadlock(); !found.empty()) throw testing::deadlock(found);
}

run_group& runtime_core::lend_group() {
    std::lock_guard const lock(groups_mutex_);
    if (unused_groups_.empty()) {
        unused_groups_.reserve(groups_.size() + 1);
        groups_.push_back(std::make_unique<run_group>(*this, static_cast<unsigned>(pool.workers.size())));
        unused_groups_.push_back(groups_.back().get());
    }
    run_group& group = *unused_groups_.back();
    unused_groups_.pop_back();
    return group;
}

void runtime_core::take_back(run_group& group) noexcept {
    std::lock_guard const lock(groups_mutex_);
    unused_groups_.push_back(&group);
}

void dump_runtimes(std::ostream& out) {
    std::lock_guard const lock(live().mutex);
    if (live().cores.empty()) out << "  no runtime lives\n";
    for (runtime_core const* core : live().cores) {
        core->pool.dump(out);
        core->threads.dump(out);
    }
}

void require_outside_workers() {
    WEFT_COMPILER_BARRIER();
    if (this_worker)
        throw nested_run(
            "weft::run: called on a worker thread, which it would block; co_await the task here, or spawn it and await the handle");
}

run_end run_to_end(runtime_core& core, promise_base& main, std::source_location where) {
    require_outside_workers();
    core.require_same_process();
    core.require_progress();
    run_group& group = core.lend_group();
    core.pool.expect_job();
    group.begin_run();
    std::optional<signal_watch> signals;
    try {
        if (core.handle_signals) signals.emplace(core);
        make_spawned(main, group, where);
    } catch (...) {
        group.undo_begin_outside();
        core.pool.job_came();
        core.take_back(group);
        throw;
    }
    main.state.is_main = true;  // the main task of its run: its end begins the draining
    // Before it can begin: a signal that comes first cancels it before its first step.
    if (signals) signals->begin(main);
    core.pool.inject(handle_of(main));
    core.pool.job_came();
    if (!group.wait()) {
        report_failures_of(group);  // one of them may be why
        return {.reached = false, .interrupted_by = 0};
    }
    mark_retrieved(main);
    report_failures_of(group);
    int const interrupted_by = signals ? signals->end() : 0;
    core.take_back(group);
    return {.reached = true, .interrupted_by = interrupted_by};
}

void throw_interrupted(int signal) {
    throw interrupted(signal);
}

void throw_deadlock(runtime_core const& core) {
    throw testing::deadlock(core.deadlock());
}

void expect_to_search() noexcept {
    WEFT_COMPILER_BARRIER();
    this_worker->expect_to_search();
}

void submit_task(runtime_core& core, promise_base& unstarted, std::source_location where) {
    core.require_same_process();
    core.require_progress();
    // As in `schedule`: from the moment the job is in, the runtime may end.
    std::shared_ptr<runtime_core> const keep = core.shared_from_this();
    if (!core.submitted.begin_task_outside())
        throw runtime_closed("weft::runtime::submit: the runtime is being destroyed and takes no new tasks");
    // The caller's reference is dropped here: the future is all that it keeps.
    core.pool.expect_job();
    try {
        make_spawned(unstarted, core.submitted, where);
    } catch (...) {
        core.pool.job_came();
        core.submitted.undo_begin_outside();
        throw;
    }
    unstarted.references.fetch_sub(1, std::memory_order_relaxed);
    core.pool.inject(handle_of(unstarted));
    core.pool.job_came();
}

}  // namespace detail

runtime::runtime(options settings) {
    settings = detail::checked(std::move(settings));
    detail::paused_time* const paused = settings.clock ? &settings.clock->time_ : nullptr;
    core_ = std::make_shared<detail::runtime_core>(std::move(settings), detail::topology::of_this_machine(), paused);
    core_->pool.start(core_->name);
}

runtime::~runtime() {
    if (core_->in_forked_child()) {
        // Left as it is: nothing of it can be put in order here. Other threads held its locks when the process was copied, and
        // those it would join or detach do not exist; a new runtime's may even stand in their place.
        static_cast<void>(new std::shared_ptr<detail::runtime_core>(std::move(core_)));
        return;
    }
    if (detail::this_worker && &detail::this_worker->pool() == &core_->pool) {
        std::fputs("weft::runtime: destroyed by one of its own workers, which cannot wait for itself; destroy it outside its tasks\n",
                   stderr);
        std::terminate();
    }
    if (core_->threads.has_this_thread()) {
        std::fputs("weft::runtime: destroyed by a function of to_thread on one of its own threads, which cannot wait for itself; "
                   "destroy it elsewhere\n",
                   stderr);
        std::terminate();
    }
    if (!core_->deadlock().empty()) {
        // In this order: its tasks have not ended, and one that still runs may have functions called.
        core_->pool.stop();
        core_->threads.stop();
        core_->living->leave_clock();
        core_->pool.entrance.shrink();  // oneTBB notes its pages where a leak checker does not look
        // Its tasks refer to it, and to each other. Kept in reach, so that nobody takes them for a leak.
        static auto* const kept = new detail::kept_cores;
        std::lock_guard const lock(kept->mutex);
        kept->cores.push_back(std::move(core_));
        return;
    }
    core_->closing.store(true, std::memory_order_relaxed);
    if (!core_->submitted.drain()) detail::cancel_tasks_of(core_->submitted);
    core_->submitted.wait();
    detail::report_failures_of(core_->submitted);
    core_->threads.stop();
    core_->pool.stop();
    // Not with the core, which others may still hold.
    if (core_->living) core_->living->leave_clock();
}

unsigned runtime::workers() const noexcept {
    return static_cast<unsigned>(core_->pool.workers.size());
}

bool on_worker() noexcept {
    WEFT_COMPILER_BARRIER();
    return detail::this_worker != nullptr;
}

namespace {

detail::worker& worker_for(char const* asked) {
    if (!detail::this_worker)
        throw no_current_runtime(std::string(asked) + ": this thread is no worker; call it inside a task, or ask weft::on_worker() first");
    return *detail::this_worker;
}

}  // namespace

unsigned worker_index() {
    WEFT_COMPILER_BARRIER();
    return worker_for("weft::worker_index").index();
}

unsigned worker_count() {
    WEFT_COMPILER_BARRIER();
    return static_cast<unsigned>(worker_for("weft::worker_count").pool().workers.size());
}

}  // namespace weft
