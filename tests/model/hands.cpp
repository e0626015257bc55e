// SPDX-License-Identifier: MIT
// What worker::loop calls is private, and inline in lib/worker.cpp. So that source stands here whole, and an explicit instantiation,
// which may name what is private, hands it out.
#include <worker.cpp>

#include "hands.hpp"

namespace weft::detail {

namespace {

void opened_run(worker& here, job next) noexcept;
job opened_own_job(worker& here) noexcept;
job opened_steal_from(worker& here, worker& victim, bool& contended) noexcept;
job opened_fire_timers(worker& here, std::int64_t now) noexcept;

template <auto Run, auto OwnJob, auto StealFrom, auto FireTimers>
struct opened_worker {
    friend void opened_run(worker& here, job next) noexcept { (here.*Run)(next); }
    friend job opened_own_job(worker& here) noexcept { return (here.*OwnJob)(); }
    friend job opened_steal_from(worker& here, worker& victim, bool& contended) noexcept { return (here.*StealFrom)(victim, contended); }
    friend job opened_fire_timers(worker& here, std::int64_t now) noexcept { return (here.*FireTimers)(now, false); }
};

template struct opened_worker<&worker::run, &worker::own_job, &worker::steal_from, &worker::fire_timers>;

}  // namespace

void run_job(worker& here, job next) noexcept {
    opened_run(here, next);
}
job own_job(worker& here) noexcept {
    return opened_own_job(here);
}
job steal_job(worker& here, worker& victim, bool& contended) noexcept {
    return opened_steal_from(here, victim, contended);
}
void fire_timers(worker& here, std::int64_t now) noexcept {
    static_cast<void>(opened_fire_timers(here, now));  // null: none is wanted at once
}

}  // namespace weft::detail
