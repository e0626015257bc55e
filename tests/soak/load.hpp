// SPDX-License-Identifier: MIT
// A mixed load over all of weft, in rounds that leave nothing behind.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <random>

#include <weft/runtime.hpp>

#include "support/counted.hpp"

namespace weft::soak {

// What a run of the program leaks on purpose, to show that it would be noticed.
enum class leak { nothing, memory, descriptor, thread };

struct tally {
    leak leaks = leak::nothing;
    weft::test::census objects;             // what tasks and their frames keep
    std::atomic<std::uint64_t> tasks{0};    // roughly: those that have a frame of their own in the load
    std::atomic<std::uint64_t> wrong{0};    // results that are not what they must be
    std::atomic<std::uint64_t> reports{0};  // failures that nobody awaited
};

// The threads that make rounds, and the one that now and then wants all of them to stand still between two rounds.
class rounds {
public:
    explicit rounds(int drivers) : drivers_(drivers) {}

    // Drivers. False: it is over.
    bool next() {
        std::unique_lock lock(mutex_);
        if (quiet_wanted_ && !over_) {
            ++waiting_;
            changed_.notify_all();
            changed_.wait(lock, [this] { return !quiet_wanted_ || over_; });
            --waiting_;
        }
        ++begun_;
        return !over_;
    }

    // Calls f while all stand still.
    template <class Function>
    void quietly(Function f) {
        std::unique_lock lock(mutex_);
        quiet_wanted_ = true;
        changed_.wait(lock, [this] { return waiting_ == drivers_; });
        f();
        quiet_wanted_ = false;
        changed_.notify_all();
    }
    void end() {
        std::lock_guard const lock(mutex_);
        over_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] std::uint64_t begun() {
        std::lock_guard const lock(mutex_);
        return begun_;
    }

private:
    int const drivers_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool quiet_wanted_ = false;
    bool over_ = false;
    int waiting_ = 0;
    std::uint64_t begun_ = 0;
};

// A round each: a run on a runtime that lives on; tasks that are submitted to it; a runtime that comes and goes.
void run_round(runtime& lasting, tally& all, std::mt19937_64& engine);
void submit_round(runtime& lasting, tally& all, std::mt19937_64& engine);
void visit_round(tally& all, std::mt19937_64& engine);

}  // namespace weft::soak
