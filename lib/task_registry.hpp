// SPDX-License-Identifier: MIT
// Which tasks of a runtime are alive.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <source_location>
#include <vector>

#include <weft/detail/config.hpp>

#include "asymmetric_fence.hpp"

namespace weft::detail {

struct promise_base;

// A table of tasks. One that begins takes a free place, one that ends gives it back: each worker has a stack of free ones, so
// neither is an atomic read-modify-write (worker::places). Stacks that are full or empty exchange with a common store.
//
// A task that was visited stays alive as long as the visit: by the lemma of lib/README.md, "Sleeping and waking", of who ends it
// (it empties the place, passes a light fence, reads `walking_`) and who walks (it sets `walking_`, passes a heavy fence, reads the
// places) one sees the other: the walker finds the place empty, or the task's end waits until the walk is over. Only then is the
// place used again: so an entry is not written while somebody reads it.
class task_registry {
    static constexpr std::uint32_t batch = 256;

public:
    // Free places of one worker, or of all other threads together.
    struct free_places {
        std::array<std::uint32_t, 2 * batch> places;
        std::size_t count = 0;
    };

    task_registry() = default;
    task_registry(task_registry const&) = delete;
    task_registry& operator=(task_registry const&) = delete;
    ~task_registry();

    // Whether the next place needs neither a lock nor memory.
    [[nodiscard]] static bool has_next(free_places const& own) noexcept { return own.count != 0; }
    // On a worker: the next free place, and, once nothing throws any more, to take it. Throws std::bad_alloc.
    [[nodiscard]] std::uint32_t next(free_places& own) {
        if (own.count == 0) [[unlikely]] fill(own);
        return own.places[own.count - 1];
    }
    void take_next(free_places& own) noexcept { --own.count; }
    // `where` it was spawned.
    void occupy(std::uint32_t place, promise_base& task, std::source_location where) noexcept {
        entry& taken = at(place);
        std::construct_at(&taken.spawned_at, where);
        taken.task = &task;
        // release. Pairs with: visit_from.
        occupied(place).store(true, std::memory_order_release);
    }
    WEFT_ALWAYS_INLINE void remove(free_places& own, std::uint32_t place) noexcept {
        wait_until_unseen(place);
        give_back(own, place);
    }
    // On any other thread. Throws std::bad_alloc.
    [[nodiscard]] std::uint32_t take_outside();
    void give_back_outside(std::uint32_t unoccupied) noexcept;

    // Where the task that has the place was spawned.
    [[nodiscard]] std::source_location spawned_at(std::uint32_t place) const noexcept { return at(place).spawned_at; }
    // Room for a pointer, for who has no memory: in the place of that, which is not known any more afterwards.
    [[nodiscard]] void*& spare_link(std::uint32_t place) noexcept { return at(place).spare_link; }
    void drop_spare_link(std::uint32_t place) noexcept { std::construct_at(&at(place).spawned_at); }

    // Calls visit(task) for those that have a place from the `from`th on, until it answers false. Returns from where to go on;
    // end() when all have been seen. The visit must be short and must not end a task.
    static constexpr std::size_t end() noexcept { return static_cast<std::size_t>(-1); }
    template <class Visit>
    std::size_t visit_from(std::size_t from, Visit visit) {
        std::lock_guard const lock(walk_);
        walking_.store(true, std::memory_order_relaxed);
        asymmetric_fence::heavy();
        // acquire. Pairs with: fill. Makes visible: the entries, constructed. A place beyond is of a task that was spawned later,
        // and is told so by its run (run_group::begin_cancelling).
        std::size_t const places = made_.load(std::memory_order_acquire);
        for (; from < places; ++from) {
            auto const place = static_cast<std::uint32_t>(from);
            // acquire. Pairs with: `occupy`. Makes visible: the task. If weaker: a task is visited that is not there yet.
            if (occupied(place).load(std::memory_order_acquire) && !visit(*at(place).task)) break;
        }
        // release. Pairs with: wait_until_unseen. Makes visible: the references that the visit has taken. If weaker: the task's end
        // does not see them, and frees it.
        walking_.store(false, std::memory_order_release);
        return from < places ? from : end();
    }

private:
    struct entry {
        promise_base* task = nullptr;
        union {
            std::source_location spawned_at{};
            void* spare_link;
        };
    };
    struct row_of_entries {
        entry* entries = nullptr;  // null: not needed, yet or ever
        // Of each, whether it is. Apart from them, so that a task that ends need not have its entry in the cache: where a million
        // tasks are alive, that is not there any more.
        std::atomic<bool>* occupied = nullptr;
    };

    void wait_until_unseen(std::uint32_t place) noexcept {
        // relaxed, with the fence: the lemma above. Pairs with: visit_from. If there were no fence: the walker visits the task,
        // which goes, and its place is written.
        occupied(place).store(false, std::memory_order_relaxed);
        asymmetric_fence::light();
        // acquire. Pairs with: the end of visit_from.
        if (walking_.load(std::memory_order_acquire)) [[unlikely]] {
            std::lock_guard const lock(walk_);
        }
    }
    void give_back(free_places& own, std::uint32_t place) noexcept {
        if (own.count == own.places.size()) [[unlikely]] empty_half(own);
        own.places[own.count++] = place;
    }
    WEFT_NOINLINE void fill(free_places& empty);
    WEFT_NOINLINE void empty_half(free_places& full) noexcept;

    // Entries stay where they are. Each row is as long as all before it together, and one batch: a place is found by the highest bit
    // of its number, counted from a batch on. Who asks for a place has it from `fill`, directly or not, and so sees its row.
    [[nodiscard]] static constexpr std::uint32_t number_of(std::uint32_t place) noexcept { return place + batch; }
    [[nodiscard]] static constexpr std::uint32_t row_of(std::uint32_t number) noexcept {
        return 31U - static_cast<std::uint32_t>(std::countl_zero(number | 1U));  // never zero: spares compilers the question
    }
    [[nodiscard]] entry& at(std::uint32_t place) const noexcept {
        std::uint32_t const number = number_of(place);
        std::uint32_t const row = row_of(number);
        return rows_[row].entries[number - (1U << row)];
    }
    [[nodiscard]] std::atomic<bool>& occupied(std::uint32_t place) const noexcept {
        std::uint32_t const number = number_of(place);
        std::uint32_t const row = row_of(number);
        return rows_[row].occupied[number - (1U << row)];
    }

    std::array<row_of_entries, 32> rows_{};  // written with store_mutex_ held
    std::atomic<std::size_t> made_{0};  // so many entries are constructed
    std::mutex store_mutex_;
    std::vector<std::array<std::uint32_t, batch>> store_;
    std::mutex outside_mutex_;
    free_places outside_;
    std::mutex walk_;
    alignas(config::destructive_interference) std::atomic<bool> walking_{false};
};

}  // namespace weft::detail
