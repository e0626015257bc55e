# SPDX-License-Identifier: MIT
# The layer of tasks: one program, for all of the library stands behind each of these models. lib/worker.cpp stands in hands.cpp.
weft_add_model(tasks_model PARTS join blocks task_end twice run_end completions function_end group wait
    SOURCES tasks/counted_frames.cpp tasks/hands.cpp tasks/join_model.cpp
        tasks/blocks_model.cpp tasks/task_end_model.cpp tasks/run_end_model.cpp tasks/completions_model.cpp
        tasks/function_end_model.cpp tasks/group_model.cpp tasks/wait_model.cpp
    LIB_SOURCES lib/cancel_request.cpp lib/cancellation.cpp lib/child_blocks.cpp lib/completions.cpp lib/context.cpp lib/error.cpp
        lib/frame_cache.cpp lib/frame_depot.cpp lib/idle.cpp lib/join.cpp lib/living_tasks.cpp lib/locked_list.cpp
        lib/run_group.cpp lib/runtime.cpp lib/scheduler.cpp lib/signals.cpp lib/spawn.cpp lib/suspend.cpp lib/task_core.cpp
        lib/task_details.cpp lib/task_group.cpp lib/task_registry.cpp lib/testing.cpp lib/thread_pool.cpp lib/timeout.cpp
        lib/timer_driver.cpp lib/timer_wheel.cpp lib/to_thread.cpp lib/topology.cpp lib/turn.cpp lib/unhandled.cpp
    FILE lib/task_core.cpp lib/task_registry.hpp include/weft/detail/group_core.hpp include/weft/detail/child_blocks.hpp
        include/weft/detail/child_blocks.hpp ${wheel_files}
    REPLACE "looks = 20" "batch = 256" "fewest_to_forget = 16" "child_block_size = 32" "wide_gather = 3 * child_block_size"
        ${wheel_bits}
    BY "looks = 1" "batch = 2" "fewest_to_forget = 2" "child_block_size = 2" "wide_gather = child_block_size + 1"
        ${small_wheel_bits})
foreach(part IN ITEMS join blocks task_end run_end completions function_end group wait)  # they name alike what is alike
    set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/tasks/${part}_model.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endforeach()

weft_seeded_bug(tasks_model NAME release_settle PART join FILE lib/join.cpp
    REPLACE "joined.pending.fetch_sub(ended + 1, std::memory_order_acq_rel)"
    BY "joined.pending.fetch_sub(ended + 1, std::memory_order_release)" FINDS "data race")
weft_seeded_bug(tasks_model NAME acquire_arrive PART join FILE lib/join.cpp
    REPLACE "if (joined.pending.fetch_sub(1, std::memory_order_acq_rel) != 1)"
    BY "if (joined.pending.fetch_sub(1, std::memory_order_acquire) != 1)" FINDS "data race")
weft_seeded_bug(tasks_model NAME join_used_after_settling PART join FILE lib/join.cpp
    REPLACE "!= ended + 1) return true;" BY "!= ended + 1) return joined.children != 0;" FINDS "data race")
