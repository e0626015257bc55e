// SPDX-License-Identifier: MIT
#include "thread_pool.hpp"

#include <algorithm>
#include <utility>

#include "clock.hpp"
#include "platform.hpp"

namespace weft::detail {

// A thread's place, with its number. It is used again for another thread, and stays until the pool goes: who wakes a thread may
// come late.
struct thread_pool::seat {
    explicit seat(unsigned its_number) noexcept : number(its_number) {}

    unsigned const number;
    parker park;
    std::thread thread;  // not joinable: the seat is free
};

thread_pool::thread_pool(std::string name, unsigned most, std::int64_t keep_alive)
    : name_(std::move(name)), keep_alive_(keep_alive), most_(most) {}

thread_pool::~thread_pool() {
    stop();
}

void thread_pool::expect() {
    std::lock_guard const lock(mutex_);
    if (most_ == 0) most_ = std::min(32u, platform::usable_processors() + 4);
    if (jobs_ >= free_ && threads_ < most_) {
        try {
            start_one();
        } catch (...) {
            if (threads_ == 0) throw;
            // The others will come to it. None of them ends as long as it is expected.
        }
    }
    ++jobs_;
}

void thread_pool::expect_no_more() noexcept {
    std::lock_guard const lock(mutex_);
    --jobs_;
}

// With the mutex held, which the new thread takes first of all.
void thread_pool::start_one() {
    idle_.reserve(threads_ + 1);
    auto found = std::ranges::find_if(seats_, [](auto const& each) { return !each->thread.joinable(); });
    if (found == seats_.end()) {
        seats_.push_back(std::make_unique<seat>(static_cast<unsigned>(seats_.size())));
        found = seats_.end() - 1;
    }
    seat& own = **found;
    std::string thread_name = name_ + "-thread-" + std::to_string(own.number);
    own.thread = std::thread([this, &own, thread_name = std::move(thread_name)] {
        platform::name_this_thread(thread_name);
        serve(own);
    });
    ++threads_;
    ++free_;
}

thread_pool::seat* thread_pool::push(pool_job& given) noexcept {
    std::lock_guard const lock(mutex_);
    given.queued = true;
    given.prev = last_;
    given.next = nullptr;
    (last_ ? last_->next : first_) = &given;
    last_ = &given;
    if (idle_.empty()) return nullptr;
    seat* const chosen = idle_.back();
    idle_.pop_back();
    return chosen;
}

void thread_pool::wake(seat* idle) noexcept {
    if (idle) idle->park.unpark();
}

bool thread_pool::remove(pool_job& given) noexcept {
    std::lock_guard const lock(mutex_);
    if (!given.queued) return false;
    unlink(given);
    return true;
}

void thread_pool::unlink(pool_job& given) noexcept {
    (given.prev ? given.prev->next : first_) = given.next;
    (given.next ? given.next->prev : last_) = given.prev;
    given.queued = false;
    --jobs_;
}

pool_job* thread_pool::take_first() noexcept {
    pool_job* const first = first_;
    if (first) unlink(*first);
    return first;
}

void thread_pool::serve(seat& own) noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (pool_job* const next = take_first()) {
            --free_;
            lock.unlock();
            bool const is_there = next->run(*next);
            lock.lock();
            ++free_;
            if (is_there) {
                // Free before it tells: who is told may come with the next job at once, which needs no other thread.
                lock.unlock();
                next->tell(*next);
                lock.lock();
            }
            continue;
        }
        if (stopping_) return;
        idle_.push_back(&own);
        lock.unlock();
        bool const woken = own.park.park(steady_now() + keep_alive_);
        lock.lock();
        if (woken) continue;
        auto const found = std::ranges::find(idle_, &own);
        if (found == idle_.end()) {
            // It was chosen in this very moment: a token is on its way.
            lock.unlock();
            own.park.park();
            lock.lock();
            continue;
        }
        idle_.erase(found);
        if (jobs_ >= free_) continue;  // a job is to come that needs it
        --threads_;
        --free_;
        std::thread before = std::exchange(last_to_end_, std::move(own.thread));
        lock.unlock();
        if (before.joinable()) before.join();
        return;
    }
}

void thread_pool::stop() noexcept {
    {
        std::lock_guard const lock(mutex_);
        stopping_ = true;
        for (seat* const each : idle_) each->park.unpark();
        idle_.clear();
    }
    // Nobody leaves a seat any more.
    for (auto const& each : seats_)
        if (each->thread.joinable()) each->thread.join();
    if (last_to_end_.joinable()) last_to_end_.join();
}

bool thread_pool::has_this_thread() const noexcept {
    std::lock_guard const lock(mutex_);
    return std::ranges::any_of(seats_, [](auto const& each) { return each->thread.get_id() == std::this_thread::get_id(); });
}

thread_pool::census thread_pool::now() const noexcept {
    std::lock_guard const lock(mutex_);
    return {threads_, free_, jobs_};
}

void thread_pool::dump(std::ostream& out) const {
    std::unique_lock const lock(mutex_, std::try_to_lock);
    if (lock)
        out << "  " << threads_ << " threads for blocking functions, " << free_ << " free; " << jobs_ << " functions in line\n";
    else
        out << "  the threads for blocking functions are locked\n";
}

}  // namespace weft::detail
