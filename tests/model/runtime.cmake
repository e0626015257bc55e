# SPDX-License-Identifier: MIT
# Seeded bugs of a whole runtime, and of one whose clock is paused.
weft_seeded_bug(runtime_model NAME time_not_watched PART sleep FILE lib/worker.cpp
    REPLACE "if (pool_.timers.unkept() && pool_.idle_workers.somebody_sleeps()) pool_.wake_one();"
    BY "" FINDS "deadlock")
weft_seeded_bug(runtime_model NAME token_left_behind PART model FILE lib/worker.cpp
    REPLACE "        park.park();
        token = true;"
    BY "        token = true;")
weft_seeded_bug(paused_clock_model NAME expected_too_late PART way_in FILE lib/runtime.cpp
    REPLACE "    core.pool.expect_job();
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
    }"
    BY "    group.begin_run();
    std::optional<signal_watch> signals;
    make_spawned(main, group, where);
    core.pool.expect_job();")
weft_seeded_bug(paused_clock_model NAME submitted_came_before_it_is_in PART way_in FILE lib/runtime.cpp
    REPLACE "    core.pool.inject(handle_of(unstarted));
    core.pool.job_came();"
    BY "    core.pool.job_came();
    core.pool.inject(handle_of(unstarted));")
weft_seeded_bug(paused_clock_model NAME foreign_came_wakes_nobody PART model FILE lib/scheduler.cpp
    REPLACE "if (paused->foreign.fetch_sub(1) == 1) wake_one();"
    BY "paused->foreign.fetch_sub(1);")
weft_seeded_bug(paused_clock_model NAME expected_not_asked PART model FILE lib/scheduler.cpp
    REPLACE "if (paused.expected.load() > 0 || work_visible() || stopping()) return false;"
    BY "if (work_visible() || stopping()) return false;")
weft_seeded_bug(paused_clock_model NAME queues_not_asked PART model FILE lib/scheduler.cpp
    REPLACE "if (paused.expected.load() > 0 || work_visible() || stopping()) return false;"
    BY "if (paused.expected.load() > 0 || stopping()) return false;")
weft_seeded_bug(paused_clock_model NAME queues_asked_first PART model FILE lib/scheduler.cpp
    REPLACE "if (paused.expected.load() > 0 || work_visible() || stopping()) return false;"
    BY "if (work_visible() || paused.expected.load() > 0 || stopping()) return false;")
weft_seeded_bug(paused_clock_model NAME foreign_asked_last PART model FILE lib/scheduler.cpp
    REPLACE "        bool const foreign = paused.foreign.load() > 0;
        if (paused.expected.load() > 0 || work_visible() || stopping()) return false;"
    BY "        if (paused.expected.load() > 0 || work_visible() || stopping()) return false;
        bool const foreign = paused.foreign.load() > 0;")
weft_seeded_bug(paused_clock_model NAME standstill_expected_not_asked PART model FILE lib/living_tasks.cpp
    REPLACE "time_.expected.load() > 0 || time_.foreign"
    BY "time_.foreign")
weft_seeded_bug(paused_clock_model NAME standstill_queues_not_asked PART model FILE lib/living_tasks.cpp
    REPLACE " || pool.work_visible()) return"
    BY "|| static_cast<bool>(0 & reinterpret_cast<std::uintptr_t>(&pool))) return")
weft_seeded_bug(paused_clock_model NAME standstill_foreign_not_asked PART model FILE lib/living_tasks.cpp
    REPLACE " || time_.foreign.load() > 0"
    BY "")
weft_seeded_bug(runtime_model NAME armed_and_not_watched PART model FILE lib/worker.cpp
    REPLACE "    watch_time_ = true;
    if (std::exchange(timers_seen_" BY "    if (std::exchange(timers_seen_")
weft_seeded_bug(runtime_model NAME woken_and_not_watched PART model FILE lib/worker.cpp
    REPLACE "    watch_time_ = true;
    clock_countdown_ = 1;" BY "    clock_countdown_ = 1;")
weft_seeded_bug(runtime_model NAME searched_and_not_watched PART model FILE lib/worker.cpp
    REPLACE "    watch_time_ = true;
    idle::census" BY "    idle::census")
