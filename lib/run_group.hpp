// SPDX-License-Identifier: MIT
// The tasks of one run, counted, so that run() can wait for the last of them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include <weft/detail/config.hpp>

#include "asymmetric_fence.hpp"

namespace weft::detail {

class runtime_core;

// Every worker counts in a place of its own, with plain stores, the tasks it has begun (spawned) and those it has ended; both only
// grow. A look that reads all `ended` first and then all `begun`, and finds the sums equal, proves that no task is alive:
//
//   Suppose a task is alive at the look. Follow its spawners back up to the first whose end the look did not count, call it Y: its
//   spawner's end was counted, or it is the run's main task. Y's begin was counted before its spawner's end in the same causal
//   chain (acquire of the spawner's `ended`), or under the mutex for a main task, so the look sees it. It sees the begin of every
//   task whose end it counted, too. Hence begun >= ended + 1: not equal.
//
// Who passes a request to cancel on (wait_for_end, pass_limit) counts as a task meanwhile, as if the one that waits, or that is in the
// scope, had spawned it: that one does not go on before the begin is counted. So the frame that it refers to goes before the run ends.
//
// Looks are taken only once the run is draining, that is when its main task has ended. A worker that counts an end passes a light
// fence and then reads `draining_`; whoever sets `draining_` looks. Where that finds the sums equal they prove what they prove, and
// nobody need look again. Else it passes a heavy fence and looks once more: of that and of the worker that counts the last end one
// sees the other (asymmetric_fence.hpp). Groups are used again for later runs and never freed before the workers are joined, so a
// late look is harmless: under the mutex it finds a later run that is not draining, or that run's true sums.
class run_group {
public:
    run_group(runtime_core& core, unsigned workers) : core_(core), counts_(workers) {}
    run_group(run_group const&) = delete;
    run_group& operator=(run_group const&) = delete;

    [[nodiscard]] runtime_core& core() const noexcept { return core_; }

    // From outside: a new run begins / one more task, false when draining.
    void begin_run() noexcept;
    [[nodiscard]] bool begin_task_outside() noexcept;
    void undo_begin_outside() noexcept;

    // On that worker.
    void count_begun(unsigned worker) noexcept {
        std::atomic<std::uint64_t>& begun = counts_[worker].begun;
        // relaxed: it is the release of some `ended` that makes it visible. Only this worker writes it.
        begun.store(begun.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    void count_ended(unsigned worker) noexcept {
        std::atomic<std::uint64_t>& ended = counts_[worker].ended;
        // release. Pairs with: the acquire in `add_up`. Makes visible: the begins of all tasks that the ended one spawned. If weaker:
        // the sums may agree while such a task is alive.
        ended.store(ended.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        asymmetric_fence::light();
        if (draining_.load(std::memory_order_relaxed)) [[unlikely]] look();
    }

    // On a worker, by the main task at its end, which is not counted yet: whether no other task is alive.
    [[nodiscard]] bool alone() const noexcept;
    // Tasks that are spawned from now on are cancelled before they begin. relaxed, both: who spawns registers the task and passes a
    // light fence before it asks, who cancels passes a heavy one after this (task_registry): one of the two finds the task.
    void begin_cancelling() noexcept { cancelling_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool cancelling() const noexcept { return cancelling_.load(std::memory_order_relaxed); }

    // No further task from outside; once the last has ended, wait() returns. True: it has.
    bool drain() noexcept;
    // False: given up, with tasks that are alive.
    bool wait() noexcept;
    void give_up() noexcept;

private:
    struct alignas(config::destructive_interference) count {
        std::atomic<std::uint64_t> begun{0};
        std::atomic<std::uint64_t> ended{0};
    };

    struct sums {
        std::uint64_t begun;
        std::uint64_t ended;
    };
    [[nodiscard]] sums add_up() const noexcept;
    // Whether it has found the run over.
    bool look() noexcept;

    runtime_core& core_;
    std::vector<count> counts_;
    alignas(config::destructive_interference) std::atomic<bool> draining_{false};
    std::atomic<bool> cancelling_{false};
    mutable std::mutex mutex_;
    std::condition_variable over_changed_;
    std::uint64_t begun_outside_ = 0;
    bool over_ = false;
    bool given_up_ = false;
};

}  // namespace weft::detail
