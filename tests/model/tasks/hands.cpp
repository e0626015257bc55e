// SPDX-License-Identifier: MIT
// What worker::loop calls is private, and inline in lib/worker.cpp. So that source stands here whole, and an explicit
// instantiation, which may name what is private, hands it out.
#include <worker.cpp>

#include "hands.hpp"

#include <cstdint>

#include <clock.hpp>

#include "counted_frames.hpp"

namespace weft::detail {

namespace {

void opened_run(worker& here, job next) noexcept;
job opened_fire_timers(worker& here, std::int64_t now) noexcept;
job opened_look_at_clock(worker& here) noexcept;

template <auto Run, auto FireTimers, auto LookAtClock>
struct opened_worker {
    friend void opened_run(worker& here, job next) noexcept { (here.*Run)(next); }
    friend job opened_fire_timers(worker& here, std::int64_t now) noexcept { return (here.*FireTimers)(now, false); }
    friend job opened_look_at_clock(worker& here) noexcept { return (here.*LookAtClock)(); }
};

template struct opened_worker<&worker::run, &worker::fire_timers, &worker::look_at_clock>;

}  // namespace

}  // namespace weft::detail

namespace weft::model {

house::house(unsigned workers, detail::exception_handler on_unhandled)
    : core_(std::make_shared<detail::runtime_core>(
          weft::options{
              .workers = workers, .blocking_threads = 1, .name = "model", .on_unhandled_exception = std::move(on_unhandled)},
          flat_)),
      group_(core_->lend_group()) {
    group_.begin_run();
    // As each of them does before its first job. Else it would do so after that, and what goes on then be queued.
    for (auto const& each : core_->pool.workers) static_cast<void>(detail::opened_look_at_clock(*each));
}
house::~house() = default;

void house::put_in_line(unsigned on, std::coroutine_handle<> unstarted) {
    check(group_.begin_task_outside(), "a run takes tasks");
    detail::make_spawned(detail::promise_of(unstarted.address()), group_, std::source_location::current());
    worker(on).ready.push(unstarted);
}

void house::leave_to(join_handle<> const& main) noexcept {
    main.promise().state.is_main = true;
    group_.undo_begin_outside();
}

bool house::run(unsigned as, detail::job next) {
    if (!next) return false;
    shift const in(worker(as));
    detail::opened_run(worker(as), next);
    return true;
}

bool house::run_oldest(unsigned as) { return run(as, worker(as).ready.take_oldest()); }
bool house::run_newest_fork(unsigned as) { return run(as, worker(as).forks.pop()); }
bool house::steal_fork(unsigned as, unsigned from) { return run(as, worker(from).forks.steal().value); }
bool house::steal_ready(unsigned as, unsigned from) { return run(as, worker(from).ready.steal().value); }

void house::fire_timers(unsigned as) {
    shift const in(worker(as));
    constexpr std::int64_t hour = 3'600'000'000'000;
    static_cast<void>(detail::opened_fire_timers(worker(as), detail::steady_now() + hour));  // null: none is wanted at once
}

void house::finish() {
    for (bool found = true; found;) {
        found = false;
        for (unsigned as = 0; as < core_->pool.workers.size(); ++as)
            while (run_newest_fork(as) || run_oldest(as) || run(as, core_->pool.entrance.pop())) found = true;
    }
}

[[gnu::noinline]] void cancel_this_task() {
    check(detail::request_cancel(*detail::this_worker->scope.task()), "it has not ended");
}

options bounded(std::string name, int preemptions) {
    options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}

}  // namespace weft::model
