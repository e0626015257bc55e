// SPDX-License-Identifier: MIT
// What is not weft's own: a thread that is no worker, and awaitables that know nothing of weft.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace weft::test {

// The calling thread. Out of line: compilers keep what they learnt about the thread over a suspension.
[[gnu::noinline]] inline std::thread::id this_thread_id() noexcept {
    asm volatile("" ::: "memory");
    return std::this_thread::get_id();
}

// A thread that does what it is given, in order, and ends when it is destroyed and has done everything.
class other_thread {
public:
    other_thread() : thread_([this] { work(); }) {}
    other_thread(const other_thread&) = delete;
    other_thread& operator=(const other_thread&) = delete;
    ~other_thread() {
        post({});
        thread_.join();
    }

    void post(std::function<void()> job) {
        // Notified under the lock: the job may end this object, whose destructor then comes for the lock, too.
        const std::lock_guard lock{mutex_};
        jobs_.push_back(std::move(job));
        posted_.notify_one();
    }

    // Awaited, it resumes the coroutine on this thread.
    class hop_awaiter {
    public:
        explicit hop_awaiter(other_thread& to) noexcept : to_(&to) {}
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> suspended) const {
            to_->post([suspended] { suspended.resume(); });
        }
        std::thread::id await_resume() const { return this_thread_id(); }

    private:
        other_thread* to_;
    };
    hop_awaiter hop() noexcept { return hop_awaiter{*this}; }

private:
    void work() {
        for (;;) {
            std::unique_lock lock{mutex_};
            posted_.wait(lock, [this] { return !jobs_.empty(); });
            const auto job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            if (!job) return;
            job();
        }
    }

    std::mutex mutex_;
    std::condition_variable posted_;
    std::deque<std::function<void()>> jobs_;
    std::thread thread_;  // last: it uses all of the above
};

// Awaitables that do not suspend after all.
struct declining {
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
    void await_resume() const noexcept {}
};
struct refusing {
    struct refusal {};
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const { throw refusal{}; }
    void await_resume() const noexcept {}
};

// Opened once, by any thread. Awaiting it waits until then; whoever opens it resumes them all, there and then.
class gate {
public:
    void open() {
        std::unique_lock lock{mutex_};
        open_ = true;
        const auto waiting = std::exchange(waiting_, {});
        lock.unlock();
        for (const auto suspended : waiting) suspended.resume();
    }

    class awaiter {
    public:
        explicit awaiter(gate& at) noexcept : at_(&at) {}
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> suspended) const {
            const std::lock_guard lock{at_->mutex_};
            if (!at_->open_) at_->waiting_.push_back(suspended);
            return !at_->open_;
        }
        void await_resume() const noexcept {}

    private:
        gate* at_;
    };
    awaiter operator co_await() noexcept { return awaiter{*this}; }

private:
    std::mutex mutex_;
    bool open_ = false;
    std::vector<std::coroutine_handle<>> waiting_;
};

}  // namespace weft::test
