# SPDX-License-Identifier: MIT
# Seeded bugs of a whole runtime, and of one whose clock is paused.
weft_seeded_bug(runtime_model NAME token_left_behind PART run FILE lib/worker.cpp
    REPLACE "        park.park();
        token = true;"
    BY "        token = true;" FINDS "deadlock")
weft_seeded_bug(runtime_model NAME time_not_watched PART sleep FILE lib/worker.cpp
    REPLACE "if (pool_.timers.unkept() && pool_.idle_workers.somebody_sleeps()) pool_.wake_one();" BY "" FINDS "deadlock")
weft_seeded_bug(runtime_model NAME runtime_not_held_on_to PART foreign FILE lib/task_core.cpp
    REPLACE "    std::shared_ptr<runtime_core> const keep = core.shared_from_this();
    core.pool.inject(handle_of(suspended));"
    BY "    core.pool.inject(handle_of(suspended));" FINDS "data race")
weft_seeded_bug(runtime_model NAME ends_without_waiting PART end FILE lib/runtime.cpp
    REPLACE "    core_->submitted.wait();
    detail::report"
    BY "    detail::report")

weft_seeded_bug(paused_clock_model NAME expected_too_late PART way_in FILE lib/runtime.cpp
    REPLACE "    core.pool.expect_job();
    group.begin_run();
    std::optional<signal_watch> signals;
    try {
        if (core.handle_signals) signals.emplace(core);
        make_spawned(main, group, where);"
    BY "    group.begin_run();
    std::optional<signal_watch> signals;
    try {
        if (core.handle_signals) signals.emplace(core);
        make_spawned(main, group, where);
        core.pool.expect_job();")
weft_seeded_bug(paused_clock_model NAME job_came_wakes_nobody PART sleep FILE lib/scheduler.cpp
    REPLACE "if (clock.paused() && expected_.fetch_sub(1) == 1) wake_one();"
    BY "if (clock.paused()) expected_.fetch_sub(1);" FINDS "deadlock: every thread waits")
weft_seeded_bug(paused_clock_model NAME foreign_came_wakes_nobody PART deadlock FILE lib/scheduler.cpp
    REPLACE "if (foreign_.fetch_sub(1) == 1) wake_one();" BY "foreign_.fetch_sub(1);" FINDS "deadlock: every thread waits")
weft_seeded_bug(paused_clock_model NAME moves_although_a_job_is_expected PART function FILE lib/scheduler.cpp
    REPLACE "expected_.load() > 0 || work_visible()" BY "work_visible()" FINDS "it has waited")
weft_seeded_bug(paused_clock_model NAME moves_while_others_rise PART sleep FILE lib/scheduler.cpp
    REPLACE "return idle_workers.while_all_sleep([&] {" BY "return std::invoke([&] {")
weft_seeded_bug(paused_clock_model NAME patience_has_ended_long_ago PART foreign FILE lib/scheduler.cpp
    REPLACE "    foreign_since_.store(steady_now(), std::memory_order_relaxed);
    foreign_.fetch_add(1);"
    BY "    foreign_.fetch_add(1);" FINDS "it has waited")
weft_seeded_bug(paused_clock_model NAME came_before_it_is_in PART foreign FILE lib/task_core.cpp
    REPLACE "    core.pool.inject(handle_of(suspended));
    // Not before the job is in.
    switch (of_clock) {
        case ends_wait::none: break;
        case ends_wait::foreign_if_elsewhere:
        case ends_wait::foreign: core.pool.foreign_came(); break;
        case ends_wait::for_job: core.pool.job_came(); break;
    }"
    BY "    switch (of_clock) {
        case ends_wait::none: break;
        case ends_wait::foreign_if_elsewhere:
        case ends_wait::foreign: core.pool.foreign_came(); break;
        case ends_wait::for_job: core.pool.job_came(); break;
    }
    core.pool.inject(handle_of(suspended));")
weft_seeded_bug(paused_clock_model NAME no_second_look PART way_in FILE lib/living_tasks.cpp
    REPLACE "pool.job_is_expected() || " BY "")
weft_seeded_bug(paused_clock_model NAME looks_at_a_clock_that_is_gone PART clock_goes FILE lib/scheduler.cpp
    REPLACE "if (foreign_.fetch_sub(1) == 1) wake_one();"
    BY "if (foreign_.fetch_sub(1) == 1 && clock.now() > 0) wake_one();" FINDS "data race")
weft_seeded_bug(paused_clock_model NAME clock_left_with_the_core PART clock_goes FILE lib/runtime.cpp
    REPLACE "    if (core_->living) core_->living->leave_clock();" BY "" FINDS "std::terminate")
