// SPDX-License-Identifier: MIT
// The timer wheel: which timers are due? A pure data structure; it asks no clock, takes no lock, and resumes nobody.
//
// A hierarchical timing wheel: G. Varghese and T. Lauck, "Hashed and hierarchical timing wheels: data structures for the efficient
// implementation of a timer facility", SOSP 1987, scheme 7. Inserting and erasing take constant time. An entry moves to a finer
// level at most `levels - 1` times in its life; most are erased before their first move.
//
// Time is cut into ticks of 2^14 ns (16.4 us), and the tick number into digits of 8 bits, so that a level has a slot for each value
// of its digit:
//
//     level   one slot lasts      the level reaches to the end of the current
//       0       16.4 us             4.19 ms
//       1       4.19 ms             1.07 s
//       2       1.07 s              4.6 min
//       3       4.6 min             19.5 h
//       4       19.5 h              208 days
//       5       208 days            146 years
//       6       146 years           584 years: all of int64, so nothing overflows the top
//
// The invariant. Let c be the wheel's current tick and t that of an entry's deadline.
// (1) Where t > c, the entry is on the level of the highest digit in which t and c differ, in the slot of t's digit there. It
//     shares all higher digits with c, so it is in a block of time that c is in too, and at level L >= 1 all occupied slots are
//     past c's.
// (2) Where t <= c, the entry is in level 0's slot of c. (Not yet due within its tick; or due already when it was inserted.)
// (3) A slot is occupied exactly when its bit is set, and `earliest` is at most the least deadline in it.
//
// It follows that everything in level L expires before everything in level L + 1, and within a level in the order of the slots: so
// with slots numbered level * 256 + index, *the occupied slot of the lowest number holds the next entry to expire*. Finding it is
// two looks at a bitmap. And where an entry is depends on its deadline and c only, so entries of one deadline share a slot at all
// times and, as all lists append at the end, leave in the order in which they were armed.
#pragma once

#include "weft/detail/timer_entry.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft::detail {

// Entries that have left a wheel, in the order in which they are to be woken.
class timer_list {
public:
    bool empty() const noexcept { return head_ == nullptr; }

    // Takes the first entry, or nullptr. After this the list does not touch it again, so its frame may go.
    timer_entry* pop_front() noexcept {
        timer_entry* const first = head_;
        if (first != nullptr) head_ = first->next;
        return first;
    }

    // Appends an entry that is in no wheel and in no other list.
    void push_back(timer_entry& entry) noexcept {
        entry.next = nullptr;
        (head_ == nullptr ? head_ : tail_->next) = &entry;
        tail_ = &entry;
    }

private:
    timer_entry* head_ = nullptr;
    timer_entry* tail_ = nullptr;  // means nothing while the list is empty
};

// Times are nanoseconds since the steady clock's epoch; every int64 is allowed. The wheel does not own its entries and has no wish
// to see them again: destroying it leaves those still in it as they are.
class timer_wheel {
public:
    explicit timer_wheel(std::int64_t now) noexcept;
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;

    // Takes in an entry that is in no wheel. It stays where it is in memory until it is erased or returned by advance. A deadline
    // that has passed is allowed: the next advance returns it.
    void insert(timer_entry& entry) noexcept;

    // Takes out an entry that is in this wheel (and that, hence, advance has not returned).
    void erase(timer_entry& entry) noexcept;

    // Takes out and returns exactly the entries with deadline <= now: by ticks in order of deadline, within a tick in the order in
    // which they were armed. The size of the step does not matter, neither to the order nor to the time it takes, which depends on
    // the entries moved only. A `now` before the last one counts as the last one.
    timer_list advance(std::int64_t now) noexcept;

    // When to call advance next: no deadline is before this, and after an advance(now) it is after `now` (but for the int64 maximum
    // when the wheel is empty). It is the earliest deadline itself, unless that entry was erased: then it may still be that entry's
    // deadline. Believing it costs one advance that finds nothing due; that advance looks through the slot, and from then on the
    // answer is right again. So waiting until next_expiry() in a loop always makes progress.
    std::int64_t next_expiry() const noexcept;

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }

private:
    static constexpr int tick_bits = 14;
    static constexpr int digit_bits = 8;
    static constexpr int levels = 7;
    static constexpr std::size_t slots_per_level = std::size_t{1} << digit_bits;
    // The top level's digit has what the others leave of the 64 bits.
    static constexpr int top_digit_bits = 64 - tick_bits - (levels - 1) * digit_bits;
    static constexpr std::size_t slot_count = (levels - 1) * slots_per_level + (std::size_t{1} << top_digit_bits);
    static constexpr std::size_t word_bits = 64;
    static constexpr std::size_t words = (slot_count + word_bits - 1) / word_bits;

    static_assert(top_digit_bits > 0 && top_digit_bits <= digit_bits, "the levels must cover every deadline, none of them in vain");
    static_assert(slot_count < timer_entry::in_no_wheel, "an entry keeps its slot in 16 bits, one value of which means none");
    static_assert(slots_per_level % word_bits == 0, "a level must start a bitmap word");
    static_assert(words <= 32, "occupied_words_ has a bit for each bitmap word");

    // All zeros is an empty slot; in one, tail and earliest mean nothing.
    struct slot_list {
        timer_entry* head;
        timer_entry* tail;
        std::int64_t earliest;
    };

    static std::uint64_t tick_of(std::int64_t time) noexcept;
    static std::int64_t start_of(std::uint64_t tick) noexcept;
    std::size_t slot_of(std::int64_t deadline) const noexcept;
    std::size_t first_occupied() const noexcept;
    std::uint64_t first_tick_of(std::size_t slot) const noexcept;
    void place(timer_entry& entry) noexcept;
    void unlink(timer_entry& entry) noexcept;
    void clear_bit(std::size_t slot) noexcept;
    timer_entry* take_all(std::size_t slot) noexcept;
    void take_due(std::size_t slot, std::int64_t now, timer_list& due) noexcept;

    std::int64_t now_;
    std::size_t size_ = 0;
    std::uint32_t occupied_words_ = 0;             // bit w: occupied_[w] is not 0
    std::array<std::uint64_t, words> occupied_{};  // bit s % 64 of word s / 64: slot s is not empty
    std::array<slot_list, slot_count> slots_{};
};

}  // namespace weft::detail
