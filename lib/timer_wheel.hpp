// SPDX-License-Identifier: MIT
// The timer wheel: which timers are due? A pure data structure; it asks no clock, takes no lock, and resumes nobody.
//
// A hierarchical timing wheel: G. Varghese and T. Lauck, "Hashed and hierarchical timing wheels: data structures for the efficient
// implementation of a timer facility", SOSP 1987, scheme 7. Inserting and erasing take constant time. An entry moves to a finer
// level at most five times in its life; most are erased before their first move.
//
// Time is cut into ticks of 2^14 ns (16.4 us), and the tick number into digits of 8 bits, one of 10, so that a level has a slot for
// each value of its digit:
//
//     level   one slot lasts      the level reaches to the end of the current
//       0       16.4 us             4.19 ms
//       1       4.19 ms             4.29 s       (10 bits)
//       2       4.29 s              18.3 min
//       3       18.3 min            3.26 days
//       4       3.26 days           2.28 years
//       5       2.28 years          584 years: all of int64
//
// Level 1 is the wide one because most sleeps and time limits lie in its reach, and then move once.
//
// The invariant. Let c be the wheel's current tick and t that of an entry's deadline.
// (1) Where t > c, the entry is on the level of the highest digit in which t and c differ, in the slot of t's digit there. It
//     shares all higher digits with c, so it is in a block of time that c is in too, and at level L >= 1 all occupied slots are
//     past c's.
// (2) Where t <= c, the entry is in level 0's slot of c. (Not yet due within its tick; or due already when it was inserted.)
// (3) A slot is occupied exactly when its bit is set, and `earliest` is at most the least deadline in it.
//
// It follows that everything in level L expires before everything in level L + 1, and within a level in the order of the slots: so
// with slots numbered through, level 0's first, *the occupied slot of the lowest number holds the next entry to expire*. Finding it
// is two looks at a bitmap. And where an entry is depends on its deadline and c only, so entries of one deadline share a slot at all
// times and, as all lists append at the end, leave in the order in which they were armed.
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
            if (occupied_[slot / word_bits] >> (slot % word_bits) & 1)
                for (timer_entry const* entry = slots_[slot].head; entry != nullptr; entry = entry->next) visit(*entry);
    }

    // The number of the tick that a moment lies in.
    static std::uint64_t tick_of(std::int64_t time) noexcept;

private:
    static constexpr int tick_bits = 14;
    static constexpr std::array digit_bits{8, 10, 8, 8, 8, 8};

    struct level {
        int shift;  // of its digit in a tick's number
        std::size_t slots;
        std::size_t first_slot;
    };
    static constexpr auto levels = [] {
        std::array<level, digit_bits.size()> all{};
        int shift = 0;
        std::size_t first_slot = 0;
        for (std::size_t index = 0; index < all.size(); ++index) {
            all[index] = {shift, std::size_t{1} << digit_bits[index], first_slot};
            shift += digit_bits[index];
            first_slot += all[index].slots;
        }
        return all;
    }();
    static constexpr int digits_bits = levels.back().shift + digit_bits.back();
    static constexpr std::size_t slot_count = levels.back().first_slot + levels.back().slots;
    static constexpr std::size_t word_bits = 64;
    static constexpr std::size_t words = slot_count / word_bits;

    // By the number of a bit in a tick's number, and by that of a word of the bitmap.
    static constexpr auto level_of_bit = [] {
        std::array<std::uint8_t, digits_bits> all{};
        for (std::size_t index = 0; index < levels.size(); ++index)
            for (int bit = 0; bit < digit_bits[index]; ++bit)
                all[static_cast<std::size_t>(levels[index].shift + bit)] = static_cast<std::uint8_t>(index);
        return all;
    }();
    static constexpr auto level_of_word = [] {
        std::array<std::uint8_t, words> all{};
        for (std::size_t index = 0; index < levels.size(); ++index)
            for (std::size_t slot = 0; slot < levels[index].slots; slot += word_bits)
                all[(levels[index].first_slot + slot) / word_bits] = static_cast<std::uint8_t>(index);
        return all;
    }();

    static_assert(tick_bits + digits_bits == 64, "the levels must cover every deadline, none of them in vain");
    static_assert(slot_count < timer_entry::in_no_wheel, "an entry keeps its slot in 16 bits, one value of which means none");
    static_assert(std::ranges::all_of(digit_bits, [](int bits) { return bits >= 6; }), "a level must start a bitmap word");
    static_assert(words <= 64, "occupied_words_ has a bit for each bitmap word");

    // All zeros is an empty slot; in one, tail and earliest mean nothing.
    struct slot_list {
        timer_entry* head;
        timer_entry* tail;
        std::int64_t earliest;
    };

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
    std::uint64_t occupied_words_ = 0;             // bit w: occupied_[w] is not 0
    std::array<std::uint64_t, words> occupied_{};  // bit s % 64 of word s / 64: slot s is not empty
    std::array<slot_list, slot_count> slots_{};
};

}  // namespace weft::detail
