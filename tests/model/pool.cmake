# SPDX-License-Identifier: MIT
# Seeded bugs of the threads that may block.
weft_seeded_bug(thread_pool_model NAME ends_although_expected FILE lib/thread_pool.cpp
    REPLACE "        if (jobs_ >= free_) continue;  // a job is to come that needs it" BY "" FINDS "deadlock")
weft_seeded_bug(thread_pool_model NAME free_after_telling FILE lib/thread_pool.cpp
    REPLACE "            ++free_;
            if (is_there) {
                // Free before it tells: who is told may come with the next job at once, which needs no other thread.
                lock.unlock();
                next->tell(*next);
                lock.lock();
            }"
    BY "            if (is_there) {
                lock.unlock();
                next->tell(*next);
                lock.lock();
            }
            ++free_;"
    FINDS "the one that is free again is enough")
weft_seeded_bug(thread_pool_model NAME chosen_and_still_idle FILE lib/thread_pool.cpp
    REPLACE "    idle_.pop_back();" BY "" FINDS "while a job stands in line")
weft_seeded_bug(thread_pool_model NAME one_thread_too_few FILE lib/thread_pool.cpp
    REPLACE "if (jobs_ >= free_ && threads_ < most_)"
    BY "if ((threads_ == 0 || jobs_ > free_) && threads_ < most_)" FINDS "deadlock")
weft_seeded_bug(thread_pool_model NAME taken_out_although_begun FILE lib/thread_pool.cpp
    REPLACE "    if (!given.queued) return false;" BY "")
weft_seeded_bug(thread_pool_model NAME stop_without_tokens FILE lib/thread_pool.cpp
    REPLACE "for (seat* const each : idle_) each->park.unpark();" BY "" FINDS "deadlock")

# Who awaits a function on one of them: tasks/function_end_model.cpp.
weft_seeded_bug(tasks_model NAME relaxed_end_of_function PART function_end FILE lib/to_thread.cpp
    REPLACE "thread_job::stage::ended, std::memory_order_acquire)"
    BY "thread_job::stage::ended, std::memory_order_relaxed)")
weft_seeded_bug(tasks_model NAME relaxed_abandoning PART function_end FILE lib/cancel_request.cpp
    REPLACE "thread_job::stage::abandoned, std::memory_order_release,"
    BY "thread_job::stage::abandoned, std::memory_order_relaxed,")
weft_seeded_bug(tasks_model NAME function_resumes_who_was_cancelled PART function_end FILE lib/to_thread.cpp
    REPLACE "    function.destroy(function);
    return false;" BY "    return true;")