weft_seeded_bug(tasks_model NAME published_before_it_has_left PART join FILE lib/turn.cpp
    REPLACE "    leave_fork(here, yielding);
    here.make_ready(handle_of(yielding));"
    BY "    here.make_ready(handle_of(yielding));
    leave_fork(here, yielding);")

weft_seeded_bug(tasks_model NAME block_counts_itself PART blocks FILE lib/join.cpp
    REPLACE "joined.pending.fetch_sub(ended, std::memory_order_relaxed)"
    BY "joined.pending.fetch_sub(ended + 1, std::memory_order_relaxed)")
weft_seeded_bug(tasks_model NAME blocks_taken_for_all PART blocks FILE lib/join.cpp
    REPLACE "return ended != joined.children && settle(here, joined, ended);"
    BY "return ended <= left && settle(here, joined, ended);")
weft_seeded_bug(tasks_model NAME left_taken_for_ended PART gives_way FILE lib/join.cpp
    REPLACE "        here.announce_work();
        return;
    } else {"
    BY "        here.announce_work();
        ended = static_cast<std::uint32_t>(count);
    } else {")
weft_seeded_bug(tasks_model NAME lower_blocks_not_counted PART blocks FILE lib/child_blocks.cpp
    REPLACE "return blocks.frames.size();" BY "return blocks.frames.size() - blocks.top;")

weft_seeded_bug(tasks_model NAME passed_on_to_one_that_has_ended PART await FILE lib/cancel_request.cpp
    REPLACE "if (std::exchange(of, progress::ahead) == progress::found && !count_unless_ended(awaited)) return passing::too_late;"
    BY "if (std::exchange(of, progress::ahead) == progress::found) static_cast<void>(count_unless_ended(awaited));"
    FINDS "told the truth")
weft_seeded_bug(tasks_model NAME counted_there_too_late PART await FILE lib/task_core.cpp
    REPLACE "            count_request(task);" BY "" FINDS "told the truth")
weft_seeded_bug(tasks_model NAME takes_a_later_request_for_passed_on PART twice FILE lib/cancel_request.cpp
    REPLACE "note_forwarding(*node, its, asked);" BY "note_forwarding(*node, its, requests_in(its));" FINDS "told the truth")
weft_seeded_bug(tasks_model NAME taken_back_without_lock PART uncancel FILE lib/cancellation.cpp
    REPLACE "    waiter_list::guard const waiters(task.waiters);
    int const open" BY "    int const open" FINDS "told the truth")
weft_seeded_bug(tasks_model NAME both_resume PART sleep FILE lib/cancel_request.cpp
    REPLACE "if (!take_from_source(scope.task()->group->core(), *node)) continue;"
    BY "static_cast<void>(take_from_source(scope.task()->group->core(), *node));")
weft_seeded_bug(tasks_model NAME request_missed_at_the_end PART task_end FILE lib/task_core.cpp
    REPLACE "if (seen && task.requests.load(std::memory_order_relaxed) != *seen) [[unlikely]] return false;"
    BY "static_cast<void>(seen);" FINDS "told the truth")
weft_seeded_bug(tasks_model NAME relaxed_reference PART handle FILE lib/task_core.cpp
    REPLACE "task.references.fetch_sub(1, std::memory_order_acq_rel) == 1"
    BY "task.references.fetch_sub(1, std::memory_order_relaxed) == 1" FINDS "data race")
weft_seeded_bug(tasks_model NAME limit_not_waited_for PART limit FILE lib/timeout.cpp
    REPLACE "!= time_limit::stage::passed) std::this_thread::yield();" BY "== time_limit::stage::open) std::this_thread::yield();")
weft_seeded_bug(tasks_model NAME told_in_place_of_a_limit_and_again PART limit FILE lib/cancellation.cpp
    REPLACE "    throw_cancelled();" BY "    throw cancelled();" FINDS "told so, once")

weft_seeded_bug(tasks_model NAME no_light_fence_at_spawn PART spawn FILE lib/spawn.cpp
    REPLACE "    asymmetric_fence::light();
    if (group.cancelling())" BY "    if (group.cancelling())" FINDS "each task has been cancelled")
weft_seeded_bug(tasks_model NAME reference_dropped_after_the_count PART passed_on FILE lib/task_core.cpp
    REPLACE "            drop_reference(task);
        }
        group.count_ended(here.index());"
    BY "        }
        group.count_ended(here.index());
        drop_reference(task);" FINDS "the frames are gone")
weft_seeded_bug(tasks_model NAME counted_before_the_frame_is_gone PART run_end FILE lib/task_core.cpp
    REPLACE "    if (drop_one(task)) {
        // The destructors of the coroutine's parameters may spawn, when its promise is gone already: for the same run, then.
        between_tasks const in_its_place(here, group);
        destroy_task(task);
    }
    // Its end is not counted yet, so the group is still of this run.
    if (was_main && !soon_alone(group)) cancel_tasks_of(group);
    // After the frame is gone: who waits for the run's end may rely on that.
    group.count_ended(here.index());"
    BY "    if (was_main && !soon_alone(group)) cancel_tasks_of(group);
    group.count_ended(here.index());
    if (drop_one(task)) destroy_task(task);" FINDS "the frames are gone")

weft_seeded_bug(tasks_model NAME end_not_waited_for PART completions FILE lib/completions.cpp
    REPLACE "if (end.has_come) break;" BY "break;")
weft_seeded_bug(tasks_model NAME end_missed PART completions FILE lib/completions.cpp
    REPLACE "        if (come.first()) return false;" BY "")
weft_seeded_bug(tasks_model NAME taken_back_is_no_winner PART first_taken_back FILE include/weft/first.hpp SEEN_BY tasks/completions_model.cpp
    REPLACE "        if (!result_) throw cancelled();" BY "")
weft_seeded_bug(tasks_model NAME not_told_is_no_winner PART first_not_told FILE include/weft/first.hpp SEEN_BY tasks/completions_model.cpp
    REPLACE "        if (!result_) throw cancelled();" BY "")
# The same as told_and_told_again, for another one who calls it.
weft_seeded_bug(tasks_model NAME told_and_told_again_by_first PART completions FILE lib/cancellation.cpp
    REPLACE "    here.seen = note_delivery(here.scope);
    throw cancelled();" BY "    static_cast<void>(here);
    throw cancelled();" FINDS "told once")

weft_seeded_bug(tasks_model NAME failures_kept_without_lock PART group FILE lib/task_group.cpp
    REPLACE "    std::lock_guard const lock(mutex_);
    failures_.push_back(std::move(failure));
    if (cancelled_) return;" BY "    failures_.push_back(std::move(failure));
    if (cancelled_) return;" FINDS "data race")
weft_seeded_bug(tasks_model NAME children_cancelled_without_lock PART group FILE lib/task_group.cpp
    REPLACE "    std::lock_guard const lock(mutex_);
    failures_.push_back(std::move(failure));
    if (cancelled_) return;"
    BY "    {
        std::lock_guard const lock(mutex_);
        failures_.push_back(std::move(failure));
        if (cancelled_) return;
    }" FINDS "data race")
weft_seeded_bug(tasks_model NAME spawned_when_the_others_are_cancelled PART spawned FILE lib/task_group.cpp
    REPLACE "    if (cancelled_)
        throw invalid_state(" BY "    if (false)
        throw invalid_state(" FINDS "all tasks have ended")
weft_seeded_bug(tasks_model NAME request_not_told_behind_a_failure PART group FILE lib/task_group.cpp
    REPLACE "    if (told.any) tell_again(told);" BY "" FINDS "is told so, once")
weft_seeded_bug(tasks_model NAME told_again_what_is_still_to_come PART around FILE lib/task_group.cpp
    REPLACE "scope_.told_since(before_)};" BY "{.any = scope_.cancelled_around()}};" FINDS "is told so, once")
weft_seeded_bug(tasks_model NAME told_by_a_limit_that_is_left PART around FILE lib/cancellation.cpp
    REPLACE "    --this_worker->seen;" BY "    if (requests_in(this_worker->scope) != this_worker->seen) return;
    --this_worker->seen;" FINDS "is told so, once")
weft_seeded_bug(tasks_model NAME forgotten_without_lock PART forgotten FILE lib/task_group.cpp
    REPLACE "        std::lock_guard const lock(mutex_);
        if (children_.size() < forget_at_) return;" BY "        if (children_.size() < forget_at_) return;" FINDS "data race")
weft_seeded_bug(tasks_model NAME waited_for_without_reference PART forgotten FILE lib/task_group.cpp
    REPLACE "                child->references.fetch_add(1, std::memory_order_relaxed);
                return child;
            }
            children_.pop_back();
        }
        drop_reference(*child);
    }
}

void group_core::release(promise_base* child) noexcept {
    drop_reference(*child);
}" BY "                return child;
            }
            children_.pop_back();
        }
        drop_reference(*child);
    }
}

void group_core::release(promise_base*) noexcept {}")
weft_seeded_bug(tasks_model NAME body_told_twice PART body FILE lib/task_group.cpp
    REPLACE "    failures_.push_back(std::move(failure));
    if (cancelled_) return;" BY "    failures_.push_back(std::move(failure));"
    FINDS "told once")
weft_seeded_bug(tasks_model NAME alive_looked_for_without_lock PART spawned FILE lib/task_group.cpp
    REPLACE "            std::lock_guard const lock(mutex_);
            if (children_.empty()) {" BY "            if (children_.empty()) {" FINDS "data race")
weft_seeded_bug(tasks_model NAME told_by_the_group_and_reported PART group FILE lib/task_group.cpp
    REPLACE "    mark_retrieved(*this_worker->scope.task());" BY "" FINDS "is not reported")

weft_seeded_bug(tasks_model NAME limit_around_what_the_watchers_cancel PART wait_limit FILE include/weft/wait.hpp SEEN_BY tasks/wait_model.cpp
    REPLACE "        entered_scope all;
        auto const limit = co_await timeout_awaitable(measured::from_await, duration);"
    BY "        auto const limit = co_await timeout_awaitable(measured::from_await, duration);
        entered_scope all;" FINDS "nobody has cancelled who waits")
weft_seeded_bug(tasks_model NAME told_and_told_again PART told FILE lib/cancellation.cpp
    REPLACE "    here.seen = note_delivery(here.scope);
    throw cancelled();" BY "    static_cast<void>(here);
    throw cancelled();" FINDS "told once")
weft_seeded_bug(tasks_model NAME forgotten_when_a_scope_is_left PART told FILE lib/cancellation.cpp
    REPLACE "around - (unseen - unseen_inside)" BY "around + 0 * (unseen - unseen_inside)" FINDS "told the truth")
weft_seeded_bug(tasks_model NAME taken_back_is_not_told PART taken_back FILE include/weft/wait.hpp SEEN_BY tasks/wait_model.cpp
    REPLACE "from_around = all.told_from_around();" BY "from_around = all.cancelled_around();" FINDS "else it waits")
weft_seeded_bug(tasks_model NAME limit_left_while_it_is_counted PART wait_limit FILE lib/cancel_request.cpp
    REPLACE "    asked.count_in(scope);
    counted(scope);" BY "    counted(scope);
    asked.count_in(scope);")
weft_seeded_bug(tasks_model NAME limit_passed_relaxed PART wait_limit FILE lib/timeout.cpp
    REPLACE "reached.store(time_limit::stage::passed, std::memory_order_release)"
    BY "reached.store(time_limit::stage::passed, std::memory_order_relaxed)" FINDS "data race")
