// SPDX-License-Identifier: MIT
// The timer wheel: which timers are due? A pure data structure; it asks no clock, takes no lock, and resumes nobody.
//
// A hierarchical timing wheel: G. Varghese and T. Lauck, "Hashed and hierarchical timing wheels: data structures for the efficient
// implementation of a timer facility", SOSP 1987, scheme 7. Inserting and erasing take constant time. An entry moves to a finer
// level at most six times in its life; most are erased before their first move.
//
// Time is cut into ticks of 2^14 ns (16.4 us), and the tick number into digits, so that a level has a slot for each value of its
// digit. All values of a level's digit together are one of its blocks, which lasts as long as one slot of the level above. A level
// has slots for two blocks: the one that the present is in, and the next.
//
//     level   bits   one slot lasts      one block lasts
//       0       7      16.4 us             2.10 ms
//       1      10      2.10 ms             2.15 s
//       2       7      2.15 s              4.58 min
//       3       7      4.58 min            9.77 h
//       4       7      9.77 h              52.1 days
//       5       6      52.1 days           9.14 years
//       6       6      9.14 years          584 years: all of int64
//
// Level 1 is the wide one because most sleeps and time limits lie in its reach, and then move once. The next block is there because
// with the present one alone all timers that lie beyond its end, however near that is, would stand in one slot of the level above,
// and have to be moved all at once when it begins.
//
// The invariant. Let c be the wheel's current tick and t that of an entry's deadline, or c if the deadline lies before that.
// (1) The entry is on the lowest level of which t is in c's block or in the next one, in the slot of t's digit there.
// (2) A slot is occupied exactly when its bit is set, and `earliest` is at most the least deadline in it.
//
// It follows that everything on level L expires before everything on level L + 1, on a level what is in the present block before
// what is in the next, and in a block in the order of the slots. Finding the next entry to expire is a few looks at a bitmap. And
// where an entry is depends on its deadline and c only, so entries of one deadline share a slot at all times and, as all lists
// append at the end, leave in the order in which they were armed.
#pragma once

#include "weft/detail/timer_entry.hpp"

#include <algorithm>
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

    // Appends a whole list.
    void append(timer_list rest) noexcept {
        if (rest.head_ == nullptr) return;
        (head_ == nullptr ? head_ : tail_->next) = rest.head_;
        tail_ = rest.tail_;
    }

    timer_entry const* front() const noexcept { return head_; }

private:
    timer_entry* head_ = nullptr;
    timer_entry* tail_ = nullptr;  // means nothing while the list is empty
};

// One list of two that came out of different wheels: by ticks in order of deadline, within a tick in the order in which the entries
// were armed. Of equals, first's come first.
timer_list merged(timer_list first, timer_list second) noexcept;

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

    // Calls visit(entry) for all of them, in no order.
    template <class Visit>
    void each(Visit visit) const {
        for (std::size_t slot = 0; slot < slot_count; ++slot)
            if (occupied(slot))
                for (timer_entry const* entry = slots_[slot].head; entry != nullptr; entry = entry->next) visit(*entry);
    }

    // The number of the tick that a moment lies in.
    static std::uint64_t tick_of(std::int64_t time) noexcept;

private:
    static constexpr int tick_bits = 14;
    static constexpr std::array digit_bits{7, 10, 7, 7, 7, 6, 6};
    static constexpr std::size_t word_bits = 64;

    struct level {
        int shift;               // of its digit in a tick's number
        int block_shift;         // of what counts its blocks
        std::size_t slots;       // of both blocks
        std::size_t first_slot;  // numbered through all levels
    };
    static constexpr auto levels = [] {
        std::array<level, digit_bits.size()> all{};
        int shift = 0;
        std::size_t first_slot = 0;
        for (std::size_t index = 0; index < all.size(); ++index) {
            int const block_shift = shift + digit_bits[index];
            all[index] = {shift, block_shift, std::size_t{2} << digit_bits[index], first_slot};
            shift = block_shift;
            first_slot += all[index].slots;
        }
        return all;
    }();
    // By the number of a bit in a tick's number.
    static constexpr auto level_of_bit = [] {
        std::array<std::uint8_t, levels.back().block_shift> all{};
        for (std::size_t index = 0; index < levels.size(); ++index)
            for (int bit = levels[index].shift; bit < levels[index].block_shift; ++bit)
                all[static_cast<std::size_t>(bit)] = static_cast<std::uint8_t>(index);
        return all;
    }();
    static constexpr std::size_t slot_count = levels.back().first_slot + levels.back().slots;
    static constexpr std::size_t words = slot_count / word_bits;

    static_assert(tick_bits + levels.back().block_shift == 64, "the levels must cover every deadline, none of them in vain");
    static_assert(slot_count < timer_entry::in_no_wheel, "an entry keeps its slot in 16 bits, one value of which means none");
    static_assert(std::ranges::all_of(digit_bits, [](int bits) { return bits >= 6; }), "a block must start a bitmap word");
    static_assert(words <= 64, "occupied_words_ has a bit for each bitmap word");

    // All zeros is an empty slot; in one, tail and earliest mean nothing.
    struct slot_list {
        timer_entry* head;
        timer_entry* tail;
        std::int64_t earliest;
    };

    static std::int64_t start_of(std::uint64_t tick) noexcept;
    static std::size_t highest_level_between(std::uint64_t tick, std::uint64_t other) noexcept;
    static std::uint64_t block_of(std::uint64_t tick, level const& on) noexcept;
    static std::size_t slot_on(level const& on, std::uint64_t tick) noexcept;
    std::size_t slot_of(std::int64_t deadline) const noexcept;
    // The occupied slot of the lowest level, there of the present block before the next, there the first.
    struct place_in_time {
        std::size_t slot;
        std::size_t level;
        std::uint64_t first_tick;
    };
    place_in_time first_occupied() const noexcept;
    bool occupied(std::size_t slot) const noexcept { return occupied_[slot / word_bits] >> (slot % word_bits) & 1; }
    void place(timer_entry& entry) noexcept;
    void unlink(timer_entry& entry) noexcept;
    void clear_bit(std::size_t slot) noexcept;
    timer_entry* take_all(std::size_t slot) noexcept;
    void take_due(std::size_t slot, std::int64_t now, timer_list& due) noexcept;
    void move_to(std::int64_t now) noexcept;
    void spread(std::size_t slot) noexcept;

    std::int64_t now_;
    std::size_t size_ = 0;
    std::uint64_t occupied_words_ = 0;             // bit w: occupied_[w] is not 0
    std::array<std::uint64_t, words> occupied_{};  // bit s % 64 of word s / 64: slot s is not empty
    std::array<slot_list, slot_count> slots_{};
};

}  // namespace weft::detail
